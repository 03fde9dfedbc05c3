//! Every durable group, in order and without a gap. Groups come from memory, or from the journal if memory
//! no longer holds them.

use std::ops::ControlFlow;
use std::sync::Arc;

use pricetime_engine::{Engine, MarketHead, Sequence};
use pricetime_journal::{History, Replay};
use pricetime_redis::stream::{Entries, EntryEncoder, Numbers};

use super::recent_groups::{Recent, RecentGroups};
use crate::groups::Groups;
use crate::journal_replay::{JournalReplay, ReplayError};
use crate::status::Shared;

/// How many entries are gathered at a time.
const ENTRIES_MAX: usize = 1_000;
/// How many events are replayed at a time, and how many commands.
const STEP: (usize, u64) = (1_000, 16_384);
/// After this many pieces `fill` returns even if it found few entries, because the host may be ending.
const PIECES_MAX: usize = 64;

/// Where entries come from.
pub(super) struct Source {
    journal_replay: JournalReplay,
    pub(super) recent_groups: RecentGroups,
    shared: Arc<Shared>,
    history: History,
    encoder: EntryEncoder,
    /// Every command up to this one is consumed.
    at: u64,
    /// The entries of commands up to this one are not needed.
    skip_through: u64,
    replay: Option<Replay>,
    cursor: Option<Cursor>,
    /// Whether an operation failed halfway, so that the position is unknown.
    position_lost: bool,
}

/// Groups, and how much of them is consumed.
struct Cursor {
    groups: Groups,
    group: usize,
    event: usize,
    numbers: Numbers,
}

/// What comes next.
enum Next {
    Groups(Groups),
    /// Nothing yet, but there is more to read.
    More,
    Nothing,
}

impl Source {
    /// Creates a source that begins after this command, when the markets were as `heads` says.
    pub(super) fn new(
        (journal_replay, recent_groups): (JournalReplay, RecentGroups),
        shared: Arc<Shared>,
        history: History,
        heads: impl IntoIterator<Item = MarketHead>,
        at: Sequence,
    ) -> Self {
        let encoder = EntryEncoder::new(history, heads);
        let (at, skip_through) = (at.0, 0);
        Self {
            journal_replay,
            recent_groups,
            shared,
            history,
            encoder,
            at,
            skip_through,
            replay: None,
            cursor: None,
            position_lost: false,
        }
    }

    /// Every command up to this one is completely consumed.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Returns `true` if no part of the next command is consumed.
    pub(super) const fn is_whole(&self) -> bool {
        self.cursor.is_none() && !self.position_lost
    }

    /// Returns the first command whose events can be read again.
    pub(super) fn oldest(&self) -> Result<Sequence, ReplayError> {
        self.journal_replay.oldest()
    }

    /// Goes back so that exactly the commands up to this one are consumed. If the journal no longer
    /// reaches back that far, the source continues at the first place after it.
    pub(super) fn rewind(&mut self, sequence: u64) -> Result<(), ReplayError> {
        self.replay = None;
        self.cursor = None;
        self.position_lost = true;
        let engine = self.journal_replay.engine_at(Sequence(sequence))?;
        let at = engine.last_sequence();
        self.at = at.0;
        self.skip_through = sequence;
        self.encoder = encoder_of(self.history, &engine);
        self.replay = Some(self.journal_replay.replay(engine, at)?);
        self.position_lost = false;
        Ok(())
    }

    /// Returns the command after which entries begin, once the unneeded commands are skipped.
    pub(super) fn begins_after(&self) -> u64 {
        self.at.max(self.skip_through)
    }

