//! Errors and exit codes of the commands.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use pricetime_terminal::{Paint, Tone};

/// The exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The command failed: a file, a disk, a folder in use.
    Failed = 1,
    /// The command line or the configuration is invalid.
    Usage = 2,
    /// The command completed, but the data it checked is damaged or differs from what is expected.
    Unsound = 3,
    /// The command completed, but some lines were refused.
    Refused = 4,
    /// Another process holds the lock of these markets, and this one does not wait for it.
    Locked = 5,
}

/// Why a command failed: a message that states what happened, where, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    /// Empty if everything has already been printed.
    text: String,
}

impl Failure {
    /// Makes a failure with this exit code. With an empty text, nothing more is printed.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Makes a failure with exit code 1.
    pub(crate) fn failed(error: impl fmt::Display) -> Self {
        Self::new(Code::Failed, error.to_string())
    }

    /// The error message.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Prints the message on standard error and returns the exit code.
    pub(crate) fn end(self) -> ExitCode {
        if !self.text.is_empty() {
            // If standard error cannot be written, the exit code is all that is left to report the failure.
            let name = Paint::err().text(Tone::Bad, "pricetime:");
            let _ = writeln!(io::stderr(), "{name} {}", self.text);
        }
        ExitCode::from(self.code as u8)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}

impl From<pricetime_benches::Failure> for Failure {
    fn from(failure: pricetime_benches::Failure) -> Self {
        match failure {
            pricetime_benches::Failure::Failed(text) => Self::new(Code::Failed, text),
            pricetime_benches::Failure::Usage(text) => Self::new(Code::Usage, text),
            pricetime_benches::Failure::Unsound(text) => Self::new(Code::Unsound, text),
        }
    }
}
