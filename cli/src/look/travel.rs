//! Replays to a moment in a history, from a snapshot, with a callback for each command.

use std::ops::ControlFlow;
use std::path::Path;

use pricetime_engine::{Command, Engine, Event, Group, Sequence};
use pricetime_journal::Replay;

use super::super::failure::{Code, Failure};
use super::{At, Begun, Origin, Seen, Stop, note};

/// A replay to a moment in a history.
#[derive(Debug)]
pub(in super::super) struct Travel {
    pub(in super::super) seen: Seen,
    /// The moment at which it ends, and whether that is the journal's end.
    at: At,
    is_end: bool,
    markets: u32,
}

impl Travel {
    /// Prepares a replay of a data folder to this moment, or to the journal's end if none is given.
    pub(in super::super) fn to(folder: &Path, at: Option<At>, markets: u32) -> Result<Self, Stop> {
        let seen = Seen::open(folder)?;
        let last = seen.journal.through();
        if let Some(At::Sequence(at)) = at
            && at > last
        {
            let text = format!("there is no command {at}: the journal ends with {last}");
            return Err(Failure::new(Code::Usage, text).into());
        }
        let is_end = at.is_none();
        Ok(Self { seen, at: at.unwrap_or(At::Sequence(last)), is_end, markets })
    }

    /// The state at that moment, replayed from the nearest snapshot before it.
    pub(in super::super) fn state(&self) -> Result<Engine, Stop> {
        self.go(Origin::Before(self.at), &mut |_, _, _| Ok(()))
    }

    /// The state at that moment. Replays everything that is kept and passes every command to `each`.
    pub(in super::super) fn watch(
        &self,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let oldest = self.seen.journal.oldest();
        if oldest > Sequence(1) {
            note(format_args!(
                "commands before {oldest} are no longer stored: what they did is not shown"
            ));
        }
        self.go(Origin::Oldest, each)
    }

    /// Replays from `origin` to that moment.
    pub(in super::super) fn go(
        &self,
        origin: Origin,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let engine = self.replay(origin, each)?;
        if self.is_end {
            self.seen.whole()?;
        }
        Ok(engine)
    }

    fn replay(
        &self,
        origin: Origin,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let Begun { engine, commands, .. } = self.seen.begin(origin, self.markets)?;
        let after = engine.last_sequence();
        if let At::Sequence(at) = self.at {
            if at < after {
                let text =
                    format!("{} is no longer stored: the journal begins after {after}", self.at);
                return Err(Failure::new(Code::Failed, text).into());
            }
            if at == after {
                return Ok(engine);
            }
        }
        let commands =
            commands.take_while(|it| !matches!(it, Ok(command) if self.is_past(command)));
        let mut replay = Replay { engine, commands };
        let mut arrived = matches!(self.at, At::Sequence(_) | At::Time(_));
        replay.run::<_, Stop>(&mut Group::default(), |engine, command, group| {
            each(engine, command, group)?;
            if !self.is_there(group) {
                return Ok(ControlFlow::Continue(()));
            }
            arrived = true;
            Ok(ControlFlow::Break(()))
        })?;
        let engine = replay.engine;
        if arrived {
            return Ok(engine);
        }
        let last = engine.last_sequence();
        let text = format!("{} has not happened: the journal ends with {last}", self.at);
        Err(Failure::new(Code::Failed, text).into())
    }

    /// Returns `true` if the moment is a time and this command comes after it.
    fn is_past(&self, command: &Command) -> bool {
        matches!(self.at, At::Time(time) if command.timestamp > time)
    }

    fn is_there(&self, group: &Group) -> bool {
        match self.at {
            At::Time(_) => false,
            At::Sequence(at) => group.header.sequence >= at,
            At::Epoch(..) => group.events.iter().any(|event| {
                matches!(event, Event::EpochClosed(epoch)
                    if self.at.is_close(group.header.market, epoch.number))
            }),
        }
    }
}
