//! The commands that look at data folders and recordings, run as processes: on what is good, on what
//! is bad, and on what is damaged.

mod archive;
mod damage;
mod folder;
mod inspect;
mod killed;
mod newer;
mod program;
mod replay;
