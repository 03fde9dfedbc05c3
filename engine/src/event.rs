//! The engine's output: for each command a group of [`Event`]s between a [`Header`] and an
//! [`Outcome`].

use crate::command::{ActionKind, OrderKind, Place};
use crate::market::{MarketSpec, Phase, Terms};
use crate::quantity::{
    AccountId, EpochNumber, MarketId, Notional, OrderId, Price, Priority, Quantity, RequestId,
    Sequence, SessionId, Side, Timestamp, TradeNumber,
};
use crate::reason::{CancelReason, Reason};

/// Receives the engine's events. Each group is one `begin`, any number of `event`s and one `end`.
///
/// ```
/// use pricetime_engine::{Event, Header, Outcome, Sink};
///
/// /// Counts trades and keeps nothing else.
/// struct Trades(u64);
///
/// impl Sink for Trades {
///     fn begin(&mut self, _: &Header) {}
///
///     fn event(&mut self, event: &Event) {
///         self.0 += u64::from(matches!(event, Event::Traded { .. }));
///     }
///
///     fn end(&mut self, _: Outcome) {}
/// }
/// ```
pub trait Sink {
    /// Opens the group of a command.
    fn begin(&mut self, header: &Header);
    /// Adds one event to the open group.
    fn event(&mut self, event: &Event);
    /// Closes the group. The outcome comes last, because due orders expire first and can decide
    /// whether the command is refused.
    fn end(&mut self, outcome: Outcome);
}

/// A sink that discards all events.
impl Sink for () {
    fn begin(&mut self, _: &Header) {}
    fn event(&mut self, _: &Event) {}
    fn end(&mut self, _: Outcome) {}
}

/// The command that a group of events belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Header {
    /// The command's sequence number.
    pub sequence: Sequence,
    /// The command's time, corrected so that time never goes back.
    pub timestamp: Timestamp,
    /// The market that the command is for.
    pub market: MarketId,
    /// The account that sent the command.
    pub account: AccountId,
    /// The request id, if the command has one, with its fingerprint.
    pub request: Option<RequestMark>,
    /// The session that the command carries. An order accepted in this group belongs to it.
    pub session: Option<SessionId>,
    /// The kind of command.
    pub kind: ActionKind,
}

/// A request id (idempotency key) and the fingerprint of the action that it was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestMark {
    /// The request id.
    pub id: RequestId,
    /// The fingerprint of the action: see [`Action::fingerprint`](crate::Action::fingerprint).
    pub content: u128,
}

/// The result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Outcome {
    /// The command was executed.
    Accepted,
    /// The command was refused.
    Rejected(Reason),
    /// The command repeats an earlier one and changed nothing.
    Duplicate,
}

