//! How a measurement ends that did not come to its end.

use std::fmt;
use std::io;

/// Why there is no report, in a sentence that says what, where and what to do.
#[derive(Debug)]
pub enum Failure {
    /// Something failed, or a figure is worse than it may be.
    Failed(String),
    /// The command line makes no sense.
    Usage(String),
    /// What was measured did something wrong.
    Unsound(String),
}

impl Failure {
    /// It failed.
    pub(crate) fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}
