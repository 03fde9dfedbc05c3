//! Decides where to continue a stream, from what it contains. Nothing here does I/O.

use super::{Entry, EntryId};

/// What a stream and the key beside it contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether the stream exists.
    pub exists: bool,
    /// The highest id that was ever assigned in it.
    pub last: EntryId,
    /// The last entry that is still there, and its history.
    pub tail: Option<(EntryId, String)>,
    /// What the key beside it contains.
    pub said: Option<Said>,
}

/// What the key beside a stream contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
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
    pub told_max: u64,
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
    pub because: Option<Because>,
}

/// Why a marker is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// The stream did not exist.
    Begun,
    /// Its last entries were deleted.
    Taken,
    /// Its entries belong to another history.
    History(String),
    /// The commands in between can no longer be replayed.
    Gap,
}

/// Why nothing may be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// The stream is ahead of the journal.
    #[error(
        "it has events up to command {there}, but the journal ended with command {ours} when this \
         process started: either later commands are lost here, or another process publishes them; \
         stop that process, or delete the stream, and it starts again"
    )]
    Ahead {
        /// The last command in the stream.
        there: u64,
        /// The last command that we can have published.
        ours: u64,
    },
    /// The stream belongs to another history, whose numbers overlap with ours.
    #[error(
        "it has events up to command {there} of history {history}, but ours begins with command \
         {ours}: run with the folder of that history, use another stream name, or delete the \
         stream, and it starts again"
    )]
    Elsewhere {
        /// Its history.
        history: String,
        /// The last command in the stream.
        there: u64,
        /// The first command that we can publish.
        ours: u64,
    },
}

