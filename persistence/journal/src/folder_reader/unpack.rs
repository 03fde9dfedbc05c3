//! Unpacks an archive into a data folder.

use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::archive::{ArchiveError, Packed};
use super::archived_file::ArchivedFile;
use super::pieces::{FileSink, WalkedArchive, walk};
use crate::disk::{Disk, DiskFile, Lock};
use crate::folder::{self, FolderError, HISTORY, LOCK, UNFINISHED};

/// Reads and checks a whole archive, and writes nothing.
///
/// # Errors
/// Returns an error if the archive cannot be read, or is not what
/// [`FolderReader::pack`](super::FolderReader::pack) writes.
pub fn check_archive(from: &mut (impl Read + Seek)) -> Result<Packed, ArchiveError> {
    Ok(walk(from, &mut ())?.packed)
}

/// Unpacks an archive into an empty or new folder. The whole archive is checked before anything is
/// written, and again while it is written. The folder becomes a data folder only in the last step. If
/// unpacking fails, everything that was written is removed.
///
/// # Errors
/// Returns an error if the archive is damaged, if the disk has no room for its files, if the folder is
/// not empty, or if a file operation fails.
pub fn unpack(
    from: &mut (impl Read + Seek),
    disk: &dyn Disk,
    folder: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<Packed, ArchiveError> {
    let walked = walk(from, &mut ())?;
    let mut created = CreatedFiles { disk, folders: Vec::new(), files: Vec::new(), _locks: None };
    match created.unpack(from, folder, walked, progress) {
        Ok(()) => Ok(walked.packed),
        Err(error) => Err(created.undo(error)),
    }
}

/// The folders and files that were created, in order.
struct CreatedFiles<'a> {
    disk: &'a dyn Disk,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    _locks: Option<[Box<dyn Lock>; 2]>,
}

impl CreatedFiles<'_> {
    fn unpack(
        &mut self,
        from: &mut (impl Read + Seek),
        folder: &Path,
        walked: WalkedArchive,
        progress: impl FnMut(u64, u64),
    ) -> Result<(), ArchiveError> {
        let (disk, WalkedArchive { packed, disk_bytes }) = (self.disk, walked);
        self.folder(folder)?;
        let has_lock = self.check_empty(folder)?;
        self._locks = Some(folder::lock(disk, folder).map_err(|error| {
            let in_use = error.kind() == io::ErrorKind::WouldBlock;
            if in_use { io::Error::other(FolderError::InUse(folder.to_owned())) } else { error }
        })?);
        if !has_lock {
            self.files.push(folder.join(LOCK));
        }
        disk.make_private(folder)?;
        // Until now another user could have put something there.
        self.check_empty(folder)?;
        if let Some(free) = disk.free(folder)?.filter(|free| *free < disk_bytes) {
            return Err(ArchiveError::NoSpace {
                needed: disk_bytes,
                free,
                folder: folder.to_owned(),
            });
        }
        let own = folder.join(packed.history.to_string());
        for part in [own.clone(), own.join("journal"), own.join("snapshots")] {
            self.folder(&part)?;
        }
        let (total, file) = (packed.files, None);
        let mut writer = Writer { created: &mut *self, folder, done: 0, total, progress, file };
        let again = walk(from, &mut writer)?;
        drop(writer);
        if again != walked {
            return Err(io::Error::other("the archive was changed while it was read").into());
        }
        for synced in [&own.join("journal"), &own.join("snapshots"), &own, folder] {
            disk.sync_folder(synced)?;
        }
        self.files.push(folder.join(HISTORY));
        disk.rename(&folder.join(UNFINISHED), &folder.join(HISTORY))?;
        Ok(disk.sync_folder(folder)?)
    }

    /// Creates a folder and its missing parents.
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        let disk = self.disk;
        let is_missing = |it: &&Path| {
            let is_named = !it.as_os_str().is_empty();
            let missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
            is_named && disk.list(it).is_err_and(missing)
        };
        let missing: Vec<_> = folder.ancestors().take_while(is_missing).collect();
        self.folders.extend(missing.into_iter().rev().map(Path::to_owned));
        disk.create_folder(folder)
    }

    /// Returns `true` if the folder holds a lock file, and an error if it holds anything else.
    fn check_empty(&self, folder: &Path) -> Result<bool, ArchiveError> {
        let names = self.disk.list(folder)?;
        match names.iter().find(|name| *name != LOCK) {
            Some(found) => Err(ArchiveError::Occupied(found.clone())),
            None => Ok(!names.is_empty()),
        }
    }

    /// Removes what was created. Returns the error, or [`ArchiveError::NotCleanedUp`] if something could
    /// not be removed.
    fn undo(self, error: ArchiveError) -> ArchiveError {
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let mut not_removed = None;
        for file in self.files.iter().rev() {
            if let Err(why) =
                self.disk.remove(file).or_else(|it| is_missing(&it).then_some(()).ok_or(it))
            {
                not_removed.get_or_insert((file.clone(), why));
            }
        }
        for folder in self.folders.iter().rev() {
            let removed = self.disk.remove_folder(folder);
            if let Err(why) = removed.or_else(|it| is_missing(&it).then_some(()).ok_or(it)) {
                not_removed.get_or_insert((folder.clone(), why));
            }
        }
        match not_removed {
            Some((path, why)) => ArchiveError::NotCleanedUp { error: Box::new(error), path, why },
            None => error,
        }
    }
}

/// Writes the files of an archive into a folder.
struct Writer<'a, 'b, P> {
    created: &'a mut CreatedFiles<'b>,
    folder: &'a Path,
    /// How many files are complete, and how many there are.
    done: u64,
    total: u64,
    progress: P,
    /// The file that is being written, and how many bytes of it were written.
    file: Option<(Box<dyn DiskFile>, u64)>,
}

impl<P: FnMut(u64, u64)> FileSink for Writer<'_, '_, P> {
    fn begin(&mut self, archived_file: ArchivedFile, length: u64) -> io::Result<()> {
        // The rename that makes it a data folder comes last, when everything else is durable.
        let name = match archived_file {
            ArchivedFile::History => UNFINISHED.to_owned(),
            ArchivedFile::Journal(..) | ArchivedFile::Snapshot(..) => archived_file.to_string(),
        };
        let path = self.folder.join(name);
        self.created.files.push(path.clone());
        let mut file = self.created.disk.create(&path)?;
        file.preallocate(length)?;
        self.file = Some((file, 0));
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some((file, at)) = &mut self.file else { return Ok(()) };
        file.write_at(*at, bytes)?;
        *at += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some((mut file, _)) = self.file.take() {
            file.sync()?;
        }
        self.done += 1;
        (self.progress)(self.done, self.total);
        Ok(())
    }
}
