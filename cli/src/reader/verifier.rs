//! Compares a replay with the snapshots on its way, the totals of the epochs, and the image built from its
//! events.

use std::collections::VecDeque;
use std::io::ErrorKind::NotFound;

use pricetime_engine::{Engine, EngineSnapshot, Sequence};
use pricetime_journal::image::Image;
use pricetime_journal::{LocalSnapshots, SnapshotError, keyed_engine};

use super::origin::restore;

/// The checks of a replay.
#[derive(Debug)]
pub(in super::super) struct ReplayVerifier {
    snapshots: LocalSnapshots,
    /// The snapshots that the replay has not reached yet.
    pending: VecDeque<Sequence>,
    /// The findings: whether each is right, and its text.
    pub(in super::super) findings: Vec<(bool, String)>,
    markets: u32,
}

impl ReplayVerifier {
    /// Checks for a replay that begins after the command `after`.
    pub(in super::super) fn new(
        snapshots: LocalSnapshots,
        all: &[Sequence],
        after: Sequence,
        markets: u32,
    ) -> Self {
        let pending = all.iter().copied().filter(|sequence| *sequence > after).collect();
        Self { snapshots, pending, findings: Vec::new(), markets }
    }

    /// The image that events are applied to.
    pub(in super::super) fn image(base: Option<&EngineSnapshot>) -> Image {
        base.map_or_else(Image::default, Image::from_snapshot)
    }

    /// The next command whose state can be compared.
    pub(in super::super) fn next(&self) -> Option<Sequence> {
        self.pending.front().copied()
    }

    /// Compares the engine with the next snapshot, which is of this command.
    pub(in super::super) fn compare(&mut self, engine: &Engine) {
        let Some(sequence) = self.pending.pop_front() else { return };
        let verdict = self.snapshot(sequence, engine.digest());
        self.findings.push(match verdict {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        });
    }

    fn snapshot(&self, sequence: Sequence, replayed: u128) -> Result<String, String> {
        let Some(stored) = restore_snapshot(&self.snapshots, sequence, self.markets)? else {
            return Ok(format!("snapshot of command {sequence}: deleted meanwhile"));
        };
        let stored = stored.digest();
        if stored != replayed {
            return Err(format!(
                "the snapshot of command {sequence} has digest {stored:032x}, the replay \
                 {replayed:032x}: one of the two is wrong"
            ));
        }
        Ok(format!("snapshot of command {sequence}: restores, and equals the replay's state"))
    }

    /// Checks a snapshot without a replay.
    pub(in super::super) fn check_without_replay(
        snapshots: &LocalSnapshots,
        sequence: Sequence,
        markets: u32,
    ) -> Result<String, String> {
        restore_snapshot(snapshots, sequence, markets)?;
        Ok(format!(
            "snapshot of command {sequence}: restores; there is no replay to compare it with"
        ))
    }

    /// Reports the snapshots that the replay should have reached and did not.
    pub(in super::super) fn report_missed(&mut self, engine: &Engine) {
        let at = engine.last_sequence();
        for sequence in std::mem::take(&mut self.pending) {
            let missed = format!(
                "there is a snapshot of command {sequence}, but the replay ended with command {at}: \
                 the journal between is lost or damaged"
            );
            let stored = restore_snapshot(&self.snapshots, sequence, self.markets);
            self.findings.push((false, stored.err().unwrap_or(missed)));
        }
    }

    /// Makes the final comparisons.
    pub(in super::super) fn finish(&mut self, engine: &Engine, image: &Image) {
        let at = engine.last_sequence();
        self.findings.push(match image.fault() {
            Some(fault) => (false, fault.to_string()),
            None => (true, String::from("epochs: the totals of each equal those of the image")),
        });
        let (core, folded) = (engine.digest(), image.digest());
        self.findings.push(if core == folded {
            (true, format!("image: the events add up to the core's state at command {at}"))
        } else {
            let text = format!(
                "the image has digest {folded:032x} at command {at}, the core {core:032x}: the \
                 events do not add up to the state"
            );
            (false, text)
        });
        self.findings.push(match engine.audit() {
            Ok(()) => (true, format!("core: every invariant holds at command {at}")),
            Err(broken) => {
                (false, format!("the core violates an invariant at command {at}: {broken:?}"))
            }
        });
    }
}

/// Restores an engine from a snapshot, audits it and compares its digest with the stated one. Returns
/// `None` if a running process has deleted the snapshot since it was listed.
fn restore_snapshot(
    snapshots: &LocalSnapshots,
    sequence: Sequence,
    markets: u32,
) -> Result<Option<Engine>, String> {
    let loaded = match snapshots.load(sequence) {
        Err(SnapshotError::Io { source, .. }) if source.kind() == NotFound => return Ok(None),
        loaded => loaded.map_err(|error| error.to_string())?,
    };
    let mut engine = keyed_engine(markets);
    restore(&mut engine, &loaded)?;
    let broken =
        |broken| format!("the snapshot of command {sequence} violates an invariant: {broken:?}");
    engine.audit().map_err(broken)?;
    Ok(Some(engine))
}
