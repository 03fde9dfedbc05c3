//! Settlement by the program, with ledgers in files, Redis and PostgreSQL.

mod kill;
mod letters;
#[path = "../program/mod.rs"]
mod program;
mod put_back;
mod secrets;
#[path = "../program/settling.rs"]
mod settling;
mod shell;
