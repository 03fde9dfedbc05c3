//! Recovery restores the newest snapshot and replays the journal after it.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::PathBuf;

use pricetime_engine::{Broken, Engine, EngineSnapshot, Sequence, Sink, rules};

use crate::folder::{Folder, FolderError};
use crate::history::History;
use crate::index_key::keyed_engine;
use crate::journal::{Journal, JournalError, JournalOptions};
use crate::local::{LoadedSnapshot, LocalSnapshots, NewestSnapshot, SnapshotError};
use crate::replay::Replay;

/// The number of commands between two progress reports.
const REPORT_EVERY: u64 = 1 << 14;

/// The options of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryOptions {
    /// The options of the journal.
    pub journal: JournalOptions,
    /// How many snapshots are kept.
    pub snapshots_keep: usize,
    /// Whether to continue if the journal is missing, ends before the snapshot, or begins after it. That
    /// starts a new history, whose sequences, times and market ids begin above the highest ones found.
    /// The old files stay in their folder. The epochs and trades of a market continue from the numbers in
    /// the snapshot, unless the caller raises them (see [`Recovery::open_with`]): commands alone do not
    /// show how many later ones were published.
    pub accept_loss: bool,
}

impl Default for RecoveryOptions {
    fn default() -> Self {
        Self { journal: JournalOptions::default(), snapshots_keep: 2, accept_loss: false }
    }
}

/// The progress of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The number of commands replayed so far.
    pub replayed: u64,
    /// The number of commands to replay in all.
    pub of: u64,
}

/// The reason a recovery failed.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshots cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal ends before the snapshot.
    #[error(
        "the journal ends with command {journal} in {}, but there is a snapshot of command \
         {snapshot}: the end of the journal is lost; restore {}, the next file, or a later copy of \
         the first one; or accept the loss",
        last.display(),
        next.display()
    )]
    Lost {
        /// The last file of the journal.
        last: PathBuf,
        /// The file that would follow it.
        next: PathBuf,
        /// The last command of the journal.
        journal: Sequence,
        /// The last command of the snapshot.
        snapshot: Sequence,
    },
    /// The journal begins after the snapshot.
    #[error(
        "the journal begins with command {journal}, but the newest readable snapshot is of command \
         {snapshot}: the commands in between are lost; restore them, or accept the loss{}",
        named(damaged)
    )]
    Gap {
        /// The first command of the journal.
        journal: Sequence,
        /// The last command of the snapshot, or zero without one.
        snapshot: Sequence,
        /// Newer snapshots that cannot be read.
        damaged: Vec<SnapshotError>,
    },
    /// A snapshot breaks a rule of the engine.
    #[error("the snapshot of command {sequence} breaks a rule: {broken:?}")]
    Broken {
        /// The last command of the snapshot.
        sequence: Sequence,
        /// The rule.
        broken: Broken,
    },
    /// The restored state has another digest than the snapshot states.
    #[error("the snapshot of command {sequence} has digest {found:032x}, but states {stated:032x}")]
    Digest {
        /// The last command of the snapshot.
        sequence: Sequence,
        /// The digest that the snapshot states.
        stated: u128,
        /// The digest of the engine that restored it.
        found: u128,
    },
    /// The folder already holds a history. A state from elsewhere needs an empty or a missing folder.
    #[error(
        "{} already holds a history: name a folder that is empty or does not exist",
        .0.display()
    )]
    NotNew(
        /// The folder.
        PathBuf,
    ),
}

impl RecoveryError {
    /// Returns `true` if part of the journal or of the snapshots is lost or damaged, so that accepting
    /// the loss may be the only way to continue.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        match self {
            Self::Journal(JournalError::Missing(_) | JournalError::Damaged { .. })
            | Self::Lost { .. }
            | Self::Gap { .. } => true,
            Self::Folder(_)
            | Self::Journal(_)
            | Self::Snapshot(_)
            | Self::Broken { .. }
            | Self::Digest { .. }
            | Self::NotNew(_) => false,
        }
    }
}

