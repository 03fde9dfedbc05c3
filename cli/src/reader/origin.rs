//! The start of a replay: an empty engine or a snapshot.

use std::io::ErrorKind::NotFound;

use pricetime_engine::{Engine, EngineSnapshot, EpochNumber, MarketId, Sequence};
use pricetime_journal::{LoadedSnapshot, SnapshotError, keyed_engine};
use pricetime_terminal::Progress;

use super::super::failure::{Code, Failure};
use super::{Moment, OpenFolder, ReadAhead, Stop, note};

/// The starting point of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Origin {
    /// As early as possible.
    Oldest,
    /// As late as possible, but not after this moment.
    Before(Moment),
    /// At the snapshot of this command.
    AtSnapshot(Sequence),
}

/// A replay that is ready to run.
#[derive(Debug)]
pub(in super::super) struct PreparedReplay {
    pub(in super::super) engine: Engine,
    /// The snapshot that it begins with, unless it begins with an empty state.
    pub(in super::super) base: Option<EngineSnapshot>,
    pub(in super::super) commands: ReadAhead,
}

impl OpenFolder {
    /// Prepares a replay from `origin` to the last valid command.
    pub(in super::super) fn begin(
        &self,
        origin: Origin,
        markets: u32,
    ) -> Result<PreparedReplay, Stop> {
        let oldest = self.journal.replayable;
        let mut engine = keyed_engine(markets);
        let base = self.base(origin)?;
        if let Some(loaded) = &base {
            restore(&mut engine, loaded).map_err(|text| Failure::new(Code::Unsound, text))?;
        } else if let Origin::AtSnapshot(wanted) = origin {
            let text = format!("the snapshot of command {wanted} cannot be read");
            return Err(Failure::new(Code::Unsound, text).into());
        } else if oldest > Sequence(1) {
            let text = format!(
                "the journal in {} begins with command {oldest}, and no snapshot before it can be \
                 read: restore a copy of one",
                self.reader.path().display()
            );
            return Err(Failure::new(Code::Unsound, text).into());
        }
        let base = base.map(|loaded| loaded.snapshot);
        let after = base.as_ref().map_or(Sequence(0), |base| base.last_sequence);
        let through = self.journal.through().max(after);
        let commands = self.reader.reader().read(Sequence(after.0.saturating_add(1)), through)?;
        let total = through.0.saturating_sub(after.0);
        let progress = Progress::count("replaying", "commands", Some(total));
        Ok(PreparedReplay { engine, base, commands: ReadAhead::of(commands, progress)? })
    }

    /// The snapshot to begin with, or `None` to replay everything.
    fn base(&self, origin: Origin) -> Result<Option<LoadedSnapshot>, Stop> {
        let oldest = self.journal.replayable;
        let fits = |sequence: &Sequence| {
            sequence.0.saturating_add(1) >= oldest.0 && *sequence <= self.journal.through()
        };
        if origin == Origin::Oldest && oldest == Sequence(1) {
            return Ok(None);
        }
        let mut known: Vec<Sequence> = self.snapshots.iter().copied().filter(fits).collect();
        if let Origin::Before(_) = origin {
            known.reverse();
        }
        for sequence in known {
            let is_excluded = match origin {
                Origin::Oldest | Origin::Before(Moment::Epoch(..) | Moment::Time(_)) => false,
                Origin::Before(Moment::Sequence(at)) => sequence > at,
                Origin::AtSnapshot(wanted) => sequence != wanted,
            };
            if is_excluded {
                continue;
            }
            match self.reader.snapshots().load(sequence) {
                Ok(loaded) if is_early(&loaded.snapshot, origin) => return Ok(Some(loaded)),
                Ok(_) => {}
                Err(error @ SnapshotError::Damaged { .. }) => {
                    note(format_args!("skipped: {error}"))
                }
                // It was deleted since it was listed, so there is a newer one.
                Err(SnapshotError::Io { source, .. }) if source.kind() == NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// Returns `true` if this state is not later than the moment.
fn is_early(state: &EngineSnapshot, origin: Origin) -> bool {
    if let Origin::Before(Moment::Time(time)) = origin {
        return state.last_timestamp <= time;
    }
    let Origin::Before(Moment::Epoch(number, market)) = origin else { return true };
    let open = |of: MarketId, epoch: EpochNumber| {
        market.is_some_and(|market| market != of) || epoch <= number
    };
    state.markets.iter().all(|market| open(market.head.market, market.head.epoch))
}

/// Restores an engine from a snapshot and compares the digests.
pub(super) fn restore(engine: &mut Engine, loaded: &LoadedSnapshot) -> Result<(), String> {
    let sequence = loaded.snapshot.last_sequence;
    engine.restore(&loaded.snapshot).map_err(|broken| {
        format!("the snapshot of command {sequence} violates an invariant: {broken:?}")
    })?;
    let (found, stated) = (engine.digest(), loaded.digest);
    if found == stated {
        return Ok(());
    }
    Err(format!(
        "the snapshot of command {sequence} has digest {found:032x}, but states {stated:032x}"
    ))
}
