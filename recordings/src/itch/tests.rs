use std::collections::BTreeSet;

use pricetime_engine::{Price, Quantity, Side, Timestamp};

use pricetime_tests::itch::{TYPES, framed, random_message};

use super::layout::{DAY, length};
use super::{Message, Options, Reader, Writer};
use crate::commands::{Commands, Counts, Mode};
use crate::source::Source;
use crate::venue::{
    Cross, DayPart, Instrument, InstrumentName, TradingState, VenueEvent, VenueMessage,
    VenueReader as _,
};

mod writing;

const NINE: u64 = 9 * 3_600_000_000_000;

/// A message with a locate code, the time 9:00 and these fields.
fn message(kind: u8, locate: u16, fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&locate.to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&NINE.to_be_bytes()[2..]);
    bytes.extend(fields.concat());
    bytes
}

/// The messages, and the faults of those that could not be read.
fn read_with(bytes: Vec<u8>, options: Options) -> (Vec<VenueMessage>, Vec<String>) {
    let source = Source::of("day.itch", std::io::Cursor::new(bytes)).unwrap();
    let mut reader = Reader::new(source, options);
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, faults),
            Err(error) => faults.push(error.to_string()),
        }
    }
}

fn read(bytes: Vec<u8>) -> (Vec<VenueMessage>, Vec<String>) {
    read_with(bytes, Options::default())
}

/// The events of messages about stock 13.
fn events(messages: &[Vec<u8>]) -> Vec<VenueEvent> {
    let (messages, faults) = read(framed(messages));
    assert_eq!(faults, Vec::<String>::new());
    assert!(messages.iter().all(|it| it.time == Timestamp(NINE)));
    messages.iter().map(|it| it.event).collect()
}

const BEGIN: &[&[u8]] = &[b"O"];

fn directory() -> Vec<u8> {
    let fields: &[&[u8]] = &[b"AAPL    QN", &[0, 0, 0, 100], b"NCZ P N1N\0\0\0\0N"];
    message(b'R', 13, fields)
}

fn added(locate: u16, order: u64, shares: u32, stock: &[u8; 8]) -> Vec<u8> {
    let (order, shares) = (order.to_be_bytes(), shares.to_be_bytes());
    message(b'A', locate, &[&order, b"B", &shares, stock, &[0, 0x4c, 0x4b, 0x40]])
}

fn deleted(locate: u16, order: u64) -> Vec<u8> {
    message(b'D', locate, &[&order.to_be_bytes()])
}

fn halted(market: u8, action: u8) -> Vec<u8> {
    message(b'h', 13, &[b"AAPL    ", &[market, action]])
}

fn state(state: u8) -> Vec<u8> {
    message(b'H', 13, &[b"AAPL    ", &[state], b" T1  "])
}

#[test]
fn every_type_survives_a_round_trip() {
    let mut random = fastrand::Rng::with_seed(1);
    let known = (0..=u8::MAX).filter_map(|it| Some((it, length(it)?)));
    assert_eq!(known.collect::<BTreeSet<_>>(), BTreeSet::from(TYPES));
    for kind in TYPES.repeat(500) {
        let bytes = random_message(kind, &mut || random.u64(..));
        let decoded = Message::decode(&bytes).unwrap();
        let mut encoded = Vec::new();
        decoded.encode(&mut encoded);
        assert_eq!(encoded, bytes, "{decoded:?}");
        assert_eq!(Message::decode(&encoded).unwrap(), decoded);
    }
}

#[test]
fn messages_of_the_book_become_events() {
    let [order, new_order, number] = [7_u64, 8, 900].map(u64::to_be_bytes);
    let [shares, price] = [300_u32, 5_000_000].map(u32::to_be_bytes);
    let crossed = 70_000_000_000_u64.to_be_bytes();
    let (id, at, quantity) = (7, Price(5_000_000), Quantity(300));
    let (trade, account) = (std::num::NonZeroU64::new(900), std::num::NonZeroU64::new(0x4c45_484d));
    let executed = |price, cross| VenueEvent::Executed {
        order: id,
        quantity,
        side: None,
        price,
        trade,
        aggressor: None,
        cross,
    };
    let add = |side, account| VenueEvent::Added { order: id, side, price: at, quantity, account };
    let hidden = |side| VenueEvent::HiddenExecuted { side, price: at, quantity, trade };
    let cases: [(u8, &[&[u8]], VenueEvent); 14] = [
        (b'A', &[&order, b"S", &shares, b"AAPL    ", &price], add(Side::Sell, None)),
        (b'F', &[&order, b"B", &shares, b"AAPL    ", &price, b"LEHM"], add(Side::Buy, account)),
        (b'E', &[&order, &shares, &number], executed(None, false)),
        (b'C', &[&order, &shares, &number, b"Y", &price], executed(Some(at), false)),
        (b'C', &[&order, &shares, &number, b"N", &price], executed(Some(at), true)),
        (
            b'X',
            &[&order, &shares],
            VenueEvent::Reduced { order: id, quantity, side: None, price: None },
        ),
        (
            b'D',
            &[&order],
            VenueEvent::Deleted { order: id, quantity: None, side: None, price: None },
        ),
        (
            b'U',
            &[&order, &new_order, &shares, &price],
            VenueEvent::Replaced {
                order: id,
                new_order: 8,
                price: at,
                quantity,
                side: None,
                keeps_priority: false,
            },
        ),
        (b'P', &[&[0; 8], b"B", &shares, b"AAPL    ", &price, &number], hidden(None)),
        (b'P', &[&order, b"B", &shares, b"AAPL    ", &price, &number], hidden(Some(Side::Buy))),
        (b'P', &[&[0; 8], b"S", &shares, b"AAPL    ", &price, &number], hidden(Some(Side::Sell))),
        (
            b'Q',
            &[&crossed, b"AAPL    ", &price, &number, b"C"],
            VenueEvent::Crossed {
                kind: Cross::Closing,
                price: at,
                quantity: Quantity(70_000_000_000),
                trade,
            },
        ),
        (b'B', &[&number], VenueEvent::TradeBroken { trade: trade.unwrap() }),
        (b'H', &[b"AAPL    P LUDP"], VenueEvent::StateChanged(TradingState::Paused)),
    ];
    for (kind, fields, expected) in cases {
        let found = events(&[directory(), message(kind, 13, fields)]);
        let VenueEvent::Listed(listed) = found[0] else { panic!("{found:?}") };
        let (name, round_lot) = (InstrumentName::new(b"AAPL"), 100);
        assert_eq!(listed, Instrument { name, price_places: 4, round_lot });
        assert_eq!(found[1..], [expected]);
    }
}

