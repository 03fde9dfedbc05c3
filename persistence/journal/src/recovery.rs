//! The way back: the newest snapshot and the journal after it make the engine again.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::PathBuf;

use pricetime_engine::{Broken, Engine, EngineSnapshot, Sequence, Sink, rules};

use crate::folder::{Folder, FolderError};
use crate::history::History;
use crate::index_key::keyed_engine;
use crate::journal::{Journal, JournalError, JournalOptions};
use crate::local::{Loaded, LocalSnapshots, Newest, SnapshotError};
use crate::replay::Replay;

/// Between two reports of progress.
const REPORT_EVERY: u64 = 1 << 14;

/// How to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryOptions {
    /// How the journal is kept.
    pub journal: JournalOptions,
    /// How many snapshots are kept.
    pub snapshots_keep: usize,
    /// Whether to go on where the journal's end is lost. That starts a new history, whose sequence,
    /// time and market ids begin above the highest found; what was there stays in its folder. The
    /// epochs and trades of a market go on from the snapshot's numbers, unless somebody knows what
    /// was told of later ones: how many there were cannot be known from commands alone.
    pub accept_loss: bool,
}

impl Default for RecoveryOptions {
    fn default() -> Self {
        Self { journal: JournalOptions::default(), snapshots_keep: 2, accept_loss: false }
    }
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Commands replayed.
    pub replayed: u64,
    /// Of how many.
    pub of: u64,
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshots.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The journal ends before the snapshot.
    #[error(
        "the journal ends with command {journal} in {}, but there is a snapshot of command {snapshot}: \
         the end of the journal is lost; put back {}, which follows, or a later copy of the former; or \
         accept the loss",
        last.display(),
        next.display()
    )]
    Lost {
        /// The journal's last file.
        last: PathBuf,
        /// The file that would follow it.
        next: PathBuf,
        /// The journal's last command.
        journal: Sequence,
        /// The snapshot's.
        snapshot: Sequence,
    },
    /// The journal begins after the snapshot.
    #[error(
        "the journal begins with command {journal}, but the newest snapshot that can be read is of \
         command {snapshot}: what lies between is gone; put it back, or accept the loss{}",
        named(damaged)
    )]
    Gap {
        /// The journal's first command.
        journal: Sequence,
        /// The snapshot's last; zero where there is none.
        snapshot: Sequence,
        /// Newer snapshots that cannot be read.
        damaged: Vec<SnapshotError>,
    },
    /// A snapshot that no engine can hold.
    #[error("the snapshot of command {sequence} breaks a rule: {broken:?}")]
    Broken {
        /// The snapshot.
        sequence: Sequence,
        /// Which.
        broken: Broken,
    },
    /// A snapshot whose state is not the one that was saved.
    #[error("the snapshot of command {sequence} has digest {found:032x}, it states {stated:032x}")]
    Digest {
        /// The snapshot.
        sequence: Sequence,
        /// What it states.
        stated: u128,
        /// What the engine says that holds it.
        found: u128,
    },
    /// A state from elsewhere is for an empty folder.
    #[error("{} holds a history already: name an empty or a missing folder", .0.display())]
    NotNew(
        /// The folder.
        PathBuf,
    ),
}

impl RecoveryError {
    /// Whether part of the journal or of the snapshots is lost or damaged, so that accepting the loss
    /// may be the only way on.
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

/// The first half of the way back: the snapshot is restored and the journal open; nothing has been
/// replayed. Here who rebuilds something from events takes the state that they start from.
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

/// Everything back.
#[derive(Debug)]
pub struct Recovered {
    /// The engine, after the journal's last command.
    pub engine: Engine,
    /// The journal, ready for the next one.
    pub journal: Journal,
    /// The snapshots.
    pub snapshots: LocalSnapshots,
    /// Whose all this is.
    pub history: History,
    /// The sequence of the snapshot that it began with; zero where there was none.
    pub base: Sequence,
    /// How many commands were replayed after that.
    pub replayed: u64,
    /// Newer snapshots that are damaged, and were not needed: somebody should look at that disk.
    pub damaged: Vec<SnapshotError>,
    /// The history that was given up, where a loss was accepted.
    pub lost: Option<History>,
}

/// Comes back in one go: [`Recovery::open`] and [`Recovery::replay`].
///
/// # Errors
/// As both of them.
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
    /// Restores the newest good snapshot and opens the journal.
    ///
    /// # Errors
    /// Where the disk refuses, where something durable is damaged or lost, and where snapshot and
    /// journal do not fit together.
    pub fn open(
        folder: &mut Folder,
        markets_max: u32,
        options: &RecoveryOptions,
    ) -> Result<Self, RecoveryError> {
        let opened = Self::open_beside(folder, markets_max, options, |_| (), |_| ());
        opened.map(|(recovery, ())| recovery)
    }

