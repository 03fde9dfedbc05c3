//! The commands that read data folders and recordings, run as processes on valid, invalid and damaged
//! input.

mod archive;
mod certificate;
mod convert;
mod damage;
mod diff;
mod exchange;
mod folder;
mod inspect;
mod killed;
mod newer;
mod program;
mod replay;
mod venue;
mod what_if;
