//! The data folder of an engine: its current history, and the lock that gives it to one process.
//!
//! ```text
//! lock                         locked, like the folder itself, while a process has it open
//! history                      the id of the current history
//! redis-term                   the highest term under which the folder's image was written to Redis
//! redis-origin                 the history of the image from which the folder was restored, if it was
//! <history>/journal/           its journal
//! <history>/snapshots/         its snapshots
//! ```
//!
//! Each history has its own folder. So one rename of the file `history` switches everything to a new
//! history at once. The old one stays untouched until an operator removes it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::NewerVersion;
use crate::disk::{Disk, Lock, RealDisk};
use crate::history::History;

pub(crate) const LOCK: &str = "lock";
pub(crate) const HISTORY: &str = "history";
pub(crate) const UNFINISHED: &str = "history.tmp";
const TERM: &str = "redis-term";
const ORIGIN: &str = "redis-origin";
const TITLE: &str = "pricetime data folder, format ";
const FORMAT: u16 = 1;

/// Whether the journal of a history was created. If it was, a missing journal is a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    New,
    Created,
}

/// An open data folder. No other process can open it while this value exists.
#[derive(Debug)]
pub struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    history: History,
    stage: Stage,
    _locks: [Box<dyn Lock>; 2],
}

/// The highest term under which a folder's image was written to Redis.
#[derive(Clone, Debug)]
pub struct Terms {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl Terms {
    /// Returns the highest term that was stored, or zero if there is none or it cannot be read.
    #[must_use]
    pub fn read(&self) -> u64 {
        read_note(&*self.disk, &self.folder, TERM).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Stores a term.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn keep(&self, term: u64) -> io::Result<()> {
        write_note(&*self.disk, &self.folder, TERM, &term.to_string())
    }
}

/// Reads a line that a folder stores beside its histories. Returns `None` if it cannot be read.
fn read_note(disk: &dyn Disk, folder: &Path, name: &str) -> Option<String> {
    let file = disk.open(&folder.join(name)).ok()?;
    let mut bytes = [0; 64];
    let read = file.read_at(0, &mut bytes).ok()?;
    let text = core::str::from_utf8(bytes.get(..read)?).ok()?;
    Some(text.trim().to_owned())
}

fn write_note(disk: &dyn Disk, folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.tmp"));
    let mut file = disk.create(&unfinished)?;
    file.write_at(0, format!("{text}\n").as_bytes())?;
    file.sync()?;
    disk.rename(&unfinished, &folder.join(name))?;
    disk.sync_folder(folder)
}

/// The reason a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
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
    /// The folder is not a data folder: it has no file `history`.
    #[error(
        "{} is not a data folder, because it has no file \"history\": name a folder that a market \
         has run in",
        .0.display()
    )]
    Missing(
        /// The folder.
        PathBuf,
    ),
    /// Another process has the folder open.
    #[error("{} is in use by another process: stop that one first", .0.display())]
    InUse(
        /// The folder.
        PathBuf,
    ),
    /// The folder is not empty and has no file `history`.
    #[error(
        "{} holds {found} but no file \"history\": name an empty folder, or restore that file",
        folder.display()
    )]
    NotOurs {
        /// The folder.
        folder: PathBuf,
        /// The name of something in it.
        found: String,
    },
    /// A newer version of the program wrote the folder.
    #[error("{} was written by a newer version ({newer}): use that version", file.display())]
    NewerVersion {
        /// The file that shows this.
        file: PathBuf,
        /// What is newer.
        newer: NewerVersion,
    },
    /// The file `history` cannot be read.
    #[error("{} cannot be read as a history file: restore a copy of it", .0.display())]
    Damaged(
        /// The file.
        PathBuf,
    ),
}

pub(crate) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::Io { operation, path: path.to_owned(), source }
}

