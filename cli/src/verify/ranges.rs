//! Replays of the journal, compared with snapshots and epochs. Damage ends a stretch of the journal; a
//! later snapshot begins the next one.

use std::ops::ControlFlow;

use pricetime_engine::{Engine, Sequence};
use pricetime_journal::image::Image;
use pricetime_journal::{JournalError, Replay};

use super::super::reader::{OpenFolder, Origin, PreparedReplay, ReplayVerifier, Stop};
use super::{Reporter, wrong};

/// The output for findings, and whether no damaged file was reported.
pub(super) struct ReplayRanges<'a> {
    pub(super) reporter: &'a mut Reporter,
    pub(super) markets: u32,
    pub(super) is_whole: bool,
}

/// A replayed stretch.
struct Replayed {
    engine: Engine,
    image: Image,
    verifier: ReplayVerifier,
    /// The error that ended the stretch before the journal's end.
    broken: Option<JournalError>,
}

impl ReplayRanges<'_> {
    /// Replays and checks the next stretch. If damage ended it, returns the command after which the next
    /// one begins.
    pub(super) fn next(
        &mut self,
        data: &OpenFolder,
        origin: Origin,
    ) -> Result<Option<Sequence>, Stop> {
        let prepared = match data.begin(origin, self.markets) {
            Ok(prepared) => prepared,
            Err(stop) => {
                self.reporter.report("replay", Err(stop.text()))?;
                return Ok(Some(match origin {
                    Origin::AtSnapshot(sequence) => sequence,
                    Origin::Oldest | Origin::Before(_) => Sequence(0),
                }));
            }
        };
        let after = prepared.engine.last_sequence();
        if origin == Origin::Oldest {
            self.earlier(data, after)?;
            let (oldest, replayable) = (data.journal.oldest(), data.journal.replayable);
            if oldest < replayable {
                let what = format!(
                    "commands {oldest} to {}: written under other rules, so they are not replayed",
                    replayable.0 - 1
                );
                self.reporter.report("journal", Ok(what))?;
            }
        }
        if after > Sequence(0) {
            let what = format!("snapshot of command {after}: restores; a replay begins with it");
            self.reporter.report("snapshot", Ok(what))?;
        }
        let Replayed { engine, image, mut verifier, broken } = self.replay(data, prepared);
        if broken.is_none() {
            verifier.report_missed(&engine);
        }
        verifier.finish(&engine, &image);
        for (right, text) in verifier.findings {
            self.reporter.report("replay", if right { Ok(text) } else { Err(text) })?;
        }
        let (at, digest) = (engine.last_sequence(), engine.digest());
        let Some(error) = broken else {
            self.reporter.report("digest", Ok(format!("{digest:032x} at command {at}")))?;
            return Ok(None);
        };
        let text = wrong(error)?;
        // Damage that the check of its file has reported already is not reported again.
        let what = if self.is_whole { text } else { format!("damage ends it after command {at}") };
        self.reporter.report("replay", Err(what))?;
        Ok(Some(at))
    }

    /// Checks the earlier snapshots, from which the first stretch could not begin.
    fn earlier(&mut self, data: &OpenFolder, after: Sequence) -> Result<(), Stop> {
        for earlier in data.snapshots.iter().filter(|sequence| **sequence < after) {
            let findings = ReplayVerifier::check_without_replay(
                &data.reader.snapshots(),
                *earlier,
                self.markets,
            );
            self.reporter.report("snapshot", findings)?;
        }
        Ok(())
    }

    fn replay(&self, data: &OpenFolder, prepared: PreparedReplay) -> Replayed {
        let PreparedReplay { engine, base, commands } = prepared;
        let after = engine.last_sequence();
        let mut image = ReplayVerifier::image(base.as_ref());
        let mut verifier =
            ReplayVerifier::new(data.reader.snapshots(), &data.snapshots, after, self.markets);
        let mut replay = Replay { engine, commands };
        let ended = replay.run::<_, JournalError>(&mut image, |engine, command, _| {
            if verifier.next() == Some(command.sequence) {
                verifier.compare(engine);
            }
            Ok(ControlFlow::Continue(()))
        });
        Replayed { engine: replay.engine, image, verifier, broken: ended.err() }
    }
}
