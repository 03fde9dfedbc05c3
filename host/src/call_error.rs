//! The error of a command that was submitted and waited for.

use pricetime_engine::{NotAccepted, Reason};

use crate::refused::Refused;
use crate::stopped::Stopped;

/// Why a command is not known to be accepted: one error for submitting it, waiting for its answer and
/// [`accepted`](pricetime_engine::Group::accepted).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The host did not take the command, so it was not carried out.
    #[error("the host did not take the command: {0}")]
    Refused(#[from] Refused),
    /// The host took the command and stopped before it answered. If the command has a request id, send it
    /// again with that id after a restart: it is carried out at most once.
    #[error("the command may or may not have been carried out: {0}")]
    Stopped(#[from] Stopped),
    /// The engine's rules refused the command for this reason. It changed nothing.
    #[error("the command was refused: {0}")]
    Rejected(Reason),
    /// The command repeats an earlier one with the same request id and did nothing.
    #[error("the command repeats an earlier one and did nothing")]
    Duplicate,
}

impl From<NotAccepted> for CallError {
    fn from(not: NotAccepted) -> Self {
        match not {
            NotAccepted::Rejected(reason) => Self::Rejected(reason),
            NotAccepted::Duplicate => Self::Duplicate,
        }
    }
}