fn named(damaged: &[SnapshotError]) -> String {
    damaged.iter().map(|error| format!("; {error}")).collect()
}

/// The first half of a recovery: the snapshot is restored and the journal is open, but nothing is
/// replayed yet. Code that rebuilds its own state from events takes the state to start from here, with
/// `base`.
///
/// ```
/// use pricetime_engine::Group;
/// use pricetime_journal::{Folder, Recovery, RecoveryOptions};
///
/// # let path = std::env::temp_dir().join(format!("pricetime-recovery-{}", std::process::id()));
/// let mut folder = Folder::open(&path)?;
/// let recovery = Recovery::open(&mut folder, 10_000, &RecoveryOptions::default())?;
/// println!("{} commands to replay", recovery.to_replay());
/// let mut groups = Vec::<Group>::new(); // Any sink: it receives what each command did.
/// let recovered = recovery.replay(&mut groups, |_| ())?;
/// assert_eq!(recovered.engine.last_sequence(), recovered.journal.durable());
/// # drop((recovered, folder));
/// # std::fs::remove_dir_all(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recovery {
    engine: Engine,
    base: EngineSnapshot,
    journal: Journal,
    snapshots: LocalSnapshots,
    history: History,
    damaged: Vec<SnapshotError>,
    lost: Option<History>,
}

/// The result of a recovery.
#[derive(Debug)]
pub struct Recovered {
    /// The engine, after the journal's last command.
    pub engine: Engine,
    /// The journal, ready for the next command.
    pub journal: Journal,
    /// The snapshots.
    pub snapshots: LocalSnapshots,
    /// The current history.
    pub history: History,
    /// The sequence of the snapshot that the recovery began with, or zero without one.
    pub base: Sequence,
    /// The number of commands replayed after that.
    pub replayed: u64,
    /// Newer snapshots that are damaged and were not needed. If there are any, check the disk.
    pub damaged: Vec<SnapshotError>,
    /// The history that was given up, if a loss was accepted.
    pub lost: Option<History>,
}

/// Recovers in one call: [`Recovery::open`], then [`Recovery::replay`].
///
/// # Errors
/// Same as for both of them.
pub fn recover<S: Sink>(
    folder: &mut Folder,
    markets_max: u32,
    options: &RecoveryOptions,
    sink: &mut S,
    progress: impl FnMut(Progress),
) -> Result<Recovered, RecoveryError> {
    Recovery::open(folder, markets_max, options)?.replay(sink, progress)
}

impl Recovery {
    /// Restores the newest intact snapshot and opens the journal.
    ///
    /// # Errors
    /// Returns an error if a file operation fails, if something durable is damaged or lost, or if
    /// snapshot and journal do not fit together.
    pub fn open(
        folder: &mut Folder,
        markets_max: u32,
        options: &RecoveryOptions,
    ) -> Result<Self, RecoveryError> {
        let opened = Self::open_with(folder, markets_max, options, |_| (), |_| ());
        opened.map(|(recovery, ())| recovery)
    }