#[test]
fn day_and_instrument_are_told() {
    let midnight = Timestamp(1_000);
    let options = Options { midnight, ..Options::default() };
    let bytes = framed(&[message(b'S', 0, BEGIN), directory(), added(13, 7, 100, b"AAPL    ")]);
    let (messages, _) = read_with(bytes, options);
    assert_eq!(messages[0].event, VenueEvent::DayPart(DayPart::MessagesBegin));
    let found: Vec<_> = messages.iter().map(|it| (it.number, it.instrument.0)).collect();
    assert_eq!(found, [(1, 0), (2, 13), (3, 13)]);
    assert_eq!(messages[2].time, Timestamp(NINE + 1_000));
}

#[test]
fn stock_trades_if_both_halts_allow_it() {
    let mut messages = vec![directory()];
    messages.extend([state(b'T'), halted(b'B', b'H'), halted(b'Q', b'H'), state(b'H')]);
    messages.extend([halted(b'Q', b'T'), state(b'Q'), halted(b'Q', b'H'), halted(b'Q', b'T')]);
    messages.push(state(b'T'));
    use TradingState::{Halted, Quoting, Trading};
    let expected = [Trading, Halted, Halted, Halted, Quoting, Halted, Quoting, Trading];
    assert_eq!(events(&messages)[1..], expected.map(VenueEvent::StateChanged));
}

#[test]
fn only_wanted_stocks_are_decoded() {
    let stocks = ["AAPL", "MSFT"].map(|it| InstrumentName::new(it.as_bytes()));
    let options = Options { stocks: stocks.to_vec(), ..Options::default() };
    let mut faulty = added(14, 9, 100, b"TSLA    ");
    faulty[19] = b'Z';
    let bytes = framed(&[
        message(b'S', 0, BEGIN),
        deleted(15, 1),
        directory(),
        added(14, 7, 100, b"TSLA    "),
        faulty,
        added(15, 8, 100, b"MSFT    "),
        deleted(15, 8),
        deleted(14, 7),
    ]);
    let (messages, faults) = read_with(bytes, options);
    assert_eq!(faults, Vec::<String>::new());
    let found: Vec<_> = messages.iter().map(|it| (it.number, it.instrument.0)).collect();
    assert_eq!(found, [(1, 0), (3, 13), (6, 15), (6, 15), (7, 15)]);
    let VenueEvent::Listed(listed) = messages[2].event else { panic!("{:?}", messages[2]) };
    assert_eq!((listed.name, listed.round_lot), (stocks[1], 1));
}

#[test]
fn messages_about_orders_from_before_the_file_are_counted() {
    let bytes = framed(&[
        deleted(15, 1),
        added(15, 8, 100, b"MSFT    "),
        message(b'X', 15, &[&2_u64.to_be_bytes(), &[0, 0, 0, 1]]),
        deleted(15, 8),
    ]);
    let (messages, faults) = read(bytes);
    assert_eq!(faults, Vec::<String>::new());
    let (mut commands, mut list) = (Commands::new(Mode::Reconstruct), Vec::new());
    messages.iter().for_each(|it| commands.apply(it, &mut list));
    let expected = Counts { messages: 5, unlisted: 1, unknown_orders: 1, ..Counts::default() };
    assert_eq!(commands.counts(), expected);
    assert_eq!(list.len(), 4);
}