impl Folder {
    /// Opens a data folder on the file system of this machine. In an empty or missing folder, this starts
    /// a new history.
    ///
    /// # Errors
    /// Returns [`FolderError::InUse`] if another process has the folder open, and
    /// [`FolderError::NotOurs`] if it holds something else. Returns [`FolderError::Damaged`] or
    /// [`FolderError::NewerVersion`] if the file `history` cannot be used, and [`FolderError::Io`] if a file
    /// operation fails.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        Self::open_on(Arc::new(RealDisk), path, History::fresh())
    }

    /// Opens a data folder on this disk. In an empty or missing folder, this starts the history `fresh`.
    ///
    /// # Errors
    /// Same as for [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, path: &Path, fresh: History) -> Result<Self, FolderError> {
        create(&*disk, path)?;
        let locks = lock(&*disk, path).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                FolderError::InUse(path.to_owned())
            } else {
                io_error("lock", path)(error)
            }
        })?;
        let names = disk.list(path).map_err(io_error("list", path))?;
        let known = names.iter().any(|name| name == HISTORY);
        let (history, stage) = if known {
            read(&*disk, &path.join(HISTORY))?
        } else {
            let ours = |name: &&String| *name == LOCK || *name == UNFINISHED;
            if let Some(found) = names.iter().find(|name| !ours(name)) {
                let found = found.clone();
                return Err(FolderError::NotOurs { folder: path.to_owned(), found });
            }
            write(&*disk, path, fresh, Stage::New)?;
            (fresh, Stage::New)
        };
        let folder = Self { disk, path: path.to_owned(), history, stage, _locks: locks };
        // Only now: a folder that is not ours keeps its permissions.
        folder.disk.make_private(path).map_err(io_error("change the permissions of", path))?;
        // The file that was just read may come from a rename that was never synced.
        folder.disk.sync_folder(path).map_err(io_error("sync", path))?;
        if stage == Stage::New {
            folder.prepare(history)?;
        }
        Ok(folder)
    }

    /// The current history.
    #[must_use]
    pub const fn history(&self) -> History {
        self.history
    }

    /// The folder of the current journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.journal_of(self.history)
    }

    /// The folder of the current snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.snapshots_of(self.history)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk that the folder is on.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// The stored highest term under which the image of this folder was written to Redis.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms { disk: Arc::clone(&self.disk), folder: self.path.clone() }
    }

    /// Returns the histories whose image this folder may replace: its current one, its earlier ones, and
    /// that of the image that it was restored from.
    #[must_use]
    pub fn ancestry(&self) -> Vec<String> {
        let mut ancestry = vec![self.history.to_string()];
        let names = self.disk.list(&self.path).unwrap_or_default();
        ancestry.extend(names.into_iter().filter(|name| name.parse::<History>().is_ok()));
        ancestry.extend(read_note(&*self.disk, &self.path, ORIGIN));
        ancestry
    }

    /// Records the history of an image, before this folder is restored from that image.
    ///
    /// # Errors
    /// Returns an error if a file operation fails.
    pub fn set_origin(&self, history: &str) -> Result<(), FolderError> {
        let kept = write_note(&*self.disk, &self.path, ORIGIN, history);
        kept.map_err(io_error("write", &self.path.join(ORIGIN)))
    }

    /// Returns `true` if nothing was ever stored in the folder.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.stage == Stage::New
    }

    pub(crate) fn journal_of(&self, history: History) -> PathBuf {
        journal_in(&self.path, history)
    }

    pub(crate) fn snapshots_of(&self, history: History) -> PathBuf {
        snapshots_in(&self.path, history)
    }

    /// Creates the folders of a history. They and their names are durable when this returns.
    pub(crate) fn prepare(&self, history: History) -> Result<(), FolderError> {
        let own = self.path.join(history.to_string());
        for folder in [own.clone(), self.journal_of(history), self.snapshots_of(history)] {
            self.disk.create_folder(&folder).map_err(io_error("create", &folder))?;
        }
        self.disk.sync_folder(&own).map_err(io_error("sync", &own))?;
        self.disk.sync_folder(&self.path).map_err(io_error("sync", &self.path))
    }

    /// Makes this history the current one. Its journal must exist.
    pub(crate) fn keep(&mut self, history: History) -> Result<(), FolderError> {
        write(&*self.disk, &self.path, history, Stage::Created)?;
        self.history = history;
        self.stage = Stage::Created;
        Ok(())
    }
}

/// Locks a data folder.
///
/// Locking only the file is not enough: it is empty and looks stale, and if it is removed, another
/// process creates a new one and locks that. Locking only the folder is not enough either: older versions
/// lock only the file, and on a network file system a lock on a folder may hold on one machine only.
pub(crate) fn lock(disk: &dyn Disk, folder: &Path) -> io::Result<[Box<dyn Lock>; 2]> {
    Ok([disk.lock(folder)?, disk.lock(&folder.join(LOCK))?])
}

