//! Reads images back.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use pricetime_engine::{
    Broken, MarketId, MarketSnapshot, OrderRecord, RequestRecord, Sequence, Timestamp,
};

use super::keys::{KeyNames, Keys, Part};
use super::layout::{self, BadRecord, Metadata};
use super::link::{Link, ReplyTimeout};
use super::options::RedisError;
use super::trades::{Trades, parse_trade};
use super::wire::{Texts, Wire, with_key};

/// The approximate number of entries in a page.
const PAGE: usize = 2_000;
/// How many times an image is read if it keeps changing.
const TRIES: usize = 10;

/// A market's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadImage {
    /// The history that its sequence numbers belong to.
    pub history: String,
    /// The version of the matching rules that it was made with.
    pub rules: u32,
    /// Every command up to this one is in it.
    pub sequence: Sequence,
    /// The time of the last command.
    pub timestamp: Timestamp,
    /// The highest market id ever added.
    pub last_market: MarketId,
    /// The state.
    pub state: MarketSnapshot,
    /// Its digest.
    pub digest: u128,
    /// The trades that are kept with it, if any are.
    pub trades: Option<Trades>,
}

/// Why an image cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A server refused or could not be reached.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// A record is not understood.
    #[error("the image in Redis is damaged: {0}")]
    Bad(#[from] BadRecord),
    /// A key has more or fewer entries than the metadata state.
    #[error("the image in Redis is damaged: {key} has {found} entries, but should have {stated}")]
    Count {
        /// The key.
        key: String,
        /// How many there are.
        found: u64,
        /// How many are stated.
        stated: u64,
    },
    /// The state is not the one that was written.
    #[error(
        "the image in Redis is damaged: {key} states digest {stated:032x}, but it is {found:032x}"
    )]
    Digest {
        /// The key that states the digest.
        key: String,
        /// The stated digest.
        stated: u128,
        /// The digest of what was read.
        found: u128,
    },
    /// The images of two markets belong to different histories.
    #[error(
        "the images in Redis are of two histories: market {first} of {first_history}, market \
         {second} of {second_history}; drop the one that you do not need"
    )]
    Histories {
        /// A market.
        first: MarketId,
        /// Its history.
        first_history: String,
        /// Another market.
        second: MarketId,
        /// Its history.
        second_history: String,
    },
    /// The state breaks an invariant of the engine.
    #[error("the image in Redis is not a valid state of an engine: {0}")]
    Broken(
        /// The broken invariant.
        Broken,
    ),
    /// The image changed each time it was read.
    #[error("the image in Redis changed {TRIES} times while it was read")]
    KeepsChanging,
}

/// The markets that Redis lists, in ascending order.
///
/// # Errors
/// Returns an error if the server refuses or does not answer.
pub fn read_markets(link: &mut Link, names: &KeyNames) -> Result<Vec<MarketId>, RedisError> {
    let key = names.markets();
    let mut markets: Vec<u32> = link.with(&key, ReplyTimeout::Control, |connection| {
        redis::cmd("SMEMBERS").arg(&key).query(connection)
    })?;
    markets.sort_unstable();
    Ok(markets.into_iter().map(MarketId).collect())
}

/// Reads a market's image, complete and checked. Returns `None` if there is none.
///
/// ```no_run
/// use pricetime_engine::MarketId;
/// use pricetime_redis::{Link, RedisOptions, read_image};
///
/// let options = RedisOptions::parse("redis://127.0.0.1:6379")?;
/// let keys = options.names.of(MarketId(1));
/// if let Some(image) = read_image(&mut Link::new(options), &keys)? {
///     println!("{} orders as of command {}", image.state.resting.len(), image.sequence);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if the servers do not answer, or if the image is not what was written.
pub fn read_image(link: &mut Link, keys: &Keys) -> Result<Option<ReadImage>, ReadError> {
    for _ in 0..TRIES {
        link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
            redis::cmd("WATCH").arg(keys.all().collect::<Vec<_>>()).exec(connection)
        })?;
        let read = read_all(link, keys);
        if matches!(read, Err(ReadError::Redis(_))) {
            return read;
        }
        // A read during a write mixes two states, which is no damage. It is not enough to read the
        // metadata again, because the same state may have been written again.
        let same: redis::Value =
            link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
                redis::pipe().atomic().cmd("PING").query(connection)
            })?;
        if same != redis::Value::Nil {
            return read;
        }
    }
    Err(ReadError::KeepsChanging)
}

