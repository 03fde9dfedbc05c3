//! What comes out.

use pricetime_engine::{ActionKind, Event, Group, Header, Level, MarketSpec, Outcome, Phase, Side};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::convert::Units;
use super::event::{EpochLine, EventLine, OrderLine, OutcomeLine};
use super::market::{CallLine, Detail, MarketSpecLine};
use super::value::{Amount, Time};
use pricetime::MarketUpdate;
use pricetime::MarketView;

/// One line that comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a line is made, written and dropped")]
pub enum Answer {
    /// The first line of a connection.
    Welcome(Welcome),
    /// What became of a command; durable when it is said, unless it says otherwise.
    Done(Done),
    /// A line that was not taken: it changed nothing.
    Refused(Refused),
    /// A market's book.
    Book(Book),
    /// What changed in a market, for a subscriber.
    Update(Update),
    /// An account's live orders, for a subscriber.
    Orders(Orders),
    /// What happened to an account, for a subscriber: as `done`, without what is not its business.
    Own(Done),
    /// A subscription has ended; whoever wants more subscribes anew.
    Ended(Ended),
    /// What a market is, if there is such a one.
    Market(MarketFound),
    /// A live order, if there is such a one.
    Order(OrderFound),
    /// What became of a request, if it is known.
    Outcome(OutcomeFound),
    /// How the host is.
    Status(Status),
}

/// Nearly all answers are durable, and do not say so.
const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
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
    /// Who answers.
    Welcome {
        /// The version of the format.
        format: u32,
        /// The version of the rules of matching.
        rules: u32,
        /// The history in which sequences, epochs and trade numbers mean something.
        history: Uuid,
        /// Every command up to this one is durable.
        sequence: u64,
        /// Whether this connection may do what only operators may.
        operator: bool,
        /// The accounts that this connection acts for, where a token binds it to some.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accounts: Vec<Uuid>,
        /// False where answers are not durable when they come: without a data folder.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        durable: bool,
    }

    /// What became of a command.
    Done {
        /// The number of the line it came in, on this connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// The command's number.
        sequence: u64,
        /// The command's time.
        time: Time,
        /// The market.
        market: u32,
        /// Who spoke.
        account: Uuid,
        /// The idempotency key, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Uuid>,
        /// What it was.
        #[cfg_attr(feature = "schema", schemars(with = "super::schema::ActionKind"))]
        command: ActionKind,
        /// What became of it.
        outcome: OutcomeLine,
        /// What is wrong with a market that was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Detail>,
        /// What happened, in order.
        events: Vec<EventLine>,
        /// False where a crash may take it back: without a data folder.
        #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
        durable: bool,
    }

    /// Why a line was not taken.
    Refused {
        /// The line's number, from 1; 0 if the connection itself is refused or closed.
        line: u64,
        /// The byte in it at which it is no longer understood, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<u64>,
        /// Its request, where it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Uuid>,
        /// What is wrong.
        error: String,
    }

    /// A market's book as everybody may see it.
    Book {
        /// The number of the line that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// The market.
        market: u32,
        /// Its name.
        symbol: String,
        /// Every command up to this one is in it, and none behind.
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

    /// What all the orders of one price show.
    LevelLine {
        /// The price.
        price: Amount,
        /// The sum of the shown quantities.
        quantity: Amount,
        /// How many orders.
        orders: u32,
    }

    /// What one command changed of a market.
    Update {
        /// The market.
        market: u32,
        /// The command's number.
        sequence: u64,
        /// The command's time.
        time: Time,
        /// What traded, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        trades: Vec<TradeLine>,
        /// The bids that changed, as they are now. One without orders is gone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bids: Vec<LevelLine>,
        /// The asks that changed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asks: Vec<LevelLine>,
        /// The phase, where it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phase>"))]
        phase: Option<Phase>,
        /// What an uncross would find and do now, while the market is in call: in the last update of
        /// each batch of commands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallLine>,
        /// The epoch that closed, where one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closed: Option<EpochLine>,
        /// Whether the market is gone.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        removed: bool,
    }

    /// A trade as everybody may see it.
    TradeLine {
        /// Its number in the market.
        number: u64,
        /// At which price.
        price: Amount,
        /// How much.
        quantity: Amount,
        /// What the one who came did.
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
        /// Whose.
        account: Uuid,
        /// Every command up to this one is in it, and none behind.
        sequence: u64,
        /// The orders, by priority.
        orders: Vec<OrderLine>,
    }

    /// A subscription that has ended.
    Ended {
        /// The market.
        market: u32,
        /// The account, where it was an account's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Uuid>,
        /// Why.
        why: String,
    }

    /// What a market is, if there is such a one.
    MarketFound {
        /// The number of the line that asked.
        line: u64,
        /// The market.
        market: u32,
        /// Everything that `add_market` can say of it, with the terms as they are now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<MarketSpecLine>,
    }

    /// A live order, if there is such a one.
    OrderFound {
        /// The number of the line that asked.
        line: u64,
        /// The market.
        market: u32,
        /// The order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<OrderLine>,
    }

    /// What became of a request, if it is known.
    OutcomeFound {
        /// The number of the line that asked.
        line: u64,
        /// The market.
        market: u32,
        /// The request.
        request: Uuid,
        /// The command that it came with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u64>,
        /// What became of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<OutcomeLine>,
    }

    /// How the host is.
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
        /// The markets whose image in Redis another process has taken over.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fenced: Vec<FencedLine>,
    }

    /// A market that this process does not write in Redis, because the claim of another one stands there.
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

impl Done {
    /// The line of a group of the market that is as `spec` says. If the group refuses a market or its terms,
    /// `spec` may be what was refused: then the line says what is wrong with it.
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

    /// The line of a group as a value.
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
