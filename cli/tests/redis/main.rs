//! What the program does with Redis. It can show, restore, copy and delete the images there. A new folder
//! never overwrites an image that it was not restored from, and `docs/redis.md` shows what a server really
//! answers.

mod alone;
mod check;
mod commands;
mod encryption;
mod fenced;
mod folders;
mod hangs;
mod kill;
mod lease;
mod page;
#[path = "../program/mod.rs"]
mod program;
mod streams;
#[path = "../program/turnstile.rs"]
mod turnstile;

use std::path::Path;
use std::process::Output;

use pricetime_tests::redis::Server;
use program::{book, err, folder, lines, out, run};
use serde_json::Value;
use tempfile::TempDir;

/// Runs these lines and writes the image to this server.
fn write_image(folder: &Path, url: &str, input: &str) -> Output {
    run(folder, &["run", "--once", "--epoch", "never", "--redis", url], input)
}

/// A server that holds the example book.
fn server_with_book() -> (Server, TempDir) {
    let (server, folder) = (Server::start(), folder());
    let done = write_image(folder.path(), &server.url(), &book());
    assert_eq!(done.status.code(), Some(0), "{}", err(&done));
    (server, folder)
}

/// Runs `pricetime redis` with these arguments on this server.
fn redis(folder: &Path, url: &str, words: &[&str]) -> Output {
    run(folder, &[&["redis"], words, &["--redis", url]].concat(), "")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn shown(folder: &Path, url: &str) -> Vec<Value> {
    let shown = redis(folder, url, &["show", "--json"]);
    assert_eq!(code(&shown), Some(0), "{}", err(&shown));
    lines(&out(&shown))
}
