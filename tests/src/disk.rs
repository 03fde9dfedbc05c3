//! An in-memory disk that fails like a real one.
//!
//! It keeps readable and durable state apart. A power cut leaves the durable state plus any part of the
//! rest: each sector of an unsynced write, and each name, survives or not on its own. One call can be
//! chosen to fail: the power is cut during it, a write stops half-way, the disk is full, or a sync fails.
//! As on Linux, after a failed sync the lost sectors count as clean, and a later sync succeeds without
//! writing them.

mod content;
mod names;
pub mod trials;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pricetime_journal::{Disk, DiskFile, Lock};

use crate::generate::random::Random;
use content::Content;
use names::{Entry, Names};

/// A way for a call to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power is cut during the call.
    PowerCut,
    /// A write stops half-way.
    ShortWrite,
    /// The disk is full.
    NoSpace,
    /// A sync fails; any other call returns an error.
    FailedSync,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 4] = [Self::PowerCut, Self::ShortWrite, Self::NoSpace, Self::FailedSync];
}

/// An in-memory disk. Clones share it.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Random,
    names: Names,
    files: Vec<Content>,
    locked: BTreeSet<PathBuf>,
    calls: u64,
    /// The number of bytes read and written.
    bytes_moved: u64,
    planned: Option<(u64, Fault)>,
    fired: Option<Fault>,
    /// Whether the power is off.
    is_off: bool,
    /// The number of restarts; files and locks of an earlier life are invalid.
    life: u64,
}

/// What a planned fault does to a call.
enum Verdict {
    Proceed,
    Fail(Fault, io::Error),
}

impl FaultyDisk {
    /// Creates an empty disk whose random choices follow from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random::new(seed),
            names: Names::default(),
            files: Vec::new(),
            locked: BTreeSet::new(),
            calls: 0,
            bytes_moved: 0,
            planned: None,
            fired: None,
            is_off: false,
            life: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the call after `calls` others fail.
    pub fn fail_after(&self, calls: u64, fault: Fault) {
        let mut state = self.state();
        state.planned = Some((state.calls + calls, fault));
        state.fired = None;
    }

    /// The fault that has occurred since the last plan, if any.
    #[must_use]
    pub fn fired(&self) -> Option<Fault> {
        self.state().fired
    }

    /// The number of bytes read and written so far.
    #[must_use]
    pub fn bytes_moved(&self) -> u64 {
        self.state().bytes_moved
    }

    /// Cuts the power and switches it on again.
    pub fn power_cycle(&self) {
        let mut state = self.state();
        let State { random, names, files, .. } = &mut *state;
        names.power_cut(random);
        files.iter_mut().for_each(|file| file.power_cut(random));
        drop(state);
        self.restart_process();
    }

    /// Ends the process that used the disk and starts the next. Readable state stays.
    pub fn restart_process(&self) {
        let mut state = self.state();
        (state.is_off, state.planned, state.fired) = (false, None, None);
        state.life += 1;
        state.locked.clear();
    }

    /// Renames a folder durably while nothing in it is open. Its durable content stays durable, and the
    /// rest stays unsynced.
    pub fn move_folder(&self, from: &Path, to: &Path) {
        self.state().names.move_folder(from, to);
    }

    /// The readable files below a folder, with their lengths.
    #[must_use]
    pub fn files(&self, below: &Path) -> Vec<(PathBuf, u64)> {
        let state = self.state();
        let found = state.names.files(below);
        found.map(|(path, file)| (path.clone(), state.files[file].length())).collect()
    }

    /// Overwrites a part of a file with zeros, durably.
    pub fn zero(&self, path: &Path, from: u64, to: u64) {
        let mut state = self.state();
        if let Some(Entry::File(file)) = state.names.find(path) {
            state.files[file].zero(from, to);
        }
    }

    /// Flips one bit of a file, durably.
    pub fn flip(&self, path: &Path, offset: u64, bit: u32) {
        let mut state = self.state();
        if let Some(Entry::File(file)) = state.names.find(path) {
            state.files[file].flip(offset, bit);
        }
    }
}

impl State {
    /// Counts a call and applies the planned fault if its turn has come.
    fn call(&mut self) -> Verdict {
        if self.is_off {
            return Verdict::Fail(Fault::NoSpace, io::Error::other("the power is off"));
        }
        let at = self.calls;
        self.calls += 1;
        let Some((_, fault)) = self.planned.filter(|(planned, _)| *planned == at) else {
            return Verdict::Proceed;
        };
        self.fired = Some(fault);
        let error = match fault {
            Fault::PowerCut => {
                self.is_off = true;
                io::Error::other("the power goes")
            }
            Fault::ShortWrite | Fault::NoSpace => io::ErrorKind::StorageFull.into(),
            Fault::FailedSync => io::Error::from_raw_os_error(5),
        };
        Verdict::Fail(fault, error)
    }