    /// Like [`open`](Self::open), but also calls `make` with the state that the replay begins with.
    /// `make` runs on its own thread while the engine is restored from the same state. If a new history
    /// begins, `raise` may raise the numbers of that state above those that were published, and `make`
    /// runs again.
    ///
    /// # Errors
    /// Same as for [`open`](Self::open).
    pub fn open_with<T: Send>(
        folder: &mut Folder,
        markets_max: u32,
        options: &RecoveryOptions,
        make: impl Fn(&EngineSnapshot) -> T + Sync,
        raise: impl FnOnce(&mut EngineSnapshot),
    ) -> Result<(Self, T), RecoveryError> {
        let disk = folder.disk();
        let history = folder.history();
        if folder.is_new() {
            let (journal, first) = (folder.journal(), Sequence(1));
            Journal::create(&*disk, &journal, history, first, options.journal)?;
            folder.keep(history)?;
        }
        let keep = options.snapshots_keep;
        let mut snapshots = LocalSnapshots::open(disk.clone(), &folder.snapshots(), history, keep)?;
        let NewestSnapshot { found, damaged } = snapshots.newest()?;
        snapshots.mark_damaged(&damaged);
        let (base, stated) = match found {
            Some(LoadedSnapshot { snapshot, digest }) => (snapshot, Some(digest)),
            None => (keyed_engine(markets_max).snapshot(), None),
        };
        let journal_folder = folder.journal();
        let (engine, made, journal) = std::thread::scope(|scope| {
            let opener = scope.spawn(|| {
                let journal = Journal::open(disk, &journal_folder, history, options.journal);
                (make(&base), journal)
            });
            let engine = restored(markets_max, &base, stated);
            let (made, journal) = opener.join().unwrap_or_else(|panic| resume_unwind(panic));
            (engine, made, journal)
        });
        let engine = engine?;
        let (mut refused, opened_journal) = match journal {
            Err(missing @ JournalError::Missing(_)) => (missing.into(), None),
            journal => {
                let mut journal = journal?;
                let Some(refused) = mismatch(&base, &journal) else {
                    journal.renew_for_rules(base.last_sequence)?;
                    let lost = None;
                    let found = Self { engine, base, journal, snapshots, history, damaged, lost };
                    return Ok((found, made));
                };
                (refused, Some(journal))
            }
        };
        if !options.accept_loss {
            if let RecoveryError::Gap { damaged: named, .. } = &mut refused {
                *named = damaged;
            }
            return Err(refused);
        }
        let mut base = base;
        raise(&mut base);
        let base = opened_journal.iter().try_fold(base, raised_above)?;
        let recovery = Self::begin_new_history(folder, engine, base, options)?;
        let made = make(&recovery.base);
        Ok((Self { damaged, ..recovery }, made))
    }

    /// Starts a new history in a new folder from this state, which can come from anywhere. All later
    /// numbers are above those in the state.
    ///
    /// # Errors
    /// Returns [`RecoveryError::NotNew`] if the folder is not new, [`RecoveryError::Broken`] if the state
    /// breaks a rule, and another error if a file operation fails.
    pub fn begin_from(
        folder: &mut Folder,
        markets_max: u32,
        base: EngineSnapshot,
        options: &RecoveryOptions,
    ) -> Result<Self, RecoveryError> {
        if !folder.is_new() {
            return Err(RecoveryError::NotNew(folder.path().to_owned()));
        }
        // A state that breaks a rule is refused before anything is written.
        let (mut engine, sequence) = (keyed_engine(markets_max), base.last_sequence);
        engine.restore(&base).map_err(|broken| RecoveryError::Broken { sequence, broken })?;
        // The state may be of an earlier version of the rules. The new history is of the current one.
        let base = EngineSnapshot { rules_version: rules::VERSION, ..base };
        let recovery = Self::begin_new_history(folder, engine, base, options)?;
        Ok(Self { lost: None, ..recovery })
    }

    /// The state that the replay begins with.
    #[must_use]
    pub const fn base(&self) -> &EngineSnapshot {
        &self.base
    }

    /// The number of commands to replay.
    #[must_use]
    pub const fn to_replay(&self) -> u64 {
        self.journal.durable().0.saturating_sub(self.base.last_sequence.0)
    }

