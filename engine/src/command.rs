//! What goes in: a stamped [`Command`] with its [`Action`].

use crate::market::{MarketSpec, Phase, Terms};
use crate::quantity::{
    AccountId, EpochNumber, MarketId, OrderId, Price, Quantity, RequestId, Sequence, SessionId,
    Side, Timestamp,
};

/// One command, stamped by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Command {
    /// Its number; at or below the last one seen it is refused.
    pub sequence: Sequence,
    /// When it happens. Below the last one seen it counts as the last one seen.
    pub timestamp: Timestamp,
    /// The market it speaks to.
    pub market: MarketId,
    /// Who speaks.
    pub account: AccountId,
    /// Whether the speaker may do what only operators may.
    pub operator: bool,
    /// The idempotency key, if the speaker wants one.
    pub request: Option<RequestId>,
    /// The session that an order placed by this command ends with, if it ends with one.
    pub session: Option<SessionId>,
    /// What is to be done.
    pub action: Action,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Action {
    /// Opens a market under the command's market id, in phase Closed.
    AddMarket(MarketSpec),
    /// Replaces the terms of a market.
    SetMarket(Terms),
    /// Removes a market that is Closed.
    RemoveMarket,
    /// Places an order.
    Place(Place),
    /// Changes a live order of one's own.
    Amend(Amend),
    /// Cancels a live order: one's own, or any for an operator.
    Cancel {
        /// The order.
        order: OrderId,
    },
    /// Cancels every live order that fits.
    CancelAll {
        /// Only this account's; everybody's where it is `None`.
        account: Option<AccountId>,
        /// Only this side's; both where it is `None`.
        side: Option<Side>,
    },
    /// Cancels every live order that was placed under a session.
    CancelSession {
        /// Only under this one; under any session if it is `None`.
        session: Option<SessionId>,
    },
    /// Moves the market to another phase.
    SetPhase(Phase),
    /// Closes the market's current epoch.
    CloseEpoch {
        /// The current number, as the sender knows it.
        number: EpochNumber,
    },
    /// Does nothing but let time pass: what is due expires.
    AdvanceTime,
    /// Refuses new orders of an account.
    BlockAccount(AccountId),
    /// Takes a block back.
    UnblockAccount(AccountId),
}

/// The name of an action, for headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[expect(missing_docs, reason = "each is the action of its name")]
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
    /// The name of this action.
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
    /// Its name; free again once the order is gone.
    pub order: OrderId,
    /// The caller's own number, echoed in every event of the order.
    pub reference: u64,
    /// Buy or sell.
    pub side: Side,
    /// Limit, market or stop, with the prices that go with it.
    pub kind: OrderKind,
    /// How much.
    pub quantity: Quantity,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Refuse it rather than let it take.
    pub post_only: bool,
    /// Trade at least this much at once or nothing (IOC only).
    pub minimum_quantity: Option<Quantity>,
    /// Show only this much at a time (an iceberg).
    pub display_quantity: Option<Quantity>,
    /// What happens when it meets an order of its own account.
    pub self_trade: SelfTrade,
}

/// The kinds of order, each with its prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OrderKind {
    /// Trades at its price or better.
    Limit {
        /// The worst price it takes.
        price: Price,
    },
    /// Trades at whatever price there is.
    Market,
    /// Becomes a market order once the stop price has traded.
    Stop {
        /// The price that elects it.
        stop: Price,
    },
    /// Becomes a limit order once the stop price has traded.
    StopLimit {
        /// The price that elects it.
        stop: Price,
        /// The worst price it takes afterwards.
        price: Price,
    },
}

impl OrderKind {
    /// The limit price, where there is one.
    #[must_use]
    pub const fn price(self) -> Option<Price> {
        match self {
            Self::Limit { price } | Self::StopLimit { price, .. } => Some(price),
            Self::Market | Self::Stop { .. } => None,
        }
    }

    /// The stop price, where there is one.
    #[must_use]
    pub const fn stop(self) -> Option<Price> {
        match self {
            Self::Stop { stop } | Self::StopLimit { stop, .. } => Some(stop),
            Self::Limit { .. } | Self::Market => None,
        }
    }
}

/// How long an order stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum TimeInForce {
    /// Until it is traded or cancelled.
    GoodTillCancel,
    /// What does not trade at once goes.
    ImmediateOrCancel,
    /// It trades whole and at once, or goes.
    FillOrKill,
    /// Until this time: a command stamped at or after it finds the order gone.
    GoodTillDate(Timestamp),
    /// For this many gates, the next one included.
    ForEpochs(u64),
}

/// What a taker does when it meets an order of its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SelfTrade {
    /// It trades with it.
    None,
    /// What is left of the taker goes.
    CancelTaker,
    /// The resting order goes.
    CancelMaker,
    /// Both go.
    CancelBoth,
    /// Both shrink by the smaller, without a trade.
    Decrement,
}

/// A change to a live order. What is `None` stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Amend {
    /// The order.
    pub order: OrderId,
    /// Its new limit price.
    pub price: Option<Price>,
    /// Its open quantity from now on.
    pub quantity: Option<Quantity>,
    /// Its new stop price, while it waits.
    pub stop_price: Option<Price>,
    /// Refuse the change if the open quantity is another one by now.
    pub if_open: Option<Quantity>,
    /// Give up the place in the queue even where the change would keep it.
    pub requeue: bool,
}
