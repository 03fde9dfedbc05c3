//! To a moment in a history, by way of a snapshot, and with somebody at the window.

use std::path::Path;

use pricetime_engine::{Command, Engine, Event, Group, Sequence};

use super::super::failure::{Code, Failure};
use super::{At, Origin, Seen, Stop, bar, note};

/// A journey to a moment in a history.
#[derive(Debug)]
pub(in super::super) struct Travel {
    pub(in super::super) seen: Seen,
    /// Where it ends, and whether that is the journal's end.
    at: At,
    is_end: bool,
    markets: u32,
}

impl Travel {
    /// To this moment of a data folder, to the end where none is given.
    pub(in super::super) fn to(folder: &Path, at: Option<At>, markets: u32) -> Result<Self, Stop> {
        let seen = Seen::open(folder)?;
        let last = seen.journal.through();
        if let Some(At::Sequence(at)) = at
            && at > last
        {
            let text = format!("command {at} is not there: the journal ends with {last}");
            return Err(Failure::new(Code::Usage, text).into());
        }
        let is_end = at.is_none();
        Ok(Self { seen, at: at.unwrap_or(At::Sequence(last)), is_end, markets })
    }

    /// The state at that moment, from the nearest snapshot before it.
    pub(in super::super) fn state(&self) -> Result<Engine, Stop> {
        self.go(Origin::Before(self.at), &mut |_, _, _| Ok(()))
    }

    /// The state at that moment, on the way to which everything that is kept was watched.
    pub(in super::super) fn watch(
        &self,
        each: &mut dyn FnMut(&Engine, &Command, &Group) -> Result<(), Stop>,
    ) -> Result<Engine, Stop> {
        let oldest = self.seen.journal.oldest();
        if oldest > Sequence(1) {
            note(format_args!(
                "commands before {oldest} are not kept any more: what they did is not shown"
            ));
        }
        self.go(Origin::Oldest, each)
    }

    /// To that moment, from this beginning.
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
        let begun = self.seen.begin(origin, self.markets)?;
        let mut engine = begun.engine;
        let after = engine.last_sequence();
        if let At::Sequence(at) = self.at {
            if at < after {
                let text =
                    format!("{} is before what is kept: that begins behind {after}", self.at);
                return Err(Failure::new(Code::Failed, text).into());
            }
            if at == after {
                return Ok(engine);
            }
        }
        let bar = bar(Some(begun.through.0.saturating_sub(after.0)), "replaying");
        let mut last = Group::default();
        while let Some(batch) = begun.commands.next()? {
            for command in &batch {
                if self.is_past(command) {
                    bar.finish_and_clear();
                    return Ok(engine);
                }
                engine.apply(command, &mut last);
                each(&engine, command, &last)?;
                if self.is_there(&last) {
                    bar.finish_and_clear();
                    return Ok(engine);
                }
            }
            bar.inc(batch.len() as u64);
            begun.commands.give_back(batch);
        }
        bar.finish_and_clear();
        if let At::Sequence(_) | At::Time(_) = self.at {
            return Ok(engine);
        }
        let text = format!("{} has not come: the journal ends with {}", self.at, begun.through);
        Err(Failure::new(Code::Failed, text).into())
    }

    /// Whether this command comes after the moment, if that is a time.
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
