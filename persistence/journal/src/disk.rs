//! The little that is asked of a file system.
//!
//! Journal and snapshots reach files through [`Disk`] alone. It says what is durable when: bytes
//! after [`DiskFile::sync`], names after [`Disk::sync_folder`], and until then any part of them may
//! be gone after a power cut, in any order.

use core::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind::NotADirectory, ErrorKind::NotFound};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often a lock is tried: [`Disk::is_locked`] holds it for a moment itself.
const LOCK_TRIES: u32 = 4;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

use crate::private;

/// A place for files.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a folder, and those above it; one that is there already is left as it is.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Shuts a folder to everyone but its owner. Does nothing if the folder belongs to another user.
    fn shut(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
    /// The names in a folder, in order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes an empty file, in place of one that may be there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that is there, to read and to write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that is there, only to read.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }
    /// Gives a file another name in the same folder, in place of a file that may have it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with nothing in it.
    fn remove_folder(&self, _folder: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// How many more bytes there is room for where this folder is; `None` if the disk does not say.
    fn free(&self, _folder: &Path) -> io::Result<Option<u64>> {
        Ok(None)
    }
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Locks a folder or a file until the lock is dropped; creates the file if it is missing. Fails
    /// with [`io::ErrorKind::WouldBlock`] if it is locked already.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
    /// Whether a file or folder is locked. Creates nothing; what does not exist is not locked.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// One open file.
pub trait DiskFile: fmt::Debug + Send {
    /// How long it is.
    fn length(&self) -> io::Result<u64>;
    /// Whether this path still names this file.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
    /// Fills a row of bytes from here, short only where the file ends; says how many.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of these bytes here.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes it this long, with room on the disk for all of it; what is new reads as zeros.
    fn preallocate(&mut self, length: u64) -> io::Result<()>;
    /// Makes its bytes and its length durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Holds a lock for as long as it lives.
pub trait Lock: fmt::Debug + Send + Sync {}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        private::create_folder(folder)
    }

    fn shut(&self, folder: &Path) -> io::Result<()> {
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
    /// Its device and inode, which belong to no other file while this one is open.
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
                Ok(many) => done += many,
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
            // A file system without the call still gets the length; a full disk then shows later.
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(length),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        // fdatasync: the bytes, and of the rest what is needed to find them, length included.
        self.file.sync_data()
    }
}

/// The lock goes with the open file.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl Lock for RealLock {}
