//! `pricetime settle verify`: compares a ledger with the journal.

mod desk;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use pricetime::Dropped;
use pricetime::engine::{EpochNumber, MarketId};
use pricetime::persistence::settlement::Closed;
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::look::{Stop, json_line};
use super::past::{Past, lost};
use super::reading::Reading;
use super::{Out, Place, There, balances, start};
use desk::Desk;

/// Recomputes every batch from the journal and compares: each outcome with its digest, and each balance
/// with the sum of what was posted, to the last unit. A dropped epoch must not be recorded as posted.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    there: There,
    /// Only this market
    #[arg(long, value_name = "N")]
    market: Option<u32>,
    /// Balances at the ledger's start, if this folder has no note of them: lines as for `settle start`
    #[arg(long, value_name = "FILE", requires = "market")]
    balances: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Market(Box<Row>),
    Fault { market: u32, what: String },
}

/// The result for a market.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    pub(super) market: u32,
    /// The first epoch that could be recomputed, and the last that was compared.
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
    pub(super) posted: u64,
    pub(super) dropped: u64,
    /// Closed epochs without an outcome yet.
    pub(super) waiting: u64,
    /// The number of accounts with correct balances; `None` if that is unknown.
    pub(super) balances: Option<usize>,
    /// The number of accounts with a balance when the ledger began.
    pub(super) brought_in: usize,
}

impl Verify {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let place = self.there.config()?;
        let mut reading = place.read()?;
        let desks = self.compare(&place, &mut reading)?;
        if self.market.is_some_and(|it| !desks.contains_key(&MarketId(it))) {
            let text = "there is nothing of this market, neither in the ledger nor in the journal";
            return Err(Failure::failed(text).into());
        }
        let mut faults = 0;
        for (market, desk) in desks {
            if self.market.is_some_and(|it| it != market.0) {
                continue;
            }
            let (row, found) = desk.judge();
            faults += found.len();
            self.say(out, row, found)?;
        }
        match faults {
            0 => Ok(()),
            faults => {
                let text = format!(
                    "{faults} differences between {} and the journal: hold the markets, and see \
                     docs/settlement.md",
                    reading.name()
                );
                Err(Failure::new(Code::Unsound, text).into())
            }
        }
    }

    /// Compares every market with the journal.
    fn compare(
        &self,
        place: &Place,
        reading: &mut Reading,
    ) -> Result<BTreeMap<MarketId, Desk>, Stop> {
        let history = place.look()?.history();
        let mut desks: BTreeMap<MarketId, Desk> = BTreeMap::new();
        for market in reading.ask(|ledger| ledger.markets())? {
            let beginning = start::beginning(&place.folder, market)?;
            let unread = |why: std::io::Error| Failure::new(Code::Unsound, why.to_string());
            let drops = Dropped::of(&place.folder).read(market, history).map_err(unread)?;
            let found = reading.market(market)?;
            desks.insert(market, Desk::new(market, history, found, beginning).with_drops(drops));
        }
        // The journal is read after the ledger, so it covers every epoch that the ledger states.
        let past = Past::of(place)?;
        let mut wanted = past.oldest()?;
        if wanted.is_empty() || self.balances.is_some() {
            let specs = past.specs()?;
            if let (Some(file), Some(market)) = (&self.balances, self.market.map(MarketId)) {
                let spec = specs.get(&market).ok_or_else(|| balances::unknown(market))?;
                let given = balances::read(file, spec)?;
                if let Some(desk) = desks.get_mut(&market) {
                    desk.are_given(&given);
                }
            }
            if wanted.is_empty() {
                wanted = specs.into_keys().map(|it| (it, EpochNumber(1))).collect();
            }
        }
        let mut stopped = None;
        let went = past.go(&wanted, &mut |_, _, _, closed| {
            let Some(Closed::Whole(batch)) = closed else { return ControlFlow::Continue(()) };
            let desk = desks.entry(batch.market);
            let desk = desk.or_insert_with(|| Desk::unknown(batch.market, history));
            match reading.ask(|ledger| ledger.outcome(batch.market, batch.id())) {
                Ok(outcome) => {
                    desk.compare(&batch, outcome.as_ref());
                    ControlFlow::Continue(())
                }
                Err(stop) => {
                    stopped = Some(stop);
                    ControlFlow::Break(())
                }
            }
        });
        went.map_err(lost)?;
        stopped.map_or(Ok(desks), Err)
    }

    fn say(&self, out: &mut Out, row: Row, found: Vec<String>) -> Result<(), Stop> {
        let market = row.market;
        if self.there.json {
            json_line(out, &Output::Market(Box::new(row)))?;
            for what in found {
                json_line(out, &Output::Fault { market, what })?;
            }
            return Ok(());
        }
        match (row.from, row.to) {
            (Some(from), Some(to)) => writeln!(
                out,
                "market {market}: epochs {from} to {to} recomputed: {} posted, {} dropped, {} \
                 pending",
                row.posted, row.dropped, row.waiting
            )?,
            _ => writeln!(out, "market {market}: no epoch could be recomputed")?,
        }
        if let Some(accounts) = row.balances {
            let brought_in = match row.brought_in {
                0 => String::new(),
                n => format!(", including what {n} accounts had when the ledger began"),
            };
            writeln!(
                out,
                "market {market}: the balances of {accounts} accounts are correct{brought_in}"
            )?;
        } else if found.is_empty() {
            writeln!(
                out,
                "market {market}: balances are not compared: the first postings are no longer in \
                 the journal"
            )?;
        }
        for what in found {
            let wrong = Paint::out().text(Tone::Bad, "WRONG");
            writeln!(out, "market {market}: {wrong}: {what}")?;
        }
        Ok(())
    }
}
