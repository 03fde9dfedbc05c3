//! What is submitted to the core's thread.

use pricetime_engine::{AccountId, Action, Group, MarketId, RequestId, SessionId, Timestamp};
use tokio::sync::oneshot;

use crate::question::{Found, Question};
use crate::view::MarketView;

/// A command before it has a number and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The market it speaks to.
    pub market: MarketId,
    /// Who speaks.
    pub account: AccountId,
    /// Whether the speaker may do what only operators may.
    pub operator: bool,
    /// The idempotency key: who repeats a command under the same one is told what became of the
    /// first.
    pub request: Option<RequestId>,
    /// The session that an order placed by it ends with; [`Session`](crate::Session) fills this in.
    pub session: Option<SessionId>,
    /// What is to be done.
    pub action: Action,
}

/// What is submitted to the core's thread.
#[derive(Debug)]
pub(crate) enum Item {
    /// A command, when it happened if it is of a recording, and who waits for its answer.
    Draft(Draft, Option<Timestamp>, Option<oneshot::Sender<Group>>),
    /// There may be something to do besides.
    Wake,
    /// The book as the core has it now, durable or not.
    Latest(MarketId, usize, oneshot::Sender<Option<MarketView>>),
    /// A question that travels with the commands around it and is answered where they are told.
    Ask(Question, oneshot::Sender<Found>),
}
