//! What comes out: for each command a group of [`Event`]s between a [`Header`] and an [`Outcome`].

use crate::command::{ActionKind, OrderKind, Place};
use crate::market::{MarketSpec, Phase, Terms};
use crate::quantity::{
    AccountId, EpochNumber, MarketId, Notional, OrderId, Price, Priority, Quantity, RequestId,
    Sequence, SessionId, Side, Timestamp, TradeNumber,
};

/// Takes what the core says. A group is one `begin`, any number of `event`s and one `end`.
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
    /// A command's group opens.
    fn begin(&mut self, header: &Header);
    /// One event of the open group.
    fn event(&mut self, event: &Event);
    /// The group closes. The outcome comes last because what is due expires first, and whether a
    /// command is refused may depend on that.
    fn end(&mut self, outcome: Outcome);
}

/// A sink for who needs no events.
impl Sink for () {
    fn begin(&mut self, _: &Header) {}
    fn event(&mut self, _: &Event) {}
    fn end(&mut self, _: Outcome) {}
}

/// Whose group this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Header {
    /// The command's number.
    pub sequence: Sequence,
    /// The command's time, after the correction that time never goes back.
    pub timestamp: Timestamp,
    /// The market that it speaks to.
    pub market: MarketId,
    /// Who spoke.
    pub account: AccountId,
    /// The idempotency key, if there was one.
    pub request: Option<RequestMark>,
    /// The session that an order accepted in this group ends with.
    pub session: Option<SessionId>,
    /// What it was.
    pub kind: ActionKind,
}

/// An idempotency key and what it was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestMark {
    /// The key.
    pub id: RequestId,
    /// The fingerprint of the action: see [`Action::fingerprint`](crate::Action::fingerprint).
    pub content: u128,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Outcome {
    /// It was carried out.
    Accepted,
    /// It was refused.
    Rejected(Reason),
    /// It repeats an earlier one and did nothing.
    Duplicate,
}

/// Why a command is refused. For each command the first that holds, in the order of
/// [the rules](crate::rules).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reason {
    /// There is no such market.
    UnknownMarket,
    /// The sequence is not above the last one.
    OutOfSequence,
    /// Only an operator may do this.
    NotOperator,
    /// A market has this id or this symbol.
    MarketExists,
    /// The spec or the terms break a bound: [`MarketSpec::broken`] says which.
    BadSpec,
    /// The engine holds as many markets as it may.
    MarketsFull,
    /// The market still holds orders.
    MarketNotEmpty,
    /// The account list is as long as it may be.
    BlockedFull,
    /// Nothing would change.
    NoChange,
    /// This is not the current epoch's number.
    WrongEpoch,
    /// There is no such live order.
    UnknownOrder,
    /// The order is somebody else's.
    NotOwner,
    /// Not in this phase.
    WrongPhase,
    /// The open quantity is not the one that was expected.
    Changed,
    /// The account is blocked.
    AccountBlocked,
    /// A quantity of nothing.
    ZeroQuantity,
    /// More than the market's `quantity_max`.
    QuantityTooLarge,
    /// A limit or stop price outside the band.
    PriceOutOfBand,
    /// A live order has this id.
    DuplicateOrderId,
    /// A display quantity of zero, above the quantity, or so small that the order would come in
    /// more than `parts_max` parts.
    BadDisplayQuantity,
    /// A minimum quantity of zero or above the quantity.
    BadMinimumQuantity,
    /// Attributes that do not go together.
    BadCombination,
    /// The order would have ended before it began.
    AlreadyExpired,
    /// A post-only order's price reaches the other side.
    WouldTake,
    /// The market holds as many orders as it may.
    BookFull,
    /// The new market's id is 0.
    ZeroMarketId,
    /// The new market's id is not above every id that was ever used.
    UsedMarketId,
    /// The account has as many orders in the market as it may.
    AccountFull,
}

/// Why an order is gone without having traded whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum CancelReason {
    /// Somebody asked for it.
    Requested,
    /// What an IOC order could not trade, or all of it where its minimum could not be had.
    ImmediateOrCancel,
    /// A FOK order could not trade whole.
    FillOrKill,
    /// A market order found nothing more to trade with.
    NoLiquidity,
    /// It met an order of its own account.
    SelfTrade,
    /// Its time came.
    Expired,
    /// Its last epoch ended.
    EpochEnded,
    /// A market order may not trade that far from the best price.
    PriceProtection,
    /// The market closed.
    MarketClosed,
    /// The session that it was placed under ended.
    SessionEnded,
}

