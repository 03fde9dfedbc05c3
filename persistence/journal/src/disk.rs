//! The file operations that the journal and the snapshots need.
//!
//! Journal and snapshots access files only through [`Disk`]. It defines what is durable when: bytes after
//! [`DiskFile::sync`], names after [`Disk::sync_folder`]. Until then, a power cut can lose any part of
//! them, in any order.

use core::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind::NotADirectory, ErrorKind::NotFound};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often `lock` tries. It retries because [`Disk::is_locked`] itself holds the lock for a moment.
const LOCK_TRIES: u32 = 4;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

use crate::private;

/// The file system operations that this crate uses.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a folder and its missing parents. An existing folder stays as it is.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Denies everyone but the owner access to a folder. Does nothing if the folder belongs to another
    /// user.
    fn make_private(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Returns the names in a folder, sorted.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Creates an empty file. If the file exists, this empties it.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file to read and write it.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file only to read it.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }
    /// Renames a file within its folder. If a file has the new name, this replaces it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_folder(&self, _folder: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Returns how many bytes are free on the disk of this folder, or `None` if that is unknown.
    fn free(&self, _folder: &Path) -> io::Result<Option<u64>> {
        Ok(None)
    }
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Locks a folder or a file until the lock is dropped. Creates the file if it is missing. Returns an
    /// error of kind [`io::ErrorKind::WouldBlock`] if it is locked already.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// Returns `true` if a file or folder is locked. Creates nothing: a missing file or folder is not
    /// locked.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// One open file.
pub trait DiskFile: fmt::Debug + Send {
    /// Returns the length of the file.
    fn length(&self) -> io::Result<u64>;
    /// Returns `true` if this path still names this file.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
    /// Fills the buffer with the bytes from this offset on. Returns how many were read, which is fewer
    /// than the buffer holds only at the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of these bytes at this offset.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Extends the file to this length and reserves disk space for all of it. New bytes read as zeros.
    fn preallocate(&mut self, length: u64) -> io::Result<()>;
    /// Makes the bytes and the length of the file durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A lock that is held until this value is dropped.
pub trait Lock: fmt::Debug + Send + Sync {}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        private::create_folder(folder)
    }

    fn make_private(&self, folder: &Path) -> io::Result<()> {
        if fs::metadata(folder)?.mode() & 0o077 == 0 {
            return Ok(());
        }
        match fs::set_permissions(folder, Permissions::from_mode(0o700)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            set => set,
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealFile::of(private::create(path)?)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealFile::of(OpenOptions::new().read(true).write(true).open(path)?)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealFile::of(File::open(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder)
    }

    fn free(&self, folder: &Path) -> io::Result<Option<u64>> {
        let disk = rustix::fs::statvfs(folder)?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = if path.is_dir() {
            File::open(path)?
        } else {
            private::options().read(true).write(true).create(true).truncate(false).open(path)?
        };
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Box::new(RealLock { _file: file })),
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                    tries += 1;
                    thread::sleep(LOCK_PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
    /// The device and inode numbers. No other file has the same ones while this one is open.
    identity: (u64, u64),
}

impl RealFile {
    fn of(file: File) -> io::Result<Box<dyn DiskFile>> {
        let found = file.metadata()?;
        Ok(Box::new(Self { file, identity: (found.dev(), found.ino()) }))
    }
}

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(found) => Ok((found.dev(), found.ino()) == self.identity),
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn preallocate(&mut self, length: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&self.file, flags, 0, length) {
            Ok(()) => Ok(()),
            // A file system without this call only sets the length. A full disk then shows at a later
            // write.
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(length),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        // `fdatasync` syncs the bytes and the metadata needed to find them, including the length.
        self.file.sync_data()
    }
}

/// Closing the file releases the lock.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl Lock for RealLock {}
