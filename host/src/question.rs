//! Questions about the durable state, and their answers.

use pricetime_engine::{
    AccountId, MarketHead, MarketId, MarketSpec, OrderId, OrderRecord, RequestId, RequestRecord,
};
use tokio::sync::oneshot;

use crate::view::MarketView;

/// A question about the durable state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// A market's book.
    View {
        /// The market.
        market: MarketId,
        /// How many levels of each side, best first.
        depth: usize,
    },
    /// A market's spec.
    Market {
        /// The market.
        market: MarketId,
    },
    /// The markets, in the order of their ids.
    Markets {
        /// Only markets with an id above this one.
        after: MarketId,
        /// How many at most.
        count: usize,
    },
    /// A live order.
    Order {
        /// The market.
        market: MarketId,
        /// The order.
        order: OrderId,
    },
    /// The outcome of an account's request.
    Outcome {
        /// The market.
        market: MarketId,
        /// The account that sent it.
        account: AccountId,
        /// The request.
        request: RequestId,
    },
}

/// The answer to a [`Question`], with the market that it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The book and the spec of its market, or `None` if there is no such market.
    View(MarketId, Option<(MarketView, MarketSpec)>),
    /// The market's spec with its current terms, or `None` if there is no such market.
    Market(MarketId, Option<MarketSpec>),
    /// The markets, and how many more there are after them.
    Markets(Vec<MarketHead>, usize),
    /// The order and the spec of its market, or `None` if the order is not live.
    Order(MarketId, Option<(OrderRecord, MarketSpec)>),
    /// The request and its outcome, or `None` if the market does not know the request.
    Outcome(MarketId, RequestId, Option<RequestRecord>),
}

/// A question among the commands of a batch.
#[derive(Debug)]
pub(crate) struct PendingQuestion {
    /// How many commands of the batch come before it.
    pub(crate) at: usize,
    pub(crate) question: Question,
    pub(crate) reply: oneshot::Sender<Found>,
}
