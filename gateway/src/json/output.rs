//! The output lines.

use pricetime_engine::{
    ActionKind, Event, Group, Header, Level, MarketHead, MarketSpec, Outcome, Phase, Side,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::convert::Units;
use super::event::{EpochLine, EventLine, OrderLine, OutcomeLine};
use super::market::{CallLine, Detail, MarketSpecLine};
use super::value::{Amount, StepText, Time};
use pricetime::MarketUpdate;
use pricetime::MarketView;

/// One output line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a line is created, written and dropped at once")]
pub enum Answer {
    /// The first line of a connection.
    Welcome(Welcome),
    /// The outcome of a command. The command is durable, unless the line says otherwise.
    Done(Done),
    /// A line that was refused. It changed nothing.
    Refused(Refused),
    /// A market's book.
    Book(Book),
    /// A change in a market, for a subscriber.
    Update(Update),
    /// An account's live orders, for a subscriber.
    Orders(Orders),
    /// An event of an account, for a subscriber: like `done`, without what does not concern the account.
    Own(Done),
    /// A subscription has ended. To continue, subscribe again.
    Ended(Ended),
    /// The specification of a market, if the market exists.
    Market(MarketFound),
    /// The markets.
    Markets(MarketsFound),
    /// A live order, if it exists.
    Order(OrderFound),
    /// The outcome of a request, if it is known.
    Outcome(OutcomeFound),
    /// The status of the host.
    Status(Status),
}

/// Nearly all answers are durable, and leave this out.
const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Declares the bodies of answers.
macro_rules! answers {
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

answers! {
    /// The answer to `hello`.
    Welcome {
        /// The version of the format.
        format: u32,
        /// The version of the matching rules.
        rules: u32,
        /// The history that sequences, epochs and trade numbers belong to.
        history: Uuid,
        /// Every command up to this one is durable.
        sequence: u64,
        /// Whether this connection may do what only operators may.
        operator: bool,
        /// The accounts that this connection acts for, if its token has any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accounts: Vec<Uuid>,
        /// False if answers are not durable when they come, because there is no data folder.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        durable: bool,
    }

    /// The outcome of a command.
    Done {
        /// The number of its line on this connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// The sequence of the command.
        sequence: u64,
        /// The time of the command.
        time: Time,
        /// The market.
        market: u32,
        /// The account that sent it.
        account: Uuid,
        /// The idempotency key, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Uuid>,
        /// The kind of the command.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::ActionKind"))]
        command: ActionKind,
        /// The outcome.
        outcome: OutcomeLine,
        /// What is wrong with a market that was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Detail>,
        /// The events, in order.
        events: Vec<EventLine>,
        /// False if a crash may take it back, because there is no data folder.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        durable: bool,
    }

    /// The reason why a line was refused.
    Refused {
        /// The line's number, from 1. It is 0 if the connection itself is refused or closed.
        line: u64,
        /// The byte of the line at which it is no longer understood, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<u64>,
        /// Its request, if it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Uuid>,
        /// What is wrong.
        error: String,
    }

    /// A market's book, as every client may see it.
    Book {
        /// The number of the line that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// The market.
        market: u32,
        /// Its name.
        symbol: String,
        /// Every command up to this one is in the book, and no later one.
        sequence: u64,
        /// The phase.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        phase: Phase,
        /// The current epoch.
        epoch: u64,
        /// The price of the last trade.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_price: Option<Amount>,
        /// What an uncross would find and do now, while the market is in call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallLine>,
        /// The bids, best first.
        bids: Vec<LevelLine>,
        /// How many levels of bids there are beyond these.
        #[serde(default, skip_serializing_if = "is_zero")]
        more_bids: usize,
        /// The asks, best first.
        asks: Vec<LevelLine>,
        /// How many levels of asks there are beyond these.
        #[serde(default, skip_serializing_if = "is_zero")]
        more_asks: usize,
    }

    /// The orders at one price.
    LevelLine {
        /// The price.
        price: Amount,
        /// The sum of the shown quantities.
        quantity: Amount,
        /// The number of orders.
        orders: u32,
    }

    /// The changes that one command made in a market.
    Update {
        /// The market.
        market: u32,
        /// The sequence of the command.
        sequence: u64,
        /// The time of the command.
        time: Time,
        /// The trades, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        trades: Vec<TradeLine>,
        /// The bid levels that changed, as they are now. A level without orders is gone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bids: Vec<LevelLine>,
        /// The ask levels that changed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asks: Vec<LevelLine>,
        /// The new phase, if it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phase>"))]
        phase: Option<Phase>,
        /// What an uncross would find and do now, while the market is in call. It is in the last update
        /// of each batch of commands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallLine>,
        /// The epoch that closed, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closed: Option<EpochLine>,
        /// Whether the market was removed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        removed: bool,
    }

    /// A trade, as every client may see it.
    TradeLine {
        /// Its number in the market.
        number: u64,
        /// The price.
        price: Amount,
        /// The quantity.
        quantity: Amount,
        /// The side of the taker.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Side"))]
        taker_side: Side,
    }

    /// An account's live orders.
    Orders {
        /// The number of the line that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// The market.
        market: u32,
        /// The account.
        account: Uuid,
        /// Every command up to this one is in the list, and no later one.
        sequence: u64,
        /// The orders, by priority.
        orders: Vec<OrderLine>,
    }

    /// A subscription that has ended.
    Ended {
        /// The market.
        market: u32,
        /// The account, if it was a subscription to one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Uuid>,
        /// The reason.
        why: String,
    }

    /// The specification of a market, if the market exists.
    MarketFound {
        /// The number of the line that asked.
        line: u64,
        /// The market.
        market: u32,
        /// Everything that `add_market` sets, with the current terms.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<MarketSpecLine>,
    }

    /// The markets, in the order of their ids: at most [`MARKETS_LISTED_MAX`](super::MARKETS_LISTED_MAX).
    MarketsFound {
        /// The number of the line that asked.
        line: u64,
        /// The markets.
        markets: Vec<ListedMarket>,
        /// How many more there are. Ask for those after the last one of this list.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: usize,
    }

    /// A market in a list.
    ListedMarket {
        /// The market.
        market: u32,
        /// Its name.
        symbol: String,
        /// The value of one step of a price.
        tick: StepText,
        /// The value of one step of a quantity.
        lot: StepText,
        /// Its phase.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::Phase"))]
        phase: Phase,
        /// Its current epoch.
        epoch: u64,
    }

    /// A live order, if it exists.
    OrderFound {
        /// The number of the line that asked.
        line: u64,
        /// The market.
        market: u32,
        /// The order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<OrderLine>,
    }

    /// The outcome of a request, if it is known.
    OutcomeFound {
        /// The number of the line that asked.
        line: u64,
        /// The market.
        market: u32,
        /// The request.
        request: Uuid,
        /// The command that had this request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u64>,
        /// Its outcome.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<OutcomeLine>,
    }

    /// The status of the host.
    Status {
        /// The number of the line that asked.
        line: u64,
        /// Every command up to this one is durable.
        durable: u64,
        /// Every command up to this one is in the newest local snapshot.
        snapshot: u64,
        /// Why the host has stopped, if it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<String>,
        /// Why the last snapshot could not be written, if it could not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot_failure: Option<String>,
        /// What is wrong with the image, if anything is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        faulty: Option<String>,
        /// How many epochs the image in Redis lags, in the market that lags most. Only if there is an image.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image_behind: Option<u64>,
        /// Why the image cannot be written, if it cannot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image_failure: Option<String>,
        /// How many closed epochs are not settled, over all markets. Only if trades are settled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settlement_behind: Option<u64>,
        /// Why the settlement of a market waits, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settlement_failure: Option<String>,
        /// The markets whose image in Redis another process has taken over.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fenced: Vec<FencedLine>,
    }

    /// A market that this process does not write in Redis, because another process has claimed it.
    FencedLine {
        /// The market.
        market: u32,
        /// The term in which this process wrote it.
        term: u64,
        /// The other process's term.
        claim_term: u64,
        /// The other process's name, `writer` in the market's metadata.
        claim_writer: String,
    }
}

impl ListedMarket {
    /// A market's line in a list.
    #[must_use]
    pub fn of(head: &MarketHead) -> Self {
        let MarketSpec { symbol, tick, lot, .. } = head.spec;
        Self {
            market: head.market.0,
            symbol: symbol.to_string(),
            tick: tick.into(),
            lot: lot.into(),
            phase: head.phase,
            epoch: head.epoch.0,
        }
    }
}

impl Done {
    /// The line of a group in a market with this `spec`. If the group refuses a market or its terms,
    /// `spec` may be what was refused. Then the line says what is wrong with it.
    #[must_use]
    pub fn of(header: &Header, events: &[Event], outcome: Outcome, spec: &MarketSpec) -> Self {
        Self {
            line: None,
            sequence: header.sequence.0,
            time: Time(header.timestamp),
            market: header.market.0,
            account: header.account.into(),
            request: header.request.map(|request| request.id.into()),
            command: header.kind,
            outcome: outcome.into(),
            detail: Detail::of(outcome, header.market, spec),
            events: events.iter().map(|it| EventLine::of(it, header.market, spec)).collect(),
            durable: true,
        }
    }

    /// The line of a group.
    #[must_use]
    pub fn of_group(group: &Group, spec: &MarketSpec) -> Self {
        Self::of(&group.header, &group.events, group.outcome, spec)
    }
}

impl LevelLine {
    /// The line of a level.
    #[must_use]
    pub fn of(level: &Level, spec: &MarketSpec) -> Self {
        let units = Units(spec);
        let (price, quantity) =
            (units.show_price(level.price), units.show_quantity(level.quantity));
        Self { price, quantity, orders: level.orders }
    }
}

impl Book {
    /// The line of a book.
    #[must_use]
    pub fn of(view: &MarketView, spec: &MarketSpec) -> Self {
        let levels = |levels: &[Level]| levels.iter().map(|it| LevelLine::of(it, spec)).collect();
        Self {
            line: None,
            market: view.market.0,
            symbol: spec.symbol.as_str().to_owned(),
            sequence: view.sequence.0,
            phase: view.phase,
            epoch: view.epoch.0,
            last_price: view.last_price.map(|price| Units(spec).show_price(price)),
            call: view.call.as_ref().map(|call| CallLine::of(call, spec)),
            bids: levels(&view.bids),
            more_bids: view.more_bids,
            asks: levels(&view.asks),
            more_asks: view.more_asks,
        }
    }
}

impl Update {
    /// The line of an update.
    #[must_use]
    pub fn of(update: &MarketUpdate, spec: &MarketSpec) -> Self {
        let units = Units(spec);
        let side = |side: Side| {
            let levels = update.levels.iter().filter(|(of, _)| *of == side);
            levels.map(|(_, level)| LevelLine::of(level, spec)).collect()
        };
        let trades = update.trades.iter().map(|trade| TradeLine {
            number: trade.number.0,
            price: units.show_price(trade.price),
            quantity: units.show_quantity(trade.quantity),
            taker_side: trade.taker_side,
        });
        Self {
            market: update.market.0,
            sequence: update.sequence.0,
            time: Time(update.timestamp),
            trades: trades.collect(),
            bids: side(Side::Buy),
            asks: side(Side::Sell),
            phase: update.phase,
            call: update.call.as_ref().map(|call| CallLine::of(call, spec)),
            closed: update.closed.as_ref().map(|closed| EpochLine::of(closed, spec)),
            removed: update.removed,
        }
    }
}
