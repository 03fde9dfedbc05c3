//! Decides where to continue a stream, from what it contains. Nothing here does I/O.

use super::{Entry, EntryId};

/// What a stream and the key beside it contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredStream {
    /// Whether the stream exists.
    pub exists: bool,
    /// The highest id that was ever assigned in it.
    pub last: EntryId,
    /// The last entry that is still there, and its history.
    pub tail: Option<(EntryId, String)>,
    /// What the key beside it contains.
    pub progress: Option<Progress>,
}

/// What the key beside a stream contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The history of the stream.
    pub history: String,
    /// The stream is complete up to this command.
    pub sequence: u64,
    /// The last entry when this was written.
    pub last: EntryId,
}

/// What this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first command that can be replayed.
    pub oldest: u64,
    /// No command above this one can have been published by us.
    pub published_max: u64,
    /// The last durable command.
    pub durable: u64,
    /// How many commands a stream goes back when it begins anew.
    pub keep: u64,
}

/// Where to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The highest id that was assigned. Every new id is above it.
    pub last: EntryId,
    /// Everything up to this command is in the stream or was given up.
    pub through: u64,
    /// Why a marker is needed, if one is.
    pub cause: Option<MarkerCause>,
}

/// Why a marker is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkerCause {
    /// The stream did not exist.
    Begun,
    /// Its last entries were deleted.
    Deleted,
    /// Its entries belong to another history.
    History(String),
    /// The commands in between can no longer be replayed.
    Gap,
}

/// Why nothing may be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The stream is ahead of the journal.
    #[error(
        "it has events up to command {stream_end}, but the journal ended with command {ours} when this \
         process started: either later commands are lost here, or another process publishes them; \
         stop that process, or delete the stream, and it starts again"
    )]
    Ahead {
        /// The last command in the stream.
        stream_end: u64,
        /// The last command that we can have published.
        ours: u64,
    },
    /// The stream belongs to another history, whose numbers overlap with ours.
    #[error(
        "it has events up to command {stream_end} of history {history}, but ours begins with command \
         {ours}: run with the folder of that history, use another stream name, or delete the \
         stream, and it starts again"
    )]
    OtherHistory {
        /// Its history.
        history: String,
        /// The last command in the stream.
        stream_end: u64,
        /// The first command that we can publish.
        ours: u64,
    },
}

/// Decides where to continue a stream of this history.
///
/// # Errors
/// Returns [`PlanError`] if the stream has entries that are not ours and that collide with ours.
pub fn plan(seen: &StoredStream, history: &str, bounds: &Bounds) -> Result<Plan, PlanError> {
    let last = seen.last;
    // As far back as the stream keeps entries and commands can be replayed.
    let start = bounds.oldest.max(bounds.durable.saturating_sub(bounds.keep).saturating_add(1));
    if !seen.exists {
        let through = start.saturating_sub(1);
        return Ok(Plan { last, through, cause: Some(MarkerCause::Begun) });
    }
    let progress = seen
        .progress
        .as_ref()
        .filter(|progress| progress.history == history && progress.last == last);
    if let Some((_, theirs)) = &seen.tail
        && theirs != history
    {
        if last.sequence >= bounds.oldest {
            let (history, ours) = (theirs.clone(), bounds.oldest);
            return Err(PlanError::OtherHistory { history, stream_end: last.sequence, ours });
        }
        let cause = Some(MarkerCause::History(theirs.clone()));
        return Ok(Plan { last, through: start.saturating_sub(1), cause });
    }
    // A marker comes before the entries of its command and says nothing about them.
    let stream_end = last.sequence.saturating_sub(u64::from(last.number == 0));
    if stream_end > bounds.published_max {
        return Err(PlanError::Ahead { stream_end, ours: bounds.published_max });
    }
    let progress = progress
        .map(|progress| progress.sequence)
        .filter(|progress| *progress <= bounds.published_max);
    let intact = seen.tail.as_ref().is_some_and(|(id, _)| *id == last);
    let plan = if intact {
        let through = progress.unwrap_or(0).max(last.sequence.saturating_sub(1));
        Plan { last, through, cause: None }
    } else {
        let through = progress.unwrap_or(0).max(last.sequence);
        Plan { last, through, cause: Some(MarkerCause::Deleted) }
    };
    let reachable = bounds.oldest.saturating_sub(1);
    if plan.through < reachable {
        return Ok(Plan { through: reachable, cause: Some(MarkerCause::Gap), ..plan });
    }
    Ok(plan)
}

impl Plan {
    /// Returns `true` if the entry still has to be written.
    #[must_use]
    pub fn lacks(&self, id: EntryId) -> bool {
        id > self.last && id.sequence > self.through
    }