    /// Adds entries until there are many. Returns `true` if there is nothing more for now.
    pub(super) fn fill(&mut self, into: &mut Entries) -> Result<bool, ReplayError> {
        for _ in 0..PIECES_MAX {
            if let Some(cursor) = &mut self.cursor {
                let ended = cursor.add(&mut self.encoder, &mut self.at, into);
                if !ended {
                    return Ok(false);
                }
                self.cursor = None;
            }
            let next = self.next().inspect_err(|_| self.position_lost = true)?;
            match next {
                Next::Groups(groups) => self.cursor = Some(Cursor::new(groups)),
                Next::More => return Ok(false),
                Next::Nothing => return Ok(true),
            }
        }
        Ok(false)
    }

    fn next(&mut self) -> Result<Next, ReplayError> {
        if let Some(replay) = &mut self.replay {
            let is_skipping = self.at < self.skip_through;
            if let Some(next) = replay_some(replay, &mut self.at, self.skip_through)? {
                if is_skipping && self.at >= self.skip_through {
                    self.encoder = encoder_of(self.history, &replay.engine);
                }
                return Ok(next);
            }
        }
        // Read this before the recent groups: what is durable by now is among them, or was.
        let durable = self.shared.durable();
        match self.recent_groups.after(self.at) {
            Recent::Groups(groups) => {
                self.replay = None;
                Ok(Next::Groups(groups))
            }
            Recent::Nothing if durable.0 <= self.at => {
                self.replay = None;
                Ok(Next::Nothing)
            }
            Recent::Nothing | Recent::Dropped => self.read_journal(durable),
        }
    }

    /// Continues to read in the journal.
    fn read_journal(&mut self, durable: Sequence) -> Result<Next, ReplayError> {
        if durable.0 <= self.at {
            // What was dropped from the recent groups becomes durable in a moment.
            return Ok(Next::Nothing);
        }
        if self.replay.is_none() {
            self.rewind(self.at)?;
        }
        if let Some(replay) = self.replay.take() {
            self.replay = Some(self.journal_replay.replay(replay.engine, durable)?);
        }
        Ok(Next::More)
    }
}

/// Returns an encoder for the markets of an engine.
fn encoder_of(history: History, engine: &Engine) -> EntryEncoder {
    EntryEncoder::new(history, engine.markets().map(|book| *book.head()))
}

/// Replays some more commands, without their events up to `skip_through`. Returns `None` if none are left.
fn replay_some(
    replay: &mut Replay,
    at: &mut u64,
    skip_through: u64,
) -> Result<Option<Next>, ReplayError> {
    let stop =
        |is_enough| if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let before = replay.engine.last_sequence();
    let (events, commands) = STEP;
    let last = before.0.saturating_add(commands);
    if *at < skip_through {
        replay.run::<_, ReplayError>(&mut (), |_, command, ()| {
            *at = command.sequence.0;
            Ok(stop(*at >= last.min(skip_through)))
        })?;
        return Ok((replay.engine.last_sequence() > before).then_some(Next::More));
    }
    let mut groups = Groups::default();
    replay.run::<_, ReplayError>(&mut groups, |_, command, groups| {
        Ok(stop(groups.events() >= events || command.sequence.0 >= last))
    })?;
    Ok(groups.first_and_last().is_some().then_some(Next::Groups(groups)))
}

impl Cursor {
    fn new(groups: Groups) -> Self {
        Self { groups, group: 0, event: 0, numbers: Numbers::default() }
    }

    /// Adds the entries of the groups after `at`, and moves `at` past each consumed group. Returns
    /// `true` if all groups are consumed.
    fn add(&mut self, encoder: &mut EntryEncoder, at: &mut u64, into: &mut Entries) -> bool {
        while let Some((header, events, _)) = self.groups.at(self.group) {
            if header.sequence.0 > *at {
                let rest = events.get(self.event..).unwrap_or_default();
                for event in rest {
                    if into.len() >= ENTRIES_MAX {
                        return false;
                    }
                    encoder.add(header, event, &mut self.numbers, into);
                    self.event += 1;
                }
                *at = header.sequence.0;
            }
            self.group += 1;
            self.event = 0;
            self.numbers = Numbers::default();
        }
        true
    }
}
