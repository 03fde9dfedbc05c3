//! When the epochs of a recording close: read ahead, so that the screen can count down.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use pricetime_engine::{MarketId, Timestamp};
use pricetime_gateway::json::Line;
use pricetime_journal::lines::{NextLine, next_line};

/// Files that are longer have no countdown, because reading ahead would delay the first picture.
const BYTES_MAX: u64 = 256 << 20;
/// How many closes are kept.
const GATES_MAX: usize = 1 << 20;
/// How a line begins that closes an epoch.
const CLOSE: &[u8] = b"{\"close_epoch\"";

/// The times at which epochs close, by market, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Gates(BTreeMap<MarketId, Vec<Timestamp>>);

impl Gates {
    /// Reads the lines that close epochs.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut gates = Self::default();
        if file.metadata()?.len() > BYTES_MAX {
            return Ok(gates);
        }
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let (mut text, mut count) = (Vec::new(), 0);
        while count < GATES_MAX {
            match next_line(&mut reader, &mut text)? {
                NextLine::End => break,
                NextLine::Line if text.starts_with(CLOSE) => count += usize::from(gates.add(&text)),
                NextLine::Line | NextLine::Long => {}
            }
        }
        Ok(gates)
    }

    fn add(&mut self, text: &[u8]) -> bool {
        let Ok(line) = Line::read(text.trim_ascii_end()) else { return false };
        let (Some(market), Some(time)) = (line.market(), line.time()) else { return false };
        self.0.entry(market).or_default().push(time.0);
        true
    }

    /// The first close of an epoch of this market after this time.
    pub(super) fn next(&self, market: MarketId, now: Timestamp) -> Option<Timestamp> {
        let gates = self.0.get(&market)?;
        gates.get(gates.partition_point(|gate| *gate <= now)).copied()
    }
}
