//! Snapshot files: states to start a recovery from, so that it need not replay everything.
//!
//! A snapshot holds all markets as of one sequence. It gets its name only when all of it is durable. So a
//! power cut leaves a complete snapshot or none. Each file is an envelope of kind Snapshot: history (16),
//! sequence (8), digest (16), and the state as [`codec`](crate::codec) encodes it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime_engine::{EngineSnapshot, Sequence, rules};

use crate::codec::{
    self, CodecError, ENVELOPE_LENGTH, Head, Kind, NewerVersion, open_envelope, seal_envelope,
};
use crate::disk::Disk;
use crate::history::History;

const SUFFIX: &str = ".snapshot";
const UNFINISHED: &str = ".snapshot.tmp";

/// The fewest snapshots that are kept.
const KEEP_MIN: usize = 2;

/// How many bytes are written at a time, so that one snapshot does not fill the queue of the disk.
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
pub struct LoadedSnapshot {
    /// The state.
    pub snapshot: EngineSnapshot,
    /// Its digest when it was saved.
    pub digest: u128,
}

/// The newest snapshot that can be read.
#[derive(Debug)]
pub struct NewestSnapshot {
    /// The snapshot, if there is one.
    pub found: Option<LoadedSnapshot>,
    /// Newer snapshots that are damaged. If there are any, check the disk.
    pub damaged: Vec<SnapshotError>,
}

/// The reason a snapshot cannot be saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// The operation that failed, such as `read`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file differs from what was written.
    #[error("snapshot {} is damaged: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: CodecError,
    },
    /// A newer version of the program wrote the file.
    #[error("snapshot {} was written by a newer version ({newer}): use that version", file.display())]
    NewerVersion {
        /// The file.
        file: PathBuf,
        /// What is newer.
        newer: NewerVersion,
    },
    /// The sequence in the file differs from the one in its name.
    #[error("snapshot {} is of command {found}, not of {expected}", file.display())]
    OtherSequence {
        /// The file.
        file: PathBuf,
        /// The sequence in its name.
        expected: Sequence,
        /// The sequence in the file.
        found: Sequence,
    },
    /// A snapshot in the folder belongs to another history.
    #[error("snapshot {} belongs to history {found}, not to {ours}: move it away", file.display())]
    OtherHistory {
        /// The file.
        file: PathBuf,
        /// Its history.
        found: History,
        /// The history that the caller asked for.
        ours: History,
    },
    /// The state cannot be encoded.
    #[error("the state cannot be encoded: {0}")]
    Encoding(CodecError),
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    move |source| SnapshotError::Io { operation, path: path.to_owned(), source }
}

