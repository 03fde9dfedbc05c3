//! What one gets for a command: the promise of its events.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pricetime_engine::Group;
use tokio::sync::oneshot;

use crate::status::{Shared, Stopped};

/// Resolves with a command's events once they are durable: `.await` it in any runtime, or
/// [`wait`](Self::wait) for it. Who throws it away gives up the answer and nothing else: the command
/// is carried out all the same.
#[derive(Debug)]
#[must_use = "the command is carried out all the same, but nobody hears what became of it"]
pub struct Ticket {
    pub(crate) answer: oneshot::Receiver<Group>,
    pub(crate) shared: Arc<Shared>,
}

impl Ticket {
    /// Waits on this thread.
    ///
    /// # Errors
    /// The host has stopped: whether the command was carried out is known after a restart, under
    /// its request id.
    ///
    /// # Panics
    /// In an asynchronous task, which must not block: `.await` it there.
    pub fn wait(self) -> Result<Group, Stopped> {
        self.answer.blocking_recv().map_err(|_| self.shared.stopped())
    }
}

impl Future for Ticket {
    type Output = Result<Group, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.map_err(|_| self.shared.stopped()))
    }
}