/// Decides where to continue a stream of this history.
///
/// # Errors
/// Returns [`Barred`] if the stream has entries that are not ours and that collide with ours.
pub fn plan(seen: &Seen, history: &str, bounds: &Bounds) -> Result<Plan, Barred> {
    let last = seen.last;
    // As far back as the stream keeps entries and commands can be replayed.
    let far = bounds.oldest.max(bounds.durable.saturating_sub(bounds.keep).saturating_add(1));
    if !seen.exists {
        let through = far.saturating_sub(1);
        return Ok(Plan { last, through, because: Some(Because::Begun) });
    }
    let said = seen.said.as_ref().filter(|said| said.history == history && said.last == last);
    if let Some((_, theirs)) = &seen.tail
        && theirs != history
    {
        if last.sequence >= bounds.oldest {
            let (history, ours) = (theirs.clone(), bounds.oldest);
            return Err(Barred::Elsewhere { history, there: last.sequence, ours });
        }
        let because = Some(Because::History(theirs.clone()));
        return Ok(Plan { last, through: far.saturating_sub(1), because });
    }
    // A marker comes before the entries of its command and says nothing about them.
    let there = last.sequence.saturating_sub(u64::from(last.number == 0));
    if there > bounds.told_max {
        return Err(Barred::Ahead { there, ours: bounds.told_max });
    }
    let said = said.map(|said| said.sequence).filter(|said| *said <= bounds.told_max);
    let whole = seen.tail.as_ref().is_some_and(|(id, _)| *id == last);
    let plan = if whole {
        let through = said.unwrap_or(0).max(last.sequence.saturating_sub(1));
        Plan { last, through, because: None }
    } else {
        let through = said.unwrap_or(0).max(last.sequence);
        Plan { last, through, because: Some(Because::Taken) }
    };
    let reachable = bounds.oldest.saturating_sub(1);
    if plan.through < reachable {
        return Ok(Plan { through: reachable, because: Some(Because::Gap), ..plan });
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
        let because = self.because.as_ref()?;
        let from = self.through.saturating_add(1);
        let reason = match because {
            Because::Begun => "begun",
            Because::Taken => "taken",
            Because::History(_) => "history",
            Because::Gap => "gap",
        };
        let mut fields = vec![
            ("event", String::from("marker")),
            ("reason", reason.to_owned()),
            ("sequence", from.to_string()),
            ("history", history.to_owned()),
        ];
        if let Because::History(before) = because {
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

    fn seen(last: EntryId, tail: Option<(EntryId, &str)>, said: Option<(u64, EntryId)>) -> Seen {
        Seen {
            exists: true,
            last,
            tail: tail.map(|(id, history)| (id, history.to_owned())),
            said: said.map(|(sequence, last)| Said { history: OURS.to_owned(), sequence, last }),
        }
    }

    const BOUNDS: Bounds = Bounds { oldest: 1, told_max: 100, durable: 120, keep: 1_000 };

    fn through(seen: &Seen, bounds: Bounds) -> (u64, Option<Because>) {
        let plan = plan(seen, OURS, &bounds).unwrap();
        if let Some(marker) = plan.marker(OURS) {
            assert!(plan.lacks(id(marker.id.sequence, 1)) && marker.id > plan.last);
        }
        (plan.through, plan.because)
    }

    #[test]
    fn stream_resumes_after_its_last_entry() {
        let whole = seen(id(40, 2), Some((id(40, 2), OURS)), None);
        // Other entries of command 40 may be missing.
        assert_eq!(through(&whole, BOUNDS), (39, None));
        let plan = plan(&whole, OURS, &BOUNDS).unwrap();
        assert!(!plan.lacks(id(40, 2)) && plan.lacks(id(40, 3)) && plan.lacks(id(41, 1)));
        let said = seen(id(40, 2), Some((id(40, 2), OURS)), Some((90, id(40, 2))));
        assert_eq!(through(&said, BOUNDS), (90, None));
        // A statement about another last entry, or about commands that are lost, does not count.
        let other = seen(id(40, 2), Some((id(40, 2), OURS)), Some((90, id(41, 1))));
        assert_eq!(through(&other, BOUNDS), (39, None));
        let lost = seen(id(40, 2), Some((id(40, 2), OURS)), Some((101, id(40, 2))));
        assert_eq!(through(&lost, BOUNDS), (39, None));
    }

    #[test]
    fn new_stream_starts_as_far_back_as_it_keeps_and_the_journal_reaches() {
        assert_eq!(through(&Seen::default(), BOUNDS), (0, Some(Because::Begun)));
        let short = Bounds { keep: 20, ..BOUNDS };
        assert_eq!(through(&Seen::default(), short), (100, Some(Because::Begun)));
        let late = Bounds { oldest: 110, ..short };
        assert_eq!(through(&Seen::default(), late), (109, Some(Because::Begun)));
    }

    #[test]
    fn possibly_missing_entries_are_marked() {
        let emptied = seen(id(40, 2), None, None);
        assert_eq!(through(&emptied, BOUNDS), (40, Some(Because::Taken)));
        let cut = seen(id(40, 2), Some((id(30, 1), OURS)), Some((60, id(40, 2))));
        assert_eq!(through(&cut, BOUNDS), (60, Some(Because::Taken)));
        let whole = seen(id(40, 2), Some((id(40, 2), OURS)), None);
        let dropped = Bounds { oldest: 50, ..BOUNDS };
        assert_eq!(through(&whole, dropped), (49, Some(Because::Gap)));
        let dropped = Bounds { oldest: 40, ..BOUNDS };
        assert_eq!(through(&whole, dropped), (39, None));
    }

    #[test]
    fn marker_does_not_prove_that_its_command_was_published() {
        // The marker came after everything that was durable. Then the process or the connection was lost.
        let marker = seen(id(101, 0), Some((id(101, 0), OURS)), None);
        assert_eq!(through(&marker, BOUNDS), (100, None));
        let new = Bounds { told_max: 0, durable: 0, ..BOUNDS };
        assert_eq!(through(&seen(id(1, 0), Some((id(1, 0), OURS)), None), new), (0, None));
        let ahead = seen(id(102, 0), Some((id(102, 0), OURS)), None);
        assert_eq!(plan(&ahead, OURS, &BOUNDS), Err(Barred::Ahead { there: 101, ours: 100 }));
    }

    #[test]
    fn stream_of_another_history_or_writer_is_never_continued() {
        let ahead = seen(id(101, 1), Some((id(101, 1), OURS)), None);
        let barred = Barred::Ahead { there: 101, ours: 100 };
        assert_eq!(plan(&ahead, OURS, &BOUNDS), Err(barred.clone()));
        assert_eq!(plan(&seen(id(101, 1), None, None), OURS, &BOUNDS), Err(barred));
        let theirs = seen(id(40, 1), Some((id(40, 1), "theirs")), None);
        assert!(matches!(plan(&theirs, OURS, &BOUNDS), Err(Barred::Elsewhere { there: 40, .. })));
        let later = Bounds { oldest: 41, ..BOUNDS };
        let because = Because::History(String::from("theirs"));
        assert_eq!(through(&theirs, later), (40, Some(because)));
    }
}
