//! `pricetime inspect snapshot`: the content of a snapshot.

use std::io::Write as _;

use clap::Args;
use pricetime_engine::{Phase, Sequence};
use pricetime_gateway::json::Time;
use pricetime_journal::{FolderReader, LoadedSnapshot, RealDisk};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::reader::{self, FolderOptions, Stop, json_line, table, word};
use super::Out;

/// Shows the content of the newest snapshot, or of the one at a command.
#[derive(Debug, Args)]
pub(super) struct Snapshot {
    /// The command of the snapshot; without it, the newest readable snapshot
    sequence: Option<u64>,
    #[command(flatten)]
    folder_options: FolderOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Snapshot(Body),
}

#[derive(Debug, Serialize)]
struct Body {
    file: String,
    history: String,
    sequence: u64,
    time: Time,
    digest: String,
    rules: u32,
    markets: Vec<Row>,
    /// The commands of all stored snapshots.
    all: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Row {
    market: u32,
    symbol: String,
    phase: Phase,
    epoch: u64,
    resting: usize,
    waiting: usize,
    requests: usize,
    blocked: usize,
    trades: u64,
}

impl Snapshot {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let reader =
            FolderReader::open(std::sync::Arc::new(RealDisk), &self.folder_options.folder)?;
        let snapshots = reader.snapshots();
        let loaded = self.load(&reader)?;
        let state = &loaded.snapshot;
        let rows = state.markets.iter().map(|market| Row {
            market: market.head.market.0,
            symbol: market.head.spec.symbol.to_string(),
            phase: market.head.phase,
            epoch: market.head.epoch.0,
            resting: market.resting.len(),
            waiting: market.waiting.len(),
            requests: market.requests.len(),
            blocked: market.blocked.len(),
            trades: market.head.last_trade.0,
        });
        let body = Body {
            file: snapshots.path(state.last_sequence).display().to_string(),
            history: reader.history().to_string(),
            sequence: state.last_sequence.0,
            time: Time(state.last_timestamp),
            digest: format!("{:032x}", loaded.digest),
            rules: state.rules_version,
            markets: rows.collect(),
            all: snapshots.list()?.into_iter().map(|sequence| sequence.0).collect(),
        };
        if self.json {
            return Ok(json_line(out, &Output::Snapshot(body))?);
        }
        body.write(out)
    }

    fn load(&self, reader: &FolderReader) -> Result<LoadedSnapshot, Stop> {
        let snapshots = reader.snapshots();
        if let Some(sequence) = self.sequence.map(Sequence) {
            let all = snapshots.list()?;
            if !all.contains(&sequence) {
                let known: Vec<_> = all.iter().map(ToString::to_string).collect();
                let text = format!(
                    "there is no snapshot of command {sequence}; existing snapshots: {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                );
                return Err(Failure::new(Code::Failed, text).into());
            }
            return Ok(snapshots.load(sequence)?);
        }
        let newest = snapshots.newest()?;
        for damaged in &newest.damaged {
            reader::note(format_args!("skipped: {damaged}"));
        }
        newest.found.ok_or_else(|| {
            let code = if newest.damaged.is_empty() { Code::Failed } else { Code::Unsound };
            let text = format!("{} holds no readable snapshot", reader.path().display());
            Failure::new(code, text).into()
        })
    }
}

impl Body {
    fn write(&self, out: &mut Out) -> Result<(), Stop> {
        writeln!(out, "file       {}", self.file)?;
        writeln!(out, "history    {}", self.history)?;
        writeln!(out, "command    {} of {}", self.sequence, self.time)?;
        writeln!(out, "digest     {}", self.digest)?;
        let all: Vec<_> = self.all.iter().map(ToString::to_string).collect();
        writeln!(out, "snapshots  {}", all.join(", "))?;
        let cells: Vec<_> = self
            .markets
            .iter()
            .map(|row| {
                [
                    row.market.to_string(),
                    row.symbol.clone(),
                    word(&row.phase),
                    row.epoch.to_string(),
                    row.resting.to_string(),
                    row.waiting.to_string(),
                    row.trades.to_string(),
                    row.requests.to_string(),
                    row.blocked.to_string(),
                ]
            })
            .collect();
        let heading = [
            " market",
            "symbol",
            "phase",
            " epoch",
            " resting",
            " waiting",
            " trades",
            " requests",
            " blocked",
        ];
        Ok(table(out, heading, cells)?)
    }
}