/// Returns `true` if a process has a data folder open.
pub(crate) fn is_locked(disk: &dyn Disk, folder: &Path) -> io::Result<bool> {
    Ok(disk.is_locked(folder)? || disk.is_locked(&folder.join(LOCK))?)
}

/// The folder of the journal of a history.
pub(crate) fn journal_in(folder: &Path, history: History) -> PathBuf {
    folder.join(history.to_string()).join("journal")
}

/// The folder of its snapshots.
pub(crate) fn snapshots_in(folder: &Path, history: History) -> PathBuf {
    folder.join(history.to_string()).join("snapshots")
}

/// Creates the folder and its missing parents. Their names are durable when this returns, because a
/// folder whose name is lost in a power cut is lost with everything in it. This syncs all parents,
/// because an existing one may have been created by a process that stopped before it synced.
fn create(disk: &dyn Disk, path: &Path) -> Result<(), FolderError> {
    disk.create_folder(path).map_err(io_error("create", path))?;
    for (above, folder) in path.ancestors().skip(1).enumerate() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match disk.sync_folder(folder) {
            // Folders further up may belong to others. We cannot have created anything in those.
            Err(error) if above > 0 && is_foreign(&error) => {}
            synced => synced.map_err(io_error("sync", folder))?,
        }
    }
    Ok(())
}

/// Returns `true` if a folder cannot be synced because it may not be read or cannot change.
fn is_foreign(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem)
}

pub(crate) fn text(history: History, stage: Stage) -> String {
    let journal = match stage {
        Stage::New => "new",
        Stage::Created => "kept",
    };
    let contents = format!("{TITLE}{FORMAT}\nhistory {history}\njournal {journal}\n");
    let sum = crc32c::crc32c(contents.as_bytes());
    format!("{contents}check {sum:08x}\n")
}

fn write(
    disk: &dyn Disk,
    folder: &Path,
    history: History,
    stage: Stage,
) -> Result<(), FolderError> {
    let unfinished = folder.join(UNFINISHED);
    let mut file = disk.create(&unfinished).map_err(io_error("create", &unfinished))?;
    let text = text(history, stage);
    file.write_at(0, text.as_bytes()).map_err(io_error("write", &unfinished))?;
    file.sync().map_err(io_error("sync", &unfinished))?;
    let path = folder.join(HISTORY);
    disk.rename(&unfinished, &path).map_err(io_error("rename", &unfinished))?;
    disk.sync_folder(folder).map_err(io_error("sync", folder))
}

pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<(History, Stage), FolderError> {
    let file = disk.open(path).map_err(io_error("open", path))?;
    let mut bytes = [0; 4096];
    let read = file.read_at(0, &mut bytes).map_err(io_error("read", path))?;
    let found = bytes.get(..read).unwrap_or_default();
    let parsed = || {
        let contents = core::str::from_utf8(found).ok()?;
        let line = contents.lines().find_map(|line| line.strip_prefix("history "))?;
        let history = line.parse().ok()?;
        // Only a text that is exactly what we would write is accepted.
        let stages = [Stage::New, Stage::Created];
        let stage = stages.into_iter().find(|stage| text(history, *stage) == contents)?;
        Some((history, stage))
    };
    parsed().ok_or_else(|| match newer(found) {
        Some(newer) => FolderError::NewerVersion { file: path.to_owned(), newer },
        None => FolderError::Damaged(path.to_owned()),
    })
}

/// Returns the format of a history file that a newer version wrote. Every format begins with the title
/// and ends with the checksum of everything before it. So a damaged file is not mistaken for a newer one.
fn newer(found: &[u8]) -> Option<NewerVersion> {
    let contents = core::str::from_utf8(found).ok()?;
    let found = contents.strip_prefix(TITLE)?.lines().next()?.parse().ok()?;
    let (checked, sum) = contents.trim_end().rsplit_once("check ")?;
    let is_whole = sum == format!("{:08x}", crc32c::crc32c(checked.as_bytes()));
    (is_whole && found > FORMAT).then_some(NewerVersion::Format { found, ours: FORMAT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_file_has_the_golden_bytes() {
        let history = History(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f);
        let golden = |journal, check| {
            format!(
                "pricetime data folder, format 1\n\
                 history 00010203-0405-0607-0809-0a0b0c0d0e0f\n\
                 journal {journal}\n\
                 check {check}\n"
            )
        };
        assert_eq!(text(history, Stage::New), golden("new", "7fae895f"));
        assert_eq!(text(history, Stage::Created), golden("kept", "d1f0c06f"));
    }
}
