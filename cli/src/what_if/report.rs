//! The comparison of two flows, as text and as JSON lines.

use std::collections::BTreeSet;
use std::io::{self, Write};

use pricetime_engine::{AccountId, MarketId, MarketSpec, Price};
use pricetime_gateway::amount::{base, cell, quote};
use pricetime_gateway::json::Amount;
use pricetime_gateway::{grouped, word};
use serde::Serialize;
use uuid::Uuid;

use super::super::reader::{json_line, table};
use super::rules::OtherRules;
use super::tally::{Bill, MarketTally, Totals};
use super::{Flow, Pair};

/// Two flows to compare.
pub(super) struct Report<'a> {
    pair: &'a Pair,
}

/// A market in both flows.
struct MarketPair<'a> {
    id: MarketId,
    recorded: &'a MarketTally,
    other: &'a MarketTally,
}

impl<'a> Report<'a> {
    pub(super) const fn of(pair: &'a Pair) -> Self {
        Self { pair }
    }

    /// The markets of both flows. They are the same, because no rule refuses one of them.
    fn markets(&self) -> impl Iterator<Item = MarketPair<'a>> {
        let others = &self.pair.other.tally.markets;
        self.pair.recorded.tally.markets.iter().filter_map(|(id, recorded)| {
            Some(MarketPair { id: *id, recorded, other: others.get(id)? })
        })
    }

    /// Writes the markets with the most trades as tables.
    pub(super) fn text(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
        let mut markets: Vec<_> = self.markets().collect();
        markets.sort_by_key(|it| {
            let trades = it.recorded.totals.trades.max(it.other.totals.trades);
            (std::cmp::Reverse(trades), it.id)
        });
        for market in markets.iter().take(top) {
            market.text(out, top)?;
        }
        if markets.len() > top {
            let rest = grouped((markets.len() - top) as u64);
            writeln!(out, "{rest} more markets: --top N or --json shows them\n")?;
        }
        for (name, flow) in [("as recorded", &self.pair.recorded), ("otherwise", &self.pair.other)]
        {
            let FlowLine { commands, digest } = FlowLine::of(flow);
            writeln!(out, "{name:<12} {} commands, digest {digest}", grouped(commands))?;
        }
        Ok(())
    }

    /// Writes one line for both flows, one for each market and one for each account in it.
    pub(super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let (recorded, other) = (FlowLine::of(&self.pair.recorded), FlowLine::of(&self.pair.other));
        let rules = RulesLine::of(&self.pair.rules);
        json_line(out, &Line::WhatIf { rules, recorded, other })?;
        for MarketPair { id, recorded, other } in self.markets() {
            let totals = |it: &MarketTally| TotalsLine::of(&it.totals, &it.spec);
            json_line(
                out,
                &Line::Market {
                    market: id.0,
                    symbol: recorded.spec.symbol.to_string(),
                    recorded: Box::new(totals(recorded)),
                    other: Box::new(totals(other)),
                },
            )?;
        }
        for market in self.markets() {
            for (account, recorded, other) in market.bills() {
                let bill = |it: &Bill| BillLine::of(it, &market.recorded.spec);
                json_line(
                    out,
                    &Line::Bill {
                        market: market.id.0,
                        account: account.into(),
                        recorded: bill(&recorded),
                        other: bill(&other),
                    },
                )?;
            }
        }
        Ok(())
    }
}

impl MarketPair<'_> {
    /// The bills of all accounts that traded in one of the flows.
    fn bills(&self) -> impl Iterator<Item = (AccountId, Bill, Bill)> {
        let all = self.recorded.bills.keys().chain(self.other.bills.keys());
        let all: BTreeSet<AccountId> = all.copied().collect();
        let of = |it: &MarketTally, account| it.bills.get(&account).copied().unwrap_or_default();
        all.into_iter()
            .map(move |account| (account, of(self.recorded, account), of(self.other, account)))
    }

    fn text(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
        let spec = &self.recorded.spec;
        let (recorded, other) = (&self.recorded.totals, &self.other.totals);
        writeln!(out, "market {}, {}", self.id, spec.symbol)?;
        let heading = ["", " as recorded", " otherwise", " change"];
        table(out, heading, rows(recorded, other, spec))?;
        let mut bills: Vec<_> = self.bills().filter(|(_, before, after)| before != after).collect();
        let changed = bills.len();
        bills.sort_by_key(|(account, before, after)| {
            (std::cmp::Reverse(before.total.abs_diff(after.total)), *account)
        });
        bills.truncate(top);
        if !bills.is_empty() {
            writeln!(out)?;
            let units = |units: i128| cell(quote(spec, units).as_ref());
            let row = |(account, before, after): (AccountId, Bill, Bill)| {
                let change = after.total.saturating_sub(before.total);
                let account = Uuid::from(account).to_string();
                [account, units(before.total), units(after.total), units(change)]
            };
            let heading = ["bill of", " as recorded", " otherwise", " change"];
            table(out, heading, bills.into_iter().map(row))?;
        }
        if changed > top {
            let rest = grouped((changed - top) as u64);
            writeln!(out, "{rest} more accounts: --top N or --json shows them")?;
        }
        writeln!(out)
    }
}

