//! The encoding of a snapshot: numbers, heads and records one after another, each encoded by `bincode`.
//!
//! Each record is decoded separately and under a limit. So a length within a record cannot ask for more
//! memory than [`RECORD_MAX`], and a list cannot ask for more than its bytes can fill.
//!
//! Records may gain fields. The version of the rules at the start of a snapshot states which fields they
//! have.

mod head;
mod order;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use pricetime_engine::{
    AccountId, EngineSnapshot, MarketId, MarketSnapshot, OrderRecord, RequestRecord, Sequence,
    Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;
use head::HeadOfRules1;
use order::OrderOfRules1;

/// The longest record, in bytes.
const RECORD_MAX: usize = 4096;

type Encoding = Configuration<LittleEndian, Fixint, Limit<RECORD_MAX>>;

const ENCODING: Encoding = bincode::config::standard()
    .with_little_endian()
    .with_fixed_int_encoding()
    .with_limit::<RECORD_MAX>();

/// The numbers of the engine, and how many markets follow.
type EngineHeader = (u32, Sequence, Timestamp, MarketId, u64);

/// A record, and the fewest bytes that it takes.
trait Record: Serialize + DeserializeOwned {
    const BYTES_MIN: usize;
}

impl Record for MarketSnapshot {
    const BYTES_MIN: usize = 200;
}

impl Record for OrderRecord {
    const BYTES_MIN: usize = 80;
}

impl Record for OrderOfRules1 {
    const BYTES_MIN: usize = 80;
}

impl Record for AccountId {
    const BYTES_MIN: usize = 16;
}

impl Record for RequestRecord {
    const BYTES_MIN: usize = 60;
}

/// Appends the encoding of a snapshot.
///
/// # Errors
/// Returns an error if a record cannot be encoded. That does not happen for a snapshot that an engine
/// returned.
pub fn encode_snapshot(snapshot: &EngineSnapshot, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let EngineSnapshot { rules_version, last_sequence, last_timestamp, last_market, markets } =
        snapshot;
    let count = markets.len() as u64;
    let header: EngineHeader =
        (*rules_version, *last_sequence, *last_timestamp, *last_market, count);
    put(&header, out)?;
    for MarketSnapshot { head, resting, waiting, blocked, requests } in markets {
        if *rules_version == 1 {
            put(&HeadOfRules1::from(head), out)?;
        } else {
            put(head, out)?;
        }
        for orders in [resting, waiting] {
            if *rules_version == 1 {
                let orders: Vec<_> = orders.iter().map(OrderOfRules1::from).collect();
                put_list(&orders, out)?;
            } else {
                put_list(orders, out)?;
            }
        }
        put_list(blocked, out)?;
        put_list(requests, out)?;
    }
    Ok(())
}

/// Decodes a snapshot.
///
/// # Errors
/// Returns an error if the bytes are not exactly one snapshot. Whether its state is valid is checked by
/// [`Engine::restore`](pricetime_engine::Engine::restore).
pub fn decode_snapshot(bytes: &[u8]) -> Result<EngineSnapshot, CodecError> {
    let mut from = bytes;
    let header: EngineHeader = take(&mut from)?;
    let (rules_version, last_sequence, last_timestamp, last_market, count) = header;
    let count = checked_count::<MarketSnapshot>(count, from)?;
    let mut markets = Vec::with_capacity(count);
    for _ in 0..count {
        let head = if rules_version == 1 {
            take::<HeadOfRules1>(&mut from)?.into()
        } else {
            take(&mut from)?
        };
        markets.push(MarketSnapshot {
            head,
            resting: take_orders(rules_version, &mut from)?,
            waiting: take_orders(rules_version, &mut from)?,
            blocked: take_list(&mut from)?,
            requests: take_list(&mut from)?,
        });
    }
    if !from.is_empty() {
        return Err(CodecError::Trailing { left: from.len() });
    }
    Ok(EngineSnapshot { rules_version, last_sequence, last_timestamp, last_market, markets })
}

pub(super) fn put(record: &impl Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(record, out, ENCODING)
        .map(|_| ())
        .map_err(|error| CodecError::Record(error.to_string()))
}

fn put_list<T: Record>(list: &[T], out: &mut Vec<u8>) -> Result<(), CodecError> {
    put(&(list.len() as u64), out)?;
    list.iter().try_for_each(|record| put(record, out))
}

pub(super) fn take<T: DeserializeOwned>(from: &mut &[u8]) -> Result<T, CodecError> {
    let (record, used) = bincode::serde::decode_from_slice(from, ENCODING)
        .map_err(|error| CodecError::Record(error.to_string()))?;
    *from = from.get(used..).ok_or(CodecError::Truncated)?;
    Ok(record)
}

fn take_list<T: Record>(from: &mut &[u8]) -> Result<Vec<T>, CodecError> {
    let count = take(from)?;
    let count = checked_count::<T>(count, from)?;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        list.push(take(from)?);
    }
    Ok(list)
}

fn take_orders(rules_version: u32, from: &mut &[u8]) -> Result<Vec<OrderRecord>, CodecError> {
    if rules_version != 1 {
        return take_list(from);
    }
    let orders: Vec<OrderOfRules1> = take_list(from)?;
    Ok(orders.into_iter().map(OrderRecord::from).collect())
}

/// Returns how many records follow, checked against the bytes that can hold them.
fn checked_count<T: Record>(stated: u64, from: &[u8]) -> Result<usize, CodecError> {
    let possible = from.len() / T::BYTES_MIN;
    let count = usize::try_from(stated).ok().filter(|count| *count <= possible);
    count.ok_or(CodecError::Count { stated, possible: possible as u64 })
}
