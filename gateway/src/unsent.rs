//! The unsent answers of a connection, on their way from its reading end to its writing end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::json::{Refused, Subscribe};
use pricetime::engine::{Event, Header, MarketSpec, Outcome, Sequence};
use pricetime::{Answers, Found, Principal, Stopped, Ticket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::account::{Account, Charge, SHARE_MIN};
use crate::turns::Client;

/// How many answers may be unsent before no more lines are read.
const ANSWERS_MAX: usize = 8_192;
/// How many commands are submitted together at most.
pub(crate) const TOGETHER_MAX: usize = 64;
/// The size of an answer to a command without its events.
const ANSWER_SIZE: usize =
    size_of::<CommandLine>() + size_of::<Header>() + size_of::<Outcome>() + size_of::<usize>();
// The commands that a connection submits together fit into the share that it always has.
const _: () = assert!(size_of_answers(TOGETHER_MAX, 2 * TOGETHER_MAX) <= SHARE_MIN);

/// Answers that are not sent yet. Items are in the order of their lines.
#[derive(Debug)]
pub(crate) enum Item {
    /// The answers to commands that were submitted together, once they are durable.
    Commands { lines: Vec<CommandLine>, reply: Reply },
    /// The result of a question, now or once the commands before it are durable.
    Found { line: u64, found: QuestionResult, room: Option<OwnedSemaphorePermit> },
    /// The status of the host when its turn comes.
    Status(u64),
    /// A subscription that begins when its turn comes. The reader waits for that.
    Subscribe { line: u64, query: Subscribe, client: Client, answered: oneshot::Sender<()> },
    /// The answer to `hello`: the last durable command at that time. From here on the connection acts for
    /// this principal.
    Welcome(Principal, Sequence),
    /// A line that was refused.
    Refused(Refused),
    /// The reader waits until everything before this is answered.
    Barrier(oneshot::Sender<()>),
}

/// The line of a command, and what is needed to write its answer.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) number: u64,
    pub(crate) request: Option<Uuid>,
    pub(crate) spec: Option<Arc<MarketSpec>>,
}

/// The result of a question, now or later.
#[derive(Debug)]
pub(crate) enum QuestionResult {
    Now(Box<Found>),
    Later(Ticket<Found>),
}

/// An item that is not sent yet, its places among the unsent answers, and the bytes that are charged for it.
#[derive(Debug)]
pub(crate) struct UnsentItem {
    pub(crate) item: Item,
    pub(crate) places: OwnedSemaphorePermit,
    pub(crate) charge: Option<Charge>,
}

/// The writing end has ended.
#[derive(Debug)]
pub(crate) struct WriterEnded;

/// The sending end.
#[derive(Debug)]
pub(crate) struct AnswerSender {
    to: mpsc::UnboundedSender<UnsentItem>,
    /// The places for unsent answers.
    places: Arc<Semaphore>,
    account: Option<Arc<Account>>,
}

/// The receiving end, in the order of the lines.
#[derive(Debug)]
pub(crate) struct UnsentQueue {
    from: mpsc::UnboundedReceiver<UnsentItem>,
    /// Answers that were taken out of the channel to be counted.
    counted: VecDeque<UnsentItem>,
    account: Option<Arc<Account>>,
}

/// The answers to commands. They may have come already.
#[derive(Debug)]
pub(crate) struct Reply {
    ticket: Ticket<Answers>,
    received: Option<Result<Answers, Stopped>>,
}

/// Creates the two ends for a connection.
pub(crate) fn unsent(account: Option<&Arc<Account>>) -> (AnswerSender, UnsentQueue) {
    let (to, from) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(ANSWERS_MAX));
    let items = AnswerSender { to, places, account: account.cloned() };
    (items, UnsentQueue { from, counted: VecDeque::new(), account: account.cloned() })
}

impl AnswerSender {
    /// Waits until the limits allow this answer, and adds it to the queue.
    pub(crate) async fn send(&self, item: Item) -> Result<(), WriterEnded> {
        let room = async {
            let places = Arc::clone(&self.places).acquire_many_owned(item.answers()).await;
            let charge = match &self.account {
                None => None,
                Some(account) => Some(account.charge(item.expected_size()).await),
            };
            places.map(|places| (places, charge))
        };
        let room = tokio::select! {
            biased;
            room = room => room,
            () = self.to.closed() => return Err(WriterEnded),
        };
        // The places are never closed.
        let (places, charge) = room.map_err(|_| WriterEnded)?;
        self.to.send(UnsentItem { item, places, charge }).map_err(|_| WriterEnded)
    }

    /// Waits until the writing end has ended.
    pub(crate) async fn until_closed(&self) {
        self.to.closed().await;
    }
}

impl UnsentQueue {
    /// Waits for the next answer. Returns `None` if no further answer can come.
    pub(crate) async fn next(&mut self) -> Option<UnsentItem> {
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
            if let (Item::Commands { lines, reply }, Some(charge)) =
                (&mut unsent.item, &mut unsent.charge)
            {
                charge.raise_to(size_of_answers(lines.len(), reply.received_events()));
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

/// How many events these answers have.
pub(crate) fn count_events(answers: &Answers) -> usize {
    answers.iter().map(|(_, events, _)| events.len()).sum()
}

/// The size in bytes of the answers to so many commands with so many events.
pub(crate) const fn size_of_answers(commands: usize, events: usize) -> usize {
    size_of::<UnsentItem>() + commands * ANSWER_SIZE + events * size_of::<Event>()
}

impl Item {
    /// How many answers it stands for.
    fn answers(&self) -> u32 {
        match self {
            Self::Commands { lines, .. } => u32::try_from(lines.len()).unwrap_or(u32::MAX),
            Self::Found { .. }
            | Self::Status(_)
            | Self::Subscribe { .. }
            | Self::Welcome(..)
            | Self::Refused(_)
            | Self::Barrier(_) => 1,
        }
    }

    /// The size of an item. If the answers have not come yet, this is the size of most. Most commands have
    /// two events at most.
    fn expected_size(&self) -> usize {
        match self {
            Self::Commands { lines, .. } => size_of_answers(lines.len(), 2 * lines.len()),
            Self::Refused(refused) => size_of::<UnsentItem>() + refused.error.len(),
            // The result of a question has its own bound: `LEVELS_MAX` in `session.rs`.
            Self::Found { .. }
            | Self::Status(_)
            | Self::Subscribe { .. }
            | Self::Welcome(..)
            | Self::Barrier(_) => size_of::<UnsentItem>(),
        }
    }
}

impl Reply {
    pub(crate) const fn new(ticket: Ticket<Answers>) -> Self {
        Self { ticket, received: None }
    }

    /// How many events the answers have, if they have come.
    fn received_events(&mut self) -> usize {
        if self.received.is_none() {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(received) = Pin::new(&mut self.ticket).poll(&mut context) {
                self.received = Some(received);
            }
        }
        let answers = self.received.as_ref().and_then(|received| received.as_ref().ok());
        answers.map_or(0, count_events)
    }
}

impl Future for Reply {
    type Output = Result<Answers, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.received.take() {
            Some(received) => Poll::Ready(received),
            None => Pin::new(&mut self.ticket).poll(context),
        }
    }
}
