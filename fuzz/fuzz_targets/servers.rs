//! Reads arbitrary bytes as data from Redis or from a ledger: replies, images as text, rows. They
//! are refused with an error that names the position and repeats little of the data, or what was
//! read can be written and read again unchanged. The memory they take is proportional to their
//! length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_engine::{EngineSnapshot, MarketSnapshot};
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{checked_error, with_memory_limit};
use pricetime_redis::fuzzing::{end, texts};
use pricetime_redis::stream::EntryId;
use pricetime_redis::{BadText, ImageText, ReadImage, read_text};
use pricetime_settlement::BatchId;
use pricetime_settlement::ledger::fuzzing::{balance, notice, outcome, position};
use redis::Value;

/// The largest depth of a reply that becomes a value, which is the client's limit.
const DEPTH_MAX: usize = 100;

/// Checks a reply, as a whole and cut into pieces.
fn check_reply(reply: &[u8], cuts: &[usize]) {
    let whole = with_memory_limit(0, 0, || end(reply, []).ok());
    let pieces = end(reply, cuts.iter().copied()).ok();
    assert_eq!(pieces, whole, "the split into pieces changes nothing");
    let Some(Some(end)) = whole else { return };
    let own = &reply[..end];
    let found = with_memory_limit(own.len(), 32, || texts(own));
    let value = with_memory_limit(own.len(), 256, || redis::parse_redis_value(own));
    // The client ends a line only at CR LF.
    let lines = own.split(|byte| *byte == b'\n');
    let is_clean = lines.rev().skip(1).all(|line| line.ends_with(b"\r"));
    if let (Ok(value), true) = (value, is_clean) {
        let mut expected = Vec::new();
        assert!(collect_texts(&value, &mut expected) <= DEPTH_MAX);
        assert_eq!(found, expected);
    }
}

/// Collects the texts of a value. Returns its depth.
fn collect_texts<'a>(value: &'a Value, into: &mut Vec<&'a [u8]>) -> usize {
    if let Value::BulkString(text) = value {
        into.push(text);
    }
    let Value::Array(values) = value else { return 1 };
    1 + values.iter().map(|it| collect_texts(it, into)).max().unwrap_or(0)
}

/// A server's reply, usually a valid one.
fn write_reply(bytes: &mut Bytes<'_>, depth: usize, into: &mut Vec<u8>) {
    match bytes.byte() % 8 {
        0 => into.extend(b"+OK\r\n"),
        1 => into.extend(format!(":{}\r\n", bytes.number()).as_bytes()),
        2 => into.extend(b"$-1\r\n"),
        3 => into.extend(b"-ERR no\r\n"),
        4 | 5 if depth < 6 => {
            let count = bytes.byte() % 5;
            into.extend(format!("*{count}\r\n").as_bytes());
            (0..count).for_each(|_| write_reply(bytes, depth + 1, into));
        }
        _ => {
            let text: Vec<u8> = (0..bytes.byte() % 16).map(|_| bytes.byte()).collect();
            into.extend(format!("${}\r\n", text.len()).as_bytes());
            into.extend(text);
            into.extend(b"\r\n");
        }
    }
}

/// The images of a state.
fn images(state: &EngineSnapshot) -> Vec<ReadImage> {
    let image = |market: &MarketSnapshot| ReadImage {
        history: String::from("00000000-0000-0000-0000-000000000007"),
        rules: state.rules_version,
        sequence: state.last_sequence,
        timestamp: state.last_timestamp,
        last_market: state.last_market,
        state: market.clone(),
        digest: market.digest(),
        trades: None,
    };
    state.markets.iter().map(image).collect()
}

fn written(images: &[ReadImage]) -> Vec<u8> {
    let mut text = Vec::new();
    ImageText(images).write(&mut text).expect("memory");
    text
}

fn image(text: &[u8]) -> Option<Vec<ReadImage>> {
    match with_memory_limit(text.len(), 256, || read_text(text)) {
        Ok(Some((_, images))) => {
            let (_, again) =
                read_text(&*written(&images)).expect("it was written").expect("images");
            assert_eq!(again, images);
            Some(images)
        }
        Ok(None) => None,
        Err(refused) => {
            checked_error(&refused);
            if let BadText::Line { line, .. } = refused {
                assert!(line <= 1 + text.iter().filter(|byte| **byte == b'\n').count());
            }
            None
        }
    }
}

/// Rows of a ledger, and the id of an entry of a stream.
fn row(bytes: &mut Bytes<'_>) {
    let text = bytes.text();
    let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    match balance(word(0), word(1)) {
        Ok((found, encoded)) => {
            let (account, amount) = encoded.split_once(' ').expect("three words");
            assert_eq!(balance(account, amount), Ok((found, encoded.clone())));
        }
        Err(why) => drop(checked_error(&why)),
    }
    match position(word(0), word(1)) {
        Ok((found, [history, last])) => {
            assert_eq!(position(&history, &last).map(|(again, _)| again), Ok(found));
        }
        Err(why) => drop(checked_error(&why)),
    }
    let id = BatchId("00000000-0000-0000-0000-000000000007".parse().expect("a UUID"));
    if let Err(why) = outcome(id, word(0)) {
        checked_error(&why);
    }
    match with_memory_limit(text.len(), 64, || notice(&words)) {
        Ok(notice) => assert_eq!(notice.batch.epoch, notice.outcome.epoch),
        Err(why) => drop(checked_error(&why)),
    }
    if let Ok(id) = word(0).parse::<EntryId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.byte() % 5 {
        0 => {
            let cuts = [bytes.index_below(8_192), bytes.index_below(8_192)];
            check_reply(bytes.0, &[cuts[0].min(cuts[1]), cuts[0].max(cuts[1])]);
        }
        1 => {
            let mut reply = Vec::new();
            write_reply(&mut bytes, 0, &mut reply);
            check_reply(&reply, &(0..reply.len()).collect::<Vec<_>>());
            bytes.corrupt(&mut reply);
            check_reply(&reply, &[bytes.index_below(reply.len())]);
        }
        2 => drop(image(bytes.0)),
        3 => {
            let state = bytes.snapshot();
            let mut text = written(&images(&state));
            image(&text);
            bytes.corrupt(&mut text);
            image(&text);
        }
        _ => row(&mut bytes),
    }
});
