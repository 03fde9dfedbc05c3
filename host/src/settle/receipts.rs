//! The files that record deliveries, in the settlement folder.
//!
//! ```text
//! settlement/receipts-7.jsonl   a line for each notice of market 7 that was delivered or skipped
//! settlement/delivered-7.json   the last of these notices, and the refusals of the next one
//! ```
//!
//! A receipt is on disk before the position moves, so a notice without a receipt is delivered again.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use pricetime_engine::{EpochNumber, MarketId};
use pricetime_journal::private;
use pricetime_settlement::ledger::{Deed, Notice};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::outlet::Receipt;

/// How far the delivery of a market has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The number of the last notice that is delivered or skipped.
    pub(super) number: u64,
    /// The epoch of that notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<u64>,
    /// The batch of that notice. It shows whether the number belongs to the ledger that is open now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) batch: Option<Uuid>,
    /// The history of that batch, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) history: Option<String>,
    /// The number of the next notice, how often it was refused, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<(u64, u32, String)>,
}

impl Position {
    /// Returns the position after this notice.
    pub(super) fn after_notice((number, notice): (u64, &Notice)) -> Self {
        Self {
            number,
            epoch: Some(notice.outcome.epoch.0),
            batch: Some(notice.outcome.id.0),
            history: Some(notice.batch.history.to_string()),
            refused: None,
        }
    }

    /// Returns `true` if this notice is of an epoch that was done with under another number.
    pub(super) fn covers(&self, notice: &Notice) -> bool {
        self.history.as_ref().is_some_and(|it| *it == notice.batch.history.to_string())
            && self.epoch.is_some_and(|last| notice.outcome.epoch.0 <= last)
    }

    pub(super) fn delivered(&self) -> Option<EpochNumber> {
        self.epoch.map(EpochNumber)
    }
}

/// A line of the receipts.
#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    market: u32,
    epoch: u64,
    id: String,
    digest: String,
    deed: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a str>,
    /// The error for which an operator skipped the notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a str>,
}

/// What was done with a notice.
pub(super) enum Done<'a> {
    Delivered(&'a Receipt),
    /// An operator skipped a notice that failed for this reason.
    Skipped(&'a str),
}

/// The files.
#[derive(Debug)]
pub(super) struct Receipts(PathBuf);

impl Receipts {
    /// Returns the files in this settlement folder.
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Returns how far a market has come. Without a file it begins at the first notice.
    pub(super) fn position(&self, market: MarketId) -> io::Result<Position> {
        let path = self.0.join(format!("delivered-{market}.json"));
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Position::default()),
            text => text?,
        };
        serde_json::from_slice(&text).map_err(|why| {
            let path = path.display();
            let why = format!(
                "{path} cannot be read ({why}): restore a copy, or remove it to deliver everything \
                 again"
            );
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }

    /// Moves the position.
    pub(super) fn save(&self, market: MarketId, position: &Position) -> io::Result<()> {
        let name = format!("delivered-{market}.json");
        let unfinished = self.0.join(format!("{name}.tmp"));
        let mut file = private::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(position)?)?;
        file.sync_all()?;
        fs::rename(unfinished, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// Adds a line.
    pub(super) fn add(&self, (number, notice): (u64, &Notice), done: &Done<'_>) -> io::Result<()> {
        let (receipt, skipped) = match done {
            Done::Delivered(receipt) => (Some(receipt.0.as_str()), None),
            Done::Skipped(why) => (None, Some(*why)),
        };
        let (outcome, market) = (&notice.outcome, notice.batch.market);
        let line = Line {
            number,
            market: market.0,
            epoch: outcome.epoch.0,
            id: outcome.id.to_string(),
            digest: outcome.digest.to_string(),
            deed: match outcome.deed {
                Deed::Post => "post",
                Deed::Drop => "drop",
            },
            receipt,
            skipped,
        };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let path = self.0.join(format!("receipts-{market}.jsonl"));
        let mut file = private::options().create(true).read(true).append(true).open(path)?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            // A power cut may have left half a line.
            if last != *b"\n" {
                bytes.insert(0, b'\n');
            }
        }
        file.write_all(&bytes)?;
        file.sync_data()
    }
}
