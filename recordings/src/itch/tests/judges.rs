//! Files for `tests/judges/itch.py`, which compares other decoders with this one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pricetime_engine::{Engine, Side, Timestamp};

use super::stream::Stream;
use super::{TYPES, framed, random_message};
use crate::commands::{Commands, Mode};
use crate::itch::{Message, Options, Reader, Writer};
use crate::source::Source;
use crate::venue::{VenueMessage, VenueReader as _};

/// The best prices after each message that changes them: the number of the message, the instrument, and
/// price, quantity and number of orders of bid and ask.
fn book(messages: impl Iterator<Item = VenueMessage>) -> String {
    let (mut commands, mut engine) = (Commands::new(Mode::Reconstruct), Engine::new(u32::MAX));
    let (mut text, mut last, mut list) = (String::new(), Vec::new(), Vec::new());
    let mut markets = Vec::new();
    for message in messages {
        commands.apply(&message, &mut list);
        let Some(command) = list.last() else { continue };
        let market = command.market;
        for command in list.drain(..) {
            engine.apply(&command, &mut ());
        }
        if !markets.contains(&market) {
            markets.push(market);
            last.resize(market.0 as usize + 1, String::from("0 0 0 0"));
        }
        let book = engine.market(market).unwrap();
        let best =
            |side| book.best(side).map_or((0, 0, 0), |it| (it.price.0, it.quantity.0, it.orders));
        let ((bid, bid_size, bids), (ask, ask_size, asks)) = (best(Side::Buy), best(Side::Sell));
        let now = format!("{bid} {bid_size} {ask} {ask_size}");
        if last[market.0 as usize] != now {
            let VenueMessage { number, instrument, .. } = message;
            writeln!(text, "{number} {instrument} {now} {bids} {asks}").unwrap();
            last[market.0 as usize] = now;
        }
    }
    text
}

/// The messages of a file as text, one a line.
fn fields(bytes: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), bytes);
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((bytes, after)) = after.split_at_checked(length) else { break };
        let message = Message::decode(bytes).unwrap();
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        assert_eq!(encoded, bytes, "{message:?}");
        writeln!(text, "{message:?}").unwrap();
        rest = after;
    }
    text
}

/// Reads the folder from `PRICETIME_JUDGES`. Adds a file of every type and a written one, and describes
/// these and all other files in it that end in `.itch`.
#[test]
#[ignore = "writes files for tests/judges/itch.py"]
fn files_for_other_decoders_are_written() {
    let folder = std::env::var("PRICETIME_JUDGES").expect("PRICETIME_JUDGES is a folder");
    let folder = Path::new(&folder);
    let mut random = fastrand::Rng::with_seed(4);
    let mut every: Vec<_> =
        TYPES.repeat(200).iter().map(|it| random_message(*it, &mut random)).collect();
    // itch-book decodes the text in these types, so it must be text.
    for message in every.iter_mut().filter(|it| matches!(it[0], b'R' | b'F')) {
        message[11..].iter_mut().for_each(|byte| *byte &= 0x7f);
    }
    fs::write(folder.join("every_type.itch"), framed(&every)).unwrap();

    let mut stream = Stream::new(5);
    let meant: Vec<_> = (0..10_000).map(|_| stream.next()).collect();
    let mut writer = Writer::new(Vec::new(), "written.itch", Timestamp(0));
    meant.iter().for_each(|it| writer.write(it).unwrap());
    fs::write(folder.join("written.itch"), writer.finish().unwrap()).unwrap();

    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "itch") {
            continue;
        }
        fs::write(path.with_extension("fields"), fields(&fs::read(&path).unwrap())).unwrap();
        let mut reader = Reader::new(Source::open(&path).unwrap(), Options::default());
        let read = std::iter::from_fn(|| reader.next().ok().flatten());
        fs::write(path.with_extension("book"), book(read)).unwrap();
    }
    // What was meant, not what was read back.
    fs::write(folder.join("written.book"), book(meant.into_iter())).unwrap();
}