    /// The same, and makes something else of the state that the replay begins with, on a thread of
    /// its own while the engine is restored from it. Where a new history begins, `raise` may raise the
    /// numbers of that state above those that others were told of.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_beside<T: Send>(
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
        let Newest { found, damaged } = snapshots.newest()?;
        snapshots.replace(&damaged);
        let (base, stated) = match found {
            Some(Loaded { snapshot, digest }) => (snapshot, Some(digest)),
            None => (keyed_engine(markets_max).snapshot(), None),
        };
        let journal_folder = folder.journal();
        let (engine, made, journal) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| {
                let journal = Journal::open(disk, &journal_folder, history, options.journal);
                (make(&base), journal)
            });
            let engine = restored(markets_max, &base, stated);
            let (made, journal) = beside.join().unwrap_or_else(|panic| resume_unwind(panic));
            (engine, made, journal)
        });
        let engine = engine?;
        let (mut refused, rest) = match journal {
            Err(missing @ JournalError::Missing(_)) => (missing.into(), None),
            journal => {
                let mut journal = journal?;
                let Some(refused) = misfit(&base, &journal) else {
                    journal.renew(base.last_sequence)?;
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
        let base = rest.iter().try_fold(base, above)?;
        let anew = Self::begin_anew(folder, engine, base, options)?;
        let made = make(&anew.base);
        Ok((Self { damaged, ..anew }, made))
    }

    /// Makes a new folder that of a fresh history which begins with this state, from wherever it is.
    /// Every later number is above those in it.
    ///
    /// # Errors
    /// Where the disk refuses, where the folder is not new, and where the state breaks a rule.
    pub fn begin_from(
        folder: &mut Folder,
        markets_max: u32,
        base: EngineSnapshot,
        options: &RecoveryOptions,
    ) -> Result<Self, RecoveryError> {
        if !folder.is_new() {
            return Err(RecoveryError::NotNew(folder.path().to_owned()));
        }
        // What breaks a rule is refused before anything is written.
        let (mut engine, sequence) = (keyed_engine(markets_max), base.last_sequence);
        engine.restore(&base).map_err(|broken| RecoveryError::Broken { sequence, broken })?;
        // The image may be of an earlier version of the rules; the history that begins here is not.
        let base = EngineSnapshot { rules_version: rules::VERSION, ..base };
        let begun = Self::begin_anew(folder, engine, base, options)?;
        Ok(Self { lost: None, ..begun })
    }

    /// The state with which the replay begins.
    #[must_use]
    pub const fn base(&self) -> &EngineSnapshot {
        &self.base
    }

    /// How many commands are to be replayed.
    #[must_use]
    pub const fn to_replay(&self) -> u64 {
        self.journal.durable().0.saturating_sub(self.base.last_sequence.0)
    }

    /// Carries out every command after the snapshot again. The sink hears what each did.
    ///
    /// # Errors
    /// Where the disk refuses, and where the journal is damaged.
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

    /// Starts a new history from this state. The old one stays the current one until all of the new
    /// one is durable.
    fn begin_anew(
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

/// This state, with numbers above those in the journal that does not continue it, as far as that is
/// not damaged and was written under these rules.
fn above(mut base: EngineSnapshot, journal: &Journal) -> Result<EngineSnapshot, JournalError> {
    base.last_sequence = base.last_sequence.max(journal.durable());
    match pass(&mut base, journal) {
        Ok(()) | Err(JournalError::Damaged { .. } | JournalError::OtherRules { .. }) => Ok(base),
        Err(error) => Err(error),
    }
}

/// Takes in the numbers of all commands.
fn pass(base: &mut EngineSnapshot, journal: &Journal) -> Result<(), JournalError> {
    for command in journal.read(journal.oldest())? {
        let command = command?;
        base.last_timestamp = base.last_timestamp.max(command.timestamp);
        // Anybody may name a market that never was.
        if command.operator {
            base.last_market = base.last_market.max(command.market);
        }
    }
    Ok(())
}

/// An engine with this state, which must have the digest that was stated with it.
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

/// Why this journal does not continue this state, if it does not.
fn misfit(base: &EngineSnapshot, journal: &Journal) -> Option<RecoveryError> {
    let (snapshot, last, oldest) = (base.last_sequence, journal.durable(), journal.oldest());
    if last < snapshot {
        let [last_file, next] = journal.end_files();
        return Some(RecoveryError::Lost { last: last_file, next, journal: last, snapshot });
    }
    let gap = RecoveryError::Gap { journal: oldest, snapshot, damaged: Vec::new() };
    (oldest.0 > snapshot.0.saturating_add(1)).then_some(gap)
}
