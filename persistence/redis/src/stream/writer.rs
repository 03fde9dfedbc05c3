//! Writes streams. Before each transaction the writer checks that the stream ends where it should.
//!
//! As with images, a writer that begins takes the next term. From then on no request of an earlier term
//! takes effect, because every transaction watches the stream and the key beside it.

use pricetime_engine::Sequence;
use redis::Value;
use uuid::Uuid;

use super::plan::{Progress, StoredStream};
use super::{Entry, EntryId, Stream};
use crate::keys::KeyNames;
use crate::link::{Link, ReplyTimeout};
use crate::options::RedisError;
use crate::wire::Wire;
use pricetime_journal::History;

/// The most entries in one transaction. With more, other clients would wait too long.
const PIECE: usize = 500;
/// How many times a takeover is tried while another writer changes the stream.
const TRIES: usize = 5;

/// Why a stream could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The server refused or could not be reached.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The stream does not end where the writer expected. It has to be taken over again.
    #[error("{key} has changed since this process last wrote it")]
    Moved {
        /// The stream.
        key: String,
    },
    /// Another process publishes in this stream.
    #[error(
        "another process (term {theirs}) publishes in {key} in our place (term {ours}): this \
         process no longer publishes; end one of the two"
    )]
    Fenced {
        /// The stream.
        key: String,
        /// Our term.
        ours: u64,
        /// The stored term.
        theirs: u64,
    },
    /// The key holds a value of another type.
    #[error("{key} holds a {kind}: use another stream name, or delete that key")]
    WrongType {
        /// The key.
        key: String,
        /// The type of its value.
        kind: String,
    },
}

/// Writes streams. A history has one writer, on one thread.
#[derive(Debug)]
pub struct StreamWriter {
    link: Link,
    history: String,
    /// This writer's name, random and therefore unique.
    name: String,
    keep: u64,
    state: [StreamState; 3],
}

/// What the writer knows of a stream.
#[derive(Clone, Debug)]
struct StreamState {
    key: String,
    published: String,
    /// The last term in which the stream was ours; zero before the first.
    term: u64,
    /// The last entry of the stream.
    tail: EntryId,
    /// The stream is complete up to this command, according to the key beside it.
    through: Sequence,
}

/// The result of the check before a transaction.
enum Check {
    Done,
    Moved,
    Fenced(u64),
    WrongType(String, String),
}

impl StreamWriter {
    /// Creates a writer that connects when it is first used. The link's options say how events are
    /// published.
    #[must_use]
    pub fn new(link: Link, history: History) -> Self {
        let options = link.options();
        let (names, keep) = (&options.names, options.publish.unwrap_or_default().keep);
        let state = Stream::ALL.map(|stream| StreamState {
            key: names.stream(stream),
            published: names.published(stream),
            term: 0,
            tail: EntryId::default(),
            through: Sequence(0),
        });
        let name = Uuid::new_v4().hyphenated().to_string();
        Self { link, history: history.to_string(), name, keep, state }
    }

    /// How keys are named.
    #[must_use]
    pub fn names(&self) -> &KeyNames {
        &self.link.options().names
    }

    /// Every stream is complete up to this command. After a crash nothing before it is published again.
    #[must_use]
    pub fn published(&self) -> Sequence {
        self.state.iter().map(|state| state.through).min().unwrap_or_default()
    }

    /// The key of a stream.
    #[must_use]
    pub fn key(&self, stream: Stream) -> &str {
        let [trades, orders, epochs] = &self.state;
        match stream {
            Stream::Trades => &trades.key,
            Stream::Orders => &orders.key,
            Stream::Epochs => &epochs.key,
        }
    }

    fn split(&mut self, stream: Stream) -> (&mut Link, &mut StreamState) {
        let Self { link, state: [trades, orders, epochs], .. } = self;
        let state = match stream {
            Stream::Trades => trades,
            Stream::Orders => orders,
            Stream::Epochs => epochs,
        };
        (link, state)
    }