fn read_all(link: &mut Link, keys: &Keys) -> Result<Option<ReadImage>, ReadError> {
    let Some(stated) = metadata(link, keys)? else { return Ok(None) };
    read_parts(link, keys, &stated).map(Some)
}

fn metadata(link: &mut Link, keys: &Keys) -> Result<Option<Metadata>, ReadError> {
    let fields: HashMap<String, String> =
        link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
            redis::cmd("HGETALL").arg(&keys.metadata).query(connection)
        })?;
    // A market that is claimed but not written has only a term and a writer.
    if !fields.contains_key("format") {
        return Ok(None);
    }
    Ok(Some(layout::parse_metadata(&keys.metadata, &fields)?))
}

fn read_parts(link: &mut Link, keys: &Keys, stated: &Metadata) -> Result<ReadImage, ReadError> {
    let resting = orders(link, keys, Part::Orders)?;
    let waiting = orders(link, keys, Part::Stops)?;
    let requests = requests(link, keys)?;
    let blocked: Vec<String> = link.with(&keys.metadata, ReplyTimeout::Bulk, |connection| {
        redis::cmd("SMEMBERS").arg(keys.part(Part::Blocked)).query(connection)
    })?;
    let bad = |part: Part, field: &str, what| {
        let key = keys.part(part).to_owned();
        BadRecord { key, field: field.to_owned(), what }
    };
    let mut blocked = blocked
        .iter()
        .map(|text| layout::parse_account(text).map_err(|what| bad(Part::Blocked, text, what)))
        .collect::<Result<Vec<_>, _>>()?;
    blocked.sort_unstable();
    let side_counts: Vec<u64> = link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
        let mut request = redis::pipe();
        request.cmd("ZCARD").arg(keys.part(Part::Bids));
        request.cmd("ZCARD").arg(keys.part(Part::Asks));
        request.query(connection)
    })?;
    let (bids, asks) =
        (side_counts.first().copied().unwrap_or(0), side_counts.last().copied().unwrap_or(0));
    for (part, found, stated) in [(Part::Bids, bids, stated.bids), (Part::Asks, asks, stated.asks)]
    {
        if found != stated {
            return Err(ReadError::Count { key: keys.part(part).to_owned(), found, stated });
        }
    }
    let trades = stated.trades.map(|_| read_trades(link, keys)).transpose()?;
    let (empty, head) = (Vec::new(), stated.head);
    let state = MarketSnapshot { head, resting: empty.clone(), waiting: empty, blocked, requests };
    let digest = state.digest().wrapping_add(resting.sum).wrapping_add(waiting.sum);
    let state = MarketSnapshot { resting: resting.all, waiting: waiting.all, ..state };
    verify_image(keys, stated, state, digest, trades)
}

/// Returns the image with these metadata, this state and this digest, if they agree.
pub(super) fn verify_image(
    keys: &Keys,
    stated: &Metadata,
    state: MarketSnapshot,
    found: u128,
    trades: Option<Trades>,
) -> Result<ReadImage, ReadError> {
    let MarketSnapshot { resting, waiting, blocked, requests, .. } = &state;
    let counts = [
        (Part::Orders, resting.len() as u64, stated.bids.saturating_add(stated.asks)),
        (Part::Stops, waiting.len() as u64, stated.stops),
        (Part::Requests, requests.len() as u64, stated.requests),
        (Part::Blocked, blocked.len() as u64, stated.blocked),
    ];
    for (part, found, stated) in counts {
        if found != stated {
            return Err(ReadError::Count { key: keys.part(part).to_owned(), found, stated });
        }
    }
    if found != stated.digest {
        let key = keys.metadata.clone();
        return Err(ReadError::Digest { key, stated: stated.digest, found });
    }
    if let Some((count, digest)) = stated.trades {
        let trades = trades.as_ref().cloned().unwrap_or_default();
        let (key, found) = (keys.part(Part::Trades).to_owned(), trades.len() as u64);
        if found != count {
            return Err(ReadError::Count { key, found, stated: count });
        }
        let found = trades.digest();
        if found != digest {
            return Err(ReadError::Digest { key, stated: digest, found });
        }
    }
    Ok(ReadImage {
        history: stated.history.clone(),
        rules: stated.rules,
        sequence: stated.sequence,
        timestamp: stated.timestamp,
        last_market: stated.last_market,
        state,
        digest: stated.digest,
        trades,
    })
}

