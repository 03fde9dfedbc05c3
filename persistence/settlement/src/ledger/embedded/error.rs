//! Errors of the file, and how a ledger reports them.

use std::io::ErrorKind;

use redb::Error;

use crate::ledger::LedgerError;

/// An error, without the name of the ledger.
#[derive(Debug)]
pub(super) enum EmbeddedError {
    Store(Error),
    Refused(String),
    Damaged(String),
}

impl<E: Into<Error>> From<E> for EmbeddedError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl EmbeddedError {
    pub(super) fn of(self, ledger: &str) -> LedgerError {
        let ledger = ledger.to_owned();
        match self {
            Self::Refused(why) => LedgerError::Refused { ledger, why },
            Self::Damaged(what) => LedgerError::Damaged { ledger, what },
            Self::Store(error) if in_use(&error) => {
                let why = "it is in use: another process has it open; end that process first";
                LedgerError::Refused { ledger, why: why.to_owned() }
            }
            Self::Store(error) if damaged(&error) => {
                let what = format!("{error}; restore an earlier copy of the file");
                LedgerError::Damaged { ledger, what }
            }
            Self::Store(Error::PreviousIo) => {
                let why = "it failed before and can be used again only after a restart";
                LedgerError::Unreachable { ledger, why: why.to_owned() }
            }
            Self::Store(error) => LedgerError::Unreachable { ledger, why: error.to_string() },
        }
    }
}

const fn in_use(error: &Error) -> bool {
    matches!(error, Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch)
}

fn damaged(error: &Error) -> bool {
    // redb reports a file that is not its own, or too short, in this way.
    if let Error::Io(error) = error {
        return matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof);
    }
    matches!(
        error,
        Error::Corrupted(_)
            | Error::UpgradeRequired(_)
            | Error::RepairAborted
            | Error::TableTypeMismatch { .. }
            | Error::TableIsMultimap(_)
            | Error::TableIsNotMultimap(_)
            | Error::TypeDefinitionChanged { .. }
            | Error::TableDoesNotExist(_)
    )
}
