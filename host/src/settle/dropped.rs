//! The epochs that operators have dropped, as they are kept in the data folder.
//!
//! ```text
//! settlement/dropped-7.json   the dropped epochs of market 7, in every history
//! ```
//!
//! An epoch is in the file, on disk, before the ledger is asked to drop it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pricetime_engine::{EpochNumber, MarketId};
use pricetime_journal::History;
use pricetime_journal::private;
use pricetime_settlement::{DropState, Drops};
use serde::{Deserialize, Serialize};

use super::store::FOLDER;

/// The dropped epochs of a data folder.
#[derive(Clone, Debug)]
pub struct Dropped {
    folder: PathBuf,
}

/// An epoch in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    history: String,
    epoch: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Wanted,
    Dropped,
}

impl Dropped {
    /// Returns the dropped epochs of this data folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The dropped epochs of a market in a history.
    ///
    /// # Errors
    /// Returns an error that names the file if the file is there and cannot be read.
    pub fn read(&self, market: MarketId, history: History) -> io::Result<Drops> {
        let history = history.to_string();
        let lines = self.lines(market)?.into_iter().filter(|line| line.history == history);
        let of = |line: Line| {
            let state = match line.state {
                State::Wanted => DropState::Wanted,
                State::Dropped => DropState::Done,
            };
            (EpochNumber(line.epoch), state)
        };
        Ok(lines.map(of).collect())
    }

    /// Replaces the dropped epochs of a market in a history. When this returns, they are on disk.
    pub(super) fn save(&self, market: MarketId, history: History, drops: &Drops) -> io::Result<()> {
        let history = history.to_string();
        let mut lines = self.lines(market)?;
        lines.retain(|line| line.history != history);
        lines.extend(drops.iter().map(|(epoch, state)| {
            let state = match state {
                DropState::Wanted => State::Wanted,
                DropState::Done => State::Dropped,
            };
            Line { history: history.clone(), epoch: epoch.0, state }
        }));
        let path = self.path(market);
        let unfinished = path.with_extension("tmp");
        let mut file = private::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(&lines)?)?;
        file.sync_all()?;
        fs::rename(unfinished, path)?;
        // The folder may be as new as the file.
        File::open(self.folder.join(FOLDER))?.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, market: MarketId) -> PathBuf {
        self.folder.join(FOLDER).join(format!("dropped-{market}.json"))
    }

    fn lines(&self, market: MarketId) -> io::Result<Vec<Line>> {
        let path = self.path(market);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(|why| unreadable(&path, market, why.kind(), &why))?,
        };
        let bad = |why| unreadable(&path, market, io::ErrorKind::InvalidData, &why);
        serde_json::from_slice(&text).map_err(bad)
    }
}

fn unreadable(
    path: &Path,
    market: MarketId,
    kind: io::ErrorKind,
    why: &dyn std::fmt::Display,
) -> io::Error {
    let why = format!(
        "{} cannot be read ({why}): it lists the dropped epochs, so nothing is settled without it; \
         restore a copy, or remove it if no epoch was ever dropped, then run `pricetime settle \
         resume {market}`",
        path.display()
    );
    io::Error::new(kind, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_stored_and_read_for_each_history() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(FOLDER)).expect("a folder");
        let dropped = Dropped::of(folder.path());
        let (market, old, new) = (MarketId(7), History(1), History(2));
        assert_eq!(dropped.read(market, old).expect("no file"), Drops::new());
        let first = Drops::from([(EpochNumber(4), DropState::Wanted)]);
        let second = Drops::from([(EpochNumber(9), DropState::Done)]);
        dropped.save(market, old, &first).expect("a disk");
        dropped.save(market, new, &second).expect("a disk");
        assert_eq!(dropped.read(market, old).expect("a file"), first);
        assert_eq!(dropped.read(market, new).expect("a file"), second);
        fs::write(dropped.path(market), "[{").expect("a disk");
        let why = dropped.read(market, new).expect_err("no JSON").to_string();
        assert!(why.contains("dropped-7.json cannot be read"), "{why}");
        assert!(dropped.save(market, new, &second).is_err(), "the file is not overwritten");
    }
}