#[test]
fn faulty_message_is_reported_and_the_next_one_read() {
    let with = |mut bytes: Vec<u8>, at: usize, value: &[u8]| {
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    let add = || added(13, 7, 100, b"AAPL    ");
    let executed = |shares: &[u8]| message(b'E', 13, &[&[0; 8], shares, &[0; 8]]);
    for (faulty, expected) in [
        (vec![], "length \"0\" is not above 0"),
        (vec![b'A'], "type \"A\" has 1 bytes instead of 36"),
        (add()[..35].to_vec(), "type \"A\" has 35 bytes instead of 36"),
        ([add(), vec![0]].concat(), "type \"A\" has 37 bytes instead of 36"),
        (with(add(), 0, b"Z"), "type \"Z\" is not one of the types of ITCH 5.0"),
        (vec![0; 60_000], "type \"\\x00\" is not one of the types of ITCH 5.0"),
        (with(add(), 19, b"b"), "side \"b\" is not one of B and S"),
        (with(add(), 20, &[0; 4]), "shares \"0\" is not above 0"),
        (executed(&[0; 4]), "shares \"0\" is not above 0"),
        (
            with(add(), 5, &DAY.to_be_bytes()[2..]),
            "time \"86400000000000\" is not below 86400000000000 nanoseconds",
        ),
        (
            message(b'C', 13, &[&[0; 8], &[1; 4], &[0; 8], b"y", &[0; 4]]),
            "printable \"y\" is not one of Y and N",
        ),
        (message(b'B', 13, &[&[0; 8]]), "match_number \"0\" is not above 0"),
        (message(b'S', 0, &[b"A"]), "event \"A\" is not one of O, S, Q, M, E and C"),
        (state(b'X'), "state \"X\" is not one of H, P, Q and T"),
        (halted(b'Q', b'P'), "action \"P\" is not one of H and T"),
    ] {
        let bytes = framed(&[directory(), faulty, deleted(13, 5)]);
        let (messages, faults) = read(bytes);
        assert_eq!(faults, [format!("day.itch: record 2, byte 41: {expected}")]);
        let found: Vec<_> = messages.iter().map(|it| it.number).collect();
        assert_eq!(found, [1, 3], "{expected}");
    }
}

#[test]
fn file_that_ends_within_a_message_is_incomplete() {
    let whole = framed(&[directory(), deleted(13, 5)]);
    for length in 1..whole.len() {
        let (messages, faults) = read(whole[..length].to_vec());
        let (begun, at) = if length < 41 { (1, 0) } else { (2, 41) };
        assert_eq!(messages.len(), begun - 1);
        match (length, faults.as_slice()) {
            (41, []) => {}
            (1 | 2, [fault]) => assert!(fault.contains("so this is not NASDAQ"), "{fault}"),
            (_, [fault]) => assert_eq!(
                *fault,
                format!(
                    "day.itch: record {begun}, byte {at}: the file ends in the middle of a message; is it still \
                     being written, or was it copied only in part?"
                )
            ),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_format_ends_the_file_with_a_hint() {
    for (start, expected) in [
        (
            "34200.1,1,7,100,5853300,1\n",
            "the file ends in the middle of a message, so this is not NASDAQ TotalView-ITCH 5.0; it looks like a \
             LOBSTER message file",
        ),
        ("\0\0\0\0\0\0", "length \"0\" is not above 0, so this is not NASDAQ TotalView-ITCH 5.0"),
        (
            "\0\x03D\0\0",
            "type \"D\" has 3 bytes instead of 19, so this is not NASDAQ TotalView-ITCH 5.0",
        ),
    ] {
        let (messages, faults) = read(start.as_bytes().to_vec());
        assert_eq!(faults, [format!("day.itch: record 1, byte 0: {expected}")]);
        assert_eq!(messages, []);
    }
}

#[test]
fn file_without_lengths_is_read() {
    let messages = [message(b'S', 0, BEGIN), directory(), deleted(13, 5)];
    assert_eq!(read(messages.concat()), read(framed(&messages)));
    let (found, faults) = read([messages.concat(), b"Zero".to_vec()].concat());
    assert_eq!(found.len(), 3);
    assert_eq!(
        faults,
        [
            "day.itch: record 4, byte 70: type \"Z\" is not one of the types of ITCH 5.0, so this is not NASDAQ \
          TotalView-ITCH 5.0"
        ]
    );
}

#[test]
fn no_damage_to_a_file_makes_the_reader_or_the_writer_panic() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..1_000 {
        let mut message = |_| {
            let kind = TYPES[random.usize(..TYPES.len())];
            random_message(kind, &mut || random.u64(..))
        };
        let messages: Vec<_> = (0..30).map(&mut message).collect();
        let mut bytes = framed(&messages);
        for _ in 0..random.usize(..4) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at + 1),
                _ => bytes.extend_from_within(at..),
            }
        }
        let (messages, _) = read(bytes);
        let mut writer = Writer::new(Vec::new(), "out.itch", Timestamp(0));
        let mut list = Vec::new();
        for mode in [Mode::Reconstruct, Mode::Rematch] {
            let mut commands = Commands::new(mode);
            for message in &messages {
                commands.apply(message, &mut list);
                let _ = writer.write(message);
            }
        }
    }
}
