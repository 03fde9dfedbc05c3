//! `pricetime inspect account`: what an account has and did.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;

use clap::Args;
use pricetime::json::{Amount, Answer, Done, OrderLine, Orders};
use pricetime_engine::{
    AccountId, Engine, Event, Group, MarketId, MarketSpec, Notional, Outcome, Side,
};
use serde::Serialize;
use uuid::Uuid;

use super::super::look::{Stop, grouped, json_line, table, word};
use super::{Moment, Out, time};

/// Shows an account: its live orders, its last trades, and what it came to in each market.
#[derive(Debug, Args)]
pub(super) struct AccountAsked {
    /// The account
    account: Uuid,
    /// How many of its last trades are shown
    #[arg(long, default_value_t = 20, value_name = "N")]
    trades: usize,
    #[command(flatten)]
    moment: Moment,
}

/// What an account came to in a market.
struct Totals {
    spec: MarketSpec,
    commands: u64,
    refused: u64,
    accepted: u64,
    cancelled: u64,
    trades: u64,
    bought: u128,
    sold: u128,
    paid: Notional,
    received: Notional,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Totals(Line),
}

#[derive(Debug, Serialize)]
struct Line {
    account: Uuid,
    market: u32,
    symbol: String,
    commands: u64,
    refused: u64,
    accepted: u64,
    cancelled: u64,
    trades: u64,
    bought: Option<Amount>,
    sold: Option<Amount>,
    paid: Option<Amount>,
    received: Option<Amount>,
}

/// What was seen of an account on the way.
struct Watched {
    account: AccountId,
    totals: BTreeMap<MarketId, Totals>,
    /// The last groups in which it traded, each with nothing but those trades.
    last: VecDeque<(Group, MarketSpec)>,
    keep: usize,
}

impl AccountAsked {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let account = AccountId::from(self.account);
        let mut watched =
            Watched { account, totals: BTreeMap::new(), last: VecDeque::new(), keep: self.trades };
        let engine = self.moment.travel()?.watch(&mut |engine, _, group| {
            watched.see(engine, group);
            Ok(())
        })?;
        if self.moment.json {
            self.lines(out, &engine, &watched)
        } else {
            self.page(out, &engine, &watched)
        }
    }

    fn lines(&self, out: &mut Out, engine: &Engine, watched: &Watched) -> Result<(), Stop> {
        for book in engine.markets() {
            let orders = book.orders_of(watched.account);
            if !orders.is_empty() {
                let orders = orders.iter().map(|it| OrderLine::of(it, book.spec())).collect();
                let said = Orders {
                    line: None,
                    market: book.market().0,
                    account: self.account,
                    sequence: engine.last_sequence().0,
                    orders,
                };
                json_line(out, &Answer::Orders(said))?;
            }
        }
        for (group, spec) in &watched.last {
            json_line(out, &Answer::Done(Done::of_group(group, spec)))?;
        }
        for (market, totals) in &watched.totals {
            json_line(out, &Said::Totals(totals.line(self.account, *market)))?;
        }
        Ok(())
    }

    fn page(&self, out: &mut Out, engine: &Engine, watched: &Watched) -> Result<(), Stop> {
        writeln!(out, "account {} at command {}", self.account, engine.last_sequence())?;
        let mut orders = Vec::new();
        for book in engine.markets() {
            for record in book.orders_of(watched.account) {
                let line = OrderLine::of(&record, book.spec());
                let shown = |price: Option<Amount>| price.map_or("-".into(), |it| it.to_string());
                orders.push([
                    book.spec().symbol.to_string(),
                    line.order.to_string(),
                    word(&line.side),
                    word(&line.r#type),
                    shown(line.price),
                    shown(line.stop),
                    line.open.to_string(),
                ]);
            }
        }
        writeln!(out, "\n{} live orders", grouped(orders.len() as u64))?;
        if !orders.is_empty() {
            let heading = ["market", "order", "side", "type", " price", " stop", " open"];
            table(out, heading, &orders)?;
        }
        writeln!(out, "\nlast trades")?;
        for (group, spec) in &watched.last {
            for event in &group.events {
                write_trade(out, group, event, (watched.account, spec))?;
            }
        }
        writeln!(out)?;
        let cells: Vec<_> = watched
            .totals
            .iter()
            .map(|(market, totals)| totals.line(self.account, *market))
            .map(|it| {
                let shown = |amount: &Option<Amount>| {
                    amount.as_ref().map_or("-".into(), ToString::to_string)
                };
                [
                    it.symbol.clone(),
                    it.commands.to_string(),
                    it.refused.to_string(),
                    it.accepted.to_string(),
                    it.cancelled.to_string(),
                    it.trades.to_string(),
                    shown(&it.bought),
                    shown(&it.paid),
                    shown(&it.sold),
                    shown(&it.received),
                ]
            })
            .collect();
        let heading = [
            "market",
            " commands",
            " refused",
            " accepted",
            " cancelled",
            " trades",
            " bought",
            " for",
            " sold",
            " for",
        ];
        Ok(table(out, heading, &cells)?)
    }
}

