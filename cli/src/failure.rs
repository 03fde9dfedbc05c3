//! How a command ends that did not do what it was to do.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// What a shell is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// It failed: a file, a disk, a folder in use.
    Failed = 1,
    /// The command line or the configuration makes no sense.
    Usage = 2,
    /// It was done, and what it looked at is damaged or not what it should be.
    Unsound = 3,
    /// It was done, but for some lines that were refused.
    Refused = 4,
    /// Another process drives these markets, and this one was not to wait.
    Locked = 5,
}

/// Why a command ends before its time, in a sentence that says what, where and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    /// Nothing where all has been said.
    text: String,
}

impl Failure {
    /// A failure of this kind. With an empty text nothing more is printed.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// It failed.
    pub(crate) fn failed(error: impl fmt::Display) -> Self {
        Self::new(Code::Failed, error.to_string())
    }

    /// Why, in words.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Says it on standard error and gives the exit code.
    pub(crate) fn end(self) -> ExitCode {
        if !self.text.is_empty() {
            // Where not even standard error can be written to, the exit code has to say it.
            let said = format_args!("pricetime: {}\n", self.text);
            let _ = io::Write::write_fmt(&mut io::stderr(), said);
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
