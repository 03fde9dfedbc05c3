//! Batches that are made again from the journal.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pricetime_engine::{AccountId, Action, EpochNumber, Event, MarketId, Sequence};
use pricetime_journal::{FolderError, History, JournalError};
use pricetime_settlement::{Batch, Closed};
use pricetime_settlement::{Recount, RecountError};
use tracing::warn;

use crate::journal_replay::JournalReplay;

/// How many batches are kept for later requests.
const REBUILT_MAX: usize = 4_096;

/// The journal to make batches from, and its history.
pub(crate) struct JournalSource {
    pub(crate) journal_replay: JournalReplay,
    pub(crate) history: History,
}

/// Makes batches again.
pub(super) struct BatchRebuilder {
    journal_source: JournalSource,
    platform: AccountId,
    rebuilt: BTreeMap<(MarketId, EpochNumber), Batch>,
}

/// The result of making batches again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RebuildResult {
    /// The batches are there, as far as their epochs have closed.
    Whole,
    /// The journal does not reach back to them.
    Gone,
    /// The journal could not be read. It may be readable later.
    Failed,
}

/// Why batches could not be made.
#[derive(Debug, thiserror::Error)]
enum RebuildError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Recount(#[from] RecountError),
}

impl BatchRebuilder {
    pub(super) const fn new(journal_source: JournalSource, platform: AccountId) -> Self {
        Self { journal_source, platform, rebuilt: BTreeMap::new() }
    }

    /// Returns the markets that were removed after this command, each with the last epoch that it had
    /// closed.
    pub(super) fn removed_markets(
        &self,
        after: Sequence,
        through: Sequence,
    ) -> BTreeMap<MarketId, EpochNumber> {
        let found = match self.removals(after, through) {
            Ok(removals) if removals.is_empty() => return BTreeMap::new(),
            Ok(_) => self.closed_when_removed(after, through),
            Err(why) => Err(why),
        };
        found.unwrap_or_else(|why| {
            warn!("settlement: cannot find out which markets were removed: {why}");
            BTreeMap::new()
        })
    }

    fn closed_when_removed(
        &self,
        after: Sequence,
        through: Sequence,
    ) -> Result<BTreeMap<MarketId, EpochNumber>, RebuildError> {
        let folder_reader = self.journal_source.journal_replay.folder_reader()?;
        let recount = Recount::new(
            &folder_reader,
            self.journal_source.journal_replay.markets_max,
            self.platform,
        );
        let (mut last, mut removed_markets) = (BTreeMap::new(), BTreeMap::new());
        let heads = recount.replay_behind(after, through, &mut |header, events, closed| {
            if let Some(Closed::Whole(Batch { epoch, .. }) | Closed::Part { epoch, .. }) = closed {
                last.insert(header.market, epoch);
            }
            if events.contains(&Event::MarketRemoved) {
                removed_markets.insert(header.market, last.get(&header.market).copied());
            }
            ControlFlow::Continue(())
        })?;
        let before = |market: MarketId| {
            let head = heads.iter().find(|head| head.market == market);
            EpochNumber(head.map_or(0, |head| head.epoch.0.saturating_sub(1)))
        };
        Ok(removed_markets
            .into_iter()
            .map(|(it, last)| (it, last.unwrap_or_else(|| before(it))))
            .collect())
    }

    fn removals(&self, after: Sequence, through: Sequence) -> Result<Vec<MarketId>, RebuildError> {
        let folder_reader = self.journal_source.journal_replay.folder_reader()?;
        let first = folder_reader.first().map_err(RecountError::from)?;
        let from = Sequence(after.0.saturating_add(1)).max(first);
        let mut removed_markets = Vec::new();
        if from > through {
            return Ok(removed_markets);
        }
        for command in folder_reader.reader().read(from, through).map_err(RecountError::from)? {
            let command = command.map_err(RecountError::from)?;
            if command.action == Action::RemoveMarket && command.operator {
                removed_markets.push(command.market);
            }
        }
        Ok(removed_markets)
    }

    /// Makes the batches of these epochs and of the later ones, and replaces those made before.
    pub(super) fn rebuild(
        &mut self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
    ) -> RebuildResult {
        match self.replay(wanted, through) {
            Ok(()) => RebuildResult::Whole,
            Err(why) => {
                warn!("settlement: cannot recompute epochs from the journal: {why}");
                match why {
                    // Commands of other rules are never replayed here, so they count as gone.
                    RebuildError::Recount(
                        RecountError::Gone | RecountError::Journal(JournalError::OtherRules { .. }),
                    ) => RebuildResult::Gone,
                    RebuildError::Folder(_) | RebuildError::Recount(_) => RebuildResult::Failed,
                }
            }
        }
    }

    fn replay(
        &mut self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        through: Sequence,
    ) -> Result<(), RebuildError> {
        let folder_reader = self.journal_source.journal_replay.folder_reader()?;
        let rebuilt = &mut self.rebuilt;
        rebuilt.clear();
        let mut each = |_: &_, _: &[_], closed: Option<Closed>| {
            if let Some(Closed::Whole(batch)) = closed
                && wanted.get(&batch.market).is_some_and(|from| batch.epoch >= *from)
            {
                rebuilt.insert((batch.market, batch.epoch), batch);
            }
            if rebuilt.len() < REBUILT_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let recount = Recount::new(
            &folder_reader,
            self.journal_source.journal_replay.markets_max,
            self.platform,
        );
        Ok(recount.replay(wanted, through, &mut each)?)
    }

    pub(super) fn has(&self, market: MarketId, epoch: EpochNumber) -> bool {
        self.rebuilt.contains_key(&(market, epoch))
    }

    /// Returns a market's consecutive batches from one epoch to another, as far as they are kept.
    pub(super) fn batches(
        &self,
        market: MarketId,
        from: EpochNumber,
        to: EpochNumber,
    ) -> Vec<Batch> {
        let mut next = from;
        let mut follows = |epoch: EpochNumber| {
            let fits = epoch == next;
            next = next.next();
            fits
        };
        let all = self.rebuilt.range((market, from)..=(market, to));
        all.take_while(|((_, epoch), _)| follows(*epoch)).map(|(_, it)| it.clone()).collect()
    }

    pub(super) fn forget(&mut self) {
        self.rebuilt.clear();
    }
}