    /// A call that takes full effect or none; in a power cut, at random.
    fn all_or_nothing(&mut self) -> io::Result<Option<io::Error>> {
        match self.call() {
            Verdict::Proceed => Ok(None),
            Verdict::Fail(Fault::PowerCut, error) if self.random.chance(50) => Ok(Some(error)),
            Verdict::Fail(_, error) => Err(error),
        }
    }

    /// A call that only reads.
    fn read_call(&mut self) -> io::Result<()> {
        match self.call() {
            Verdict::Proceed => Ok(()),
            Verdict::Fail(_, error) => Err(error),
        }
    }
}

fn finish<T>(value: T, error: Option<io::Error>) -> io::Result<T> {
    error.map_or(Ok(value), Err)
}

impl Disk for FaultyDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let error = state.all_or_nothing()?;
        state.names.create_folder(folder);
        finish((), error)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.read_call()?;
        state.names.list(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let error = state.all_or_nothing()?;
        let file = state.files.len();
        state.files.push(Content::default());
        state.names.create(path, file)?;
        let life = state.life;
        finish(Box::new(FaultyFile { disk: self.clone(), file, life }), error)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.read_call()?;
        match state.names.find(path) {
            Some(Entry::File(file)) => {
                let life = state.life;
                Ok(Box::new(FaultyFile { disk: self.clone(), file, life }))
            }
            Some(Entry::Folder) | None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let error = state.all_or_nothing()?;
        state.names.rename(from, to)?;
        finish((), error)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let error = state.all_or_nothing()?;
        state.names.remove(path)?;
        finish((), error)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let error = state.all_or_nothing()?;
        if !state.names.list(folder)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.names.remove(folder)?;
        finish((), error)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let error = state.all_or_nothing()?;
        state.names.sync(folder)?;
        finish((), error)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut state = self.state();
        state.read_call()?;
        if state.names.find(path).is_none() {
            let file = state.files.len();
            state.files.push(Content::default());
            state.names.create(path, file)?;
        }
        if !state.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let life = state.life;
        Ok(Box::new(FaultyLock { disk: self.clone(), path: path.to_owned(), life }))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.read_call()?;
        Ok(state.locked.contains(path))
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    file: usize,
    life: u64,
}

impl FaultyFile {
    /// The disk, or an error if this file was opened in an earlier life.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life { Ok(state) } else { Err(io::Error::other("an earlier life")) }
    }
}

impl DiskFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        state.read_call()?;
        Ok(state.files[self.file].length())
    }

    /// Not counted as a call: it reads names, which the kernel has in memory.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state()?.names.find(path) == Some(Entry::File(self.file)))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state()?;
        state.read_call()?;
        state.bytes_moved += into.len() as u64;
        Ok(state.files[self.file].read(offset, into))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        let verdict = state.call();
        state.bytes_moved += bytes.len() as u64;
        let State { random, files, .. } = &mut *state;
        let content = &mut files[self.file];
        match verdict {
            Verdict::Proceed => content.write(offset, bytes),
            Verdict::Fail(Fault::PowerCut | Fault::ShortWrite, error) => {
                let count = random.within(0, bytes.len() as u64) as usize;
                content.write(offset, &bytes[..count]);
                return Err(error);
            }
            Verdict::Fail(Fault::NoSpace | Fault::FailedSync, error) => return Err(error),
        }
        Ok(())
    }

    fn preallocate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.state()?;
        let error = state.all_or_nothing()?;
        state.files[self.file].resize(length);
        finish((), error)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state()?;
        let verdict = state.call();
        let State { random, files, .. } = &mut *state;
        let content = &mut files[self.file];
        match verdict {
            Verdict::Proceed => content.sync(),
            Verdict::Fail(Fault::FailedSync, error) => {
                content.failed_sync(random);
                return Err(error);
            }
            Verdict::Fail(Fault::PowerCut, error) if random.chance(25) => {
                content.sync();
                return Err(error);
            }
            Verdict::Fail(_, error) => return Err(error),
        }
        Ok(())
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
    life: u64,
}

impl Lock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locked.remove(&self.path);
        }
    }
}
