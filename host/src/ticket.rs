//! The future that `submit`, `submit_many` and `ask` return.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::status::Shared;
use crate::stopped::Stopped;

/// Resolves with a command's events once they are durable, or with the answer to a question: `.await` it in
/// any runtime, or [`wait`](Self::wait) for it. Dropping it does not cancel the command.
///
/// ```
/// use pricetime::engine::{MarketId, MarketSpec, Outcome};
/// # use pricetime::{Host, Options};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let folder = tempfile::tempdir()?;
/// # let host = Host::open(Options::new(folder.path()))?;
/// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
/// let ticket = host.operator(MarketId(1)).add(spec).ticket()?; // Submitted. It does not wait.
/// let group = ticket.await?; // Durable.
/// assert_eq!(group.outcome, Outcome::Accepted);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the command is carried out, but its answer is lost"]
pub struct Ticket<T = Answer> {
    pub(crate) answer: oneshot::Receiver<T>,
    pub(crate) shared: Arc<Shared>,
}

impl<T> Ticket<T> {
    /// Waits for the answer on this thread.
    ///
    /// # Errors
    /// Returns [`Stopped`] if the host stops before it answers. After a restart, the request id tells
    /// whether the command was carried out.
    ///
    /// # Panics
    /// Panics in an asynchronous task, which must not block: `.await` it there.
    pub fn wait(self) -> Result<T, Stopped> {
        self.answer.blocking_recv().map_err(|_| self.shared.stopped())
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.map_err(|_| self.shared.stopped()))
    }
}
