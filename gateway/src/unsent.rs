//! The unsent answers of a connection, on their way from its reading end to its writing end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::json::{Refused, Subscribe};
use pricetime::engine::{Event, Group, MarketSpec};
use pricetime::{Answer, Found, Principal, Stopped, Ticket};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

use crate::account::{Account, Charge};
use crate::turns::Client;

/// How many answers may be unsent before no more lines are read.
const ANSWERS_MAX: usize = 8_192;
/// The expected size of an answer in bytes. Most commands have two events at most.
const ANSWER_SIZE: usize = size_of::<UnsentAnswer>() + size_of::<Group>() + 2 * size_of::<Event>();

/// An answer that is not sent yet. Answers are in the order of their lines.
#[derive(Debug)]
pub(crate) enum Item {
    /// The answer to a command, once it is durable.
    Ticket { line: u64, request: Option<Uuid>, spec: Option<Arc<MarketSpec>>, ticket: Reply },
    /// The result of a question, now or once the commands before it are durable.
    Found { line: u64, found: QuestionResult, room: Option<OwnedSemaphorePermit> },
    /// The status of the host when its turn comes.
    Status(u64),
    /// A subscription that begins when its turn comes. The reader waits for that.
    Subscribe { line: u64, query: Subscribe, client: Client, answered: oneshot::Sender<()> },
    /// The answer to `hello`. From here on the connection acts for this principal.
    Welcome(Principal),
    /// A line that was refused.
    Refused(Refused),
    /// The reader waits until everything before this is answered.
    Barrier(oneshot::Sender<()>),
}

/// The result of a question, now or later.
#[derive(Debug)]
pub(crate) enum QuestionResult {
    Now(Box<Found>),
    Later(Ticket<Found>),
}

/// An answer that is not sent yet, and the bytes that are charged for it.
#[derive(Debug)]
pub(crate) struct UnsentAnswer {
    pub(crate) item: Item,
    pub(crate) charge: Option<Charge>,
}

/// The writing end has ended.
#[derive(Debug)]
pub(crate) struct WriterEnded;

/// The sending end.
#[derive(Debug)]
pub(crate) struct AnswerSender {
    to: mpsc::Sender<UnsentAnswer>,
    account: Option<Arc<Account>>,
}

/// The receiving end, in the order of the lines.
#[derive(Debug)]
pub(crate) struct UnsentQueue {
    from: mpsc::Receiver<UnsentAnswer>,
    /// Answers that were taken out of the channel to be counted.
    counted: VecDeque<UnsentAnswer>,
    account: Option<Arc<Account>>,
}

/// The answer to a command. It may have come already.
#[derive(Debug)]
pub(crate) struct Reply {
    ticket: Ticket,
    received: Option<Result<Group, Stopped>>,
}

/// Creates the two ends for a connection.
pub(crate) fn unsent(account: Option<&Arc<Account>>) -> (AnswerSender, UnsentQueue) {
    let (to, from) = mpsc::channel(ANSWERS_MAX);
    let items = AnswerSender { to, account: account.cloned() };
    (items, UnsentQueue { from, counted: VecDeque::new(), account: account.cloned() })
}

impl AnswerSender {
    /// Waits until the limits allow this answer, and adds it to the queue.
    pub(crate) async fn send(&self, item: Item) -> Result<(), WriterEnded> {
        let charge = match &self.account {
            None => None,
            Some(account) => tokio::select! {
                biased;
                charge = account.charge(item.expected_size()) => Some(charge),
                () = self.to.closed() => return Err(WriterEnded),
            },
        };
        self.to.send(UnsentAnswer { item, charge }).await.map_err(|_| WriterEnded)
    }

    /// Waits until the writing end has ended.
    pub(crate) async fn until_closed(&self) {
        self.to.closed().await;
    }
}

impl UnsentQueue {
    /// Waits for the next answer. Returns `None` if no further answer can come.
    pub(crate) async fn next(&mut self) -> Option<UnsentAnswer> {
        match self.counted.pop_front() {
            Some(unsent) => Some(unsent),
            None => self.from.recv().await,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counted.is_empty() && self.from.is_empty()
    }

    /// Charges answers that have come at their real size. This is called while the client reads nothing.
    ///
    /// # Errors
    /// Returns an error if the unsent answers exceed the limit of the connection.
    pub(crate) fn charge_received(&mut self) -> io::Result<()> {
        let Some(account) = &self.account else { return Ok(()) };
        while let Ok(unsent) = self.from.try_recv() {
            self.counted.push_back(unsent);
        }
        for unsent in &mut self.counted {
            if let (Item::Ticket { ticket, .. }, Some(charge)) =
                (&mut unsent.item, &mut unsent.charge)
            {
                charge.raise_to(ANSWER_SIZE + ticket.events_bytes());
            }
        }
        if account.is_over_limit() {
            return Err(io::Error::other(
                "it did not read its answers, and too many bytes wait for it",
            ));
        }
        Ok(())
    }
}

impl Item {
    /// The size of an answer. If it has not come yet, this is the size of most answers.
    fn expected_size(&self) -> usize {
        match self {
            Self::Ticket { .. } => ANSWER_SIZE,
            Self::Refused(refused) => size_of::<UnsentAnswer>() + refused.error.len(),
            // The result of a question has its own bound: `LEVELS_MAX` in `session.rs`.
            Self::Found { .. }
            | Self::Status(_)
            | Self::Subscribe { .. }
            | Self::Welcome(_)
            | Self::Barrier(_) => size_of::<UnsentAnswer>(),
        }
    }
}

impl Reply {
    pub(crate) const fn new(ticket: Ticket) -> Self {
        Self { ticket, received: None }
    }

    /// The size of its events in bytes, if it has come.
    fn events_bytes(&mut self) -> usize {
        if self.received.is_none() {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(received) = Pin::new(&mut self.ticket).poll(&mut context) {
                self.received = Some(received.map(Answer::into_group));
            }
        }
        let group = self.received.as_ref().and_then(|received| received.as_ref().ok());
        group.map_or(0, |group| group.events.capacity() * size_of::<Event>())
    }
}

impl Future for Reply {
    type Output = Result<Group, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.received.take() {
            Some(received) => Poll::Ready(received),
            None => Pin::new(&mut self.ticket).poll(context).map_ok(Answer::into_group),
        }
    }
}
