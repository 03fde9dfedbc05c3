//! The files of a recording as they are stored: their lengths and their hashes.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pricetime_recordings::{Fault, RecordingError, Source};
use pricetime_terminal::{Progress, disable_progress};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// An input as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct StoredInput {
    pub(in super::super) name: String,
    pub(in super::super) bytes: u64,
    pub(in super::super) sha256: String,
}

/// Hashes the bytes that are written to it.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct ByteHash {
    hasher: Sha256,
    bytes: u64,
}

impl ByteHash {
    /// The hash and the number of all bytes, as those of an input.
    pub(in super::super) fn stored(&self, name: String) -> StoredInput {
        StoredInput { name, bytes: self.bytes, sha256: self.hex() }
    }

    /// The hash as hexadecimal digits.
    pub(in super::super) fn hex(&self) -> String {
        let mut text = String::new();
        for byte in self.hasher.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl Write for ByteHash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes files while something else reads them.
#[derive(Default)]
pub(in super::super) struct StoredFiles(RefCell<Vec<(String, Shared)>>);

type Shared = Arc<Mutex<Hashed>>;

struct Hashed {
    from: Box<dyn Read + Send>,
    hash: ByteHash,
}

/// What reads a file that is hashed.
struct Reading(Shared);

impl StoredFiles {
    /// Hashes everything that is read through the reader that it returns.
    fn add(&self, name: &str, from: impl Read + Send + 'static) -> impl Read + Send + 'static {
        let hashed = Hashed { from: Box::new(from), hash: ByteHash::default() };
        let shared = Arc::new(Mutex::new(hashed));
        self.0.borrow_mut().push((name.to_owned(), Arc::clone(&shared)));
        Reading(shared)
    }

    /// All files in the order in which they were opened. Reads what is left of each, so that the hash is that
    /// of the whole file even if the replay ended before.
    pub(in super::super) fn finish(&self) -> io::Result<Vec<StoredInput>> {
        let files = mem::take(&mut *self.0.borrow_mut());
        let finish = |(name, shared): (String, Shared)| {
            io::copy(&mut Reading(Arc::clone(&shared)), &mut io::sink())?;
            let hashed = shared.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(hashed.hash.stored(name))
        };
        files.into_iter().map(finish).collect()
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut hashed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = hashed.from.read(buffer)?;
        hashed.hash.write_all(buffer.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}

/// Opens a file, or standard input for `-`. Its bytes are counted and hashed if that is wanted.
pub(super) fn source(
    path: &Path,
    progress: Option<&Arc<Progress>>,
    stored: Option<&StoredFiles>,
) -> Result<Source, RecordingError> {
    let name = path.display().to_string();
    let raw: Box<dyn Read + Send> = if path == Path::new("-") {
        if io::stdin().is_terminal() {
            disable_progress();
        }
        Box::new(io::stdin())
    } else {
        let failed = |error| RecordingError::new(&name, Fault::Io(error));
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(RecordingError::new(&name, Fault::Directory));
        }
        Box::new(file)
    };
    let from = Counted { from: raw, progress: progress.map(Arc::downgrade) };
    match stored {
        Some(stored) => Source::of(&name, stored.add(&name, from)),
        None => Source::of(&name, from),
    }
}

/// An input whose bytes are counted.
struct Counted {
    from: Box<dyn Read + Send>,
    /// The bar, which may be gone while another thread still reads.
    progress: Option<Weak<Progress>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        if let Some(progress) = self.progress.as_ref().and_then(Weak::upgrade) {
            progress.add(read as u64);
        }
        Ok(read)
    }
}
