//! `pricetime settle list`: the pending batches and the last outcomes.

use clap::Args;
use pricetime::engine::{EpochNumber, MarketId};
use pricetime::persistence::settlement::Batch;
use pricetime::persistence::settlement::ledger::{Deed, Position};
use pricetime_terminal::{Cell, Tone};
use serde::Serialize;

use super::super::reader::{Stop, json_line, note, table};
use super::ledger_reader::LedgerReader;
use super::{LedgerArgs, Out, status};

/// Lists batches: the pending ones, then the newest outcomes.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    args: LedgerArgs,
    /// Only this market
    #[arg(long, value_name = "N")]
    market: Option<u32>,
    /// The maximum number per market, of pending batches and of outcomes
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Batch(Row),
}

#[derive(Debug, Serialize)]
struct Row {
    market: u32,
    epoch: u64,
    /// `pending`, `dead_letter`, `posted` or `dropped`.
    outcome: &'static str,
    batch: String,
    digest: String,
    token: Option<u64>,
}

/// The name of an outcome.
pub(super) const fn outcome_name(deed: Deed) -> &'static str {
    match deed {
        Deed::Post => "posted",
        Deed::Drop => "dropped",
    }
}

/// The color of an outcome.
pub(super) fn tone(outcome: &str) -> Tone {
    match outcome {
        "posted" => Tone::Good,
        "dead_letter" => Tone::Bad,
        _ => Tone::Warning,
    }
}

impl List {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let context = self.args.config()?;
        let history = context.reader()?.history();
        let reported = status::reported(&context.folder)?;
        let mut ledger_reader = context.read()?;
        let mut rows = Vec::new();
        for market in ledger_reader.ask(|ledger| ledger.markets())? {
            if self.market.is_some_and(|it| it != market.0) {
                continue;
            }
            let refused = reported.get(&market).filter(|it| it.standing == "dead_letter");
            let refused = refused.and_then(|it| it.epoch);
            for batch in ledger_reader.ask(|ledger| ledger.pending(market, history, self.limit))? {
                rows.push(pending(&batch, refused));
            }
            if let (_, Some(position)) = ledger_reader.position(market)? {
                self.outcomes(&mut ledger_reader, market, position, &mut rows)?;
            }
        }
        if self.args.json {
            for row in rows {
                json_line(out, &Output::Batch(row))?;
            }
            return Ok(());
        }
        if rows.is_empty() {
            note(format_args!("there is nothing in {}", ledger_reader.name()));
            return Ok(());
        }
        let cells: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let digest: String = row.digest.chars().take(16).collect();
                [
                    row.market.to_string().into(),
                    row.epoch.to_string().into(),
                    Cell::new(tone(row.outcome), row.outcome.replace('_', " ")),
                    row.token.map_or("-".into(), |token| token.to_string()).into(),
                    row.batch.into(),
                    digest.into(),
                ]
            })
            .collect();
        let heading = [" market", " epoch", "outcome", " token", "batch", "digest"];
        Ok(table(out, heading, cells)?)
    }

    /// Adds the newest outcomes of a market.
    fn outcomes(
        &self,
        ledger_reader: &mut LedgerReader,
        market: MarketId,
        Position { history, last }: Position,
        rows: &mut Vec<Row>,
    ) -> Result<(), Stop> {
        let mut remaining = self.limit;
        let mut epoch = last.0;
        while epoch > 0 && remaining > 0 {
            let id = Batch::id_of(history, market, EpochNumber(epoch));
            // Before a ledger's first epoch there are no outcomes.
            let Some(found) = ledger_reader.ask(|ledger| ledger.outcome(market, id))? else {
                break;
            };
            rows.push(Row {
                market: market.0,
                epoch,
                outcome: outcome_name(found.deed),
                batch: id.to_string(),
                digest: found.digest.to_string(),
                token: Some(found.token.0),
            });
            epoch -= 1;
            remaining -= 1;
        }
        Ok(())
    }
}

fn pending(batch: &Batch, refused: Option<u64>) -> Row {
    Row {
        market: batch.market.0,
        epoch: batch.epoch.0,
        outcome: if refused == Some(batch.epoch.0) { "dead_letter" } else { "pending" },
        batch: batch.id().to_string(),
        digest: batch.digest().to_string(),
        token: None,
    }
}
