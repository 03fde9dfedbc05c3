//! The history of the prompt: a file that only its owner may read.

use std::env;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use pricetime_gateway::json::Line;
use rustyline::Helper;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;

/// How many lines are kept.
pub(super) const LINES_MAX: usize = 1_000;

/// The history and its file.
#[derive(Debug)]
pub(super) struct History {
    /// `None` if there is no place for a file, or if it failed.
    file: Option<PathBuf>,
}

type Editor<H> = rustyline::Editor<H, DefaultHistory>;

impl History {
    /// Loads the history into the editor. Returns a note if it cannot be kept.
    pub(super) fn load<H: Helper>(editor: &mut Editor<H>) -> (Self, Option<String>) {
        let Some(folder) = folder() else { return (Self { file: None }, None) };
        let file = folder.join("send_history");
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let loaded = created.map_err(ReadlineError::from).and_then(|()| editor.load_history(&file));
        match loaded {
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return (Self { file: None }, Some(format!("{}: {error}", file.display())));
            }
            Ok(()) => {}
        }
        (Self { file: Some(file) }, None)
    }

    /// Adds a line and writes it to the file. Returns a note if that fails for the first time. A line with
    /// a token is not added.
    pub(super) fn add<H: Helper>(&mut self, editor: &mut Editor<H>, text: &str) -> Option<String> {
        if has_token(text) {
            return None;
        }
        let added = editor.add_history_entry(text);
        let file = self.file.clone()?;
        let written = added.and_then(|new| if new { editor.append_history(&file) } else { Ok(()) });
        let error = written.err()?;
        self.file = None;
        Some(format!("the history is no longer written to {}: {error}", file.display()))
    }
}

/// The folder for the state of programs of this user.
fn folder() -> Option<PathBuf> {
    let absolute =
        |name| env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("pricetime"))
}

/// Returns `true` if this text may contain a token.
fn has_token(text: &str) -> bool {
    let hello = |line: &str| matches!(Line::read(line.trim().as_bytes()), Ok(Line::Hello(hello)) if hello.token.is_some());
    text.to_ascii_lowercase().contains("token") || text.lines().any(hello)
}

/// The error of an editor as an I/O error.
pub(super) fn io_error(error: ReadlineError) -> io::Error {
    if let ReadlineError::Io(error) = error { error } else { io::Error::other(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::has_token;

    #[test]
    fn lines_with_tokens_are_recognized() {
        for (line, is) in [
            ("{\"hello\":{\"format\":1,\"token\":\"a\"}}", true),
            ("{\"hello\":{\"format\":1,\"t\\u006fken\":\"a\"}}", true),
            ("hello format 1 Token a", true),
            ("{\"hello\":{\"format\":1}}", false),
            ("view market 1", false),
        ] {
            assert_eq!(has_token(line), is, "{line}");
        }
    }
}
