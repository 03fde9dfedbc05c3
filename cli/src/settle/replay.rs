//! Recomputes batches and market specs from the journal.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pricetime::engine::{EpochNumber, Event, Header, MarketHead, MarketId, MarketSpec, Sequence};
use pricetime::persistence::settlement::Closed;
use pricetime::persistence::{
    journal::FolderReader,
    settlement::{Recount, RecountError},
};
use pricetime_terminal::Progress;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, note_left_out};
use super::Context;

/// The number of commands between two updates of the progress.
const SHOW_EVERY: u64 = 1 << 12;

/// The journal of a folder.
pub(super) struct JournalReplay<'a> {
    context: &'a Context,
    reader: FolderReader,
    through: Sequence,
}

/// The markets by number, as of a moment in the past.
pub(super) type Specs = BTreeMap<MarketId, MarketSpec>;

/// Called for each group, with the current markets and with the epoch that closed in it, if any.
pub(super) type GroupCallback<'a> =
    &'a mut dyn FnMut(&Specs, &Header, &[Event], Option<Closed>) -> ControlFlow<()>;

impl<'a> JournalReplay<'a> {
    pub(super) fn of(context: &'a Context) -> Result<Self, Stop> {
        let reader = context.reader()?;
        let journal = reader.journal()?;
        note_left_out(journal.left_out());
        let through = journal.through();
        Ok(Self { context, reader, through })
    }

    pub(super) const fn reader(&self) -> &FolderReader {
        &self.reader
    }

    /// Replays the journal from where these epochs begin. Returns the markets at its end.
    pub(super) fn run_from(
        &self,
        wanted: &BTreeMap<MarketId, EpochNumber>,
        callback: GroupCallback<'_>,
    ) -> Result<Specs, RecountError> {
        let config = &self.context.config;
        let recount = Recount::new(&self.reader, config.markets_max, config.platform);
        let specs = std::cell::RefCell::new(Specs::new());
        let mut on_start = |heads: &[MarketHead]| {
            specs.borrow_mut().extend(heads.iter().map(|head| (head.market, head.spec)));
        };
        let progress = Progress::count("replaying", "commands", Some(self.through.0));
        recount.replay_from(
            wanted,
            self.through,
            &mut on_start,
            &mut |header, events, closed| {
                if header.sequence.0 % SHOW_EVERY == 0 {
                    progress.set(header.sequence.0, self.through.0);
                }
                let mut specs = specs.borrow_mut();
                for event in events {
                    if let Event::MarketAdded(spec) = event {
                        specs.insert(header.market, *spec);
                    }
                    if let Event::MarketSet(terms) = event
                        && let Some(spec) = specs.get_mut(&header.market)
                    {
                        spec.terms = *terms;
                    }
                }
                callback(&specs, header, events, closed)
            },
        )?;
        Ok(specs.into_inner())
    }

    /// All past and present markets that the journal knows.
    pub(super) fn specs(&self) -> Result<Specs, Stop> {
        self.run_from(&BTreeMap::new(), &mut |_, _, _, _| ControlFlow::Continue(()))
            .map_err(recount_failure)
    }

    /// The first epoch of each market that can be recomputed whole. Empty if all of them can.
    pub(super) fn oldest(&self) -> Result<BTreeMap<MarketId, EpochNumber>, Stop> {
        let first = self.reader.first()?;
        if first.0 <= 1 {
            return Ok(BTreeMap::new());
        }
        for base in self.reader.bases(first)? {
            let Some(loaded) = self.reader.base(base)? else { continue };
            let whole = |head: MarketHead| match head.turnover.trades {
                0 => (head.market, head.epoch),
                _ => (head.market, head.epoch.next()),
            };
            return Ok(loaded.snapshot.markets.iter().map(|market| whole(market.head)).collect());
        }
        Err(recount_failure(RecountError::Gone))
    }
}

/// The error if the past is no longer there.
pub(super) fn recount_failure(error: RecountError) -> Stop {
    match error {
        RecountError::Journal(error) => error.into(),
        RecountError::Snapshot(error) => error.into(),
        RecountError::Gone => Failure::new(Code::Failed, RecountError::Gone.to_string()).into(),
    }
}