    /// The marker that says where the stream continues, if one is needed.
    #[must_use]
    pub fn marker(&self, history: &str) -> Option<Entry> {
        let cause = self.cause.as_ref()?;
        let from = self.through.saturating_add(1);
        let reason = match cause {
            MarkerCause::Begun => "begun",
            MarkerCause::Deleted => "taken",
            MarkerCause::History(_) => "history",
            MarkerCause::Gap => "gap",
        };
        let mut fields = vec![
            ("event", String::from("marker")),
            ("reason", reason.to_owned()),
            ("sequence", from.to_string()),
            ("history", history.to_owned()),
        ];
        if let MarkerCause::History(before) = cause {
            fields.push(("before", before.clone()));
        }
        Some(Entry { id: EntryId { sequence: from, number: 0 }, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "ours";

    fn id(sequence: u64, number: u64) -> EntryId {
        EntryId { sequence, number }
    }

    fn seen(
        last: EntryId,
        tail: Option<(EntryId, &str)>,
        progress: Option<(u64, EntryId)>,
    ) -> StoredStream {
        StoredStream {
            exists: true,
            last,
            tail: tail.map(|(id, history)| (id, history.to_owned())),
            progress: progress.map(|(sequence, last)| Progress {
                history: OURS.to_owned(),
                sequence,
                last,
            }),
        }
    }

    const BOUNDS: Bounds = Bounds { oldest: 1, published_max: 100, durable: 120, keep: 1_000 };

    fn through(seen: &StoredStream, bounds: Bounds) -> (u64, Option<MarkerCause>) {
        let plan = plan(seen, OURS, &bounds).unwrap();
        if let Some(marker) = plan.marker(OURS) {
            assert!(plan.lacks(id(marker.id.sequence, 1)) && marker.id > plan.last);
        }
        (plan.through, plan.cause)
    }

    #[test]
    fn stream_resumes_after_its_last_entry() {
        let intact = seen(id(40, 2), Some((id(40, 2), OURS)), None);
        // Other entries of command 40 may be missing.
        assert_eq!(through(&intact, BOUNDS), (39, None));
        let plan = plan(&intact, OURS, &BOUNDS).unwrap();
        assert!(!plan.lacks(id(40, 2)) && plan.lacks(id(40, 3)) && plan.lacks(id(41, 1)));
        let progress = seen(id(40, 2), Some((id(40, 2), OURS)), Some((90, id(40, 2))));
        assert_eq!(through(&progress, BOUNDS), (90, None));
        // A statement about another last entry, or about commands that are lost, does not count.
        let other = seen(id(40, 2), Some((id(40, 2), OURS)), Some((90, id(41, 1))));
        assert_eq!(through(&other, BOUNDS), (39, None));
        let lost = seen(id(40, 2), Some((id(40, 2), OURS)), Some((101, id(40, 2))));
        assert_eq!(through(&lost, BOUNDS), (39, None));
    }

    #[test]
    fn new_stream_starts_as_far_back_as_it_keeps_and_the_journal_reaches() {
        assert_eq!(through(&StoredStream::default(), BOUNDS), (0, Some(MarkerCause::Begun)));
        let short = Bounds { keep: 20, ..BOUNDS };
        assert_eq!(through(&StoredStream::default(), short), (100, Some(MarkerCause::Begun)));
        let late = Bounds { oldest: 110, ..short };
        assert_eq!(through(&StoredStream::default(), late), (109, Some(MarkerCause::Begun)));
    }

    #[test]
    fn possibly_missing_entries_are_marked() {
        let emptied = seen(id(40, 2), None, None);
        assert_eq!(through(&emptied, BOUNDS), (40, Some(MarkerCause::Deleted)));
        let cut = seen(id(40, 2), Some((id(30, 1), OURS)), Some((60, id(40, 2))));
        assert_eq!(through(&cut, BOUNDS), (60, Some(MarkerCause::Deleted)));
        let intact = seen(id(40, 2), Some((id(40, 2), OURS)), None);
        let dropped = Bounds { oldest: 50, ..BOUNDS };
        assert_eq!(through(&intact, dropped), (49, Some(MarkerCause::Gap)));
        let dropped = Bounds { oldest: 40, ..BOUNDS };
        assert_eq!(through(&intact, dropped), (39, None));
    }

    #[test]
    fn marker_does_not_prove_that_its_command_was_published() {
        // The marker came after everything that was durable. Then the process or the connection was lost.
        let marker = seen(id(101, 0), Some((id(101, 0), OURS)), None);
        assert_eq!(through(&marker, BOUNDS), (100, None));
        let new = Bounds { published_max: 0, durable: 0, ..BOUNDS };
        assert_eq!(through(&seen(id(1, 0), Some((id(1, 0), OURS)), None), new), (0, None));
        let ahead = seen(id(102, 0), Some((id(102, 0), OURS)), None);
        assert_eq!(
            plan(&ahead, OURS, &BOUNDS),
            Err(PlanError::Ahead { stream_end: 101, ours: 100 })
        );
    }

    #[test]
    fn stream_of_another_history_or_writer_is_never_continued() {
        let ahead = seen(id(101, 1), Some((id(101, 1), OURS)), None);
        let barred = PlanError::Ahead { stream_end: 101, ours: 100 };
        assert_eq!(plan(&ahead, OURS, &BOUNDS), Err(barred.clone()));
        assert_eq!(plan(&seen(id(101, 1), None, None), OURS, &BOUNDS), Err(barred));
        let theirs = seen(id(40, 1), Some((id(40, 1), "theirs")), None);
        assert!(matches!(
            plan(&theirs, OURS, &BOUNDS),
            Err(PlanError::OtherHistory { stream_end: 40, .. })
        ));
        let later = Bounds { oldest: 41, ..BOUNDS };
        let cause = MarkerCause::History(String::from("theirs"));
        assert_eq!(through(&theirs, later), (40, Some(cause)));
    }
}
