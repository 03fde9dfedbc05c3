//! A file that gets its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use pricetime_journal::rename_new;
use pricetime_recordings::{Compression, Compressor};

use super::super::failure::{Code, Failure};
use super::super::reader::note;

/// The bytes that are collected before they are compressed or written.
const BUFFER: usize = 1 << 18;

/// The names of a file or a folder that is being written: it has another one until it is complete.
#[derive(Debug)]
pub(super) struct Names {
    partial: PathBuf,
    whole: PathBuf,
    replace: bool,
}

/// A file that is being written, or standard output. It is compressed as its name says.
pub(super) struct NewFile {
    bytes: BufWriter<Compressor<Box<dyn Write + Send>>>,
    /// A second handle of the file, to sync it.
    file: Option<File>,
}

impl Names {
    /// Refuses the name of something that exists, unless a file may be replaced.
    pub(super) fn of(whole: &Path, replace: bool) -> Result<Self, Failure> {
        if let Ok(found) = whole.symlink_metadata()
            && !(replace && found.is_file())
        {
            let hint = if found.is_file() { "--force replaces it" } else { "name another one" };
            let text = format!("{} already exists: {hint}", whole.display());
            return Err(Failure::new(Code::Usage, text));
        }
        let mut partial = whole.components().as_path().as_os_str().to_owned();
        partial.push(".part");
        let partial = PathBuf::from(partial);
        if partial.symlink_metadata().is_ok() && !(replace && partial.is_file()) {
            let text = format!(
                "{} already exists: another process is writing it, or one ended before it was \
                 complete; in that case remove it",
                partial.display()
            );
            return Err(Failure::new(Code::Usage, text));
        }
        Ok(Self { partial, whole: whole.to_owned(), replace })
    }

    /// The name that it has until it is complete.
    pub(super) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Says where what was written until a failure is.
    pub(super) fn keep(&self) {
        note(format_args!("what was written until then is in {}", self.partial.display()));
    }

    /// Removes what was written. If that fails, it only wastes disk space.
    pub(super) fn discard(&self) {
        let partial = &self.partial;
        let _ =
            if partial.is_dir() { fs::remove_dir_all(partial) } else { fs::remove_file(partial) };
    }

    /// Gives what was written its name.
    pub(super) fn complete(&self) -> Result<(), Failure> {
        let Self { partial, whole, replace } = self;
        let renamed =
            if *replace { fs::rename(partial, whole) } else { rename_new(partial, whole) };
        let above = whole.parent().filter(|above| !above.as_os_str().is_empty());
        renamed
            .and_then(|()| File::open(above.unwrap_or(Path::new(".")))?.sync_all())
            .map_err(|error| at(whole, &error))
    }
}

impl NewFile {
    /// Creates a file and adds its names; `-` is standard output, which has none.
    pub(super) fn create(
        to: &Path,
        replace: bool,
        names: &mut Vec<Names>,
    ) -> Result<Self, Failure> {
        let (file, out): (_, Box<dyn Write + Send>) = if to == Path::new("-") {
            (None, Box::new(io::stdout()))
        } else {
            let new = Names::of(to, replace)?;
            let partial = &new.partial;
            let file = if replace { File::create(partial) } else { File::create_new(partial) };
            let file = file.map_err(|error| at(partial, &error))?;
            let second = file.try_clone().map_err(|error| at(partial, &error))?;
            names.push(new);
            (Some(second), Box::new(file))
        };
        let out = Compressor::new(out, Compression::of_name(to)).map_err(|error| at(to, &error))?;
        Ok(Self { bytes: BufWriter::with_capacity(BUFFER, out), file })
    }

    /// Writes and syncs what is left.
    pub(super) fn end(self) -> io::Result<()> {
        let compressor = self.bytes.into_inner().map_err(io::IntoInnerError::into_error)?;
        compressor.finish()?.flush()?;
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

impl Write for NewFile {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.write_all(bytes)
    }

    /// Does nothing: a compressed stream would get larger, and [`end`](Self::end) writes everything.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn at(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}