fn rows(recorded: &Totals, other: &Totals, spec: &MarketSpec) -> Vec<[String; 4]> {
    let both = [TotalsLine::of(recorded, spec), TotalsLine::of(other, spec)];
    let row = |name: &str, of: &dyn Fn(&TotalsLine) -> Option<Amount>| {
        let [before, after] = both.each_ref().map(of);
        let text = |it: &Option<Amount>| it.as_ref().map_or_else(|| "-".into(), Amount::to_string);
        let change = change(before.as_ref(), after.as_ref());
        [name.to_owned(), text(&before), text(&after), change]
    };
    let count = |count: u64| Amount::new(count.to_string());
    vec![
        row("trades", &|it| count(it.trades)),
        row("volume", &|it| it.volume.clone()),
        row("paid", &|it| it.paid.clone()),
        row("average price", &|it| it.average.clone()),
        row("lowest price", &|it| it.low.clone()),
        row("highest price", &|it| it.high.clone()),
        row("last price", &|it| it.last.clone()),
        row("surplus of buyers", &|it| it.buyers.clone()),
        row("surplus of sellers", &|it| it.sellers.clone()),
        row("fees", &|it| it.fees.clone()),
        row("refused commands", &|it| count(it.refused)),
    ]
}

/// How much more it is, in percent.
fn change(before: Option<&Amount>, after: Option<&Amount>) -> String {
    let number = |it: Option<&Amount>| it?.as_str().parse::<f64>().ok();
    match (number(before), number(after)) {
        (Some(before), Some(after)) if before.to_bits() == after.to_bits() => String::from("="),
        (Some(before), Some(after)) if before != 0.0 => {
            format!("{:+.2} %", 100.0 * (after - before) / before.abs())
        }
        _ => String::from("-"),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    WhatIf { rules: RulesLine, recorded: FlowLine, other: FlowLine },
    Market { market: u32, symbol: String, recorded: Box<TotalsLine>, other: Box<TotalsLine> },
    Bill { market: u32, account: Uuid, recorded: BillLine, other: BillLine },
}

#[derive(Debug, Serialize)]
struct FlowLine {
    commands: u64,
    digest: String,
}

impl FlowLine {
    fn of(flow: &Flow) -> Self {
        let digest = format!("{:032x}", flow.engine.digest());
        Self { commands: flow.tally.commands, digest }
    }
}

#[derive(Debug, Serialize)]
struct RulesLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maker_ppm: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taker_ppm: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_trade: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch_nanoseconds: Option<u64>,
}

impl RulesLine {
    fn of(rules: &OtherRules) -> Self {
        Self {
            pricing: rules.pricing.as_ref().map(word),
            phase: rules.phase.as_ref().map(word),
            maker_ppm: rules.fees.map(|fees| fees.maker_ppm),
            taker_ppm: rules.fees.map(|fees| fees.taker_ppm),
            self_trade: rules.self_trade.as_ref().map(word),
            epoch_nanoseconds: rules.epoch_length,
        }
    }
}

#[derive(Debug, Serialize)]
struct TotalsLine {
    refused: u64,
    trades: u64,
    volume: Option<Amount>,
    paid: Option<Amount>,
    average: Option<Amount>,
    low: Option<Amount>,
    high: Option<Amount>,
    last: Option<Amount>,
    buyers: Option<Amount>,
    sellers: Option<Amount>,
    fees: Option<Amount>,
}

impl TotalsLine {
    fn of(totals: &Totals, spec: &MarketSpec) -> Self {
        let price = |price: Price| Amount::new(spec.show_price(price));
        let lots = i128::try_from(totals.volume).unwrap_or(i128::MAX);
        Self {
            refused: totals.refused,
            trades: totals.trades,
            volume: base(spec, lots),
            paid: quote(spec, totals.notional.0),
            average: average(totals, spec),
            low: totals.prices.and_then(|(low, _)| price(low)),
            high: totals.prices.and_then(|(_, high)| price(high)),
            last: totals.last.and_then(price),
            buyers: quote(spec, totals.buyers),
            sellers: quote(spec, totals.sellers),
            fees: quote(spec, totals.fees),
        }
    }
}

/// What was paid for a unit, rounded to a hundredth of a tick.
fn average(totals: &Totals, spec: &MarketSpec) -> Option<Amount> {
    let volume = i128::try_from(totals.volume).ok().filter(|volume| *volume > 0)?;
    let hundredths = totals.notional.0.checked_mul(100)?;
    let rounded = (hundredths + volume / 2).div_euclid(volume);
    let tick = pricetime_engine::Step { exponent: spec.tick.exponent.checked_sub(2)?, ..spec.tick };
    let fine = MarketSpec { tick, ..*spec };
    Amount::new(fine.show_price(Price(i64::try_from(rounded).ok()?)))
}

#[derive(Debug, Serialize)]
struct BillLine {
    bought: Option<Amount>,
    sold: Option<Amount>,
    total: Option<Amount>,
}

impl BillLine {
    fn of(bill: &Bill, spec: &MarketSpec) -> Self {
        let lots = |lots: u128| base(spec, i128::try_from(lots).unwrap_or(i128::MAX));
        let Bill { bought, sold, total } = bill;
        Self { bought: lots(*bought), sold: lots(*sold), total: quote(spec, *total) }
    }
}