fn write_trade(
    out: &mut Out,
    group: &Group,
    event: &Event,
    (account, spec): (AccountId, &MarketSpec),
) -> Result<(), Stop> {
    let Event::Traded { number, maker, taker, taker_side, price, quantity, .. } = event else {
        return Ok(());
    };
    for (party, side) in [(maker, taker_side.opposite()), (taker, *taker_side)] {
        if party.account == account {
            writeln!(
                out,
                "{:>10}  {}  {} {} {} at {}, order {} (trade {number})",
                group.header.sequence,
                time(group.header.timestamp),
                spec.symbol,
                if side == Side::Buy { "bought" } else { "sold" },
                spec.show_quantity(*quantity),
                spec.show_price(*price),
                Uuid::from(party.order),
            )?;
        }
    }
    Ok(())
}

impl Watched {
    fn see(&mut self, engine: &Engine, group: &Group) {
        let header = &group.header;
        let speaks = header.account == self.account;
        let is_named = |event: &Event| self.is_of(event);
        if !speaks && !group.events.iter().any(is_named) {
            return;
        }
        let Some(book) = engine.market(header.market) else { return };
        let spec = *book.spec();
        let totals = self.totals.entry(header.market).or_insert_with(|| Totals::new(spec));
        if speaks {
            totals.commands += 1;
            totals.refused += u64::from(matches!(group.outcome, Outcome::Rejected(_)));
        }
        for event in &group.events {
            totals.take(event, self.account);
        }
        let trades: Vec<_> = group
            .events
            .iter()
            .filter(|event| matches!(event, Event::Traded { .. }) && self.is_of(event))
            .copied()
            .collect();
        if !trades.is_empty() && self.keep > 0 {
            if self.last.len() == self.keep {
                self.last.pop_front();
            }
            let group = Group { header: *header, events: trades, outcome: group.outcome };
            self.last.push_back((group, spec));
        }
    }

    /// Whether an event is about an order of this account.
    fn is_of(&self, event: &Event) -> bool {
        let own = self.account;
        match event {
            Event::Accepted { account, .. } => *account == own,
            Event::Traded { maker, taker, .. } => maker.account == own || taker.account == own,
            Event::Reduced { party, .. }
            | Event::Amended { party, .. }
            | Event::Cancelled { party, .. }
            | Event::Triggered { party, .. }
            | Event::Replenished { party, .. } => party.account == own,
            Event::Rejected { .. }
            | Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => false,
        }
    }
}

impl Totals {
    const fn new(spec: MarketSpec) -> Self {
        Self {
            spec,
            commands: 0,
            refused: 0,
            accepted: 0,
            cancelled: 0,
            trades: 0,
            bought: 0,
            sold: 0,
            paid: Notional(0),
            received: Notional(0),
        }
    }

    fn take(&mut self, event: &Event, own: AccountId) {
        if let Event::Accepted { account, .. } = event {
            self.accepted += u64::from(*account == own);
        } else if let Event::Cancelled { party, .. } = event {
            self.cancelled += u64::from(party.account == own);
        } else if let Event::Traded { maker, taker, taker_side, price, quantity, .. } = event {
            self.trades += u64::from(maker.account == own || taker.account == own);
            for (party, side) in [(maker, taker_side.opposite()), (taker, *taker_side)] {
                if party.account != own {
                    continue;
                }
                let (lots, notional) = (u128::from(quantity.0), price.times(*quantity));
                match side {
                    Side::Buy => {
                        self.bought += lots;
                        self.paid = self.paid.plus(notional);
                    }
                    Side::Sell => {
                        self.sold += lots;
                        self.received = self.received.plus(notional);
                    }
                }
            }
        }
    }

    fn line(&self, account: Uuid, market: MarketId) -> Line {
        let lots = |lots: u128| {
            Amount::new(self.spec.show_lots(i128::try_from(lots).unwrap_or(i128::MAX)))
        };
        Line {
            account,
            market: market.0,
            symbol: self.spec.symbol.to_string(),
            commands: self.commands,
            refused: self.refused,
            accepted: self.accepted,
            cancelled: self.cancelled,
            trades: self.trades,
            bought: lots(self.bought),
            sold: lots(self.sold),
            paid: Amount::new(self.spec.show_notional(self.paid)),
            received: Amount::new(self.spec.show_notional(self.received)),
        }
    }
}
