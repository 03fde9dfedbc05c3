//! A recording as a stream of bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, Read};
use std::path::Path;

use crate::compression::{Compression, uncompressed};
use crate::error::{Fault, RecordingError};

/// U+FEFF as UTF-8, which spreadsheets write at the beginning of text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file, standard input or any other reader as a stream of uncompressed bytes.
///
/// gzip and zstd are recognised by their first bytes, whatever the name. A byte-order mark of UTF-8 at the beginning
/// is skipped; no binary format begins with its bytes. The memory that a source needs is
/// constant: its buffer, and at most 128 MiB for the window of a zstd stream.
///
/// ```
/// use pricetime_recordings::Source;
///
/// let mut source = Source::of("two lines", b"one\ntwo\n".as_slice())?;
/// assert_eq!(source.line()?.map(|line| line.text), Some(b"one".as_slice()));
/// assert_eq!(source.line()?.map(|line| line.offset), Some(4));
/// assert_eq!(source.line()?, None);
/// # Ok::<(), pricetime_recordings::RecordingError>(())
/// ```
pub struct Source {
    name: String,
    input: Box<dyn Read + Send>,
    compression: Option<Compression>,
    buffer: Box<[u8]>,
    /// The unread bytes in the buffer.
    start: usize,
    end: usize,
    /// The offset of the first unread byte in the stream.
    offset: u64,
    /// `true` after the last byte, and after an error.
    ended: bool,
}

/// A line of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The offset of its first byte in the uncompressed stream.
    pub offset: u64,
    /// Its bytes without `\n` and `\r\n` at the end.
    pub text: &'a [u8],
    /// `false` if the stream ends without the end of this line. Then the line may be cut off.
    pub ended: bool,
}

impl Source {
    /// The size of the buffer, which is also the longest message that a source can return.
    pub const MESSAGE_MAX: usize = 1 << 17;

    /// Opens a file, or standard input if the path is `-`.
    ///
    /// # Errors
    /// Returns an error if the path is a directory or cannot be opened, if the stream has no byte, or if its
    /// first bytes cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Self::of("standard input", io::stdin());
        }
        let name = path.display().to_string();
        let failed = |error| RecordingError::new(&name, Fault::Io(error));
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(RecordingError::new(&name, Fault::Directory));
        }
        Self::of(&name, file)
    }

    /// Reads from any reader. The name is for errors.
    ///
    /// # Errors
    /// Returns an error if the stream has no byte, or if its first bytes cannot be read.
    pub fn of(name: &str, raw: impl Read + Send + 'static) -> Result<Self, RecordingError> {
        let plain = uncompressed(raw).map_err(|error| RecordingError::new(name, Fault::Io(error)));
        let (input, compression) = plain?;
        let buffer = vec![0; Self::MESSAGE_MAX].into_boxed_slice();
        let name = name.to_owned();
        let mut source =
            Self { name, input, compression, buffer, start: 0, end: 0, offset: 0, ended: false };
        if source.fill(BYTE_ORDER_MARK.len())?.starts_with(BYTE_ORDER_MARK) {
            source.consume(BYTE_ORDER_MARK.len());
        }
        if source.fill(1)?.is_empty() {
            return Err(RecordingError::new(&source.name, Fault::Empty));
        }
        Ok(source)
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The offset of the next byte in the uncompressed stream.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the next bytes without consuming them: at least `wanted` of them, or fewer if the stream ends
    /// before.
    ///
    /// # Errors
    /// Returns an error if the bytes cannot be read, or if `wanted` is above [`MESSAGE_MAX`](Self::MESSAGE_MAX).
    /// The stream ends there.
    #[inline]
    pub fn fill(&mut self, wanted: usize) -> Result<&[u8], RecordingError> {
        if self.end - self.start < wanted {
            self.read_until(|unread| unread.len() >= wanted)?;
        }
        Ok(self.buffered())
    }

    /// Consumes bytes that [`fill`](Self::fill) has returned.
    ///
    /// # Panics
    /// Panics if it has returned fewer bytes.
    #[inline]
    pub fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.end - self.start, "only bytes that were read can be consumed");
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// The unread bytes that are in memory. This never reads, so there may be none before the end.
    #[inline]
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns the next line, or `None` at the end of the stream.
    ///
    /// # Errors
    /// Returns an error if the line cannot be read, or is longer than
    /// [`MESSAGE_MAX`](Self::MESSAGE_MAX). The stream ends there.
    #[inline]
    pub fn line(&mut self) -> Result<Option<Line<'_>>, RecordingError> {
        let mut length = line_length(self.buffered());
        if length.is_none() {
            let mut searched = self.end - self.start;
            self.read_until(|unread| {
                length = line_length(&unread[searched..]).map(|more| searched + more);
                searched = unread.len();
                length.is_some()
            })?;
        }
        // The last line may have no end.
        let ended = length.is_some();
        let length = length.unwrap_or(self.end - self.start);
        let (offset, from) = (self.offset, self.start);
        self.consume(length);
        let text = &self.buffer[from..from + length];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Ok((length > 0).then_some(Line { offset, text, ended }))
    }

    /// Reads on until the unread bytes are enough, or the stream ends.
    #[cold]
    fn read_until(&mut self, mut enough: impl FnMut(&[u8]) -> bool) -> Result<(), RecordingError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while !enough(&self.buffer[..self.end]) && !self.ended {
            if self.end == self.buffer.len() {
                self.end();
                let fault = Fault::TooLong(Self::MESSAGE_MAX);
                return Err(RecordingError::new(&self.name, fault).at_offset(self.offset));
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(error)),
            }
        }
        Ok(())
    }

    /// Adds the name of the file to the error of a reader. If the error is not
    /// [in one message](RecordingError::is_in_one_message), the stream ends here.
    #[must_use]
    pub fn failed(&mut self, error: RecordingError) -> RecordingError {
        if !error.is_in_one_message() {
            self.end();
        }
        error.in_file(&self.name)
    }

    /// Ends the stream, so that no later call returns anything.
    pub(crate) const fn end(&mut self) {
        self.ended = true;
        self.start = self.end;
    }

    fn unreadable(&mut self, error: io::Error) -> RecordingError {
        let offset = self.offset + (self.end - self.start) as u64;
        self.end();
        let fault = match self.compression {
            Some(compression) if error.raw_os_error().is_none() => {
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    Fault::CutOff(compression)
                } else {
                    Fault::Damaged(compression, error)
                }
            }
            Some(_) | None => Fault::Io(error),
        };
        RecordingError::new(&self.name, fault).at_offset(offset)
    }
}

/// Reads the uncompressed bytes, for readers that need no more than that.
impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let unread = self.fill(1).map_err(io::Error::other)?;
        let count = unread.len().min(into.len());
        into[..count].copy_from_slice(&unread[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, compression, offset, ended, .. } = self;
        f.debug_struct("Source")
            .field("name", name)
            .field("compression", compression)
            .field("offset", offset)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}

/// The length of the first line with its end.
#[inline]
fn line_length(mut bytes: &[u8]) -> Option<usize> {
    let whole = bytes;
    // The search for a byte that the standard library has. It cannot fail on a slice.
    let length = bytes.skip_until(b'\n').unwrap_or_default();
    whole[..length].ends_with(b"\n").then_some(length)
}

#[cfg(test)]
mod tests;
