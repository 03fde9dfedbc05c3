//! A command that was submitted and is not answered yet.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::answer::Answer;
use crate::call_error::CallError;
use crate::refused::Refused;
use crate::ticket::Ticket;

/// A command that was submitted. It resolves with the command's events once they are durable: `.await` it
/// in any runtime, or [`wait`](Self::wait) for it. It fails with [`CallError::Refused`] if the host did not
/// take the command, and with [`CallError::Stopped`] if the host stops before it answers.
///
/// The command is submitted before this is returned, so commands are carried out in the order of the calls.
/// Dropping this does not cancel the command.
#[derive(Debug)]
#[must_use = "whether the command was taken, and what it did, is lost"]
pub struct Pending(Result<Ticket, Refused>);

impl Pending {
    pub(crate) const fn of(submitted: Result<Ticket, Refused>) -> Self {
        Self(submitted)
    }

    /// Waits for the answer on this thread.
    ///
    /// # Errors
    /// Returns an error if the host did not take the command or stops before it answers.
    ///
    /// # Panics
    /// Panics in an asynchronous task, which must not block: `.await` it there.
    pub fn wait(self) -> Result<Answer, CallError> {
        Ok(self.0?.wait()?)
    }

    /// Returns the ticket of a command that was taken, without waiting.
    ///
    /// # Errors
    /// Returns [`Refused`] if the command was not taken. After `Busy`, wait for
    /// [`Host::ready`](crate::Host::ready) and submit it again.
    pub fn ticket(self) -> Result<Ticket, Refused> {
        self.0
    }
}

impl Future for Pending {
    type Output = Result<Answer, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(ticket) => Pin::new(ticket).poll(context).map_err(CallError::from),
            Err(refused) => Poll::Ready(Err((*refused).into())),
        }
    }
}
