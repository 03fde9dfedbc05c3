//! Epochs made again from a data folder: what was traded in them, and their batches.

use std::collections::BTreeMap;
use std::io;

use pricetime_engine::{
    AccountId, Command, Engine, EpochNumber, Event, Header, MarketHead, MarketId, Outcome,
    Sequence, Sink,
};

use crate::journal::JournalError;
use crate::local::{Loaded, SnapshotError};
use crate::look::Look;
use crate::settlement::{Closed, Collector};

/// Replays a folder for the sake of its batches.
#[derive(Debug)]
pub struct Recount<'a> {
    look: &'a Look,
    markets_max: u32,
    platform: AccountId,
}

/// Why epochs cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What they begin with is not kept any more.
    #[error("the journal and the snapshots that are kept do not reach back to the first of them")]
    Gone,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// Yes.
    On,
    /// It is enough.
    Home,
}

/// Hears each group, and what closed in it.
pub type Listener<'a> = &'a mut dyn FnMut(&Header, &[Event], Option<Closed>) -> Go;

impl<'a> Recount<'a> {
    /// Of this folder, which may be in use.
    #[must_use]
    pub const fn new(look: &'a Look, markets_max: u32, platform: AccountId) -> Self {
        Self { look, markets_max, platform }
    }

    /// Replays from where these epochs of these markets begin, at the latest, through this command.
    ///
    /// # Errors
    /// Where that cannot be read, or is not kept any more.
    pub fn replay(
        &self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
        each: Listener<'_>,
    ) -> Result<(), RecountError> {
        self.replay_from(wanted, through, &mut |_| (), each)
    }

    /// The same, and says first with which markets it begins.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn replay_from(
        &self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
        begins: &mut dyn FnMut(&[MarketHead]),
        each: Listener<'_>,
    ) -> Result<(), RecountError> {
        let begun = self.begin(wanted, through)?;
        let (mut engine, heads) =
            begun.unwrap_or_else(|| (Engine::new(self.markets_max), Vec::new()));
        begins(&heads);
        let from = Sequence(engine.last_sequence().0.saturating_add(1));
        let collector = Collector::new(self.look.history(), self.platform, &heads);
        let mut ear = Ear { collector, each, header: None, events: Vec::new(), go: Go::On };
        for command in self.look.reader().read(from, through)? {
            let command: Command = command?;
            engine.apply(&command, &mut ear);
            if ear.go == Go::Home {
                break;
            }
        }
        Ok(())
    }

    /// The newest state in which none of these epochs has traded yet; none where everything is
    /// replayed.
    fn begin(
        &self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
    ) -> Result<Option<(Engine, Vec<MarketHead>)>, RecountError> {
        let oldest = self.look.segments()?.first().map_or(Sequence(1), |segment| segment.first);
        let snapshots = self.look.snapshots();
        let known = match snapshots.list() {
            Err(SnapshotError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Vec::new()
            }
            listed => listed?,
        };
        let reaches = |it: &Sequence| oldest.0 <= it.0.saturating_add(1) && *it <= through;
        for sequence in known.into_iter().rev().filter(reaches) {
            let loaded = match snapshots.load(sequence) {
                Ok(loaded) => loaded,
                // Another one will do, or the journal's beginning.
                Err(SnapshotError::Damaged { .. }) => continue,
                Err(SnapshotError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let mut engine = Engine::new(self.markets_max);
            let sound = engine.restore(&loaded.snapshot).is_ok();
            if sound && is_early(&loaded, wanted) && engine.digest() == loaded.digest {
                let heads = loaded.snapshot.markets.iter().map(|market| market.head).collect();
                return Ok(Some((engine, heads)));
            }
        }
        if oldest.0 <= 1 { Ok(None) } else { Err(RecountError::Gone) }
    }
}

/// Whether all that these epochs traded is still to come.
fn is_early(loaded: &Loaded, wanted: &BTreeMap<MarketId, EpochNumber>) -> bool {
    let state = &loaded.snapshot;
    wanted.iter().all(|(market, epoch)| {
        let there = state.markets.iter().find(|it| it.head.market == *market);
        // One that is not there is still to come, or was there before.
        there.map_or(state.last_market < *market, |market| {
            let MarketHead { epoch: open, turnover, .. } = market.head;
            open < *epoch || (open == *epoch && turnover.trades == 0)
        })
    })
}

/// Gathers a group and hands it on.
struct Ear<'a> {
    collector: Collector,
    each: Listener<'a>,
    header: Option<Header>,
    events: Vec<Event>,
    go: Go,
}

impl Sink for Ear<'_> {
    fn begin(&mut self, header: &Header) {
        self.header = Some(*header);
        self.events.clear();
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn end(&mut self, outcome: Outcome) {
        let Some(header) = self.header.take() else { return };
        let closed = self.collector.group(&header, &self.events, outcome);
        self.go = (self.each)(&header, &self.events, closed);
    }
}
