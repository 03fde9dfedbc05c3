//! Reads arbitrary bytes as data from Redis or from a ledger: replies, images as text, rows. They
//! are refused with an error that names the position and repeats little of the data, or what was
//! read can be written and read again unchanged. The memory they take is proportional to their
//! length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_engine::{EngineSnapshot, MarketSnapshot};
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{frugally, short};
use pricetime_redis::fuzzing::{end, texts};
use pricetime_redis::stream::EntryId;
use pricetime_redis::{BadText, ImageText, ReadImage, read_text};
use pricetime_settlement::BatchId;
use pricetime_settlement::ledger::fuzzing::{balance, notice, outcome, position};
use redis::Value;

/// The largest depth of a reply that becomes a value, which is the client's limit.
const DEPTH_MAX: usize = 100;

/// Checks a reply, as a whole and cut into pieces.
fn answer(come: &[u8], cuts: &[usize]) {
    let whole = frugally(0, 0, || end(come, []).ok());
    let pieces = end(come, cuts.iter().copied()).ok();
    assert_eq!(pieces, whole, "the split into pieces changes nothing");
    let Some(Some(end)) = whole else { return };
    let own = &come[..end];
    let found = frugally(own.len(), 32, || texts(own));
    let value = frugally(own.len(), 256, || redis::parse_redis_value(own));
    // The client ends a line only at CR LF.
    let lines = own.split(|byte| *byte == b'\n');
    let is_clean = lines.rev().skip(1).all(|line| line.ends_with(b"\r"));
    if let (Ok(value), true) = (value, is_clean) {
        let mut expected = Vec::new();
        assert!(gather(&value, &mut expected) <= DEPTH_MAX);
        assert_eq!(found, expected);
    }
}

/// Collects the texts of a value. Returns its depth.
fn gather<'a>(value: &'a Value, into: &mut Vec<&'a [u8]>) -> usize {
    if let Value::BulkString(text) = value {
        into.push(text);
    }
    let Value::Array(values) = value else { return 1 };
    1 + values.iter().map(|it| gather(it, into)).max().unwrap_or(0)
}

/// A server's reply, usually a valid one.
fn said(bytes: &mut Bytes<'_>, depth: usize, into: &mut Vec<u8>) {
    match bytes.byte() % 8 {
        0 => into.extend(b"+OK\r\n"),
        1 => into.extend(format!(":{}\r\n", bytes.number()).as_bytes()),
        2 => into.extend(b"$-1\r\n"),
        3 => into.extend(b"-ERR no\r\n"),
        4 | 5 if depth < 6 => {
            let many = bytes.byte() % 5;
            into.extend(format!("*{many}\r\n").as_bytes());
            (0..many).for_each(|_| said(bytes, depth + 1, into));
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
    match frugally(text.len(), 256, || read_text(text)) {
        Ok(Some((_, images))) => {
            let (_, again) =
                read_text(&*written(&images)).expect("it was written").expect("images");
            assert_eq!(again, images);
            Some(images)
        }
        Ok(None) => None,
        Err(refused) => {
            short(&refused);
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
        Ok((found, spelled)) => {
            let (account, has) = spelled.split_once(' ').expect("three words");
            assert_eq!(balance(account, has), Ok((found, spelled.clone())));
        }
        Err(why) => drop(short(&why)),
    }
    match position(word(0), word(1)) {
        Ok((found, [history, last])) => {
            assert_eq!(position(&history, &last).map(|(again, _)| again), Ok(found));
        }
        Err(why) => drop(short(&why)),
    }
    let id = BatchId("00000000-0000-0000-0000-000000000007".parse().expect("a UUID"));
    if let Err(why) = outcome(id, word(0)) {
        short(&why);
    }
    match frugally(text.len(), 64, || notice(&words)) {
        Ok(notice) => assert_eq!(notice.batch.epoch, notice.outcome.epoch),
        Err(why) => drop(short(&why)),
    }
    if let Ok(id) = word(0).parse::<EntryId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.byte() % 5 {
        0 => {
            let cuts = [bytes.place_in(8_192), bytes.place_in(8_192)];
            answer(bytes.0, &[cuts[0].min(cuts[1]), cuts[0].max(cuts[1])]);
        }
        1 => {
            let mut come = Vec::new();
            said(&mut bytes, 0, &mut come);
            answer(&come, &(0..come.len()).collect::<Vec<_>>());
            bytes.spoil(&mut come);
            answer(&come, &[bytes.place_in(come.len())]);
        }
        2 => drop(image(bytes.0)),
        3 => {
            let state = bytes.snapshot();
            let mut text = written(&images(&state));
            image(&text);
            bytes.spoil(&mut text);
            image(&text);
        }
        _ => row(&mut bytes),
    }
});