/// An order in an event: its id, its owner's id and its owner's own number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Party {
    /// The order.
    pub order: OrderId,
    /// Its owner.
    pub account: AccountId,
    /// The number that its owner gave it.
    pub reference: u64,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Event {
    /// An order came in. What its trades leave rests, or waits where it is a stop, unless a
    /// `Cancelled` follows in the group.
    Accepted {
        /// Whose.
        account: AccountId,
        /// The order as placed.
        place: Place,
        /// The number it takes with it into the queue.
        priority: Priority,
    },
    /// The command was refused and changed nothing.
    Rejected {
        /// The order that it named.
        order: Option<OrderId>,
        /// That order's reference, where the speaker may know it.
        reference: Option<u64>,
        /// Why.
        reason: Reason,
    },
    /// Two orders traded.
    Traded {
        /// The trade's number.
        number: TradeNumber,
        /// The order that was there first.
        maker: Party,
        /// The order that came to it.
        taker: Party,
        /// What the taker did.
        taker_side: Side,
        /// At which price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// The maker's open quantity afterwards.
        maker_remaining: Quantity,
        /// The taker's open quantity afterwards.
        taker_remaining: Quantity,
    },
    /// An order shrank without a trade (self-trade prevention). At `remaining` zero it is gone.
    Reduced {
        /// The order.
        party: Party,
        /// By how much.
        by: Quantity,
        /// Its open quantity afterwards.
        remaining: Quantity,
        /// What it shows of that, of a taker what it would show.
        shown: Quantity,
    },
    /// An order was changed. What it trades as a consequence follows.
    Amended {
        /// The order.
        party: Party,
        /// Its kind and prices from now on.
        kind: OrderKind,
        /// Its open quantity from now on.
        remaining: Quantity,
        /// What it shows of that; zero while it waits.
        shown: Quantity,
        /// Its place in time: a new one where it left its queue.
        priority: Priority,
    },
    /// An order is gone.
    Cancelled {
        /// The order.
        party: Party,
        /// Its side.
        side: Side,
        /// Its limit price, where it had one: with the side it says where depth went away.
        price: Option<Price>,
        /// What had not traded.
        remaining: Quantity,
        /// Why.
        reason: CancelReason,
    },
    /// A stop was elected: from now on it is a market or limit order. What it trades follows.
    Triggered {
        /// The order.
        party: Party,
        /// Its new place in time.
        priority: Priority,
    },
    /// An iceberg shows its next part, at the tail of its queue.
    Replenished {
        /// The order.
        party: Party,
        /// Its open quantity.
        remaining: Quantity,
        /// What it shows of that.
        shown: Quantity,
        /// Its new place in time.
        priority: Priority,
    },
    /// The market is in another phase.
    PhaseChanged {
        /// The one it left.
        from: Phase,
        /// The one it entered.
        to: Phase,
    },
    /// An epoch closed, and the next one is open.
    EpochClosed(EpochSummary),
    /// A market was added.
    MarketAdded(MarketSpec),
    /// A market's terms were replaced.
    MarketSet(Terms),
    /// A market was removed.
    MarketRemoved,
    /// An account may place no orders any more.
    AccountBlocked(AccountId),
    /// An account may place orders again.
    AccountUnblocked(AccountId),
    /// The command repeats an earlier one of the same account and request id.
    Duplicate {
        /// The earlier one.
        original: Sequence,
        /// What became of it.
        outcome: Outcome,
        /// Whether it asked for the same thing.
        same_content: bool,
    },
}

/// What an epoch came to, taken at its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EpochSummary {
    /// Its number.
    pub number: EpochNumber,
    /// The first sequence that belongs to it.
    pub first_sequence: Sequence,
    /// The last one: the close itself.
    pub last_sequence: Sequence,
    /// What traded.
    pub turnover: Turnover,
    /// The number of the market's last trade, zero before the first.
    pub last_trade: TradeNumber,
    /// `Accepted` events.
    pub accepted: u64,
    /// `Cancelled` events.
    pub cancelled: u64,
    /// The uniform price, where this close uncrossed.
    pub clearing: Option<Clearing>,
    /// The bids that are left.
    pub bids: SideSummary,
    /// The asks that are left.
    pub asks: SideSummary,
    /// The number that the next order to enter a queue takes.
    pub next_priority: Priority,
}

/// What has traded within an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Turnover {
    /// The prices, once there are any.
    pub prices: Option<Prices>,
    /// The sum of the quantities.
    pub volume: u128,
    /// The sum of price times quantity.
    pub notional: Notional,
    /// How many trades.
    pub trades: u64,
}

/// The prices of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Prices {
    /// The first.
    pub open: Price,
    /// The highest.
    pub high: Price,
    /// The lowest.
    pub low: Price,
    /// The last.
    pub close: Price,
}

/// A uniform price and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Clearing {
    /// The price of all trades.
    pub price: Price,
    /// What can trade at it.
    pub volume: Quantity,
    /// What the buyers at this price want beyond what the sellers have; negative the other way.
    pub surplus: i128,
}

/// One side of a book in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SideSummary {
    /// The best limit price.
    pub best: Option<Price>,
    /// Orders in the book.
    pub resting: u32,
    /// Their open quantity, hidden parts included.
    pub resting_quantity: Quantity,
    /// What they hide of it.
    pub hidden_quantity: Quantity,
    /// Stops outside it.
    pub waiting: u32,
    /// Their quantity.
    pub waiting_quantity: Quantity,
}
