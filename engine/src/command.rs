//! The engine's input: a [`Command`] that carries an [`Action`], a sequence and a time.

use crate::market::{MarketSpec, Phase, Terms};
use crate::quantity::{
    AccountId, EpochNumber, MarketId, OrderId, Price, Quantity, RequestId, Sequence, SessionId,
    Side, Timestamp,
};

/// One command. The host gives it its sequence and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Command {
    /// The command's number. A command is refused if its number is not above the last one.
    pub sequence: Sequence,
    /// The command's time. If it is below the last time, the last time is used instead.
    pub timestamp: Timestamp,
    /// The market that the command is for.
    pub market: MarketId,
    /// The account that sends the command.
    pub account: AccountId,
    /// `true` if the sender has operator rights.
    pub operator: bool,
    /// The request id (idempotency key), if the sender wants a repeated command to be recognised.
    pub request: Option<RequestId>,
    /// The session to which an order placed by this command belongs. [`Action::CancelSession`]
    /// cancels the order when the session ends.
    pub session: Option<SessionId>,
    /// What the command does.
    pub action: Action,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Action {
    /// Adds a market under the command's market id. It begins in phase Closed.
    AddMarket(MarketSpec),
    /// Replaces the terms of a market.
    SetMarket(Terms),
    /// Removes a market, which must be Closed.
    RemoveMarket,
    /// Places an order.
    Place(Place),
    /// Changes a live order of the sender's account.
    Amend(Amend),
    /// Cancels a live order of the sender's account; an operator can cancel any.
    Cancel {
        /// The order.
        order: OrderId,
    },
    /// Cancels all live orders that match both filters.
    CancelAll {
        /// The account whose orders are cancelled, or `None` for all accounts.
        account: Option<AccountId>,
        /// The side whose orders are cancelled, or `None` for both.
        side: Option<Side>,
    },
    /// Cancels all live orders that were placed under a session.
    CancelSession {
        /// The session, or `None` for every session. Orders without a session are never cancelled.
        session: Option<SessionId>,
    },
    /// Moves the market to another phase.
    SetPhase(Phase),
    /// Closes the market's current epoch.
    CloseEpoch {
        /// The number of the current epoch, as the sender knows it.
        number: EpochNumber,
    },
    /// Only advances the time, so that due orders expire.
    AdvanceTime,
    /// Blocks an account: its new orders are refused.
    BlockAccount(AccountId),
    /// Unblocks an account.
    UnblockAccount(AccountId),
}

/// The kind of an action, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[expect(missing_docs, reason = "each variant is the action of the same name")]
pub enum ActionKind {
    AddMarket,
    SetMarket,
    RemoveMarket,
    Place,
    Amend,
    Cancel,
    CancelAll,
    CancelSession,
    SetPhase,
    CloseEpoch,
    AdvanceTime,
    BlockAccount,
    UnblockAccount,
}

impl Action {
    /// The kind of this action.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::AddMarket(_) => ActionKind::AddMarket,
            Self::SetMarket(_) => ActionKind::SetMarket,
            Self::RemoveMarket => ActionKind::RemoveMarket,
            Self::Place(_) => ActionKind::Place,
            Self::Amend(_) => ActionKind::Amend,
            Self::Cancel { .. } => ActionKind::Cancel,
            Self::CancelAll { .. } => ActionKind::CancelAll,
            Self::CancelSession { .. } => ActionKind::CancelSession,
            Self::SetPhase(_) => ActionKind::SetPhase,
            Self::CloseEpoch { .. } => ActionKind::CloseEpoch,
            Self::AdvanceTime => ActionKind::AdvanceTime,
            Self::BlockAccount(_) => ActionKind::BlockAccount,
            Self::UnblockAccount(_) => ActionKind::UnblockAccount,
        }
    }
}

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Place {
    /// The order's id. It can be used again once the order is no longer live.
    pub order: OrderId,
    /// The owner's own number for the order, repeated in every event of the order.
    pub reference: u64,
    /// Buy or sell.
    pub side: Side,
    /// Limit, market, stop or stop-limit, with its prices.
    pub kind: OrderKind,
    /// The quantity to buy or sell.
    pub quantity: Quantity,
    /// How long the order stays live.
    pub time_in_force: TimeInForce,
    /// Refuse the order if its price reaches the other side.
    pub post_only: bool,
    /// Trade at least this much at once, or nothing (IOC only).
    pub minimum_quantity: Option<Quantity>,
    /// Show only this much at a time (iceberg).
    pub display_quantity: Option<Quantity>,
    /// What happens if the order meets an order of its own account.
    pub self_trade: SelfTrade,
}

/// The kinds of orders, each with its prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OrderKind {
    /// Trades at its limit price or better.
    Limit {
        /// The worst price at which it trades.
        price: Price,
    },
    /// Trades at any price, within the market's `protection_ticks`.
    Market,
    /// Becomes a market order once the market has traded at the stop price or beyond it.
    Stop {
        /// The stop price, which elects the order.
        stop: Price,
    },
    /// Becomes a limit order once the market has traded at the stop price or beyond it.
    StopLimit {
        /// The stop price, which elects the order.
        stop: Price,
        /// The limit price of the elected order.
        price: Price,
    },
}

impl OrderKind {
    /// The limit price, if the kind has one.
    #[must_use]
    pub const fn price(self) -> Option<Price> {
        match self {
            Self::Limit { price } | Self::StopLimit { price, .. } => Some(price),
            Self::Market | Self::Stop { .. } => None,
        }
    }

    /// The stop price, if the kind has one.
    #[must_use]
    pub const fn stop(self) -> Option<Price> {
        match self {
            Self::Stop { stop } | Self::StopLimit { stop, .. } => Some(stop),
            Self::Limit { .. } | Self::Market => None,
        }
    }
}

/// How long an order stays live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    GoodTillCancel,
    /// Trades what it can at once; the rest is cancelled.
    ImmediateOrCancel,
    /// Is filled completely at once, or cancelled.
    FillOrKill,
    /// Until this time. The order expires before its market executes any command of the same or a
    /// later time.
    GoodTillDate(Timestamp),
    /// For this many epochs, the current one included.
    ForEpochs(u64),
}

/// What a taker does when it meets an order of its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SelfTrade {
    /// The two orders trade.
    None,
    /// The rest of the taker is cancelled.
    CancelTaker,
    /// The resting order is cancelled.
    CancelMaker,
    /// Both are cancelled.
    CancelBoth,
    /// Both are reduced by the smaller of the two quantities, without a trade.
    Decrement,
}

/// A change to a live order. Fields that are `None` stay unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Amend {
    /// The order's id.
    pub order: OrderId,
    /// The new limit price.
    pub price: Option<Price>,
    /// The new open quantity.
    pub quantity: Option<Quantity>,
    /// The new stop price, for a stop that is still waiting.
    pub stop_price: Option<Price>,
    /// Refuse the amend if the open quantity is no longer this one.
    pub if_open: Option<Quantity>,
    /// Move the order to the end of its queue, even if the change would keep its place.
    pub requeue: bool,
}