/// Orders, and the sum of their digests.
#[derive(Default)]
struct Orders {
    all: Vec<OrderRecord>,
    sum: u128,
}

/// The orders of a hash in time priority. While one page is parsed, the next one is on its way.
fn orders(link: &mut Link, keys: &Keys, part: Part) -> Result<Orders, ReadError> {
    let key = keys.part(part);
    let (read, pages) = sync_channel(2);
    let mut orders = std::thread::scope(|scope| {
        let parser = scope.spawn(move || parse_pages(key, pages));
        let read_all = link.with(&keys.metadata, ReplyTimeout::Bulk, |wire| scan(wire, key, &read));
        drop(read);
        let found = parser.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read_all?;
        Ok::<_, ReadError>(found?)
    })?;
    orders.all.sort_unstable_by_key(|order| (order.priority, order.party.order));
    // While a hash is resized, `HSCAN` may return a field twice.
    let sum = &mut orders.sum;
    orders.all.dedup_by(|again, first| {
        let same = again.party.order == first.party.order;
        if same {
            *sum = sum.wrapping_sub(again.digest());
        }
        same
    });
    Ok(orders)
}

/// Reads a hash page by page.
fn scan(wire: &mut Wire, key: &str, read: &SyncSender<Vec<u8>>) -> redis::RedisResult<()> {
    let request = |wire: &mut Wire, cursor: u64| {
        wire.request(redis::cmd("HSCAN").arg(key).arg(cursor).arg("COUNT").arg(PAGE))
    };
    request(wire, 0)?;
    loop {
        // A page begins with the cursor of the next one.
        let next = wire.look_ahead()?;
        let next = next.and_then(|text| String::from_utf8(text).ok()?.parse().ok()).unwrap_or(0);
        if next != 0 {
            request(wire, next)?;
        }
        let page = wire.receive_raw().map_err(|error| with_key(error, "HSCAN", key))?;
        let wanted = read.send(page).is_ok();
        if next == 0 {
            return Ok(());
        }
        if !wanted {
            // An earlier page is damaged. The reply that is on its way has to be read all the same.
            return wire.receive_raw().map(|_| ());
        }
    }
}

/// Parses the orders of pages.
fn parse_pages(key: &str, pages: Receiver<Vec<u8>>) -> Result<Orders, BadRecord> {
    let mut found = Orders::default();
    for page in pages {
        let mut texts = Texts::of(&page).skip(1);
        while let Some(field) = texts.next() {
            let order = core::str::from_utf8(field)
                .and_then(|field| Ok((field, core::str::from_utf8(texts.next().unwrap_or(b""))?)))
                .map_err(|error| error.to_string())
                .and_then(|(field, text)| layout::parse_order(field, text))
                .map_err(|what| {
                    let field = String::from_utf8_lossy(field).into_owned();
                    BadRecord { key: key.to_owned(), field, what }
                })?;
            found.sum = found.sum.wrapping_add(order.digest());
            found.all.push(order);
        }
    }
    Ok(found)
}

/// The requests in the window, oldest first.
fn requests(link: &mut Link, keys: &Keys) -> Result<Vec<RequestRecord>, ReadError> {
    sorted(link, keys, Part::Requests, layout::parse_request)
}

/// The kept trades, oldest first.
fn read_trades(link: &mut Link, keys: &Keys) -> Result<Trades, ReadError> {
    Ok(sorted(link, keys, Part::Trades, parse_trade)?.into_iter().collect())
}

/// The entries of a sorted set.
fn sorted<T>(
    link: &mut Link,
    keys: &Keys,
    part: Part,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ReadError> {
    let key = keys.part(part);
    let mut entries = Vec::new();
    loop {
        let from = entries.len();
        let page: Vec<String> = link.with(&keys.metadata, ReplyTimeout::Bulk, |connection| {
            redis::cmd("ZRANGE").arg(key).arg(from).arg(from + PAGE - 1).query(connection)
        })?;
        if page.is_empty() {
            return Ok(entries);
        }
        for text in page {
            let entry = parse(&text).map_err(|what| BadRecord {
                key: key.to_owned(),
                field: text.clone(),
                what,
            })?;
            entries.push(entry);
        }
    }
}
