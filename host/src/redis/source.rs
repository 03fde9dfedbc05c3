//! Every durable group, in order and without a gap. Groups come from the tape, or from the journal if
//! the tape no longer holds them.

use std::ops::ControlFlow;
use std::sync::Arc;

use pricetime_engine::{Engine, MarketHead, Sequence};
use pricetime_journal::{History, Replay};
use pricetime_redis::stream::{Entries, Numbers, Wording};

use super::tape::{Played, Tape};
use crate::batch::Groups;
use crate::journal_replay::{JournalReplay, ReplayError};
use crate::status::Shared;

/// How many entries are gathered at a time.
const FULL: usize = 1_000;
/// How many events are replayed at a time, and how many commands.
const STEP: (usize, u64) = (1_000, 16_384);
/// After this many pieces `fill` returns even if it found few entries, because the host may be ending.
const PIECES: usize = 64;

/// Where entries come from.
pub(super) struct Source {
    past: JournalReplay,
    pub(super) tape: Tape,
    shared: Arc<Shared>,
    history: History,
    wording: Wording,
    /// Every command up to this one is consumed.
    at: u64,
    /// The entries of commands up to this one are not needed.
    quiet: u64,
    replay: Option<Replay>,
    cursor: Option<Cursor>,
    /// Whether an operation failed halfway, so that the position is unknown.
    lost: bool,
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
    Working,
    Nothing,
}

impl Source {
    /// Creates a source that begins after this command, when the markets were as `heads` says.
    pub(super) fn new(
        (past, tape): (JournalReplay, Tape),
        shared: Arc<Shared>,
        history: History,
        heads: impl IntoIterator<Item = MarketHead>,
        at: Sequence,
    ) -> Self {
        let wording = Wording::new(history, heads);
        let (at, quiet) = (at.0, 0);
        Self {
            past,
            tape,
            shared,
            history,
            wording,
            at,
            quiet,
            replay: None,
            cursor: None,
            lost: false,
        }
    }

    /// Every command up to this one is completely consumed.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Returns `true` if no part of the next command is consumed.
    pub(super) const fn is_whole(&self) -> bool {
        self.cursor.is_none() && !self.lost
    }

    /// Returns the first command whose events can be read again.
    pub(super) fn oldest(&self) -> Result<Sequence, ReplayError> {
        self.past.oldest()
    }

    /// Goes back so that exactly the commands up to this one are consumed. If the journal no longer
    /// reaches back that far, the source continues at the first place after it.
    pub(super) fn go_back(&mut self, sequence: u64) -> Result<(), ReplayError> {
        self.replay = None;
        self.cursor = None;
        self.lost = true;
        let engine = self.past.engine_at(Sequence(sequence))?;
        let at = engine.last_sequence();
        self.at = at.0;
        self.quiet = sequence;
        self.wording = known(self.history, &engine);
        self.replay = Some(self.past.replay(engine, at)?);
        self.lost = false;
        Ok(())
    }

    /// Returns the command after which entries begin, once the unneeded commands are skipped.
    pub(super) fn begins(&self) -> u64 {
        self.at.max(self.quiet)
    }

    /// Adds entries until there are many. Returns `true` if there is nothing more for now.
    pub(super) fn fill(&mut self, into: &mut Entries) -> Result<bool, ReplayError> {
        for _ in 0..PIECES {
            if let Some(cursor) = &mut self.cursor {
                let ended = cursor.tell(&mut self.wording, &mut self.at, into);
                if !ended {
                    return Ok(false);
                }
                self.cursor = None;
            }
            let next = self.next().inspect_err(|_| self.lost = true)?;
            match next {
                Next::Groups(groups) => self.cursor = Some(Cursor::new(groups)),
                Next::Working => return Ok(false),
                Next::Nothing => return Ok(true),
            }
        }
        Ok(false)
    }

    fn next(&mut self) -> Result<Next, ReplayError> {
        if let Some(replay) = &mut self.replay {
            let quiet = self.at < self.quiet;
            if let Some(next) = replay_some(replay, &mut self.at, self.quiet)? {
                if quiet && self.at >= self.quiet {
                    self.wording = known(self.history, &replay.engine);
                }
                return Ok(next);
            }
        }
        // Read this before the tape: what is durable by now is on the tape, or was.
        let durable = self.shared.durable();
        match self.tape.after(self.at) {
            Played::Groups(groups) => {
                self.replay = None;
                Ok(Next::Groups(groups))
            }
            Played::Nothing if durable.0 <= self.at => {
                self.replay = None;
                Ok(Next::Nothing)
            }
            Played::Nothing | Played::Torn => self.read_on(durable),
        }
    }

    /// Continues to read in the journal.
    fn read_on(&mut self, durable: Sequence) -> Result<Next, ReplayError> {
        if durable.0 <= self.at {
            // What was dropped from the tape becomes durable in a moment.
            return Ok(Next::Nothing);
        }
        if self.replay.is_none() {
            self.go_back(self.at)?;
        }
        if let Some(replay) = self.replay.take() {
            self.replay = Some(self.past.replay(replay.engine, durable)?);
        }
        Ok(Next::Working)
    }
}

/// Returns the wording for the markets of an engine.
fn known(history: History, engine: &Engine) -> Wording {
    Wording::new(history, engine.markets().map(|book| *book.head()))
}

/// Replays some more commands, without their events up to `quiet`. Returns `None` if none are left.
fn replay_some(replay: &mut Replay, at: &mut u64, quiet: u64) -> Result<Option<Next>, ReplayError> {
    let stop =
        |is_enough| if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let before = replay.engine.last_sequence();
    let (events, most) = STEP;
    let last = before.0.saturating_add(most);
    if *at < quiet {
        replay.run::<_, ReplayError>(&mut (), |_, command, ()| {
            *at = command.sequence.0;
            Ok(stop(*at >= last.min(quiet)))
        })?;
        return Ok((replay.engine.last_sequence() > before).then_some(Next::Working));
    }
    let mut groups = Groups::default();
    replay.run::<_, ReplayError>(&mut groups, |_, command, groups| {
        Ok(stop(groups.events() >= events || command.sequence.0 >= last))
    })?;
    Ok(groups.ends().is_some().then_some(Next::Groups(groups)))
}

impl Cursor {
    fn new(groups: Groups) -> Self {
        Self { groups, group: 0, event: 0, numbers: Numbers::default() }
    }

    /// Adds the entries of the groups after `at`, and moves `at` past each consumed group. Returns
    /// `true` if all groups are consumed.
    fn tell(&mut self, wording: &mut Wording, at: &mut u64, into: &mut Entries) -> bool {
        while let Some((header, events)) = self.groups.at(self.group) {
            if header.sequence.0 > *at {
                let rest = events.get(self.event..).unwrap_or_default();
                for event in rest {
                    if into.len() >= FULL {
                        return false;
                    }
                    wording.tell(header, event, &mut self.numbers, into);
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
