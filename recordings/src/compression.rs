//! Compressed streams, recognised by their first bytes.

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// The binary logarithm of the largest window that a zstd stream may ask for: 128 MiB, the default of
/// `zstd -d`. A decoder needs as much memory as the window, and the stream chooses its size.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// The compressed bytes that are read at once.
const CHUNK: usize = 1 << 17;
/// The number of bytes that decide how a stream is compressed.
const MAGIC: usize = 4;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, with any number of members.
    Gzip,
    /// zstd, with any number of frames.
    Zstd,
}

impl Compression {
    /// Returns the compression that a file has according to its name: one that ends with `.gz` or `.zst`.
    #[must_use]
    pub fn of_name(name: &Path) -> Option<Self> {
        match name.extension()?.to_str()? {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the compression that a stream with these first bytes has.
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [0x1f, 0x8b, 0x08, _] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// A stream of uncompressed bytes, and how it was compressed.
pub(crate) type Plain = (Box<dyn Read + Send>, Option<Compression>);

/// Uncompresses a stream if it is compressed.
pub(crate) fn uncompressed(mut raw: impl Read + Send + 'static) -> io::Result<Plain> {
    let mut magic = Vec::with_capacity(MAGIC);
    raw.by_ref().take(MAGIC as u64).read_to_end(&mut magic)?;
    let compression = Compression::of(&magic);
    let whole = Cursor::new(magic).chain(raw);
    let plain: Box<dyn Read + Send> = match compression {
        None => Box::new(whole),
        Some(Compression::Gzip) => {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole)))
        }
        Some(Compression::Zstd) => {
            let input = BufReader::with_capacity(CHUNK, whole);
            let mut decoder = zstd::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    };
    Ok((plain, compression))
}
