//! What the settlement thread needs after a restart, and the requests of operators: small files in a
//! folder.
//!
//! ```text
//! settlement/market-7.json     market 7: its highest token, the ledger's refusals, its last settled epoch
//! settlement/floor             a sequence: every epoch that closed up to it is settled
//! settlement/status.json       the status of each market, for `pricetime settle status`
//! settlement/orders/7.hold     hold market 7, for as long as this file exists
//! settlement/orders/7.resume   continue after a hold or a halt; removed when done, like all below
//! settlement/orders/7.retry    do now what is waiting
//! settlement/orders/7.drop-42  drop epoch 42
//! settlement/orders/7.deliver-retry    deliver now what is waiting or was refused
//! settlement/orders/7.deliver-skip-42  do not deliver epoch 42
//! ```
//!
//! Losing one of the first three files costs work, never money. What must not be lost is in `dropped`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pricetime_engine::{EpochNumber, MarketId, Sequence};
use pricetime_journal::History;
use pricetime_journal::private;
use pricetime_settlement::ledger::Token;
use pricetime_settlement::{Checkpoint, PutBack, Refusals, Standing};
use serde::{Deserialize, Serialize};

use super::{Dropped, MarketDelivery, MarketSettlement};

/// The name of the folder, inside the data folder.
pub(super) const FOLDER: &str = "settlement";

/// What an operator asks of a market's settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorRequest {
    /// Stop settling.
    Hold,
    /// Continue after a hold or a halt.
    Resume,
    /// Do what is waiting now, without further delay.
    Retry,
    /// Drop an epoch that the ledger refuses.
    Drop(EpochNumber),
    /// Deliver now what is waiting or was refused.
    DeliverRetry,
    /// Skip an epoch that could not be delivered.
    DeliverSkip(EpochNumber),
}

/// The requests that operators leave in a data folder.
#[derive(Clone, Debug)]
pub struct OperatorRequests(PathBuf);

impl OperatorRequests {
    /// Returns the requests of this data folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self(folder.join(FOLDER).join("orders"))
    }

    /// Leaves a request.
    ///
    /// # Errors
    /// Returns an error if the request cannot be written.
    pub fn add(&self, market: MarketId, request: OperatorRequest) -> io::Result<()> {
        create_folders(&self.0)?;
        if request == OperatorRequest::Resume {
            self.remove(market, OperatorRequest::Hold)?;
        }
        if request == OperatorRequest::Hold {
            self.remove(market, OperatorRequest::Resume)?;
        }
        private::write(&self.0.join(name(market, request)), b"")
    }

    /// Returns the requests that were left.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub fn pending(&self) -> io::Result<BTreeSet<(MarketId, OperatorRequest)>> {
        let mut requests = BTreeSet::new();
        let files = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(requests),
            files => files?,
        };
        for file in files {
            requests.extend(file?.file_name().to_str().and_then(parse));
        }
        Ok(requests)
    }

    /// Removes a request. It is no error if there is none.
    ///
    /// # Errors
    /// Returns an error if the file cannot be removed.
    pub fn remove(&self, market: MarketId, request: OperatorRequest) -> io::Result<()> {
        match fs::remove_file(self.0.join(name(market, request))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn name(market: MarketId, request: OperatorRequest) -> String {
    match request {
        OperatorRequest::Hold => format!("{market}.hold"),
        OperatorRequest::Resume => format!("{market}.resume"),
        OperatorRequest::Retry => format!("{market}.retry"),
        OperatorRequest::Drop(epoch) => format!("{market}.drop-{epoch}"),
        OperatorRequest::DeliverRetry => format!("{market}.deliver-retry"),
        OperatorRequest::DeliverSkip(epoch) => format!("{market}.deliver-skip-{epoch}"),
    }
}

fn parse(name: &str) -> Option<(MarketId, OperatorRequest)> {
    let (market, request) = name.split_once('.')?;
    let request = match request {
        "hold" => OperatorRequest::Hold,
        "resume" => OperatorRequest::Resume,
        "retry" => OperatorRequest::Retry,
        "deliver-retry" => OperatorRequest::DeliverRetry,
        other => match other.strip_prefix("deliver-skip-") {
            Some(epoch) => OperatorRequest::DeliverSkip(EpochNumber(epoch.parse().ok()?)),
            None => OperatorRequest::Drop(EpochNumber(other.strip_prefix("drop-")?.parse().ok()?)),
        },
    };
    Some((MarketId(market.parse().ok()?), request))
}

/// The checkpoint of a market as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct MarketNote {
    floor: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<(u64, u32, String)>,
    /// The history, and the last epoch of it for which the ledger had an outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled: Option<(String, u64)>,
}

/// A market in the status.
#[derive(Serialize)]
struct Line<'a> {
    market: u32,
    closed: u64,
    settled: Option<u64>,
    standing: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    put_back: Option<PutBackLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryLine<'a>>,
}

/// How far a ledger was put back.
#[derive(Serialize)]
struct PutBackLine {
    knew: u64,
    stood: u64,
    dropped: Vec<u64>,
}

