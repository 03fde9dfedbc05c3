//! What happens, as streams that anybody can follow: trades, what becomes of orders, epochs.
//!
//! An entry's id is `<sequence>-<n>`: the command, and which of its entries in this stream it is. So
//! the same event has the same id however often it is written, and the server itself refuses what is
//! there already or comes too late. Beside each stream stands how far it goes (`published`), in the
//! same slot and written in the same transaction: a stream in which nothing happens goes on all the
//! same.
//!
//! A stream begins with a *marker* that says from which command on it tells everything, and another
//! one stands wherever something could be missing before it. Between two of them nothing is missing
//! and nothing is there twice.
//!
//! The channels say the same things to who listens at that moment, once at most, each behind its
//! entry.

mod names;
mod order;
mod plan;
mod told;
mod wording;
mod writer;

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

pub use names::StreamNames;
pub use plan::{Barred, Because, Bounds, Plan, Said, Seen, plan};
pub use told::{Told, last_told, told_after};
pub use wording::{Numbers, Wording};
pub use writer::{StreamError, StreamWriter};

/// How events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// About how many entries each stream keeps. So many commands back goes a stream that has to be
    /// begun anew.
    pub keep: u64,
    /// Whether channels are told as well.
    pub channels: bool,
}

impl Default for Publish {
    fn default() -> Self {
        Self { keep: 1_000_000, channels: true }
    }
}

/// The streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Every trade, without who traded.
    Trades,
    /// What becomes of every order, with whose it is.
    Orders,
    /// What becomes of every market.
    Epochs,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Trades, Self::Orders, Self::Epochs];

    /// Whether everybody may read it.
    #[must_use]
    pub const fn is_public(self) -> bool {
        match self {
            Self::Trades | Self::Epochs => true,
            Self::Orders => false,
        }
    }
}

/// Where an entry stands in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The command.
    pub sequence: u64,
    /// Which of its entries, from 1; 0 is a marker in front of them.
    pub number: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sequence, self.number)
    }
}

/// A text that is no id of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of an entry is two numbers with a hyphen between them")]
pub struct BadId;

impl FromStr for EntryId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (sequence, number) = text.split_once('-').ok_or(BadId)?;
        let of = |text: &str| text.parse().map_err(|_| BadId);
        Ok(Self { sequence: of(sequence)?, number: of(number)? })
    }
}

/// An entry: everything is text, prices and quantities as people write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its fields in their order; no name comes twice.
    pub fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// What stands in a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.as_str())
    }

    /// The entry as a channel says it: a JSON object of its id and its fields.
    #[must_use]
    pub fn message(&self) -> String {
        // Nothing but strings: there is nothing in them that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.fields.len() + 1))?;
        map.serialize_entry("id", &self.id.to_string())?;
        for (field, text) in &self.fields {
            map.serialize_entry(field, text)?;
        }
        map.end()
    }
}

/// Entries of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries([Vec<Entry>; 3]);

impl Entries {
    /// Those of a stream.
    #[must_use]
    pub fn of(&self, stream: Stream) -> &[Entry] {
        let Self([trades, orders, epochs]) = self;
        match stream {
            Stream::Trades => trades,
            Stream::Orders => orders,
            Stream::Epochs => epochs,
        }
    }

    fn push(&mut self, stream: Stream, entry: Entry) {
        let Self([trades, orders, epochs]) = self;
        match stream {
            Stream::Trades => trades.push(entry),
            Stream::Orders => orders.push(entry),
            Stream::Epochs => epochs.push(entry),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
