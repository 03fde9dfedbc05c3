//! What goes in.

use std::num::NonZeroU32;

use pricetime_engine::{Phase, Pricing, SelfTrade, Side};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::value::{Amount, StepText, Time};
use pricetime::Secret;

/// The most levels of each side that a `view` shows.
pub const DEPTH_MAX: usize = 1_000;

/// One line that goes in: a command, or something that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Places an order.
    Place(Place),
    /// Changes a live order of one's own.
    Amend(Amend),
    /// Cancels a live order.
    Cancel(Cancel),
    /// Cancels many orders at once.
    CancelAll(CancelAll),
    /// Cancels the orders of a session. For operators.
    CancelSession(CancelSession),
    /// Opens a market, in phase closed. For operators.
    AddMarket(AddMarket),
    /// Replaces the terms of a market. For operators.
    SetMarket(SetMarket),
    /// Removes a market that is closed. For operators.
    RemoveMarket(RemoveMarket),
    /// Moves a market to another phase. For operators.
    SetPhase(SetPhase),
    /// Closes a market's current epoch. For operators.
    CloseEpoch(CloseEpoch),
    /// Lets what is due expire. For operators.
    AdvanceTime(AdvanceTime),
    /// Refuses new orders of an account. For operators.
    BlockAccount(BlockAccount),
    /// Takes a block back. For operators.
    UnblockAccount(UnblockAccount),
    /// Says how a connection is meant. Only as its first line.
    Hello(Hello),
    /// Asks for a market's book, and for everything that happens to it from then on.
    Subscribe(Subscribe),
    /// Asks for a market's book.
    View(View),
    /// Asks what a market is.
    Market(MarketAsked),
    /// Asks for a live order.
    Order(OrderAsked),
    /// Asks what became of an earlier request.
    Outcome(OutcomeAsked),
    /// Asks how the host is.
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
            /// The idempotency key: who repeats a command under the same one is told what became of
            /// the first.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            request: Option<Uuid>,
            /// Whether the speaker acts as an operator: without saying so, for what only operators
            /// may do.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            operator: Option<bool>,
            /// When it happened. Only in a recording: a running market has its own clock.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            time: Option<Time>,
        }
    )*}};
}