/// The delivery status of a market.
#[derive(Serialize)]
struct DeliveryLine<'a> {
    delivered: Option<u64>,
    standing: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// The settlement folder.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    pub(super) requests: OperatorRequests,
    pub(super) dropped: Dropped,
}

impl Store {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let requests = OperatorRequests::of(folder);
        create_folders(&requests.0)?;
        Ok(Self { folder: folder.join(FOLDER), requests, dropped: Dropped::of(folder) })
    }

    /// Returns the checkpoint of a market, or the default if it cannot be read.
    pub(super) fn stored(&self, market: MarketId, history: History) -> Checkpoint {
        let text = fs::read(self.folder.join(format!("market-{market}.json")));
        let note: MarketNote =
            text.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let refusal = |(epoch, tries, why)| Refusals { epoch: EpochNumber(epoch), tries, why };
        let of = note.settled.filter(|(of, _)| *of == history.to_string());
        let settled = EpochNumber(of.map_or(0, |(_, epoch)| epoch));
        Checkpoint { floor: Token(note.floor), refusals: note.refused.map(refusal), settled }
    }

    pub(super) fn save(
        &self,
        market: MarketId,
        history: History,
        stored: &Checkpoint,
    ) -> io::Result<()> {
        let refused = stored.refusals.as_ref().map(|it| (it.epoch.0, it.tries, it.why.clone()));
        let settled = Some((history.to_string(), stored.settled.0));
        let note = MarketNote { floor: stored.floor.0, refused, settled };
        self.write(&format!("market-{market}.json"), &serde_json::to_vec(&note)?)
    }

    pub(super) fn floor(&self) -> Sequence {
        let text = fs::read_to_string(self.folder.join("floor"));
        Sequence(text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0))
    }

    pub(super) fn save_floor(&self, floor: Sequence) -> io::Result<()> {
        self.write("floor", format!("{floor}\n").as_bytes())
    }

    pub(super) fn report_status(&self, markets: &[MarketSettlement]) -> io::Result<()> {
        let lines: Vec<Line<'_>> = markets.iter().map(line).collect();
        self.write("status.json", &serde_json::to_vec(&lines)?)
    }

    /// Replaces a file. No reader ever sees half of it.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.folder.join(format!("{name}.tmp"));
        private::write(&unfinished, bytes)?;
        fs::rename(unfinished, self.folder.join(name))
    }
}

/// Creates the folder of requests and its parent.
fn create_folders(requests: &Path) -> io::Result<()> {
    requests.parent().map_or(Ok(()), private::create_folder)?;
    private::create_folder(requests)
}

fn line(it: &MarketSettlement) -> Line<'_> {
    let (standing, epoch, why) = match &it.standing {
        Standing::Starting => ("starting", None, None),
        Standing::Idle => ("idle", None, None),
        Standing::Depositing(epoch) => ("depositing", Some(epoch.0), None),
        Standing::Waiting { why, .. } => ("waiting", None, Some(why.clone())),
        Standing::Applying(epoch) => ("applying", Some(epoch.0), None),
        Standing::Retry { why, .. } => ("retry", None, Some(why.clone())),
        Standing::DeadLetter { epoch, why, .. } => {
            ("dead_letter", Some(epoch.0), Some(why.clone()))
        }
        Standing::Halted(halt) => ("halted", None, Some(halt.to_string())),
        Standing::Held => ("held", None, None),
    };
    let settled = it.settled.map(|epoch| epoch.0);
    let delivery = it.delivery.as_ref().map(delivery);
    let put_back = it.put_back.as_ref().map(put_back_line);
    let (market, closed) = (it.market.0, it.closed.0);
    Line { market, closed, settled, standing, epoch, why, put_back, delivery }
}

fn put_back_line(it: &PutBack) -> PutBackLine {
    let dropped = it.dropped.iter().map(|epoch| epoch.0).collect();
    PutBackLine { knew: it.knew.0, stood: it.stood.0, dropped }
}

fn delivery(it: &MarketDelivery) -> DeliveryLine<'_> {
    let trouble = it.trouble.as_ref();
    let standing = match trouble {
        None => "well",
        Some(trouble) if trouble.needs_operator => "refused",
        Some(_) => "retry",
    };
    DeliveryLine {
        delivered: it.delivered.map(|epoch| epoch.0),
        standing,
        epoch: trouble.map(|it| it.epoch.0),
        why: trouble.map(|it| it.why.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operator_requests_are_read_as_they_were_stored() {
        let (drop, skip) =
            (OperatorRequest::Drop(EpochNumber(42)), OperatorRequest::DeliverSkip(EpochNumber(42)));
        for request in [
            OperatorRequest::Hold,
            OperatorRequest::Resume,
            OperatorRequest::Retry,
            drop,
            OperatorRequest::DeliverRetry,
            skip,
        ] {
            assert_eq!(parse(&name(MarketId(7), request)), Some((MarketId(7), request)));
        }
        assert_eq!(parse("7.drop-x"), None);
        assert_eq!(parse("x.hold"), None);
    }
}
