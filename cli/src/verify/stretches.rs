//! Replays of the journal, compared with snapshots and epochs. Damage ends a stretch of the journal; a
//! later snapshot begins the next one.

use std::ops::ControlFlow;

use pricetime_engine::{Engine, Sequence};
use pricetime_journal::image::Image;
use pricetime_journal::{JournalError, Replay};

use super::super::look::{Begun, Judge, Origin, Seen, Stop};
use super::{Voice, wrong};

/// The output for findings, and whether no damaged file was reported.
pub(super) struct Stretches<'a> {
    pub(super) voice: &'a mut Voice,
    pub(super) markets: u32,
    pub(super) is_whole: bool,
}

/// A replayed stretch.
struct Replayed {
    engine: Engine,
    image: Image,
    judge: Judge,
    /// The error that ended the stretch before the journal's end.
    broken: Option<JournalError>,
}

impl Stretches<'_> {
    /// Replays and checks the next stretch. If damage ended it, returns the command after which the next
    /// one begins.
    pub(super) fn next(&mut self, seen: &Seen, origin: Origin) -> Result<Option<Sequence>, Stop> {
        let begun = match seen.begin(origin, self.markets) {
            Ok(begun) => begun,
            Err(stop) => {
                self.voice.say("replay", Err(stop.text()))?;
                return Ok(Some(match origin {
                    Origin::With(sequence) => sequence,
                    Origin::Oldest | Origin::Before(_) => Sequence(0),
                }));
            }
        };
        let after = begun.engine.last_sequence();
        if origin == Origin::Oldest {
            self.earlier(seen, after)?;
            let (oldest, replayable) = (seen.journal.oldest(), seen.journal.replayable);
            if oldest < replayable {
                let what = format!(
                    "commands {oldest} to {}: written under other rules, so they are not replayed",
                    replayable.0 - 1
                );
                self.voice.say("journal", Ok(what))?;
            }
        }
        if after > Sequence(0) {
            let what = format!("snapshot of command {after}: restores; a replay begins with it");
            self.voice.say("snapshot", Ok(what))?;
        }
        let Replayed { engine, image, mut judge, broken } = self.replay(seen, begun);
        if broken.is_none() {
            judge.miss_rest(&engine);
        }
        judge.finish(&engine, &image);
        for (right, text) in judge.found {
            self.voice.say("replay", if right { Ok(text) } else { Err(text) })?;
        }
        let (at, digest) = (engine.last_sequence(), engine.digest());
        let Some(error) = broken else {
            self.voice.say("digest", Ok(format!("{digest:032x} at command {at}")))?;
            return Ok(None);
        };
        let text = wrong(error)?;
        // Damage that the check of its file has reported already is not reported again.
        let what = if self.is_whole { text } else { format!("damage ends it after command {at}") };
        self.voice.say("replay", Err(what))?;
        Ok(Some(at))
    }

    /// Checks the earlier snapshots, from which the first stretch could not begin.
    fn earlier(&mut self, seen: &Seen, after: Sequence) -> Result<(), Stop> {
        for earlier in seen.snapshots.iter().filter(|sequence| **sequence < after) {
            let found = Judge::alone(&seen.look.snapshots(), *earlier, self.markets);
            self.voice.say("snapshot", found)?;
        }
        Ok(())
    }

    fn replay(&self, seen: &Seen, begun: Begun) -> Replayed {
        let Begun { engine, base, commands } = begun;
        let after = engine.last_sequence();
        let mut image = Judge::image(base.as_ref());
        let mut judge = Judge::new(seen.look.snapshots(), &seen.snapshots, after, self.markets);
        let mut replay = Replay { engine, commands };
        let ended = replay.run::<_, JournalError>(&mut image, |engine, command, _| {
            if judge.next() == Some(command.sequence) {
                judge.compare(engine);
            }
            Ok(ControlFlow::Continue(()))
        });
        Replayed { engine: replay.engine, image, judge, broken: ended.err() }
    }
}
