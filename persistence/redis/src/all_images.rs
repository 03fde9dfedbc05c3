//! The images of all markets together: the state of an engine, or the finding that there is no image.

use std::collections::BTreeMap;

use pricetime_engine::{Broken, EngineSnapshot, MarketId, Timestamp};

use super::keys::{KeyNames, Keys, Part};
use super::layout::BadRecord;
use super::link::{Link, ReplyTimeout};
use super::options::RedisError;
use super::read::{ReadError, ReadImage, read_image, read_markets};
use super::trades::Trades;
use pricetime_journal::keyed_engine;

/// The images of all markets as one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllImages {
    /// The history that its sequence numbers belong to.
    pub history: String,
    /// The state. Each market is as in its image. A number that all markets share is the highest in any
    /// image.
    pub state: EngineSnapshot,
    /// Markets that were claimed but never written.
    pub unwritten: Vec<MarketId>,
    /// The trades that are kept with the images, for each market that has any.
    pub trades: BTreeMap<MarketId, Trades>,
}

/// An image that exists. It has not been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingImage {
    /// A market that has one.
    pub market: MarketId,
    /// Its history.
    pub history: String,
    /// Its sequence, as stored.
    pub sequence: String,
}

/// The last writer that claimed a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The term.
    pub term: String,
    /// The writer's name.
    pub writer: String,
    /// The last command in the image. `None` if the market was claimed but not written.
    pub sequence: Option<String>,
    /// The time of that command.
    pub timestamp: Option<Timestamp>,
}

/// Looks for a market that has an image. Nothing is checked.
///
/// # Errors
/// Returns an error if the servers do not answer.
pub fn find_image(link: &mut Link, names: &KeyNames) -> Result<Option<ExistingImage>, RedisError> {
    for market in read_markets(link, names)? {
        let keys = names.of(market);
        let [history, sequence] = fields(link, &keys, ["history", "sequence"])?;
        if let Some(history) = history {
            let sequence = sequence.unwrap_or_default();
            return Ok(Some(ExistingImage { market, history, sequence }));
        }
    }
    Ok(None)
}

/// Returns the writer that holds a market, or `None` if no writer is stored.
///
/// # Errors
/// Returns an error if the servers do not answer.
pub fn read_holder(link: &mut Link, keys: &Keys) -> Result<Option<Holder>, RedisError> {
    let names = ["term", "writer", "sequence", "timestamp"];
    let [term, writer, sequence, timestamp] = fields(link, keys, names)?;
    let timestamp = timestamp.and_then(|text| text.parse().ok()).map(Timestamp);
    let holder = |(term, writer)| Holder { term, writer, sequence, timestamp };
    Ok(term.zip(writer).map(holder))
}

/// Some fields of the metadata. All are `None` if there are no metadata.
fn fields<const N: usize>(
    link: &mut Link,
    keys: &Keys,
    names: [&str; N],
) -> Result<[Option<String>; N], RedisError> {
    link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
        let kind: String = redis::cmd("TYPE").arg(&keys.metadata).query(connection)?;
        if kind != "hash" {
            return Ok([const { None }; N]);
        }
        redis::cmd("HMGET").arg(&keys.metadata).arg(&names).query(connection)
    })
}

/// Reads the images of all markets and combines them. Returns `None` if no market has an image.
///
/// # Errors
/// Returns an error if the servers do not answer, if an image is not what was written, or if the images
/// belong to several histories.
pub fn read_all_images(link: &mut Link, names: &KeyNames) -> Result<Option<AllImages>, ReadError> {
    read_all_images_with(link, names, |_, _| ())
}

/// Like [`read_all_images`], but also calls `progress` after each market, with the number of markets that
/// have been read and the number of all markets.
///
/// # Errors
/// Same as for [`read_all_images`].
pub fn read_all_images_with(
    link: &mut Link,
    names: &KeyNames,
    mut progress: impl FnMut(u64, u64),
) -> Result<Option<AllImages>, ReadError> {
    let (mut images, mut unwritten) = (Vec::new(), Vec::new());
    let markets = read_markets(link, names)?;
    let of = markets.len() as u64;
    for (market, done) in markets.into_iter().zip(1..) {
        let keys = names.of(market);
        match read_image(link, &keys)? {
            Some(image) => images.push(image),
            None => {
                check_no_orphan_keys(link, &keys)?;
                unwritten.push(market);
            }
        }
        progress(done, of);
    }
    Ok(join(images)?.map(|whole| AllImages { unwritten, ..whole }))
}

