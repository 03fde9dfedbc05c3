//! Everything that became durable, in order and without a gap: from the tape while that reaches far
//! enough, and from the journal where it does not.

use std::ops::ControlFlow;
use std::sync::Arc;

use pricetime_engine::{Engine, MarketHead, Sequence};
use pricetime_journal::{History, Replay};
use pricetime_redis::stream::{Entries, Numbers, Wording};

use super::tape::{Played, Tape};
use crate::batch::Groups;
use crate::journal_replay::{JournalReplay, ReplayError};
use crate::status::Shared;

/// So many entries are gathered at a time.
const FULL: usize = 1_000;
/// So many events are made of commands at a time, and so many commands are carried out.
const STEP: (usize, u64) = (1_000, 16_384);
/// After so many pieces without much in them it comes back, for there may be an end.
const PIECES: usize = 64;

/// Where entries come from.
pub(super) struct Source {
    past: JournalReplay,
    pub(super) tape: Tape,
    shared: Arc<Shared>,
    history: History,
    wording: Wording,
    /// Every command up to this one is used up.
    at: u64,
    /// Up to this command nobody wants to hear anything.
    quiet: u64,
    replay: Option<Replay>,
    cursor: Option<Cursor>,
    /// Whether it failed on the way, so that nobody knows where it stands.
    lost: bool,
}

/// Groups, and how far they are used up.
struct Cursor {
    groups: Groups,
    group: usize,
    event: usize,
    numbers: Numbers,
}

/// What comes next.
enum Next {
    Groups(Groups),
    /// Nothing yet, but there is more to do.
    Working,
    Nothing,
}

impl Source {
    /// One that begins after this command, when markets were like this.
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

    /// Every command up to this one is used up, whole.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Whether no part of the command after that is.
    pub(super) const fn is_whole(&self) -> bool {
        self.cursor.is_none() && !self.lost
    }

    /// The first command that can be told again.
    pub(super) fn oldest(&self) -> Result<Sequence, ReplayError> {
        self.past.oldest()
    }

    /// Goes back to where everything up to this command is used up, and nothing more; or to the first
    /// place after it where that is not possible any more.
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

    /// Where it will stand once what nobody wants to hear is behind it.
    pub(super) fn begins(&self) -> u64 {
        self.at.max(self.quiet)
    }

    /// Adds entries until there are many. Says whether there is nothing more for now.
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
        // Before the tape is looked at: what is durable then is on it, or was.
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

    /// Reads on in the journal.
    fn read_on(&mut self, durable: Sequence) -> Result<Next, ReplayError> {
        if durable.0 <= self.at {
            // What was taken off the tape is durable in a moment.
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

/// What is known of markets in an engine.
fn known(history: History, engine: &Engine) -> Wording {
    Wording::new(history, engine.markets().map(|book| *book.head()))
}

/// Carries out some more commands, without their events up to `quiet`. None where there are none left.
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

    /// Adds the entries of groups behind `at`, which goes on with every group that is used up. Says
    /// whether all are.
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
