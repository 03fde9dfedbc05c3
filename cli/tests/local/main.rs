//! What the program does without a server: its documentation, its command line, its listeners and its runs.

mod access;
mod docs;
mod flags;
mod folder;
mod listen;
mod markets;
#[path = "../program/mod.rs"]
mod program;
mod record;
mod recording;
mod run;