/// Checks that a market without metadata has no other keys either.
///
/// # Errors
/// Returns [`ReadError::Bad`] if other keys exist, and an error if the servers do not answer.
pub fn check_no_orphan_keys(link: &mut Link, keys: &Keys) -> Result<(), ReadError> {
    if !has_parts(link, keys)? {
        return Ok(());
    }
    let (key, field) = (keys.metadata.clone(), String::from("format"));
    let what = String::from("is missing, while other keys of the market are there");
    Err(BadRecord { key, field, what }.into())
}

/// Returns `true` if a market has any key besides its metadata.
fn has_parts(link: &mut Link, keys: &Keys) -> Result<bool, RedisError> {
    let mut ask = redis::pipe();
    for part in Part::ALL {
        ask.cmd("EXISTS").arg(keys.part(part));
    }
    let exist: Vec<bool> =
        link.with(&keys.metadata, ReplyTimeout::Control, |connection| ask.query(connection))?;
    Ok(exist.contains(&true))
}

/// Combines images.
pub(super) fn join(images: Vec<ReadImage>) -> Result<Option<AllImages>, ReadError> {
    let Some(first) = images.first() else { return Ok(None) };
    let history = first.history.clone();
    if let Some(other) = images.iter().find(|image| image.history != history) {
        return Err(ReadError::Histories {
            first: first.state.head.market,
            first_history: history,
            second: other.state.head.market,
            second_history: other.history.clone(),
        });
    }
    let mut state = EngineSnapshot { rules_version: first.rules, ..EngineSnapshot::default() };
    let mut trades = BTreeMap::new();
    for image in images {
        if image.rules != state.rules_version {
            // An image has other rules than the first one. Version 0 makes a later restore refuse the
            // state.
            state.rules_version = 0;
        }
        state.last_sequence = state.last_sequence.max(image.sequence);
        state.last_timestamp = state.last_timestamp.max(image.timestamp);
        state.last_market = state.last_market.max(image.last_market);
        trades.extend(image.trades.map(|trades| (image.state.head.market, trades)));
        state.markets.push(image.state);
    }
    state.markets.sort_unstable_by_key(|market| market.head.market);
    Ok(Some(AllImages { history, state, unwritten: Vec::new(), trades }))
}

/// Checks that an engine can have this state. Every invariant is checked.
///
/// # Errors
/// Returns the first invariant that does not hold.
pub fn check_all_images(state: &EngineSnapshot) -> Result<(), Broken> {
    let markets = u32::try_from(state.markets.len()).unwrap_or(u32::MAX);
    keyed_engine(markets).restore(state)
}

/// Removes all keys of a market, whichever writer wrote them. Returns how many keys there were.
///
/// # Errors
/// Returns an error if a server refuses or does not answer. The call may be repeated.
pub fn remove_image(
    link: &mut Link,
    names: &KeyNames,
    market: MarketId,
) -> Result<u64, RedisError> {
    let (keys, set) = (names.of(market), names.markets());
    let [writer, term] = fields(link, &keys, ["writer", "term"])?;
    let term = term.and_then(|term| term.parse().ok()).unwrap_or_default();
    let mut all: Vec<String> = keys.all().map(str::to_owned).collect();
    if let Some(writer) = writer {
        for part in Part::ALL {
            all.extend([keys.spare(part, &writer, term), keys.old(part, &writer, term)]);
        }
    }
    let mut removed: u64 = link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
        redis::cmd("UNLINK").arg(&all).query(connection)
    })?;
    // The trades may be on another node of a cluster.
    let trades = keys.part(Part::Trades);
    removed += link.with(trades, ReplyTimeout::Control, |connection| {
        redis::cmd("UNLINK").arg(trades).query::<u64>(connection)
    })?;
    link.with(&set, ReplyTimeout::Control, |connection| {
        redis::cmd("SREM").arg(&set).arg(market.0).exec(connection)
    })?;
    Ok(removed)
}
