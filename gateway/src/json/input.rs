//! The input lines.

use std::num::NonZeroU32;

use pricetime_engine::{Phase, Pricing, SelfTrade, Side};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::value::{Amount, StepText, Time};
use pricetime::Secret;

/// The most levels of each side that a `view` shows.
pub const DEPTH_MAX: usize = 1_000;
/// The maximum number of markets in one list.
pub const MARKETS_LISTED_MAX: usize = 1_000;

/// One input line: a command or a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Places an order.
    Place(Place),
    /// Changes a live order of the same account.
    Amend(Amend),
    /// Cancels a live order.
    Cancel(Cancel),
    /// Cancels many orders at once.
    CancelAll(CancelAll),
    /// Cancels the orders of a session. For operators.
    CancelSession(CancelSession),
    /// Adds a market, in phase closed. For operators.
    AddMarket(AddMarket),
    /// Replaces the terms of a market. For operators.
    SetMarket(SetMarket),
    /// Removes a market that is closed. For operators.
    RemoveMarket(RemoveMarket),
    /// Moves a market to another phase. For operators.
    SetPhase(SetPhase),
    /// Closes a market's current epoch. For operators.
    CloseEpoch(CloseEpoch),
    /// Expires what is due. For operators.
    AdvanceTime(AdvanceTime),
    /// Refuses new orders of an account. For operators.
    BlockAccount(BlockAccount),
    /// Ends a block. For operators.
    UnblockAccount(UnblockAccount),
    /// Sets up the connection. Only as its first line.
    Hello(Hello),
    /// Asks for a market's book, and for all its changes from then on.
    Subscribe(Subscribe),
    /// Asks for a market's book.
    View(View),
    /// Asks for the specification of a market.
    Market(MarketAsked),
    /// Asks for a list of the markets.
    Markets(MarketsAsked),
    /// Asks for a live order.
    Order(OrderAsked),
    /// Asks for the outcome of an earlier request.
    Outcome(OutcomeAsked),
    /// Asks for the status of the host.
    Status(StatusAsked),
}

/// Declares the bodies of lines.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