commands! {
    /// A new order.
    Place {
        /// Whose.
        account: Uuid,
        /// Its name; free again once the order is gone.
        order: Uuid,
        /// The caller's own number, echoed in every event of the order.
        #[serde(default, skip_serializing_if = "is_default")]
        reference: u64,
        /// Buy or sell.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        side: Side,
        /// Limit, market, stop or stop limit.
        r#type: OrderType,
        /// The worst price it takes: of a limit and a stop limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        /// The price that elects it: of a stop and a stop limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Amount>,
        /// How much.
        quantity: Amount,
        /// How long.
        #[serde(default, skip_serializing_if = "is_default")]
        time_in_force: TimeInForce,
        /// Refuse it rather than let it take.
        #[serde(default, skip_serializing_if = "is_default")]
        post_only: bool,
        /// Trade at least this much at once or nothing (immediate or cancel only).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minimum_quantity: Option<Amount>,
        /// Show only this much at a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_quantity: Option<Amount>,
        /// What happens when it meets an order of its own account.
        #[serde(default = "cancel_taker", skip_serializing_if = "is_cancel_taker")]
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::SelfTrade"))]
        self_trade: SelfTrade,
        /// The session that it ends with. Only in a recording: a connection that is to cancel its
        /// orders when it ends says so in its `hello`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<NonZeroU32>,
    }

    /// A change to a live order. What is left out stays as it is.
    Amend {
        /// Whose.
        account: Uuid,
        /// The order.
        order: Uuid,
        /// Its new limit price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Amount>,
        /// Its open quantity from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quantity: Option<Amount>,
        /// Its new stop price, while it waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Amount>,
        /// Refuse the change if the open quantity is another one by now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_open: Option<Amount>,
        /// Give up the place in the queue even where the change would keep it.
        #[serde(default, skip_serializing_if = "is_default")]
        requeue: bool,
    }

    /// The end of a live order.
    Cancel {
        /// Whose.
        account: Uuid,
        /// The order.
        order: Uuid,
    }

    /// The end of many orders.
    CancelAll {
        /// Who asks.
        account: Uuid,
        /// Whose orders.
        #[serde(default, skip_serializing_if = "is_default")]
        whose: Whose,
        /// Only this side's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Side>"))]
        side: Option<Side>,
    }

    /// The end of a session's orders.
    CancelSession {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// Only this session's; those of any session if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<NonZeroU32>,
    }

    /// A new market.
    AddMarket {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// Its name for people: 1 to 24 of `A–Z a–z 0–9 - _ . /`.
        symbol: String,
        /// What one tick of a price is worth.
        tick: StepText,
        /// What one lot of a quantity is worth.
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
        /// The reference price until something has traded. `reference` is its older name.
        #[serde(default, alias = "reference", skip_serializing_if = "Option::is_none")]
        reference_price: Option<Amount>,
        /// What the maker pays, in millionths of the notional; a rebate is negative.
        #[serde(default, skip_serializing_if = "is_default")]
        maker_ppm: i32,
        /// What the taker pays.
        #[serde(default, skip_serializing_if = "is_default")]
        taker_ppm: i32,
        /// How many orders may be live. An iceberg counts once for each part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        orders_max: Option<u32>,
        /// How many of them may be one account's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        orders_per_account_max: Option<u32>,
        /// How many requests are remembered, of all accounts together; 0 turns that off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests_max: Option<u32>,
        /// How many accounts may be blocked at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blocked_max: Option<u32>,
        /// How many parts an iceberg may come in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parts_max: Option<u32>,
    }

    /// New terms for a market, as a whole.
    SetMarket {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The lowest price an order may have.
        price_min: Amount,
        /// The highest price an order may have.
        price_max: Amount,
        /// How far from the best price a market order may trade, in ticks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protection_ticks: Option<u64>,
        /// The reference price until something has traded. `reference` is its older name.
        #[serde(default, alias = "reference", skip_serializing_if = "Option::is_none")]
        reference_price: Option<Amount>,
        /// What the maker pays, in millionths of the notional; a rebate is negative.
        #[serde(default, skip_serializing_if = "is_default")]
        maker_ppm: i32,
        /// What the taker pays.
        #[serde(default, skip_serializing_if = "is_default")]
        taker_ppm: i32,
    }

    /// The end of a market.
    RemoveMarket {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
    }

    /// Another phase.
    SetPhase {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The phase.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        phase: Phase,
    }

    /// The end of an epoch.
    CloseEpoch {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// The current number, as the sender knows it.
        number: u64,
    }

    /// Nothing but the time.
    AdvanceTime {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
    }

    /// A block.
    BlockAccount {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// Who is blocked.
        blocked: Uuid,
    }

    /// The end of a block.
    UnblockAccount {
        /// Who asks.
        #[serde(default, skip_serializing_if = "is_default")]
        account: Uuid,
        /// Who is not blocked any more.
        blocked: Uuid,
    }
}

bodies! {
    /// How a connection is meant.
    Hello {
        /// The version of the format that the sender speaks.
        format: u32,
        /// The token that says who the sender is: an operator, or a client with accounts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
        token: Option<Secret>,
        /// Whether the orders that came in by this connection end with it.
        #[serde(default, skip_serializing_if = "is_default")]
        cancel_on_disconnect: bool,
    }

    /// A market's book, and what happens to it from then on.
    Subscribe {
        /// The market.
        market: u32,
        /// Only this account's own orders and trades, which nobody else sees.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Uuid>,
        /// As of this command, and not of now: for who was away since then.
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

    /// What a market is.
    MarketAsked {
        /// The market.
        market: u32,
    }

    /// A live order.
    OrderAsked {
        /// The market.
        market: u32,
        /// The order.
        order: Uuid,
    }

    /// What became of a request.
    OutcomeAsked {
        /// The market.
        market: u32,
        /// Who asked.
        account: Uuid,
        /// Under which key.
        request: Uuid,
    }

    /// How the host is.
    StatusAsked {}
}

/// The kinds of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// Trades at its price or better.
    Limit,
    /// Trades at whatever price there is.
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
    /// What does not trade at once goes.
    ImmediateOrCancel,
    /// It trades whole and at once, or goes.
    FillOrKill,
    /// Until this time.
    GoodTillDate(Time),
    /// For this many epochs, the current one included.
    ForEpochs(u64),
}

/// Whose orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The speaker's.
    #[default]
    Own,
    /// Everybody's.
    Everybody,
    /// This account's.
    Account(Uuid),
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const fn cancel_taker() -> SelfTrade {
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