    /// Takes a stream over and returns what it contains. After that no earlier request can take effect.
    ///
    /// # Errors
    /// Returns an error if the server refuses or does not answer, or if another process has taken the
    /// stream over.
    pub fn resume(&mut self, stream: Stream) -> Result<StoredStream, StreamError> {
        let name = self.name.clone();
        let (link, state) = self.split(stream);
        for _ in 0..TRIES {
            let (taken, term, seen) =
                link.with(&state.key, ReplyTimeout::Control, |connection| {
                    take_over(connection, state, &name)
                })?;
            match taken {
                Check::Done => {
                    state.term = term;
                    state.tail = seen.tail.as_ref().map(|(id, _)| *id).unwrap_or_default();
                    state.through = Sequence(0);
                    return Ok(seen);
                }
                Check::Moved => {}
                other @ (Check::Fenced(_) | Check::WrongType(..)) => {
                    return Err(refused(state, other));
                }
            }
        }
        Err(StreamError::Moved { key: state.key.clone() })
    }

    /// Appends entries in pieces and records that the stream is complete up to `through`. Without entries
    /// it still checks that the stream is as this writer left it.
    ///
    /// # Errors
    /// Returns an error if the server refuses or does not answer, or if the stream is not as this writer
    /// left it. Some of the entries may have been appended; the next [`resume`](Self::resume) shows
    /// which.
    pub fn append(
        &mut self,
        stream: Stream,
        entries: &[Entry],
        through: Sequence,
    ) -> Result<(), StreamError> {
        let mut pieces = entries.chunks(PIECE).peekable();
        if pieces.peek().is_none() {
            return self.write(stream, &[], through);
        }
        while let Some(piece) = pieces.next() {
            let last = piece.last().map_or(0, |entry| entry.id.sequence);
            let complete =
                if pieces.peek().is_none() { through } else { Sequence(last.saturating_sub(1)) };
            self.write(stream, piece, complete)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        stream: Stream,
        entries: &[Entry],
        through: Sequence,
    ) -> Result<(), StreamError> {
        let (name, history, keep) = (self.name.clone(), self.history.clone(), self.keep);
        let (link, state) = self.split(stream);
        let through = through.max(state.through);
        let tail = entries.last().map_or(state.tail, |entry| entry.id);
        let done = link.with(&state.key, ReplyTimeout::Bulk, |connection| {
            let check = check(connection, state, &name)?;
            if !matches!(check, Check::Done) || (entries.is_empty() && through == state.through) {
                return Ok(check);
            }
            let mut transaction = redis::pipe();
            transaction.atomic();
            for entry in entries {
                add(transaction.cmd("XADD"), &state.key, keep, entry);
            }
            transaction.cmd("HSET").arg(&state.published).arg("history").arg(&history);
            transaction.arg("sequence").arg(through.0).arg("last").arg(tail.to_string());
            let answer: Option<Vec<Value>> = transaction.query(connection)?;
            Ok(if answer.is_some() { Check::Done } else { Check::Moved })
        })?;
        match done {
            Check::Done => {
                state.tail = tail;
                state.through = through;
                Ok(())
            }
            other @ (Check::Moved | Check::Fenced(_) | Check::WrongType(..)) => {
                Err(refused(state, other))
            }
        }
    }

    /// Publishes messages, each a channel and a text. A client that is not subscribed at that moment
    /// misses them.
    ///
    /// # Errors
    /// Returns an error if the server refuses or does not answer. Some messages may have been published.
    pub fn send_messages(&mut self, messages: &[(String, String)]) -> Result<(), RedisError> {
        for piece in messages.chunks(PIECE) {
            let Some((first, _)) = piece.first() else { continue };
            self.link.with(first, ReplyTimeout::Bulk, |connection| {
                let mut pipe = redis::pipe();
                for (channel, text) in piece {
                    pipe.cmd("PUBLISH").arg(channel).arg(text);
                }
                pipe.query::<Vec<u64>>(connection).map(|_| ())
            })?;
        }
        Ok(())
    }
}

fn refused(state: &StreamState, check: Check) -> StreamError {
    let key = state.key.clone();
    match check {
        Check::Fenced(theirs) => StreamError::Fenced { key, ours: state.term, theirs },
        Check::WrongType(key, kind) => StreamError::WrongType { key, kind },
        Check::Done | Check::Moved => StreamError::Moved { key },
    }
}

fn add(command: &mut redis::Pipeline, key: &str, keep: u64, entry: &Entry) {
    command.arg(key).arg("MAXLEN").arg("~").arg(keep).arg(entry.id.to_string());
    for (field, text) in &entry.fields {
        command.arg(*field).arg(text);
    }
}

/// Takes the next term unless another writer has taken one that is not below ours. Returns that term and
/// what the stream contains.
fn take_over(
    connection: &mut Wire,
    state: &StreamState,
    name: &str,
) -> redis::RedisResult<(Check, u64, StoredStream)> {
    let (key, published) = (&state.key, &state.published);
    let mut check = redis::pipe();
    check.cmd("WATCH").arg(key).arg(published).ignore();
    check.cmd("TYPE").arg(key).cmd("TYPE").arg(published);
    let (kind, published_kind): (String, String) = check.query(connection)?;
    for (key, kind, expected) in [(key, &kind, "stream"), (published, &published_kind, "hash")] {
        if kind != expected && kind != "none" {
            return Ok((Check::WrongType(key.clone(), kind.clone()), 0, StoredStream::default()));
        }
    }
    let mut seen = StoredStream { exists: kind == "stream", ..StoredStream::default() };
    if seen.exists {
        read_stream(redis::cmd("XINFO").arg("STREAM").arg(key).query(connection)?, &mut seen);
    }
    let claim: [Option<String>; 5] = redis::cmd("HMGET")
        .arg(published)
        .arg(&["term", "writer", "history", "sequence", "last"])
        .query(connection)?;
    let [term, writer, history, sequence, last] = claim;
    let stored: u64 = term.and_then(|term| term.parse().ok()).unwrap_or(0);
    if state.term > 0 && stored >= state.term && writer.as_deref() != Some(name) {
        return Ok((Check::Fenced(stored), 0, seen));
    }
    seen.progress = (|| {
        let (sequence, last) = (sequence?.parse().ok()?, last?.parse().ok()?);
        Some(Progress { history: history?, sequence, last })
    })();
    let term = stored.max(state.term).saturating_add(1);
    let mut transaction = redis::pipe();
    transaction.atomic();
    transaction.cmd("HSET").arg(published).arg("term").arg(term).arg("writer").arg(name);
    let answer: Option<Vec<Value>> = transaction.query(connection)?;
    Ok((if answer.is_some() { Check::Done } else { Check::Moved }, term, seen))
}

/// Watches a stream and checks that it is ours and ends where it should.
fn check(connection: &mut Wire, state: &StreamState, name: &str) -> redis::RedisResult<Check> {
    let mut check = redis::pipe();
    check.cmd("WATCH").arg(&state.key).arg(&state.published).ignore();
    check.cmd("HMGET").arg(&state.published).arg("term").arg("writer");
    check.cmd("XREVRANGE").arg(&state.key).arg("+").arg("-").arg("COUNT").arg(1);
    let (claim, tail): ([Option<String>; 2], Vec<Value>) = check.query(connection)?;
    let [term, writer] = claim;
    let stored: u64 = term.and_then(|term| term.parse().ok()).unwrap_or(0);
    if writer.as_deref() != Some(name) || stored != state.term {
        let theirs = writer.is_some() && stored >= state.term;
        return Ok(if theirs { Check::Fenced(stored) } else { Check::Moved });
    }
    let tail = tail.into_iter().next().and_then(read_entry).map(|(id, _)| id);
    Ok(if tail.unwrap_or_default() == state.tail { Check::Done } else { Check::Moved })
}

/// The id of an entry and its history.
fn read_entry(entry: Value) -> Option<(EntryId, String)> {
    let (id, fields): (String, Vec<Vec<u8>>) = redis::from_redis_value(entry).ok()?;
    let mut pairs = fields.chunks_exact(2);
    let history = pairs.find_map(|pair| match pair {
        [field, text] if field == b"history" => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    });
    // An entry without a history is not ours.
    Some((id.parse().ok()?, history.unwrap_or_default()))
}

/// Takes the last id and the last entry from a reply of `XINFO STREAM`.
pub(super) fn read_stream(reply: Value, seen: &mut StoredStream) {
    let Value::Array(parts) = reply else { return };
    let mut parts = parts.into_iter();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        match redis::from_redis_value::<String>(name).unwrap_or_default().as_str() {
            "last-generated-id" => {
                let id: Option<String> = redis::from_redis_value(value).ok();
                seen.last = id.and_then(|id| id.parse().ok()).unwrap_or_default();
            }
            "last-entry" => seen.tail = read_entry(value),
            _ => {}
        }
    }
}
