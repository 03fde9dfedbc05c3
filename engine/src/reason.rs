//! Why a command is refused, and why an order is cancelled: as values, and as sentences.

use core::fmt;

/// Why a command is refused. If several reasons apply, it is the first in the order of
/// [the rules](crate::rules).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reason {
    /// No market has this id.
    UnknownMarket,
    /// The sequence is not above the last one.
    OutOfSequence,
    /// Only an operator can send this command.
    NotOperator,
    /// A market already has this id or this symbol.
    MarketExists,
    /// The spec or the terms break a bound: [`MarketSpec::broken`](crate::MarketSpec::broken) returns which.
    BadSpec,
    /// The engine holds its maximum number of markets.
    MarketsFull,
    /// The market still has live orders.
    MarketNotEmpty,
    /// The list of blocked accounts is full.
    BlockedFull,
    /// The command would change nothing.
    NoChange,
    /// The number is not that of the current epoch.
    WrongEpoch,
    /// No live order has this id.
    UnknownOrder,
    /// The order belongs to another account.
    NotOwner,
    /// The command is not allowed in the market's current phase.
    WrongPhase,
    /// The open quantity is not the expected one (`if_open`).
    Changed,
    /// The account is blocked.
    AccountBlocked,
    /// The quantity is zero.
    ZeroQuantity,
    /// The quantity is above the market's `quantity_max`.
    QuantityTooLarge,
    /// A limit or stop price is outside the market's price band.
    PriceOutOfBand,
    /// A live order already has this id.
    DuplicateOrderId,
    /// The display quantity is zero, above the quantity, or so small that the order would come in
    /// more than `parts_max` parts.
    BadDisplayQuantity,
    /// The minimum quantity is zero or above the quantity.
    BadMinimumQuantity,
    /// The order's attributes cannot be combined.
    BadCombination,
    /// The order would end before it begins.
    AlreadyExpired,
    /// The price of a post-only order reaches the other side.
    WouldTake,
    /// The market has `orders_max` live orders.
    BookFull,
    /// The new market's id is 0.
    ZeroMarketId,
    /// The new market's id is not above every id that was ever used.
    UsedMarketId,
    /// The account has `orders_per_account_max` live orders in the market.
    AccountFull,
}

/// Why an order, or the rest of it, was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum CancelReason {
    /// Its owner or an operator cancelled it.
    Requested,
    /// The rest of an IOC order did not trade, or its minimum quantity was not available.
    ImmediateOrCancel,
    /// A FOK order could not be filled completely.
    FillOrKill,
    /// A market order found no order left to trade with.
    NoLiquidity,
    /// The order met an order of its own account.
    SelfTrade,
    /// The order's expiry time was reached.
    Expired,
    /// The order's last epoch ended.
    EpochEnded,
    /// A market order would have traded too far from the best price.
    PriceProtection,
    /// The market closed.
    MarketClosed,
    /// The session under which the order was placed ended.
    SessionEnded,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownMarket => "no market has this id",
            Self::OutOfSequence => "its sequence is not above the last one",
            Self::NotOperator => "only an operator can send it",
            Self::MarketExists => "a market already has this id or this symbol",
            Self::BadSpec => "the market's spec or terms violate a bound",
            Self::MarketsFull => "the engine has its maximum number of markets",
            Self::MarketNotEmpty => "the market still has live orders",
            Self::BlockedFull => "the maximum number of accounts is blocked",
            Self::NoChange => "it would change nothing",
            Self::WrongEpoch => "it names an epoch that is not the current one",
            Self::UnknownOrder => {
                "no live order has this id: it was filled or cancelled before, or never accepted"
            }
            Self::NotOwner => "the order belongs to another account",
            Self::WrongPhase => "the market's phase does not allow it",
            Self::Changed => "the open quantity is not the one that if_open expects",
            Self::AccountBlocked => "the account is blocked from placing orders",
            Self::ZeroQuantity => "the quantity is zero",
            Self::QuantityTooLarge => "the quantity is above the market's maximum",
            Self::PriceOutOfBand => "a limit or stop price is outside the market's price band",
            Self::DuplicateOrderId => "a live order already has this id",
            Self::BadDisplayQuantity => {
                "the display quantity is zero, above the quantity, or would make too many parts"
            }
            Self::BadMinimumQuantity => "the minimum quantity is zero or above the quantity",
            Self::BadCombination => "the order's attributes cannot be combined",
            Self::AlreadyExpired => "the order would already have expired",
            Self::WouldTake => "the order is post-only and would trade at once",
            Self::BookFull => "the market has its maximum number of orders",
            Self::ZeroMarketId => "market ids begin at 1",
            Self::UsedMarketId => "a new market's id must be above every id that was ever used",
            Self::AccountFull => "the account has its maximum number of orders",
        })
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "its owner or an operator cancelled it",
            Self::ImmediateOrCancel => {
                "it was immediate-or-cancel, and the rest or its minimum quantity could not trade at once"
            }
            Self::FillOrKill => "it was fill-or-kill and could not be filled completely at once",
            Self::NoLiquidity => "it was a market order, and no order was left to trade with",
            Self::SelfTrade => {
                "it met an order of its own account, and self-trade prevention cancelled it"
            }
            Self::Expired => "it expired",
            Self::EpochEnded => "its last epoch ended",
            Self::PriceProtection => {
                "it was a market order, and the next price was beyond its price protection"
            }
            Self::MarketClosed => "the market closed, which cancels every order",
            Self::SessionEnded => "its connection ended and had asked to cancel its orders",
        })
    }
}
