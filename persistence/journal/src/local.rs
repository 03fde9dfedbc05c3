//! Snapshots in files: states to start from, so that not everything has to be replayed.
//!
//! A snapshot holds one consistent sequence for all markets. It gets its name only when all of it
//! is durable; so a power cut leaves a whole one or none. Each is an envelope of kind Snapshot:
//! history (16), sequence (8), digest (16), and the state as [`codec`](crate::codec) spells it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{EngineSnapshot, Sequence, rules};

use crate::codec::{
    self, CodecError, ENVELOPE_LENGTH, Head, Kind, Newer, open_envelope, seal_envelope,
};
use crate::disk::Disk;
use crate::history::History;

const SUFFIX: &str = ".snapshot";
const UNFINISHED: &str = ".snapshot.tmp";

/// How many snapshots are kept at least.
const KEEP_MIN: usize = 2;

/// How much is written at a time, so that one snapshot does not fill the disk's queue.
const PIECE: usize = 4 << 20;

/// The snapshots of one history.
///
/// ```
/// use std::sync::Arc;
///
/// use pricetime_journal::{History, LocalSnapshots, RealDisk, keyed_engine};
///
/// # let path = std::env::temp_dir().join(format!("pricetime-snapshots-{}", std::process::id()));
/// # std::fs::create_dir_all(&path)?;
/// let mut snapshots = LocalSnapshots::open(Arc::new(RealDisk), &path, History::fresh(), 2)?;
/// let engine = keyed_engine(10_000);
/// let sequence = snapshots.save(&engine.snapshot())?; // On disk, under its name.
/// let loaded = snapshots.load(sequence)?;
/// assert_eq!(loaded.digest, engine.digest());
/// # std::fs::remove_dir_all(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalSnapshots {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    history: History,
    keep: usize,
    /// Damaged files. They do not count as kept, and the next save removes them.
    damaged: Vec<PathBuf>,
}

/// A snapshot as it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The state.
    pub snapshot: EngineSnapshot,
    /// Its digest when it was saved.
    pub digest: u128,
}

/// The newest snapshot that can be read.
#[derive(Debug)]
pub struct Newest {
    /// The snapshot, if there is one.
    pub found: Option<Loaded>,
    /// Newer ones that are damaged: somebody should look at that disk.
    pub damaged: Vec<SnapshotError>,
}

/// Why a snapshot cannot be saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("snapshot {} is damaged: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: CodecError,
    },
    /// The file is that of a newer version.
    #[error("snapshot {} was written by a newer version ({newer}): use that version", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Which version.
        newer: Newer,
    },
    /// The file says another sequence than its name.
    #[error("snapshot {} is of command {found}, not of {expected}", file.display())]
    OtherSequence {
        /// The file.
        file: PathBuf,
        /// What its name says.
        expected: Sequence,
        /// What it says.
        found: Sequence,
    },
    /// A snapshot of another history lies among ours.
    #[error("snapshot {} belongs to history {found}, not to {ours}: move it away", file.display())]
    OtherHistory {
        /// The file.
        file: PathBuf,
        /// Its history.
        found: History,
        /// The one that was asked for.
        ours: History,
    },
    /// The state cannot be spelled.
    #[error("the state cannot be spelled: {0}")]
    Spelling(CodecError),
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    move |source| SnapshotError::Io { doing, path: path.to_owned(), source }
}

