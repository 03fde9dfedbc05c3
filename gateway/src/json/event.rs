//! Events and orders as lines.

mod of;

pub(super) use of::is_hidden;

use pricetime_engine::{CancelReason, Phase, Reason, Side};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::input::{OrderType, TimeInForce, is_default};
use super::market::{MarketSpecLine, TermsLine};
use super::value::{Amount, Time};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the core's event of the same name")]
pub enum EventLine {
    /// An order was accepted.
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
        /// Its global id: a UUID made of market and number.
        trade: Uuid,
        price: Amount,
        quantity: Amount,
        /// Price times quantity.
        notional: Amount,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        taker_side: Side,
        /// The maker, whose order was there first. Left out if the reader may not see it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maker: Option<PartyLine>,
        /// The taker, whose order came later. Left out if the reader may not see it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taker: Option<PartyLine>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maker_remaining: Option<Amount>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taker_remaining: Option<Amount>,
    },
    /// The quantity of an order was reduced without a trade.
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
    /// An order was cancelled.
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
    /// A stop order was triggered.
    Triggered { order: PartyLine, priority: u64 },
    /// An iceberg shows its next part.
    Replenished { order: PartyLine, remaining: Amount, shown: Amount, priority: u64 },
    /// The phase of the market changed.
    PhaseChanged {
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        from: Phase,
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        to: Phase,
    },
    /// An epoch closed, and the next one began.
    EpochClosed(Box<EpochLine>),
    /// A market was added.
    MarketAdded(MarketSpecLine),
    /// A market's terms were replaced.
    MarketSet(TermsLine),
    /// A market was removed.
    MarketRemoved {},
    /// An account may no longer place orders.
    AccountBlocked { account: Uuid },
    /// An account may place orders again.
    AccountUnblocked { account: Uuid },
    /// The command repeats an earlier one of the same account and request.
    Duplicate {
        /// The sequence of the earlier command.
        original: u64,
        /// The outcome of the earlier command.
        outcome: OutcomeLine,
        /// Whether both ask for the same thing.
        same_content: bool,
    },
}

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutcomeLine {
    /// It was carried out.
    Accepted,
    /// It was refused.
    Rejected(#[cfg_attr(feature = "schema", schemars(with = "super::schema::Reason"))] Reason),
    /// It repeats an earlier command and did nothing.
    Duplicate,
}

/// An order and its owner.
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

/// The results of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EpochLine {
    /// Its number.
    pub number: u64,
    /// The first command that belongs to it.
    pub first_sequence: u64,
    /// The last command that belongs to it: the close itself.
    pub last_sequence: u64,
    /// The number of trades.
    pub trades: u64,
    /// The sum of the traded quantities.
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
    /// The uniform price, if this close uncrossed the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearing: Option<ClearingLine>,
    /// The number of accepted orders.
    pub accepted: u64,
    /// The number of cancelled orders.
    pub cancelled: u64,
    /// The number of the market's last trade. Zero if there is none.
    pub last_trade: u64,
    /// The remaining bids.
    pub bids: SideLine,
    /// The remaining asks.
    pub asks: SideLine,
}

/// A uniform price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClearingLine {
    /// The price of all trades.
    pub price: Amount,
    /// The quantity that can trade at it.
    pub volume: Amount,
    /// The quantity to buy beyond the quantity to sell. Negative if there is more to sell.
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
    /// The number of orders in the book.
    pub resting: u32,
    /// Their shown quantity; for operators their open quantity.
    pub resting_quantity: Amount,
    /// Their hidden quantity. Left out if there is none, and for clients that are not operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_quantity: Option<Amount>,
    /// The number of stop orders, which are not in the book. Left out if there are none, and for clients
    /// that are not operators.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waiting: u32,
    /// Their quantity, left out in the same cases.
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
    /// Limit or market if it is in the book, stop or stop limit if not.
    pub r#type: OrderType,
    /// The worst price that it accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// The price that triggers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Amount>,
    /// The quantity that has not traded, with the hidden part.
    pub open: Amount,
    /// The part of it that is shown.
    pub shown: Amount,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UntilLine>,
    /// Whether it must not take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub post_only: bool,
    /// Its place in time priority.
    pub priority: u64,
}

/// When a live order expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UntilLine {
    /// As soon as it is triggered and has taken what it can.
    Immediate,
    /// As soon as it is triggered, unless it trades in full.
    Filled,
    /// At this time.
    Time(Time),
    /// When this epoch has closed.
    Epoch(u64),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
