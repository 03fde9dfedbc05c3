//! The error of a measurement that did not finish.

use std::fmt;
use std::io;

/// Why there is no report. The text says what failed, where, and what to do.
#[derive(Debug)]
pub enum Failure {
    /// Something failed, or a figure is worse than its limit.
    Failed(String),
    /// The command line is invalid.
    Usage(String),
    /// The measured program did something wrong.
    Unsound(String),
}

impl Failure {
    /// Creates a `Failed` from an error.
    pub(crate) fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}
