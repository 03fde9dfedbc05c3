//! Events as streams that any client can follow: trades, orders and epochs.
//!
//! An entry's id is `<sequence>-<n>`: the command, and the number of the entry among that command's
//! entries in this stream. So an event has the same id however often it is written, and the server itself
//! refuses an entry that is already there or comes too late. Beside each stream, the key `published` says
//! up to which command the stream is complete. It is in the same slot and written in the same
//! transaction, and it advances even if the stream has no new entry.
//!
//! A stream begins with a *marker* that names the command from which on it is complete. Another marker
//! follows wherever entries may be missing before it. Between two markers nothing is missing and nothing
//! is repeated.
//!
//! The channels carry the same entries to clients that are subscribed at that moment, at most once, each
//! after its entry in the stream.

mod encoder;
mod names;
mod order;
mod plan;
mod published;
mod writer;

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

pub use encoder::{EntryEncoder, Numbers};
pub use names::StreamNames;
pub use plan::{Bounds, MarkerCause, Plan, PlanError, Progress, StoredStream, plan};
pub use published::{Published, last_published, published_after};
pub use writer::{StreamError, StreamWriter};

/// How events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// About how many entries each stream keeps. A stream that has to begin anew goes back this many
    /// commands.
    pub keep: u64,
    /// Whether entries are published on channels as well.
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
    /// Every trade, without the accounts.
    Trades,
    /// The events of every order, with its account.
    Orders,
    /// The events of every market.
    Epochs,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Trades, Self::Orders, Self::Epochs];

    /// Returns `true` if every client may read it.
    #[must_use]
    pub const fn is_public(self) -> bool {
        match self {
            Self::Trades | Self::Epochs => true,
            Self::Orders => false,
        }
    }
}

/// The id of an entry: its place in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The command.
    pub sequence: u64,
    /// The number of the entry within the command, from 1. A marker, which comes before them, has 0.
    pub number: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sequence, self.number)
    }
}

/// The error for a text that is not the id of an entry.
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

/// An entry. Every value is text; prices and quantities are decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its fields, in order. No name appears twice.
    pub fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.as_str())
    }

    /// The entry as a channel message: a JSON object of its id and its fields.
    #[must_use]
    pub fn message(&self) -> String {
        // There are only strings, which JSON can always express.
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
    /// The entries of one stream.
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

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Returns `true` if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
