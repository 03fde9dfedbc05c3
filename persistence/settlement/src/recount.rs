//! Trades and batches of past epochs, made again from a data folder.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pricetime_engine::{
    AccountId, Engine, EngineSnapshot, EpochNumber, Event, Group, Header, MarketHead, MarketId,
    Sequence,
};

use crate::{Closed, Collector};
use pricetime_journal::{FolderReader, JournalError, Replay, SnapshotError};

/// Replays a folder to make its batches again.
#[derive(Debug)]
pub struct Recount<'a> {
    folder: &'a FolderReader,
    markets_max: u32,
    platform: AccountId,
}

/// Why epochs cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The first epoch begins before everything that is kept.
    #[error("the journal and its snapshots do not reach back to the first of these epochs")]
    Gone,
}

/// Called with each group, and with the epoch that closed in it.
pub type Listener<'a> = &'a mut dyn FnMut(&Header, &[Event], Option<Closed>) -> ControlFlow<()>;

impl<'a> Recount<'a> {
    /// Creates a recount of this folder, which may be in use.
    #[must_use]
    pub const fn new(folder: &'a FolderReader, markets_max: u32, platform: AccountId) -> Self {
        Self { folder, markets_max, platform }
    }

    /// Replays from the start of these epochs of these markets, or from earlier, through this command.
    ///
    /// # Errors
    /// Returns a [`RecountError`] if the folder cannot be read or no longer reaches back that far.
    pub fn replay(
        &self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
        on_group: Listener<'_>,
    ) -> Result<(), RecountError> {
        self.replay_from(wanted, through, &mut |_| (), on_group)
    }

    /// Like [`replay`](Self::replay), but first calls `on_start` with the markets as they are at the
    /// start.
    ///
    /// # Errors
    /// As for [`replay`](Self::replay).
    pub fn replay_from(
        &self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
        on_start: &mut dyn FnMut(&[MarketHead]),
        on_group: Listener<'_>,
    ) -> Result<(), RecountError> {
        let first = self.folder.first()?;
        let fits = |state: &EngineSnapshot| is_early(state, wanted);
        let engine = self.folder.engine_before(first, through, self.markets_max, fits)?;
        let engine = engine.ok_or(RecountError::Gone)?;
        on_start(&heads(&engine));
        self.replay_engine(engine, through, on_group)
    }

    /// Replays from the newest state with no command after `after`, or from the oldest state that is
    /// kept, through another command. Returns the markets as they were at the start.
    ///
    /// # Errors
    /// As for [`replay`](Self::replay).
    pub fn replay_behind(
        &self,
        after: Sequence,
        through: Sequence,
        on_group: Listener<'_>,
    ) -> Result<Vec<MarketHead>, RecountError> {
        let (first, most) = (self.folder.first()?, after.min(through));
        let engine = self.folder.engine_near(first, most, self.markets_max)?;
        let engine = engine.filter(|it| it.last_sequence() <= through).ok_or(RecountError::Gone)?;
        let heads = heads(&engine);
        self.replay_engine(engine, through, on_group)?;
        Ok(heads)
    }

    /// Replays from a state.
    fn replay_engine(
        &self,
        engine: Engine,
        through: Sequence,
        on_group: Listener<'_>,
    ) -> Result<(), RecountError> {
        let mut collector = Collector::new(self.folder.history(), self.platform, &heads(&engine));
        let mut replay = Replay::of(self.folder, engine, through)?;
        replay.run::<_, RecountError>(&mut Group::default(), |_, _, group| {
            let Group { header, events, outcome } = group;
            let closed = collector.group(header, events, *outcome);
            Ok(on_group(header, events, closed))
        })
    }
}

fn heads(engine: &Engine) -> Vec<MarketHead> {
    engine.markets().map(|book| *book.head()).collect()
}

/// Returns `true` if no trade of these epochs is in the state yet.
fn is_early(state: &EngineSnapshot, wanted: &BTreeMap<MarketId, EpochNumber>) -> bool {
    wanted.iter().all(|(market, epoch)| {
        let there = state.markets.iter().find(|it| it.head.market == *market);
        // A market that is not there was not added yet, or was removed.
        there.map_or(state.last_market < *market, |market| {
            let MarketHead { epoch: open, turnover, .. } = market.head;
            open < *epoch || (open == *epoch && turnover.trades == 0)
        })
    })
}