impl LocalSnapshots {
    /// Opens the snapshots of this history in this folder. The newest `keep` snapshots are kept, but at
    /// least two. Removes unfinished files that a crash left.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
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
        // Recovery relies on the snapshots that are found here, so their names must be durable.
        snapshots.sync()?;
        Ok(snapshots)
    }

    /// Opens the snapshots of this history in this folder only for reading: nothing is removed or synced.
    pub(crate) fn open_read_only(disk: Arc<dyn Disk>, folder: &Path, history: History) -> Self {
        Self { disk, folder: folder.to_owned(), history, keep: usize::MAX, damaged: Vec::new() }
    }

    /// Marks these damaged snapshots, so that the next save removes them.
    pub(crate) fn mark_damaged(&mut self, damaged: &[SnapshotError]) {
        let file = |error: &SnapshotError| match error {
            SnapshotError::Damaged { file, .. } => Some(file.clone()),
            SnapshotError::Io { .. }
            | SnapshotError::NewerVersion { .. }
            | SnapshotError::OtherSequence { .. }
            | SnapshotError::OtherHistory { .. }
            | SnapshotError::Encoding(_) => None,
        };
        self.damaged.extend(damaged.iter().filter_map(file));
    }

    /// Saves a state, and removes snapshots that need not be kept any more. The state is durable when
    /// this returns. All commands in the state must be durable, because otherwise its journal could end
    /// before it.
    ///
    /// # Errors
    /// Returns an error if a file operation fails. No snapshot that must be kept is lost then.
    pub fn save(&mut self, snapshot: &EngineSnapshot) -> Result<Sequence, SnapshotError> {
        self.save_keeping(snapshot, None)
    }

    /// Like [`save`](Self::save), but also keeps the snapshot from which everything after the command
    /// `needed` can be replayed: the newest one that does not go beyond it, or the oldest one if all do.
    ///
    /// # Errors
    /// Same as for [`save`](Self::save).
    pub fn save_keeping(
        &mut self,
        snapshot: &EngineSnapshot,
        needed: Option<Sequence>,
    ) -> Result<Sequence, SnapshotError> {
        let sequence = snapshot.last_sequence;
        let mut bytes = vec![0; ENVELOPE_LENGTH];
        bytes.extend_from_slice(&self.history.0.to_le_bytes());
        bytes.extend_from_slice(&sequence.0.to_le_bytes());
        bytes.extend_from_slice(&snapshot.digest().to_le_bytes());
        codec::encode_snapshot(snapshot, &mut bytes).map_err(SnapshotError::Encoding)?;
        seal_envelope(Kind::Snapshot, snapshot.rules_version, &mut bytes);
        let unfinished = self.folder.join(format!("{:020}{UNFINISHED}", sequence.0));
        if let Err(error) = self.write(&unfinished, &bytes) {
            // The unfinished file only takes space. If it cannot be removed now, the next open removes
            // it.
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

    /// Returns the sequences of the snapshots, in ascending order.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn list(&self) -> Result<Vec<Sequence>, SnapshotError> {
        let number = |name: &String| name.strip_suffix(SUFFIX)?.parse().ok().map(Sequence);
        let mut found: Vec<_> = self.names()?.iter().filter_map(number).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Loads the snapshot of this sequence. Its digest is checked only when an engine restores it.
    ///
    /// # Errors
    /// Returns an error if a file operation fails, or if the file is not what was saved.
    pub fn load(&self, sequence: Sequence) -> Result<LoadedSnapshot, SnapshotError> {
        let file = self.path(sequence);
        let bytes = self.read(&file)?;
        let damaged = |what| SnapshotError::Damaged { file: file.clone(), what };
        let newer = |newer| SnapshotError::NewerVersion { file: file.clone(), newer };
        let envelope = open_envelope(Kind::Snapshot, &bytes)
            .map_err(|error| error.newer().map_or_else(|| damaged(error), newer))?;
        NewerVersion::rules(envelope.rules_version).map_or(Ok(()), |found| Err(newer(found)))?;
        let cut = || damaged(CodecError::Truncated);
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
        Ok(upgraded(LoadedSnapshot { snapshot, digest: u128::from_le_bytes(*digest) }))
    }

    /// Reads the bytes of the file of this snapshot.
    pub(crate) fn bytes(&self, sequence: Sequence) -> Result<Vec<u8>, SnapshotError> {
        self.read(&self.path(sequence))
    }

    /// Loads the newest snapshot that can be read, and collects the errors of newer ones that are
    /// damaged.
    ///
    /// # Errors
    /// Returns an error if a file operation fails, or if a snapshot is of another history, of another
    /// sequence or of a newer version.
    pub fn newest(&self) -> Result<NewestSnapshot, SnapshotError> {
        let mut damaged = Vec::new();
        for sequence in self.list()?.into_iter().rev() {
            match self.load(sequence) {
                Ok(found) => return Ok(NewestSnapshot { found: Some(found), damaged }),
                Err(error @ SnapshotError::Damaged { .. }) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(NewestSnapshot { found: None, damaged })
    }

    /// The path of the snapshot of this sequence.
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

    /// Removes damaged snapshots and those that need not be kept any more.
    fn prune(&self, needed: Option<Sequence>) -> Result<(), SnapshotError> {
        let is_damaged = |it: &Sequence| self.damaged.contains(&self.path(*it));
        let (damaged, found): (Vec<_>, Vec<_>) = self.list()?.into_iter().partition(is_damaged);
        let surplus = found.len().saturating_sub(self.keep);
        let kept = needed.and_then(|needed| {
            let below = found.partition_point(|sequence| *sequence <= needed);
            found.get(below.saturating_sub(1)).copied()
        });
        let mut removed = false;
        let surplus = found.into_iter().take(surplus).filter(|it| Some(*it) != kept);
        for sequence in damaged.into_iter().chain(surplus) {
            let path = self.path(sequence);
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
            removed = true;
        }
        if removed { self.sync() } else { Ok(()) }
    }
}

/// Returns `true` if a file of this length that begins with these bytes is this snapshot.
///
/// # Errors
/// Returns an error if the bytes do not begin with the head of a snapshot.
pub(crate) fn matches_header(
    bytes: &[u8],
    history: History,
    sequence: Sequence,
    length: u64,
) -> Result<bool, CodecError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(CodecError::Truncated)?;
    let (own, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
    let (stated, _) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
    let whole = Head::parse(head)?.length.checked_add(ENVELOPE_LENGTH as u64);
    let (own, stated) = (History(u128::from_le_bytes(*own)), u64::from_le_bytes(*stated));
    Ok((own, Sequence(stated), whole) == (history, sequence, Some(length)))
}

/// Converts a snapshot of an earlier version of the rules to the current one. Its records mean the same.
/// The digest covers the version, so it is computed anew if the old one is right. If the old one is
/// wrong, the snapshot stays as it is, and the damage shows when an engine restores it.
fn upgraded(loaded: LoadedSnapshot) -> LoadedSnapshot {
    let LoadedSnapshot { mut snapshot, digest } = loaded;
    if snapshot.rules_version >= rules::VERSION || snapshot.digest() != digest {
        return LoadedSnapshot { snapshot, digest };
    }
    snapshot.rules_version = rules::VERSION;
    let digest = snapshot.digest();
    LoadedSnapshot { snapshot, digest }
}
