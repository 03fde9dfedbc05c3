//! Replays to a moment in a history, from a snapshot, with a callback for each command.

use std::ops::ControlFlow;
use std::path::Path;

use pricetime_engine::{Command, Engine, Event, Group, Sequence};
use pricetime_journal::Replay;

use super::super::failure::{Code, Failure};
use super::{Moment, OpenFolder, Origin, PreparedReplay, Stop, note};

/// A replay to a moment in a history.
#[derive(Debug)]
pub(in super::super) struct MomentReplay {
    pub(in super::super) data: OpenFolder,
    /// The moment at which it ends, and whether that is the journal's end.
    at: Moment,
    is_end: bool,
    markets: u32,
}

impl MomentReplay {
    /// Prepares a replay of a data folder to this moment, or to the journal's end if none is given.
    pub(in super::super) fn to(
        folder: &Path,
        at: Option<Moment>,
        markets: u32,
    ) -> Result<Self, Stop> {
        let data = OpenFolder::open(folder)?;
        let last = data.journal.through();
        if let Some(Moment::Sequence(at)) = at
            && at > last
        {
            let text = format!("there is no command {at}: the journal ends with {last}");
            return Err(Failure::new(Code::Usage, text).into());
        }
        let is_end = at.is_none();
        Ok(Self { data, at: at.unwrap_or(Moment::Sequence(last)), is_end, markets })
    }

    /// The state at that moment, replayed from the nearest snapshot before it.
    pub(in super::super) fn state(&self) -> Result<Engine, Stop> {
        self.replay_from(Origin::Before(self.at), &mut |_, _, _| Ok(()))
    }

    /// The state at that moment. Replays everything that is kept and passes every command to `each`.
    pub(in super::super) fn replay_all(
        &self,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let oldest = self.data.journal.oldest();
        if oldest > Sequence(1) {
            note(format_args!(
                "commands before {oldest} are no longer stored: what they did is not shown"
            ));
        }
        self.replay_from(Origin::Oldest, each)
    }

    /// Replays from `origin` to that moment.
    pub(in super::super) fn replay_from(
        &self,
        origin: Origin,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let engine = self.replay(origin, each)?;
        if self.is_end {
            self.data.check_undamaged()?;
        }
        Ok(engine)
    }

    fn replay(
        &self,
        origin: Origin,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let PreparedReplay { engine, commands, .. } = self.data.begin(origin, self.markets)?;
        let after = engine.last_sequence();
        if let Moment::Sequence(at) = self.at {
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
        let mut reached = matches!(self.at, Moment::Sequence(_) | Moment::Time(_));
        replay.run::<_, Stop>(&mut Group::default(), |engine, command, group| {
            each(engine, command, group)?;
            if !self.is_reached(group) {
                return Ok(ControlFlow::Continue(()));
            }
            reached = true;
            Ok(ControlFlow::Break(()))
        })?;
        let engine = replay.engine;
        if reached {
            return Ok(engine);
        }
        let last = engine.last_sequence();
        let text = format!("{} has not happened: the journal ends with {last}", self.at);
        Err(Failure::new(Code::Failed, text).into())
    }

    /// Returns `true` if the moment is a time and this command comes after it.
    fn is_past(&self, command: &Command) -> bool {
        matches!(self.at, Moment::Time(time) if command.timestamp > time)
    }

    fn is_reached(&self, group: &Group) -> bool {
        match self.at {
            Moment::Time(_) => false,
            Moment::Sequence(at) => group.header.sequence >= at,
            Moment::Epoch(..) => group.events.iter().any(|event| {
                matches!(event, Event::EpochClosed(epoch)
                    if self.at.is_close(group.header.market, epoch.number))
            }),
        }
    }
}
