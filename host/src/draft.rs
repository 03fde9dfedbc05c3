//! Items that are submitted to the core thread.

use pricetime_engine::{AccountId, Action, MarketId, RequestId, SessionId, Timestamp};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::answers::Answers;
use crate::core_thread::Places;
use crate::question::{Found, Question};
use crate::view::MarketView;

/// A command before it has a number and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The market that the command is for.
    pub market: MarketId,
    /// The account that sends it.
    pub account: AccountId,
    /// Whether the sender may do what only operators may.
    pub operator: bool,
    /// The idempotency key. A command that repeats an earlier one with the same key is not carried out; its
    /// answer is an [`Event::Duplicate`](pricetime_engine::Event::Duplicate).
    pub request: Option<RequestId>,
    /// The session that an order placed by it ends with. [`Host::submit_in`](crate::Host::submit_in) and
    /// [`Host::submit_many_in`](crate::Host::submit_many_in) fill this in.
    pub session: Option<SessionId>,
    /// The action to carry out.
    pub action: Action,
}

/// An item in the core thread's ring.
#[derive(Debug)]
pub(crate) enum Item {
    /// A command, its time if it comes from a recording, and the sender for its answer.
    Draft(Draft, Option<Timestamp>, Option<oneshot::Sender<Answer>>),
    /// Commands that are carried out one after the other, each with its time if it comes from a recording,
    /// and the sender for their answers.
    Drafts(Vec<(Option<Timestamp>, Draft)>, oneshot::Sender<Answers>, Places),
    /// Wakes the core, because there may be other work.
    Wake,
    /// A request for the book as the core has it now, durable or not.
    Latest(MarketId, usize, oneshot::Sender<Option<MarketView>>),
    /// A question that is answered in its place among the commands around it.
    Ask(Question, oneshot::Sender<Found>),
}