/// Declares the bodies of commands: each names its market, and may name a request and a time.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
    })*) => {bodies! {$(
        $(#[$doc])*
        $name {
            /// The market.
            market: u32,
            $($(#[$field_doc])* $field: $type,)*
            /// The idempotency key. A command that repeats it is not carried out again, and its answer
            /// has the outcome of the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            request: Option<Uuid>,
            /// Whether the sender acts as an operator. If this is left out, it does so for commands that
            /// only operators may send.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            operator: Option<bool>,
            /// When it happened. Only in a recording, because a running market has its own clock.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            time: Option<Time>,
        }
    )*}};
}

commands! {
    /// A new order.
    Place {
        /// The account that owns the order.
        account: Uuid,
        /// The order's id. It can be used again once the order is gone.
        order: Uuid,
        /// The client's own number, which is repeated in every event of the order.
        #[serde(default, skip_serializing_if = "is_default")]
        reference: u64,
        /// Buy or sell.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        side: Side,
        /// Limit, market, stop or stop limit.
        r#type: OrderType,
        /// The worst price that it accepts. For limit and stop-limit orders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        /// The price that triggers it. For stop and stop-limit orders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Amount>,
        /// The quantity.
        quantity: Amount,
        /// How long the order stays.
        #[serde(default, skip_serializing_if = "is_default")]
        time_in_force: TimeInForce,
        /// Refuse the order if it would take.
        #[serde(default, skip_serializing_if = "is_default")]
        post_only: bool,
        /// Trade at least this much at once, or nothing. For immediate-or-cancel orders only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minimum_quantity: Option<Amount>,
        /// Show only this much at a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_quantity: Option<Amount>,
        /// What happens if it meets an order of the same account.
        #[serde(default = "cancel_taker", skip_serializing_if = "is_cancel_taker")]
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::SelfTrade"))]
        self_trade: SelfTrade,
        /// The session that it ends with. Only in a recording: a connection that cancels its orders when
        /// it ends says so in its `hello`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<NonZeroU32>,
    }

    /// A change to a live order. A member that is left out stays as it is.
    Amend {
        /// The account that owns the order.
        account: Uuid,
        /// The order.
        order: Uuid,
        /// Its new limit price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        /// Its open quantity from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quantity: Option<Amount>,
        /// Its new stop price, if it has not been triggered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Amount>,
        /// Refuse the change if the open quantity is not this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_open: Option<Amount>,
        /// Give up the place in the queue even if the change would keep it.
        #[serde(default, skip_serializing_if = "is_default")]
        requeue: bool,
    }

    /// The cancellation of a live order.
    Cancel {
        /// The account that owns the order.
        account: Uuid,
        /// The order.
        order: Uuid,
    }

    /// The cancellation of many orders.
    CancelAll {
        /// The account that asks.
        account: Uuid,
        /// Whose orders to cancel.
        #[serde(default, skip_serializing_if = "is_default")]
        whose: Whose,
        /// Only orders on this side.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Side>"))]
        side: Option<Side>,
    }

    /// The cancellation of the orders of a session.
    CancelSession {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// Only orders of this session. If it is left out, the orders of every session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<NonZeroU32>,
    }

    /// A new market.
    AddMarket {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// Its display name: 1 to 24 of `A–Z a–z 0–9 - _ . /`.
        symbol: String,
        /// The size of one tick of a price.
        tick: StepText,
        /// The size of one lot of a quantity.
        lot: StepText,
        /// How a trade is priced while trading is continuous.
        #[serde(default = "maker", skip_serializing_if = "is_maker")]
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Pricing"))]
        pricing: Pricing,
        /// The largest quantity of an order.
        quantity_max: Amount,
        /// The lowest price an order may have.
        price_min: Amount,
        /// The highest price an order may have.
        price_max: Amount,
        /// How far from the best price a market order may trade, in ticks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protection_ticks: Option<u64>,
        /// The reference price until the first trade. `reference` is its older name.
        #[serde(default, alias = "reference", skip_serializing_if = "Option::is_none")]
        reference_price: Option<Amount>,
        /// The maker's fee, in millionths of the notional. A rebate is negative.
        #[serde(default, skip_serializing_if = "is_default")]
        maker_ppm: i32,
        /// The taker's fee, in millionths of the notional. A rebate is negative.
        #[serde(default, skip_serializing_if = "is_default")]
        taker_ppm: i32,
        /// How many orders may be live. An iceberg counts once for each part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        orders_max: Option<u32>,
        /// How many of them one account may have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        orders_per_account_max: Option<u32>,
        /// How many requests are remembered, of all accounts together; 0 turns that off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests_max: Option<u32>,
        /// How many accounts may be blocked at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blocked_max: Option<u32>,
        /// How many parts an iceberg may have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parts_max: Option<u32>,
    }

    /// New terms for a market. They replace all old ones.
    SetMarket {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The lowest price an order may have.
        price_min: Amount,
        /// The highest price an order may have.
        price_max: Amount,
        /// How far from the best price a market order may trade, in ticks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protection_ticks: Option<u64>,
        /// The reference price until the first trade. `reference` is its older name.
        #[serde(default, alias = "reference", skip_serializing_if = "Option::is_none")]
        reference_price: Option<Amount>,
        /// The maker's fee, in millionths of the notional. A rebate is negative.
        #[serde(default, skip_serializing_if = "is_default")]
        maker_ppm: i32,
        /// The taker's fee, in millionths of the notional. A rebate is negative.
        #[serde(default, skip_serializing_if = "is_default")]
        taker_ppm: i32,
    }

    /// The removal of a market.
    RemoveMarket {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
    }

    /// A change of the phase.
    SetPhase {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The new phase.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        phase: Phase,
    }

    /// The close of an epoch.
    CloseEpoch {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The number of the current epoch, as the sender knows it.
        number: u64,
    }

    /// A command that only passes the time.
    AdvanceTime {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
    }

    /// A block of an account.
    BlockAccount {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The account to block.
        blocked: Uuid,
    }

    /// The end of a block.
    UnblockAccount {
        /// The account that asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The account to unblock.
        blocked: Uuid,
    }
}

bodies! {
    /// The first line of a connection: its format, its token and its options.
    Hello {
        /// The version of the format that the client uses.
        format: u32,
        /// The token that identifies the client: an operator, or a client with accounts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
        token: Option<Secret>,
        /// Whether the orders that were placed over this connection are cancelled when it ends.
        #[serde(default, skip_serializing_if = "is_default")]
        cancel_on_disconnect: bool,
    }

    /// A market's book, and all its changes from then on.
    Subscribe {
        /// The market.
        market: u32,
        /// Only this account's own orders and trades, which are not public.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Uuid>,
        /// Begin at this command instead of now, for a client that was disconnected since then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
    }

    /// A market's book.
    View {
        /// The market.
        market: u32,
        /// How many levels of each side, at most [`DEPTH_MAX`].
        #[serde(default = "depth", deserialize_with = "bounded_depth")]
        #[cfg_attr(feature = "schema", schemars(range(max = DEPTH_MAX)))]
        depth: usize,
    }

    /// The specification of a market.
    MarketAsked {
        /// The market.
        market: u32,
    }

    /// The markets, in the order of their ids.
    MarketsAsked {
        /// Only markets with an id above this one.
        #[serde(default, skip_serializing_if = "is_default")]
        after: u32,
    }

    /// A live order.
    OrderAsked {
        /// The market.
        market: u32,
        /// The order.
        order: Uuid,
    }

    /// The outcome of a request.
    OutcomeAsked {
        /// The market.
        market: u32,
        /// The account of the request.
        account: Uuid,
        /// Its idempotency key.
        request: Uuid,
    }

    /// The status of the host.
    StatusAsked {}
}

/// The kinds of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// Trades at its price or better.
    Limit,
    /// Trades at any price.
    Market,
    /// Becomes a market order once the stop price has traded.
    Stop,
    /// Becomes a limit order once the stop price has traded.
    StopLimit,
}

/// How long an order stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until it is traded or cancelled.
    #[default]
    GoodTillCancel,
    /// What does not trade at once is cancelled.
    ImmediateOrCancel,
    /// It trades in full at once, or is cancelled.
    FillOrKill,
    /// Until this time.
    GoodTillDate(Time),
    /// For this many epochs, the current one included.
    ForEpochs(u64),
}

