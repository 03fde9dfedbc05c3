//! The instruments of a file.

use foldhash::HashMap;

use super::definitions::Definitions;
use super::frames::Key;
use super::metadata::Names;
use super::record::{PLACES_MAX, Record, Unit};
use crate::error::RecordingError;
use crate::venue::{Instrument, InstrumentId, InstrumentName};

/// The instruments of a file, in the order of their first records.
#[derive(Debug)]
pub(super) struct Instruments {
    names: Names,
    pub(super) definitions: Option<Definitions>,
    places: HashMap<Key, usize>,
    /// The instrument of the last record.
    last: Option<(Key, usize)>,
    pub(super) all: Vec<Traded>,
}

/// An instrument that has records.
#[derive(Debug)]
pub(super) struct Traded {
    pub(super) id: InstrumentId,
    pub(super) unit: Unit,
    /// `false` until its first trade with a side.
    pub(super) trades: bool,
    /// The records of its event, from the first one on that trades.
    pub(super) event: Vec<Record>,
}

impl Instruments {
    pub(super) fn new(names: Names) -> Self {
        Self { names, definitions: None, places: HashMap::default(), last: None, all: Vec::new() }
    }

    /// Returns the index of an instrument that is known.
    #[inline]
    pub(super) fn find(&mut self, key: Key) -> Option<usize> {
        if let Some((last, at)) = self.last
            && last == key
        {
            return Some(at);
        }
        let at = *self.places.get(&key)?;
        self.last = Some((key, at));
        Some(at)
    }

    /// Drops the events that are not complete if no record follows this error.
    #[cold]
    pub(super) fn failed(&mut self, error: RecordingError) -> RecordingError {
        if !error.is_in_one_message() {
            self.all.iter_mut().for_each(|it| it.event.clear());
        }
        error
    }

    /// Adds an instrument.
    #[cold]
    pub(super) fn add(&mut self, key: Key) -> (usize, InstrumentId, Instrument) {
        let at = self.all.len();
        let id = InstrumentId(u32::try_from(at + 1).unwrap_or(u32::MAX));
        let defined = self.definitions.as_ref().and_then(|it| it.get(key));
        let name = defined.map(|it| it.name).or_else(|| self.names.get(&key.1).copied());
        let name = name.unwrap_or_else(|| InstrumentName::new(key.1.to_string().as_bytes()));
        let price_places = defined.map_or(PLACES_MAX, |it| it.price_places);
        let unit = Unit::new(price_places);
        self.all.push(Traded { id, unit, trades: false, event: Vec::new() });
        self.places.insert(key, at);
        (at, id, Instrument { name, price_places, round_lot: 1 })
    }
}