/// An order in an event: its id, its owner's account and its owner's reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Party {
    /// The order's id.
    pub order: OrderId,
    /// The account that owns the order.
    pub account: AccountId,
    /// The reference that the owner gave the order.
    pub reference: u64,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Event {
    /// An order was accepted. What remains after its trades rests, or waits if it is a stop, unless
    /// a `Cancelled` follows in the group.
    Accepted {
        /// The account that placed it.
        account: AccountId,
        /// The order as placed.
        place: Place,
        /// The priority number that the order takes into its queue.
        priority: Priority,
    },
    /// The command was refused and changed nothing.
    Rejected {
        /// The order that the command named.
        order: Option<OrderId>,
        /// That order's reference, if the sender may know it.
        reference: Option<u64>,
        /// Why the command was refused.
        reason: Reason,
    },
    /// Two orders traded.
    Traded {
        /// The trade's number in its market.
        number: TradeNumber,
        /// The resting order; in an uncross the order with the earlier priority.
        maker: Party,
        /// The incoming order; in an uncross the order with the later priority.
        taker: Party,
        /// The taker's side.
        taker_side: Side,
        /// The price of the trade.
        price: Price,
        /// The quantity that traded.
        quantity: Quantity,
        /// The maker's open quantity afterwards.
        maker_remaining: Quantity,
        /// The taker's open quantity afterwards.
        taker_remaining: Quantity,
    },
    /// Self-trade prevention reduced an order without a trade. If `remaining` is zero, the order is
    /// gone.
    Reduced {
        /// The order.
        party: Party,
        /// The quantity by which it was reduced.
        by: Quantity,
        /// Its open quantity afterwards.
        remaining: Quantity,
        /// The part of it that the order shows. For a taker, the part that it would show if it
        /// rested.
        shown: Quantity,
    },
    /// An order was changed. Trades that this causes follow in the group.
    Amended {
        /// The order.
        party: Party,
        /// Its kind and prices from now on.
        kind: OrderKind,
        /// Its open quantity from now on.
        remaining: Quantity,
        /// The part of it that the order shows; zero for a waiting stop.
        shown: Quantity,
        /// The priority number, a new one if the order left its queue.
        priority: Priority,
    },
    /// An order was cancelled or expired. It is no longer live.
    Cancelled {
        /// The order.
        party: Party,
        /// Its side.
        side: Side,
        /// The limit price, if it had one. Together with the side, it locates the depth that was
        /// removed.
        price: Option<Price>,
        /// The quantity that had not traded.
        remaining: Quantity,
        /// Why the order was cancelled.
        reason: CancelReason,
    },
    /// A stop was elected and is now a market or limit order. Its trades follow in the group.
    Triggered {
        /// The order.
        party: Party,
        /// Its new priority number.
        priority: Priority,
    },
    /// An iceberg shows its next part, at the end of its queue.
    Replenished {
        /// The order.
        party: Party,
        /// Its open quantity.
        remaining: Quantity,
        /// The part of it that the order shows.
        shown: Quantity,
        /// Its new priority number.
        priority: Priority,
    },
    /// The market changed its phase.
    PhaseChanged {
        /// The previous phase.
        from: Phase,
        /// The new phase.
        to: Phase,
    },
    /// An epoch closed, and the next one opened.
    EpochClosed(EpochSummary),
    /// A market was added.
    MarketAdded(MarketSpec),
    /// A market's terms were replaced.
    MarketSet(Terms),
    /// A market was removed.
    MarketRemoved,
    /// An account was blocked from placing orders.
    AccountBlocked(AccountId),
    /// An account may place orders again.
    AccountUnblocked(AccountId),
    /// The command repeats an earlier one of the same account with the same request id.
    Duplicate {
        /// The sequence of the earlier command.
        original: Sequence,
        /// The outcome of the earlier command.
        outcome: Outcome,
        /// `true` if both commands have the same action.
        same_content: bool,
    },
}

/// The totals of an epoch, taken at its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EpochSummary {
    /// The epoch's number.
    pub number: EpochNumber,
    /// The first sequence that belongs to it.
    pub first_sequence: Sequence,
    /// The last sequence that belongs to it: that of the close itself.
    pub last_sequence: Sequence,
    /// The prices and totals of its trades.
    pub turnover: Turnover,
    /// The number of the market's last trade, zero before the first.
    pub last_trade: TradeNumber,
    /// The number of `Accepted` events.
    pub accepted: u64,
    /// The number of `Cancelled` events.
    pub cancelled: u64,
    /// The uniform price and volume, if this close uncrossed the book.
    pub clearing: Option<Clearing>,
    /// The bids that remain.
    pub bids: SideSummary,
    /// The asks that remain.
    pub asks: SideSummary,
    /// The priority number that the next order will take.
    pub next_priority: Priority,
}

/// The prices and totals of an epoch's trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Turnover {
    /// The prices; `None` before the first trade.
    pub prices: Option<Prices>,
    /// The sum of the quantities.
    pub volume: u128,
    /// The sum of price times quantity.
    pub notional: Notional,
    /// The number of trades.
    pub trades: u64,
}

/// The prices of an epoch's trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Prices {
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The last price.
    pub close: Price,
}

/// A uniform price, and the volume that trades at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Clearing {
    /// The price of all trades.
    pub price: Price,
    /// The volume that can trade at this price.
    pub volume: Quantity,
    /// Demand minus supply at this price; negative if supply is larger.
    pub surplus: i128,
}

/// One side of a book in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SideSummary {
    /// The best limit price.
    pub best: Option<Price>,
    /// The number of orders in the book.
    pub resting: u32,
    /// Their open quantity, hidden parts included.
    pub resting_quantity: Quantity,
    /// The part of that quantity that is hidden.
    pub hidden_quantity: Quantity,
    /// The number of waiting stops.
    pub waiting: u32,
    /// The open quantity of the waiting stops.
    pub waiting_quantity: Quantity,
}
