//! Questions about the durable state, and what they find.

use pricetime_engine::{
    AccountId, MarketId, MarketSpec, OrderId, OrderRecord, RequestId, RequestRecord,
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
    /// What a market is.
    Market {
        /// The market.
        market: MarketId,
    },
    /// A live order.
    Order {
        /// The market.
        market: MarketId,
        /// The order.
        order: OrderId,
    },
    /// What became of an account's request.
    Outcome {
        /// The market.
        market: MarketId,
        /// The account that sent it.
        account: AccountId,
        /// The request.
        request: RequestId,
    },
}

/// What a [`Question`] found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The book and what its market is, or `None` if there is no such market.
    View(MarketId, Option<(MarketView, MarketSpec)>),
    /// What the market is, with its terms as they are, or `None` if there is no such market.
    Market(MarketId, Option<MarketSpec>),
    /// The order and what its market is, or `None` if it is not live.
    Order(MarketId, Option<(OrderRecord, MarketSpec)>),
    /// The request, and what became of it, or `None` if the market does not know it.
    Outcome(MarketId, RequestId, Option<RequestRecord>),
}

/// A question on its way between the commands of a batch.
#[derive(Debug)]
pub(crate) struct Asked {
    /// How many commands of the batch come before it.
    pub(crate) at: usize,
    pub(crate) question: Question,
    pub(crate) reply: oneshot::Sender<Found>,
}
