//! `pricetime inspect account`: the orders, trades and totals of an account.

mod activity;

use std::io::Write as _;

use clap::Args;
use pricetime_engine::{AccountId, Engine, Event, Group, MarketSpec, Side};
use pricetime_gateway::json::{Amount, Answer, Done, OrderLine, Orders};
use pricetime_terminal::{Cell, Paint};
use serde::Serialize;
use uuid::Uuid;

use super::super::reader::{Stop, grouped, json_line, table, word};
use super::{MomentArgs, Out, time, tone};
use activity::{AccountActivity, TotalsLine};

/// Shows an account: its live orders, its last trades, and its totals in each market.
#[derive(Debug, Args)]
pub(super) struct AccountCommand {
    /// The account
    account: Uuid,
    /// How many of its last trades to show (trades from one command count once)
    #[arg(long, default_value_t = 20, value_name = "N")]
    trades: usize,
    #[command(flatten)]
    moment: MomentArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Totals(TotalsLine),
}

impl AccountCommand {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let account = AccountId::from(self.account);
        let mut activity = AccountActivity::new(account, self.trades);
        let engine = self.moment.replay()?.replay_all(&mut |engine, _, group| {
            activity.record(engine, group);
            Ok(())
        })?;
        if self.moment.json {
            self.write_json(out, &engine, &activity)
        } else {
            self.write_text(out, &engine, &activity)
        }
    }

    fn write_json(
        &self,
        out: &mut Out,
        engine: &Engine,
        activity: &AccountActivity,
    ) -> Result<(), Stop> {
        for book in engine.markets() {
            let orders = book.orders_of(activity.account);
            if !orders.is_empty() {
                let orders = orders.iter().map(|it| OrderLine::of(it, book.spec())).collect();
                let answer = Orders {
                    line: None,
                    market: book.market().0,
                    account: self.account,
                    sequence: engine.last_sequence().0,
                    orders,
                };
                json_line(out, &Answer::Orders(answer))?;
            }
        }
        for (group, spec) in &activity.last {
            json_line(out, &Answer::Done(Done::of_group(group, spec)))?;
        }
        for (market, totals) in &activity.totals {
            json_line(out, &Output::Totals(totals.line(self.account, *market)))?;
        }
        Ok(())
    }

    fn write_text(
        &self,
        out: &mut Out,
        engine: &Engine,
        activity: &AccountActivity,
    ) -> Result<(), Stop> {
        writeln!(out, "account {} at command {}", self.account, engine.last_sequence())?;
        let mut orders = Vec::new();
        for book in engine.markets() {
            for record in book.orders_of(activity.account) {
                let line = OrderLine::of(&record, book.spec());
                let shown = |price: Option<Amount>| price.map_or("-".into(), |it| it.to_string());
                orders.push([
                    book.spec().symbol.to_string().into(),
                    line.order.to_string().into(),
                    Cell::new(tone(record.side), word(&line.side)),
                    word(&line.r#type).into(),
                    shown(line.price).into(),
                    shown(line.stop).into(),
                    line.open.to_string().into(),
                ]);
            }
        }
        writeln!(out, "\n{} live orders", grouped(orders.len() as u64))?;
        if !orders.is_empty() {
            let heading = ["market", "order", "side", "type", " price", " stop", " open"];
            table(out, heading, orders)?;
        }
        writeln!(out, "\nlast trades")?;
        for (group, spec) in &activity.last {
            for event in &group.events {
                write_trade(out, group, event, (activity.account, spec))?;
            }
        }
        writeln!(out)?;
        let cells: Vec<_> = activity
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
        Ok(table(out, heading, cells)?)
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
                Paint::out().text(tone(side), if side == Side::Buy { "bought" } else { "sold" }),
                spec.show_quantity(*quantity),
                spec.show_price(*price),
                Uuid::from(party.order),
            )?;
        }
    }
    Ok(())
}
