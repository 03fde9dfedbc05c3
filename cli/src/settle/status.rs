//! `pricetime settle status`: the state of settlement.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use clap::Args;
use pricetime::OperatorRequests;
use pricetime::engine::MarketId;
use pricetime::persistence::settlement::ledger::{Position, Token};
use pricetime_terminal::{Cell, Tone};
use serde::{Deserialize, Serialize};

use super::super::failure::Failure;
use super::super::reader::{Stop, json_line, note, table};
use super::{LedgerArgs, Out, is_in_use, request_name};

/// Shows how far each market has been settled, what it is doing, and the ledger's position.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    args: LedgerArgs,
}

/// The process's last status of a market.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ReportedStatus {
    market: u32,
    closed: u64,
    settled: Option<u64>,
    pub(super) standing: String,
    pub(super) epoch: Option<u64>,
    pub(super) why: Option<String>,
    put_back: Option<PutBackStatus>,
    delivery: Option<Delivery>,
}

/// Its status of a ledger that was put back to an earlier state, until that has caught up.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct PutBackStatus {
    /// The last epoch that was settled before.
    knew: u64,
    /// The last epoch in the ledger that was put back.
    stood: u64,
    /// The epochs in between that are dropped again.
    dropped: Vec<u64>,
}

/// Its status of delivery.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Delivery {
    /// The last epoch that was delivered.
    delivered: Option<u64>,
    standing: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Status { running: Option<bool>, ledger: Option<String>, history: String },
    Market(Box<Row>),
}

#[derive(Debug, Default, Serialize)]
struct Row {
    market: u32,
    /// The last closed epoch.
    closed: Option<u64>,
    /// The last epoch that the process knows to be settled.
    settled: Option<u64>,
    standing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The last epoch with an outcome in the ledger.
    posted: Option<u64>,
    token: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orders: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    put_back: Option<PutBackStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<Delivery>,
}

/// The process's last status of each market; empty if no process has settled here.
pub(super) fn reported(folder: &Path) -> Result<BTreeMap<MarketId, ReportedStatus>, Stop> {
    let path = folder.join("settlement").join("status.json");
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text?,
    };
    let reported: Vec<ReportedStatus> = serde_json::from_slice(&text)
        .map_err(|why| Failure::failed(format!("cannot read {}: {why}", path.display())))?;
    Ok(reported.into_iter().map(|it| (MarketId(it.market), it)).collect())
}

impl Status {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let context = self.args.config()?;
        let reader = context.reader()?;
        let running = is_in_use(&context.folder);
        let reported = reported(&context.folder)?;
        let pending = OperatorRequests::of(&context.folder).pending()?;
        let mut positions = BTreeMap::new();
        let mut ledger = None;
        match context.read() {
            Ok(mut ledger_reader) => {
                ledger = Some(ledger_reader.name().to_owned());
                for market in ledger_reader.ask(|ledger| ledger.markets())? {
                    positions.insert(market, ledger_reader.position(market)?);
                }
            }
            Err(stop) => note(format_args!("the ledger is not read: {}", stop.text())),
        }
        let mut markets: Vec<MarketId> = reported
            .keys()
            .chain(positions.keys())
            .chain(pending.iter().map(|it| &it.0))
            .copied()
            .collect();
        markets.sort_unstable();
        markets.dedup();
        let rows = markets.into_iter().map(|market| {
            let requests =
                pending.iter().filter(|it| it.0 == market).map(|it| match request_name(it.1) {
                    (name, None) => name.to_owned(),
                    (name, Some(epoch)) => format!("{name} {epoch}"),
                });
            row(market, reported.get(&market), positions.get(&market), requests.collect())
        });
        let rows: Vec<Row> = rows.collect();
        if self.args.json {
            let history = reader.history().to_string();
            json_line(out, &Output::Status { running, ledger, history })?;
            for row in rows {
                json_line(out, &Output::Market(Box::new(row)))?;
            }
            return Ok(());
        }
        let process = match running {
            Some(true) => "has the folder open and reports its own status",
            Some(false) => "none has the folder open: this is the status when the last one ended",
            None => "whether one has the folder open is unknown",
        };
        writeln!(out, "process    {process}")?;
        writeln!(out, "ledger     {}", ledger.as_deref().unwrap_or("not read"))?;
        writeln!(out, "history    {}", reader.history())?;
        if rows.is_empty() {
            return Ok(writeln!(out, "nothing was ever settled here")?);
        }
        writeln!(out)?;
        print(out, &rows)
    }
}

fn row(
    market: MarketId,
    reported: Option<&ReportedStatus>,
    position: Option<&(Token, Option<Position>)>,
    orders: Vec<String>,
) -> Row {
    Row {
        market: market.0,
        closed: reported.map(|it| it.closed),
        settled: reported.and_then(|it| it.settled),
        standing: reported.map(|it| it.standing.clone()),
        epoch: reported.and_then(|it| it.epoch),
        why: reported.and_then(|it| it.why.clone()),
        posted: position.and_then(|it| it.1).map(|it| it.last.0),
        token: position.map(|it| it.0.0),
        orders,
        put_back: reported.and_then(|it| it.put_back.clone()),
        delivery: reported.and_then(|it| it.delivery.clone()),
    }
}

/// The color of a standing.
fn tone(standing: &str) -> Tone {
    match standing {
        "idle" => Tone::Good,
        "dead_letter" | "halted" => Tone::Bad,
        "retry" | "held" | "waiting" => Tone::Warning,
        _ => Tone::Faint,
    }
}

fn print(out: &mut Out, rows: &[Row]) -> Result<(), Stop> {
    let number = |it: Option<u64>| it.map_or(String::from("-"), |it| it.to_string());
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let epoch = row.epoch.map_or(String::new(), |epoch| format!(" {epoch}"));
            let standing = row.standing.as_deref().unwrap_or("-");
            let orders = if row.orders.is_empty() { "-".into() } else { row.orders.join(", ") };
            [
                row.market.to_string().into(),
                number(row.closed).into(),
                number(row.settled).into(),
                number(row.posted).into(),
                number(row.token).into(),
                Cell::new(tone(standing), format!("{standing}{epoch}")),
                orders.into(),
                row.why.clone().unwrap_or_default().into(),
            ]
        })
        .collect();
    let heading =
        [" market", " closed", " settled", " in ledger", " token", "standing", "orders", "why"];
    table(out, heading, cells)?;
    for row in rows {
        if let Some(PutBackStatus { knew, stood, dropped }) = &row.put_back {
            let exception = match dropped.as_slice() {
                [] => String::new(),
                dropped => format!(", but {dropped:?}, which are dropped again"),
            };
            let market = row.market;
            writeln!(
                out,
                "the ledger of market {market} went back from epoch {knew} to {stood}: epochs {} \
                 to {knew} are posted again{exception}",
                stood + 1
            )?;
        }
        let Some(it) = &row.delivery else { continue };
        let progress =
            it.delivered.map_or("nothing yet".into(), |epoch| format!("up to epoch {epoch}"));
        let why = it.why.as_deref().unwrap_or_default();
        let problem = it.epoch.map_or(String::new(), |epoch| match it.standing.as_str() {
            "refused" => format!("; epoch {epoch} is refused: {why}"),
            _ => format!("; epoch {epoch} waits: {why}"),
        });
        writeln!(out, "delivery of market {}: {progress}{problem}", row.market)?;
    }
    Ok(())
}