    /// Replays every command after the snapshot. The sink receives the events of each.
    ///
    /// # Errors
    /// Returns an error if a file operation fails or if the journal is damaged.
    pub fn replay<S: Sink>(
        self,
        sink: &mut S,
        mut progress: impl FnMut(Progress),
    ) -> Result<Recovered, RecoveryError> {
        let of = self.to_replay();
        let Self { engine, base, journal, snapshots, history, damaged, lost } = self;
        let base = base.last_sequence;
        let commands = journal.read(Sequence(base.0.saturating_add(1)))?;
        let mut replay = Replay { engine, commands };
        let mut replayed = 0;
        replay.run::<_, RecoveryError>(sink, |_, _, _| {
            replayed += 1;
            if replayed % REPORT_EVERY == 0 {
                progress(Progress { replayed, of });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        progress(Progress { replayed, of });
        let engine = replay.engine;
        Ok(Recovered { engine, journal, snapshots, history, base, replayed, damaged, lost })
    }

    /// Starts a new history from this state. The old history stays current until all of the new one is
    /// durable.
    fn begin_new_history(
        folder: &mut Folder,
        mut engine: Engine,
        base: EngineSnapshot,
        options: &RecoveryOptions,
    ) -> Result<Self, RecoveryError> {
        let (disk, lost, history) = (folder.disk(), folder.history(), History::fresh());
        let (at, first) = (folder.journal_of(history), Sequence(base.last_sequence.0 + 1));
        folder.prepare(history)?;
        Journal::create(&*disk, &at, history, first, options.journal)?;
        let own = folder.snapshots_of(history);
        let mut snapshots =
            LocalSnapshots::open(disk.clone(), &own, history, options.snapshots_keep)?;
        let sequence = snapshots.save(&base)?;
        engine.restore(&base).map_err(|broken| RecoveryError::Broken { sequence, broken })?;
        folder.keep(history)?;
        let journal = Journal::open(disk, &at, history, options.journal)?;
        let (damaged, lost) = (Vec::new(), Some(lost));
        Ok(Self { engine, base, journal, snapshots, history, damaged, lost })
    }
}

/// Raises the numbers of this state to at least those in the journal that does not continue it. The
/// journal is read up to the first command that is damaged or was written under other rules.
fn raised_above(
    mut base: EngineSnapshot,
    journal: &Journal,
) -> Result<EngineSnapshot, JournalError> {
    base.last_sequence = base.last_sequence.max(journal.durable());
    match raise_numbers(&mut base, journal) {
        Ok(()) | Err(JournalError::Damaged { .. } | JournalError::OtherRules { .. }) => Ok(base),
        Err(error) => Err(error),
    }
}

/// Raises the time and the highest market id to at least those of the commands.
fn raise_numbers(base: &mut EngineSnapshot, journal: &Journal) -> Result<(), JournalError> {
    for command in journal.read(journal.oldest())? {
        let command = command?;
        base.last_timestamp = base.last_timestamp.max(command.timestamp);
        // Any client may name a market that never existed, so only commands of operators count.
        if command.operator {
            base.last_market = base.last_market.max(command.market);
        }
    }
    Ok(())
}

/// Returns an engine in this state. If a digest is stated, the engine must have it.
fn restored(
    markets_max: u32,
    base: &EngineSnapshot,
    stated: Option<u128>,
) -> Result<Engine, RecoveryError> {
    let mut engine = keyed_engine(markets_max);
    if let Some(stated) = stated {
        let sequence = base.last_sequence;
        let broken = |broken| RecoveryError::Broken { sequence, broken };
        engine.restore(base).map_err(broken)?;
        let found = engine.digest();
        if found != stated {
            return Err(RecoveryError::Digest { sequence, stated, found });
        }
    }
    Ok(engine)
}

/// Returns the reason this journal does not continue this state, or `None` if it does.
fn mismatch(base: &EngineSnapshot, journal: &Journal) -> Option<RecoveryError> {
    let (snapshot, last, oldest) = (base.last_sequence, journal.durable(), journal.oldest());
    if last < snapshot {
        let [last_file, next] = journal.end_files();
        return Some(RecoveryError::Lost { last: last_file, next, journal: last, snapshot });
    }
    let gap = RecoveryError::Gap { journal: oldest, snapshot, damaged: Vec::new() };
    (oldest.0 > snapshot.0.saturating_add(1)).then_some(gap)
}
