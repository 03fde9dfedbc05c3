//! Early ends and errors of the commands that read.

use std::io;

use pricetime_journal::{FolderError, JournalError, SnapshotError};

use super::super::failure::{Code, Failure};

/// The reason that a command stops.
#[derive(Debug)]
pub(in super::super) enum Stop {
    /// The reader of the output has closed it, which is no failure.
    EndedEarly,
    /// The command failed.
    Failed(Failure),
}

impl Stop {
    /// The reason as text.
    pub(in super::super) fn text(&self) -> String {
        match self {
            Self::EndedEarly => String::from("the reader has left"),
            Self::Failed(failure) => failure.text().to_owned(),
        }
    }
}

/// The result of the whole command.
pub(in super::super) fn finish(done: Result<(), Stop>) -> Result<(), Failure> {
    match done {
        Ok(()) | Err(Stop::EndedEarly) => Ok(()),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::EndedEarly;
        }
        Self::Failed(error.into())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<FolderError> for Stop {
    fn from(error: FolderError) -> Self {
        let code = match error {
            FolderError::Damaged(_) => Code::Unsound,
            FolderError::Io { .. }
            | FolderError::Missing(_)
            | FolderError::InUse(_)
            | FolderError::NewerVersion { .. }
            | FolderError::NotOurs { .. } => Code::Failed,
        };
        Self::Failed(Failure::new(code, error.to_string()))
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Failed(Failure::new(journal_code(&error), error.to_string()))
    }
}

impl From<SnapshotError> for Stop {
    fn from(error: SnapshotError) -> Self {
        let code = match error {
            SnapshotError::Io { .. }
            | SnapshotError::NewerVersion { .. }
            | SnapshotError::Encoding(_) => Code::Failed,
            SnapshotError::Damaged { .. }
            | SnapshotError::OtherSequence { .. }
            | SnapshotError::OtherHistory { .. } => Code::Unsound,
        };
        Self::Failed(Failure::new(code, error.to_string()))
    }
}

/// The exit code for a journal that cannot be read or is damaged.
fn journal_code(error: &JournalError) -> Code {
    match error {
        JournalError::Io { .. }
        | JournalError::NewerVersion { .. }
        | JournalError::OtherRules { .. }
        | JournalError::Replaced { .. }
        | JournalError::Poisoned(_) => Code::Failed,
        JournalError::Missing(_)
        | JournalError::Damaged { .. }
        | JournalError::OtherHistory { .. }
        | JournalError::NotDense { .. }
        | JournalError::Gone { .. } => Code::Unsound,
    }
}