/// Whose orders to cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Those of the sender.
    #[default]
    Own,
    /// Those of all accounts.
    Everybody,
    /// Those of this account.
    Account(Uuid),
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) const fn cancel_taker() -> SelfTrade {
    SelfTrade::CancelTaker
}

fn is_cancel_taker(value: &SelfTrade) -> bool {
    *value == cancel_taker()
}

const fn maker() -> Pricing {
    Pricing::Maker
}

fn is_maker(value: &Pricing) -> bool {
    *value == maker()
}

const fn depth() -> usize {
    10
}

fn bounded_depth<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let depth = usize::deserialize(from)?;
    if depth > DEPTH_MAX {
        let why = format!("{depth} is above the limit of {DEPTH_MAX} levels");
        return Err(D::Error::custom(why));
    }
    Ok(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_of_a_hello_is_read_and_written_but_never_shown() {
        let text = "{\"hello\":{\"format\":1,\"token\":\"hunter2\"}}";
        let line: Line = serde_json::from_str(text).unwrap();
        let Line::Hello(hello) = &line else { panic!("{line:?}") };
        assert_eq!(hello.token.as_ref().map(Secret::expose), Some("hunter2"));
        assert!(!format!("{line:?}").contains("hunter2"), "{line:?}");
        assert!(serde_json::to_string(&line).unwrap().contains("\"token\":\"hunter2\""));
    }
}
