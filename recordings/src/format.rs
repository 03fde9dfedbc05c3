//! The formats of recordings, and how a file that was taken for another one is recognised.

use std::fmt;

use crate::itch::layout::Framing;

/// A format of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A LOBSTER message file.
    Lobster,
    /// A LOBSTER order-book file.
    LobsterBook,
    /// NASDAQ TotalView-ITCH 5.0.
    Itch,
    /// Databento Binary Encoding.
    Databento,
    /// CSV with a header.
    Csv,
    /// JSON lines.
    JsonLines,
    /// A segment of a Pricetime journal.
    Journal,
    /// Apache Parquet.
    Parquet,
    /// A ZIP archive, which has to be unpacked first.
    Zip,
}

impl Format {
    /// Returns the format that a stream with these first bytes probably has. A few hundred bytes are enough.
    #[must_use]
    pub fn guess(start: &[u8]) -> Option<Self> {
        /// What a format begins with.
        const MAGIC: [(&[u8], Format); 4] = [
            (b"PRICETIM", Format::Journal),
            (b"DBN", Format::Databento),
            (b"PAR1", Format::Parquet),
            (b"PK\x03\x04", Format::Zip),
        ];
        let magic = MAGIC.iter().find(|(magic, _)| start.starts_with(magic));
        if let Some((_, format)) = magic {
            return Some(*format);
        }
        if Framing::of(start).is_some() {
            return Some(Self::Itch);
        }
        let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
        let mut lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        // An array is not lines, but whoever reads lines knows what to do with it.
        if matches!(line.first(), Some(b'{' | b'[')) {
            return Some(Self::JsonLines);
        }
        let columns = line.split(|b| *b == b',').count();
        let is_text = line.iter().all(|b| (b' '..=b'~').contains(b) || *b == b'\t');
        let is_number = |text: &[u8]| text.iter().all(|b| b.is_ascii_digit() || b".-".contains(b));
        let numbers = line.split(|b| *b == b',').take_while(|text| is_number(text)).count();
        match (is_text, numbers) {
            // The seventh column of a newer file is a name.
            (true, 6..) if columns == 6 || columns == 7 => Some(Self::Lobster),
            (true, 4..) if columns == numbers && columns % 4 == 0 => Some(Self::LobsterBook),
            (true, _) if numbers < columns && line.iter().any(|b| b",;\t".contains(b)) => {
                Some(Self::Csv)
            }
            _ => None,
        }
    }

    /// What to do with a file of this format where another one is expected.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Lobster | Self::Itch | Self::Databento | Self::Csv | Self::JsonLines => {
                "name it with --format, or leave --format out"
            }
            Self::LobsterBook => "name the message file that belongs to it",
            Self::Journal => "name the data folder in which it is",
            Self::Parquet => "this format is not read",
            Self::Zip => "unpack it first",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lobster => "a LOBSTER message file",
            Self::LobsterBook => "a LOBSTER order-book file",
            Self::Itch => "NASDAQ TotalView-ITCH 5.0",
            Self::Databento => "Databento DBN",
            Self::Csv => "CSV with a header",
            Self::JsonLines => "JSON lines",
            Self::Journal => "a Pricetime journal",
            Self::Parquet => "Parquet",
            Self::Zip => "a ZIP archive",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_guessed_from_the_first_bytes() {
        for (start, expected) in [
            (b"34200.004241176,1,16113575,18,5853300,1\n34".as_slice(), Some(Format::Lobster)),
            (b"34200.000376608,5,0,10,33578400,1,null\n", Some(Format::Lobster)),
            (b"5859400,200,5853300,18\r\n", Some(Format::LobsterBook)),
            (b"\x00\x0cS\x00\x00\x00\x00", Some(Format::Itch)),
            (b"\x00\x24A\x1f\x40", Some(Format::Itch)),
            (b"\x00\x24D\x1f\x40", None),
            (b"S\0\0\0\0\x0a\x11\xea\x0e\x8c\x43OR", Some(Format::Itch)),
            (b"S\0\0\0\0\x0a\x11\xea\x0e\x8c\x43OZ", None),
            (b"SIZE,ABOVE,OR\n", Some(Format::Csv)),
            (b"DBN\x03\x10", Some(Format::Databento)),
            (b"PRICETIM\x01", Some(Format::Journal)),
            (b"PAR1\x15", Some(Format::Parquet)),
            (b"PK\x03\x04", Some(Format::Zip)),
            (b" {\"place\": {}}\n", Some(Format::JsonLines)),
            (b"[{\"place\": {}},\n", Some(Format::JsonLines)),
            (b"time,symbol,side\n1,A,buy\n", Some(Format::Csv)),
            (b"\xEF\xBB\xBF\ntime;symbol\n", Some(Format::Csv)),
            (b"time\tsymbol\n", Some(Format::Csv)),
            (b"", None),
            (b"\x7fELF\x02,\x01", None),
            (b"hello\n", None),
        ] {
            assert_eq!(Format::guess(start), expected, "{:?}", start.escape_ascii().to_string());
        }
    }
}