impl LocalSnapshots {
    /// The snapshots of this history in this folder, of which the newest `keep` stay, at least two.
    /// Removes what a crash left unfinished.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        history: History,
        keep: usize,
    ) -> Result<Self, SnapshotError> {
        let folder = folder.to_owned();
        let snapshots =
            Self { disk, folder, history, keep: keep.max(KEEP_MIN), damaged: Vec::new() };
        for name in snapshots.names()?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            let path = snapshots.folder.join(name);
            snapshots.disk.remove(&path).map_err(io_error("remove", &path))?;
        }
        // What can be seen here is built upon: its name must be durable.
        snapshots.sync()?;
        Ok(snapshots)
    }

    /// The snapshots of this history in this folder, to look at: nothing is removed or synced.
    pub(crate) fn seen(disk: Arc<dyn Disk>, folder: &Path, history: History) -> Self {
        Self { disk, folder: folder.to_owned(), history, keep: usize::MAX, damaged: Vec::new() }
    }

    /// Marks these damaged snapshots as to be replaced by the next one.
    pub(crate) fn replace(&mut self, damaged: &[SnapshotError]) {
        let file = |error: &SnapshotError| match error {
            SnapshotError::Damaged { file, .. } => Some(file.clone()),
            SnapshotError::Io { .. }
            | SnapshotError::Newer { .. }
            | SnapshotError::OtherSequence { .. }
            | SnapshotError::OtherHistory { .. }
            | SnapshotError::Spelling(_) => None,
        };
        self.damaged.extend(damaged.iter().filter_map(file));
    }

    /// Saves a state, durable when this returns, and drops those that are no longer kept. A state
    /// that holds commands that are not durable must not be saved: its journal could end before it.
    ///
    /// # Errors
    /// Where the disk refuses; what was there before is still there then.
    pub fn save(&mut self, snapshot: &EngineSnapshot) -> Result<Sequence, SnapshotError> {
        self.save_beside(snapshot, None)
    }

    /// The same, and keeps what a replay of everything after the command `needed` begins with as well:
    /// the newest snapshot that does not go beyond it, or the oldest one if all do.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_beside(
        &mut self,
        snapshot: &EngineSnapshot,
        needed: Option<Sequence>,
    ) -> Result<Sequence, SnapshotError> {
        let sequence = snapshot.last_sequence;
        let mut bytes = vec![0; ENVELOPE_LENGTH];
        bytes.extend_from_slice(&self.history.0.to_le_bytes());
        bytes.extend_from_slice(&sequence.0.to_le_bytes());
        bytes.extend_from_slice(&snapshot.digest().to_le_bytes());
        codec::encode_snapshot(snapshot, &mut bytes).map_err(SnapshotError::Spelling)?;
        seal_envelope(Kind::Snapshot, snapshot.rules_version, &mut bytes);
        let unfinished = self.folder.join(format!("{:020}{UNFINISHED}", sequence.0));
        if let Err(error) = self.write(&unfinished, &bytes) {
            // What is left of it only takes room; if it cannot be removed now, the next opening
            // does.
            drop(self.disk.remove(&unfinished));
            return Err(error);
        }
        let path = self.path(sequence);
        self.disk.rename(&unfinished, &path).map_err(io_error("rename", &unfinished))?;
        self.sync()?;
        self.damaged.retain(|damaged| *damaged != path);
        self.prune(needed)?;
        Ok(sequence)
    }

    /// The sequences of the snapshots, ascending.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn list(&self) -> Result<Vec<Sequence>, SnapshotError> {
        let number = |name: &String| name.strip_suffix(SUFFIX)?.parse().ok().map(Sequence);
        let mut found: Vec<_> = self.names()?.iter().filter_map(number).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The snapshot of this sequence. Whether it has the digest that it states is seen once an
    /// engine holds it.
    ///
    /// # Errors
    /// Where the disk refuses, and where the file is not what was saved.
    pub fn load(&self, sequence: Sequence) -> Result<Loaded, SnapshotError> {
        let file = self.path(sequence);
        let bytes = self.read(&file)?;
        let damaged = |what| SnapshotError::Damaged { file: file.clone(), what };
        let newer = |newer| SnapshotError::Newer { file: file.clone(), newer };
        let envelope = open_envelope(Kind::Snapshot, &bytes)
            .map_err(|error| error.newer().map_or_else(|| damaged(error), newer))?;
        Newer::rules(envelope.rules_version).map_or(Ok(()), |found| Err(newer(found)))?;
        let cut = || damaged(CodecError::Cut);
        let (history, rest) = envelope.payload.split_first_chunk().ok_or_else(cut)?;
        let (stated, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (digest, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let history = History(u128::from_le_bytes(*history));
        if history != self.history {
            return Err(SnapshotError::OtherHistory { file, found: history, ours: self.history });
        }
        let snapshot = codec::decode_snapshot(rest).map_err(damaged)?;
        for found in [Sequence(u64::from_le_bytes(*stated)), snapshot.last_sequence] {
            if found != sequence {
                return Err(SnapshotError::OtherSequence { file, expected: sequence, found });
            }
        }
        Ok(carried_over(Loaded { snapshot, digest: u128::from_le_bytes(*digest) }))
    }

    /// The bytes of the file of this snapshot.
    pub(crate) fn bytes(&self, sequence: Sequence) -> Result<Vec<u8>, SnapshotError> {
        self.read(&self.path(sequence))
    }

    /// The newest snapshot that can be read, and what is wrong with those that are newer.
    ///
    /// # Errors
    /// Where the disk refuses, and where one is not ours.
    pub fn newest(&self) -> Result<Newest, SnapshotError> {
        let mut damaged = Vec::new();
        for sequence in self.list()?.into_iter().rev() {
            match self.load(sequence) {
                Ok(found) => return Ok(Newest { found: Some(found), damaged }),
                Err(error @ SnapshotError::Damaged { .. }) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(Newest { found: None, damaged })
    }

    /// The file of the snapshot of this sequence.
    #[must_use]
    pub fn path(&self, sequence: Sequence) -> PathBuf {
        self.folder.join(format!("{:020}{SUFFIX}", sequence.0))
    }

    fn names(&self) -> Result<Vec<String>, SnapshotError> {
        self.disk.list(&self.folder).map_err(io_error("list", &self.folder))
    }

    fn sync(&self) -> Result<(), SnapshotError> {
        self.disk.sync_folder(&self.folder).map_err(io_error("sync", &self.folder))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
        let mut file = self.disk.create(path).map_err(io_error("create", path))?;
        let mut at = 0;
        for piece in bytes.chunks(PIECE) {
            file.write_at(at, piece).map_err(io_error("write", path))?;
            at += piece.len() as u64;
        }
        file.sync().map_err(io_error("sync", path))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, SnapshotError> {
        let file = self.disk.open(path).map_err(io_error("open", path))?;
        let length = file.length().map_err(io_error("read", path))?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = file.read_at(0, &mut bytes).map_err(io_error("read", path))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Removes damaged snapshots and those that are no longer kept.
    fn prune(&self, needed: Option<Sequence>) -> Result<(), SnapshotError> {
        let is_damaged = |it: &Sequence| self.damaged.contains(&self.path(*it));
        let (damaged, found): (Vec<_>, Vec<_>) = self.list()?.into_iter().partition(is_damaged);
        let surplus = found.len().saturating_sub(self.keep);
        let stays = needed.and_then(|needed| {
            let below = found.partition_point(|sequence| *sequence <= needed);
            found.get(below.saturating_sub(1)).copied()
        });
        let mut removed = false;
        let surplus = found.into_iter().take(surplus).filter(|it| Some(*it) != stays);
        for sequence in damaged.into_iter().chain(surplus) {
            let path = self.path(sequence);
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
            removed = true;
        }
        if removed { self.sync() } else { Ok(()) }
    }
}

/// Whether a file of this length that begins with these bytes is this snapshot.
///
/// # Errors
/// Returns an error if the bytes do not begin with the head of a snapshot.
pub(crate) fn begins(
    bytes: &[u8],
    history: History,
    sequence: Sequence,
    length: u64,
) -> Result<bool, CodecError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(CodecError::Cut)?;
    let (own, rest) = rest.split_first_chunk().ok_or(CodecError::Cut)?;
    let (stated, _) = rest.split_first_chunk().ok_or(CodecError::Cut)?;
    let whole = Head::parse(head)?.length.checked_add(ENVELOPE_LENGTH as u64);
    let (own, stated) = (History(u128::from_le_bytes(*own)), u64::from_le_bytes(*stated));
    Ok((own, Sequence(stated), whole) == (history, sequence, Some(length)))
}

/// A snapshot of an earlier version of the rules as one of ours. Its records mean the same; the digest
/// covers the version, so it is taken anew if the old one is right. If it is not, the snapshot stays as
/// it is, and shows as damaged when an engine holds it.
fn carried_over(loaded: Loaded) -> Loaded {
    let Loaded { mut snapshot, digest } = loaded;
    if snapshot.rules_version >= rules::VERSION || snapshot.digest() != digest {
        return Loaded { snapshot, digest };
    }
    snapshot.rules_version = rules::VERSION;
    let digest = snapshot.digest();
    Loaded { snapshot, digest }
}
