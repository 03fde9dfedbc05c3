//! Epochs made again from a data folder: what was traded in them, and their batches.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pricetime_engine::{
    AccountId, Engine, EpochNumber, Event, Group, Header, MarketHead, MarketId, Sequence,
};

use crate::{Closed, Collector};
use pricetime_journal::JournalError;
use pricetime_journal::Look;
use pricetime_journal::keyed_engine;
use pricetime_journal::{Loaded, SnapshotError};

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

/// A state to replay from, and its markets.
type Begun = (Engine, Vec<MarketHead>);

/// Hears each group, and what closed in it.
pub type Listener<'a> = &'a mut dyn FnMut(&Header, &[Event], Option<Closed>) -> ControlFlow<()>;

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
        let early = |loaded: &Loaded| is_early(loaded, wanted);
        let (engine, heads) = self.begin(through, &early)?.ok_or(RecountError::Gone)?;
        begins(&heads);
        self.go((engine, heads), through, each)
    }

    /// Replays from the newest state that holds no command behind `after`, or the oldest that there is,
    /// through another command. Says with which markets it began.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn replay_behind(
        &self,
        after: Sequence,
        through: Sequence,
        each: Listener<'_>,
    ) -> Result<Vec<MarketHead>, RecountError> {
        let begun = match self.begin(after.min(through), &|_| true)? {
            Some(begun) => begun,
            None => self.oldest(through)?.ok_or(RecountError::Gone)?,
        };
        let heads = begun.1.clone();
        self.go(begun, through, each)?;
        Ok(heads)
    }

    /// Replays from a state.
    fn go(
        &self,
        (mut engine, heads): Begun,
        through: Sequence,
        each: Listener<'_>,
    ) -> Result<(), RecountError> {
        let from = Sequence(engine.last_sequence().0.saturating_add(1));
        let mut collector = Collector::new(self.look.history(), self.platform, &heads);
        let mut group = Group::default();
        for command in self.look.reader().read(from, through)? {
            engine.apply(&command?, &mut group);
            let Group { header, events, outcome } = &group;
            let closed = collector.group(header, events, *outcome);
            if each(header, events, closed).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The newest state that will do, up to this command; the one before all commands where no snapshot
    /// will and the journal is whole.
    fn begin(
        &self,
        most: Sequence,
        will_do: &dyn Fn(&Loaded) -> bool,
    ) -> Result<Option<Begun>, RecountError> {
        let first = self.look.first()?;
        for base in self.look.bases(first)?.into_iter().rev().filter(|it| *it <= most) {
            if let Some(begun) = self.load(base, will_do)? {
                return Ok(Some(begun));
            }
        }
        Ok((first.0 <= 1).then(|| (keyed_engine(self.markets_max), Vec::new())))
    }

    /// The oldest state.
    fn oldest(&self, most: Sequence) -> Result<Option<Begun>, RecountError> {
        let first = self.look.first()?;
        for base in self.look.bases(first)?.into_iter().filter(|it| *it <= most) {
            if let Some(begun) = self.load(base, &|_| true)? {
                return Ok(Some(begun));
            }
        }
        Ok(None)
    }

    /// The state of a snapshot, where it can be had and will do.
    fn load(
        &self,
        base: Sequence,
        will_do: &dyn Fn(&Loaded) -> bool,
    ) -> Result<Option<Begun>, SnapshotError> {
        let Some(loaded) = self.look.base(base)?.filter(will_do) else { return Ok(None) };
        let heads = || loaded.snapshot.markets.iter().map(|market| market.head).collect();
        Ok(loaded.engine(self.markets_max).map(|engine| (engine, heads())))
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
