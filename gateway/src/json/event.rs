//! Events and orders as lines have them.

mod of;

use pricetime_engine::{CancelReason, Phase, Reason, Side};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::input::{OrderType, TimeInForce, is_default};
use super::market::{MarketSpecLine, TermsLine};
use super::value::{Amount, Time};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the core's event of the same name")]
pub enum EventLine {
    /// An order came in.
    Accepted {
        order: Uuid,
        account: Uuid,
        #[serde(default, skip_serializing_if = "is_zero")]
        reference: u64,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        side: Side,
        r#type: OrderType,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Amount>,
        quantity: Amount,
        time_in_force: TimeInForce,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_quantity: Option<Amount>,
        priority: u64,
    },
    /// The command was refused and changed nothing.
    Rejected {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<Uuid>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<u64>,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Reason"))]
        reason: Reason,
    },
    /// Two orders traded.
    Traded {
        /// Its number in the market.
        number: u64,
        /// Its name in the world: a UUID made of market and number.
        trade: Uuid,
        price: Amount,
        quantity: Amount,
        /// Price times quantity.
        notional: Amount,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        taker_side: Side,
        /// Who was there first; left out where it is not the reader's business.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maker: Option<PartyLine>,
        /// Who came to it; left out where it is not the reader's business.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taker: Option<PartyLine>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maker_remaining: Option<Amount>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taker_remaining: Option<Amount>,
    },
    /// An order shrank without a trade.
    Reduced { order: PartyLine, by: Amount, remaining: Amount, shown: Amount },
    /// An order was changed.
    Amended {
        order: PartyLine,
        r#type: OrderType,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Amount>,
        remaining: Amount,
        shown: Amount,
        priority: u64,
    },
    /// An order is gone.
    Cancelled {
        order: PartyLine,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        side: Side,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        remaining: Amount,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::CancelReason"))]
        reason: CancelReason,
    },
    /// A stop was elected.
    Triggered { order: PartyLine, priority: u64 },
    /// An iceberg shows its next part.
    Replenished { order: PartyLine, remaining: Amount, shown: Amount, priority: u64 },
    /// The market is in another phase.
    PhaseChanged {
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        from: Phase,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        to: Phase,
    },
    /// An epoch closed, and the next one is open.
    EpochClosed(Box<EpochLine>),
    /// A market was added.
    MarketAdded(MarketSpecLine),
    /// A market's terms were replaced.
    MarketSet(TermsLine),
    /// A market was removed.
    MarketRemoved {},
    /// An account may place no orders any more.
    AccountBlocked { account: Uuid },
    /// An account may place orders again.
    AccountUnblocked { account: Uuid },
    /// The command repeats an earlier one of the same account and request.
    Duplicate {
        /// The earlier one.
        original: u64,
        /// What became of it.
        outcome: OutcomeLine,
        /// Whether it asked for the same thing.
        same_content: bool,
    },
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutcomeLine {
    /// It was carried out.
    Accepted,
    /// It was refused.
    Rejected(#[cfg_attr(feature = "schema", schemars(with = "super::schema::Reason"))] Reason),
    /// It repeats an earlier one and did nothing.
    Duplicate,
}

/// An order and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PartyLine {
    /// The order.
    pub order: Uuid,
    /// Its owner.
    pub account: Uuid,
    /// The number that its owner gave it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reference: u64,
}

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EpochLine {
    /// Its number.
    pub number: u64,
    /// The first sequence that belongs to it.
    pub first_sequence: u64,
    /// The last one: the close itself.
    pub last_sequence: u64,
    /// How many trades.
    pub trades: u64,
    /// The sum of the quantities.
    pub volume: Amount,
    /// The sum of price times quantity.
    pub notional: Amount,
    /// The first price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Amount>,
    /// The highest price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Amount>,
    /// The lowest price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Amount>,
    /// The last price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<Amount>,
    /// The uniform price, where this close uncrossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearing: Option<ClearingLine>,
    /// Orders accepted.
    pub accepted: u64,
    /// Orders cancelled.
    pub cancelled: u64,
    /// The number of the market's last trade, zero before the first.
    pub last_trade: u64,
    /// The bids that are left.
    pub bids: SideLine,
    /// The asks that are left.
    pub asks: SideLine,
}

/// A uniform price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClearingLine {
    /// The price of all trades.
    pub price: Amount,
    /// What can trade at it.
    pub volume: Amount,
    /// What the buyers want beyond what the sellers have; negative the other way.
    pub surplus: Amount,
}

/// One side of a book in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SideLine {
    /// The best limit price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Amount>,
    /// Orders in the book.
    pub resting: u32,
    /// Their open quantity, as far as they show it; for operators all of it.
    pub resting_quantity: Amount,
    /// What they hide of it. Left out if it is nothing, and for all but operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_quantity: Option<Amount>,
    /// Stops outside it. Left out if there are none, and for all but operators.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waiting: u32,
    /// Their quantity, left out likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_quantity: Option<Amount>,
}

/// A live order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The order.
    pub order: Uuid,
    /// Its owner.
    pub account: Uuid,
    /// The number that its owner gave it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reference: u64,
    /// Buy or sell.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
    pub side: Side,
    /// Limit or market in the book, stop or stop limit outside it.
    pub r#type: OrderType,
    /// The worst price it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// The price that elects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Amount>,
    /// What has not traded, hidden part included.
    pub open: Amount,
    /// What it shows of that.
    pub shown: Amount,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UntilLine>,
    /// Whether it refuses to take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub post_only: bool,
    /// Its place in time.
    pub priority: u64,
}

/// When a live order ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UntilLine {
    /// As soon as it is elected and has taken what it can.
    Immediate,
    /// As soon as it is elected, unless it trades whole.
    Filled,
    /// At this time.
    Time(Time),
    /// When this epoch has closed.
    Epoch(u64),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
