//! What a definition file says about instruments.

use foldhash::{HashMap, HashMapExt as _};

use super::frames::{Frames, Key, beyond, field, key};
use super::metadata::{DEFINITION, text};
use super::record::PLACES_MAX;
use crate::error::{Fault, RecordingError};
use crate::source::Source;
use crate::venue::InstrumentName;

/// The type of a record that defines an instrument.
const KIND: u8 = 19;
/// The number of instruments that a file can define. The largest datasets have about half as many.
const DEFINITIONS_MAX: usize = 1 << 22;
const TOO_MANY: Fault = Fault::OutOfRange("one of the first 4194304 instruments of the file");

/// The instruments of a definition file, with their names and ticks. Databento has them as the schema `definition`.
#[derive(Clone, Debug)]
pub struct Definitions(HashMap<Key, Definition>);

/// An instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    pub(super) name: InstrumentName,
    /// The decimal places that its tick needs.
    pub(super) price_places: u8,
}

impl Definitions {
    /// Reads a definition file. If an instrument is defined several times, its last definition counts.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or has another schema.
    pub fn read(source: Source) -> Result<Self, RecordingError> {
        let (mut frames, _) = Frames::new(source, DEFINITION)?;
        let mut all = HashMap::new();
        while let Some(frame) = frames.next()? {
            if frame.kind != KIND {
                continue;
            }
            let (key, definition) = (key(frame.bytes), Definition::of(frame.bytes));
            if all.len() == DEFINITIONS_MAX && !all.contains_key(&key) {
                return Err(frames.failed(beyond(key, TOO_MANY)));
            }
            all.insert(key, definition);
        }
        Ok(Self(all))
    }

    pub(super) fn get(&self, key: Key) -> Option<Definition> {
        self.0.get(&key).copied()
    }
}

impl Definition {
    fn of(record: &[u8]) -> Self {
        // Version 3 has wider fields before the name, versions 1 and 2 do not. 8 more bytes say when it was sent.
        let at = if record.len() >= 520 { 238 } else { 200 };
        Self {
            name: text(record.get(at..).unwrap_or_default()),
            price_places: places(i64::from_le_bytes(field(record, 24))),
        }
    }
}

/// The decimal places of a tick in billionths. An instrument without a tick needs all.
fn places(tick: i64) -> u8 {
    let (mut places, mut tick) = (PLACES_MAX, tick);
    while places > 0 && tick > 0 && tick % 10 == 0 {
        tick /= 10;
        places -= 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn tick_has_as_many_places_as_it_needs() {
        for (tick, expected) in [
            (250_000_000, 2),
            (1_000_000_000, 0),
            (50_000_000_000, 0),
            (15_625_000, 6),
            (10_000_000, 2),
            (1, 9),
            (0, 9),
            (i64::MAX, 9),
        ] {
            assert_eq!(places(tick), expected, "{tick}");
        }
    }
}
