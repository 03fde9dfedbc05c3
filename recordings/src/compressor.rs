//! Compressed output.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::compression::Compression;

/// Compresses what is written to it. What is not [finished](Self::finish) is recognised as cut off when it is
/// read.
pub enum Compressor<W: Write> {
    /// Writes the bytes as they are.
    Plain(W),
    /// Writes a gzip stream.
    Gzip(GzEncoder<W>),
    /// Writes a zstd stream.
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Compresses with the usual level of the format. It takes many bytes at once best, so put a buffer before
    /// it.
    ///
    /// # Errors
    /// Returns an error if there is no memory for the compression.
    pub fn new(out: W, compression: Option<Compression>) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Plain(out),
            Some(Compression::Gzip) => {
                Self::Gzip(GzEncoder::new(out, flate2::Compression::default()))
            }
            Some(Compression::Zstd) => {
                let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Ends the stream and returns what it was written to, which is not flushed.
    ///
    /// # Errors
    /// Returns an error if the end cannot be written.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use super::*;
    use crate::Source;

    #[test]
    fn compressed_stream_is_read_back_and_recognised_if_it_is_cut_off() {
        let text = b"a line of text\n".repeat(10_000);
        for compression in [None, Some(Compression::Gzip), Some(Compression::Zstd)] {
            let mut out = Compressor::new(Vec::new(), compression).unwrap();
            out.write_all(&text).unwrap();
            let bytes = out.finish().unwrap();
            let mut read = Vec::new();
            let mut source = Source::of("x", Cursor::new(bytes.clone())).unwrap();
            source.read_to_end(&mut read).unwrap();
            assert!(read == text, "{compression:?}");
            if compression.is_some() {
                let cut = bytes[..bytes.len() - 3].to_vec();
                let mut source = Source::of("x", Cursor::new(cut)).unwrap();
                assert!(source.read_to_end(&mut read).is_err(), "{compression:?}");
            }
        }
    }
}
