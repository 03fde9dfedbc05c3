//! What a file says before its first record.

use foldhash::{HashMap, HashMapExt as _};

use crate::error::{Fault, RecordingError};
use crate::format::Format;
use crate::source::Source;
use crate::venue::InstrumentName;

/// The number of a schema and its name.
pub(super) type Schema = (u16, &'static str);
/// Orders.
pub(super) const MBO: Schema = (0, "mbo");
/// Definitions of instruments.
pub(super) const DEFINITION: Schema = (9, "definition");
/// The schema of a live stream, whose records have several.
const MIXED: u16 = u16::MAX;

/// The names of schemas by their numbers.
const SCHEMAS: [&str; 20] = [
    "mbo",
    "mbp-1",
    "mbp-10",
    "tbbo",
    "trades",
    "ohlcv-1s",
    "ohlcv-1m",
    "ohlcv-1h",
    "ohlcv-1d",
    "definition",
    "statistics",
    "status",
    "imbalance",
    "ohlcv-eod",
    "cmbp-1",
    "cbbo-1s",
    "cbbo-1m",
    "tcbbo",
    "bbo-1s",
    "bbo-1m",
];

/// The bytes before the metadata: `DBN`, the version, and the length.
const PRELUDE: usize = 8;
/// The length of symbols in version 1.
const SYMBOL_V1: usize = 22;

/// The number of instruments whose names are kept. The others have their numbers as names.
const NAMES_MAX: usize = 1 << 22;

/// The instruments' names by their numbers.
pub(super) type Names = HashMap<u32, InstrumentName>;

/// Reads the metadata of a file that has this schema.
pub(super) fn read(source: &mut Source, schema: Schema) -> Result<Names, RecordingError> {
    let start = source.fill(PRELUDE)?;
    let (Some([b'D', b'B', b'N', version]), Some(length)) =
        (start.first_chunk(), start.get(4..).and_then(<[u8]>::first_chunk))
    else {
        let magic = start.get(..3).unwrap_or(start);
        let error = RecordingError::new("", Fault::OutOfRange("DBN")).field("start", magic);
        return Err(error.not_format(Format::Databento, start).in_file(source.name()));
    };
    let (version, length) = (*version, u32::from_le_bytes(*length) as usize);
    if !(1..=3).contains(&version) {
        let error = RecordingError::new(source.name(), Fault::Unsupported("1, 2 and 3"));
        return Err(error.field("version", version.to_string().as_bytes()));
    }
    source.consume(PRELUDE);
    let mut content = Content { source, length, left: length, symbol: SYMBOL_V1 };
    content.fixed(version, schema)?;
    let names = content.names()?;
    content.skip(content.left)?;
    Ok(names)
}

/// The metadata that was not read yet. A list of all symbols can be longer than a source's buffer.
struct Content<'a> {
    source: &'a mut Source,
    /// The length that the file says it has.
    length: usize,
    left: usize,
    /// The length of a symbol.
    symbol: usize,
}

impl Content<'_> {
    /// Reads the part that has the same length in every file.
    fn fixed(&mut self, version: u8, (wanted, name): Schema) -> Result<(), RecordingError> {
        self.skip(16)?;
        let schema = self.take(2, |it| u16::from_le_bytes(number(it)))?;
        if schema != wanted && schema != MIXED {
            let found = SCHEMAS.get(usize::from(schema));
            let found = found.map_or_else(|| schema.to_string(), |it| String::from(*it));
            let error = RecordingError::new(self.source.name(), Fault::Unsupported(name));
            return Err(error.field("schema", found.as_bytes()));
        }
        // Times, a limit, in version 1 a count, the kinds of symbols, and whether records say when they were sent.
        self.skip(8 * if version == 1 { 4 } else { 3 } + 3)?;
        if version == 1 {
            return self.skip(47 + 4);
        }
        self.symbol = self.take(2, |it| usize::from(u16::from_le_bytes(number(it))))?;
        if self.symbol == 0 {
            return Err(self.wrong());
        }
        self.skip(53 + 4)
    }

    /// Reads which number each symbol stands for. If it has several in the course of time, all get this name.
    fn names(&mut self) -> Result<Names, RecordingError> {
        // Symbols, those that are known only for a part of the time, and those that are not known.
        for _ in 0..3 {
            let count = self.count()?;
            self.skip(count.saturating_mul(self.symbol))?;
        }
        let mut names = Names::new();
        for _ in 0..self.count()? {
            let symbol = self.take(self.symbol, text)?;
            for _ in 0..self.count()? {
                self.skip(8)?;
                let other = self.take(self.symbol, text)?;
                if names.len() == NAMES_MAX {
                    continue;
                }
                // The symbol was asked for by its name, or by its number.
                if let Some(id) = id(&other) {
                    names.entry(id).or_insert(symbol);
                } else if let Some(id) = id(&symbol) {
                    names.entry(id).or_insert(other);
                }
            }
        }
        Ok(names)
    }

    fn count(&mut self) -> Result<usize, RecordingError> {
        self.take(4, |it| u32::from_le_bytes(number(it)) as usize)
    }

    fn take<T>(&mut self, length: usize, read: fn(&[u8]) -> T) -> Result<T, RecordingError> {
        self.left = self.left.checked_sub(length).ok_or_else(|| self.wrong())?;
        let bytes = self.source.fill(length)?;
        let Some(value) = bytes.get(..length).map(read) else {
            let error = RecordingError::new("", Fault::Incomplete).at_offset(self.source.offset());
            return Err(self.source.failed(error));
        };
        self.source.consume(length);
        Ok(value)
    }

    fn skip(&mut self, mut length: usize) -> Result<(), RecordingError> {
        while length > 0 {
            let step = length.min(Source::MESSAGE_MAX);
            self.take(step, |_| ())?;
            length -= step;
        }
        Ok(())
    }

    #[cold]
    fn wrong(&self) -> RecordingError {
        let fault = Fault::OutOfRange("that of its content");
        let error = RecordingError::new(self.source.name(), fault);
        let error = error.field("metadata length", self.length.to_string().as_bytes());
        error.at_offset(self.source.offset()).not_format(Format::Databento, &[])
    }
}

/// A number of as many bytes as there are.
fn number<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// A name that ends before the first zero.
pub(super) fn text(bytes: &[u8]) -> InstrumentName {
    InstrumentName::new(bytes.split(|b| *b == 0).next().unwrap_or_default())
}

fn id(symbol: &InstrumentName) -> Option<u32> {
    std::str::from_utf8(symbol.as_bytes()).ok()?.parse().ok()
}
