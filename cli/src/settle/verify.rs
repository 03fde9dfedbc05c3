//! `pricetime settle verify`: compares a ledger with the journal.

mod comparison;

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
use super::super::reader::{Stop, json_line};
use super::ledger_reader::LedgerReader;
use super::replay::{JournalReplay, recount_failure};
use super::{Context, LedgerArgs, Out, balances, start};
use comparison::MarketComparison;

/// Recomputes every batch from the journal and compares: each outcome with its digest, and each balance
/// with the sum of what was posted, to the last unit. A dropped epoch must not be recorded as posted.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    args: LedgerArgs,
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
        let context = self.args.config()?;
        let mut ledger_reader = context.read()?;
        let comparisons = self.compare(&context, &mut ledger_reader)?;
        if self.market.is_some_and(|it| !comparisons.contains_key(&MarketId(it))) {
            let text = "there is nothing of this market, neither in the ledger nor in the journal";
            return Err(Failure::failed(text).into());
        }
        let mut faults = 0;
        for (market, comparison) in comparisons {
            if self.market.is_some_and(|it| it != market.0) {
                continue;
            }
            let (row, found) = comparison.finish();
            faults += found.len();
            self.print(out, row, found)?;
        }
        match faults {
            0 => Ok(()),
            faults => {
                let text = format!(
                    "{faults} differences between {} and the journal: hold the markets, and see \
                     docs/settlement.md",
                    ledger_reader.name()
                );
                Err(Failure::new(Code::Unsound, text).into())
            }
        }
    }

    /// Compares every market with the journal.
    fn compare(
        &self,
        context: &Context,
        ledger_reader: &mut LedgerReader,
    ) -> Result<BTreeMap<MarketId, MarketComparison>, Stop> {
        let history = context.reader()?.history();
        let mut comparisons: BTreeMap<MarketId, MarketComparison> = BTreeMap::new();
        for market in ledger_reader.ask(|ledger| ledger.markets())? {
            let ledger_start = start::ledger_start(&context.folder, market)?;
            let unread = |why: std::io::Error| Failure::new(Code::Unsound, why.to_string());
            let drops = Dropped::of(&context.folder).read(market, history).map_err(unread)?;
            let found = ledger_reader.market(market)?;
            comparisons.insert(
                market,
                MarketComparison::new(market, history, found, ledger_start).with_drops(drops),
            );
        }
        // The journal is read after the ledger, so it covers every epoch that the ledger states.
        let replay = JournalReplay::of(context)?;
        let mut wanted = replay.oldest()?;
        if wanted.is_empty() || self.balances.is_some() {
            let specs = replay.specs()?;
            if let (Some(file), Some(market)) = (&self.balances, self.market.map(MarketId)) {
                let spec = specs.get(&market).ok_or_else(|| balances::unknown(market))?;
                let given = balances::read(file, spec)?;
                if let Some(comparison) = comparisons.get_mut(&market) {
                    comparison.set_starting_balances(&given);
                }
            }
            if wanted.is_empty() {
                wanted = specs.into_keys().map(|it| (it, EpochNumber(1))).collect();
            }
        }
        let mut stopped = None;
        let replayed = replay.run_from(&wanted, &mut |_, _, _, closed| {
            let Some(Closed::Whole(batch)) = closed else { return ControlFlow::Continue(()) };
            let comparison = comparisons.entry(batch.market);
            let comparison =
                comparison.or_insert_with(|| MarketComparison::unknown(batch.market, history));
            match ledger_reader.ask(|ledger| ledger.outcome(batch.market, batch.id())) {
                Ok(outcome) => {
                    comparison.compare(&batch, outcome.as_ref());
                    ControlFlow::Continue(())
                }
                Err(stop) => {
                    stopped = Some(stop);
                    ControlFlow::Break(())
                }
            }
        });
        replayed.map_err(recount_failure)?;
        stopped.map_or(Ok(comparisons), Err)
    }

    fn print(&self, out: &mut Out, row: Row, found: Vec<String>) -> Result<(), Stop> {
        let market = row.market;
        if self.args.json {
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
