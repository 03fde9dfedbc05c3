use std::io::Cursor;

use pricetime_engine::Engine;
use pricetime_tests::databento::{
    LAST as L, Mbo, SNAPSHOT as S, UNDEF_PRICE, UNIT, definition_file, file, mbo, metadata,
};

use super::super::Definitions;
use super::{drain, read, reader, text};
use crate::agreement::{Agreement, ComparedEngine};
use crate::commands::{Commands, Mode};
use crate::error::RecordingError;
use crate::source::Source;
use crate::venue::{VenueEvent, VenueMessage, VenueReader as _};

#[test]
fn all_versions_compressed_or_not_give_the_same_messages() {
    let record = mbo(b"AB", 1, 10, 5, L);
    let mut expected = None;
    for version in 1..=3 {
        let mut bytes = metadata(version, 0, &[("NQH4", "8"), ("ESH4", "7")]);
        bytes.extend(record.bytes());
        // With the time when it was sent.
        let mut sent = [record.bytes(), vec![0; 8]].concat();
        sent[0] = 16;
        bytes.extend(sent);
        let compressed = zstd::encode_all(bytes.as_slice(), 0).unwrap();
        for bytes in [bytes, compressed] {
            let (messages, faults) = read(bytes);
            assert_eq!(faults, Vec::<String>::new(), "version {version}");
            let VenueEvent::Listed(instrument) = messages[0].event else { panic!("{messages:?}") };
            assert_eq!((instrument.name.as_bytes(), instrument.price_places), (&b"ESH4"[..], 9));
            assert_eq!((messages[3].number, messages[3].time.0), (2, 5));
            assert_eq!(*expected.get_or_insert_with(|| messages.clone()), messages);
        }
    }
}

#[test]
fn each_pair_of_publisher_and_instrument_has_its_own_events_and_its_name() {
    let trade = mbo(b"TB", 9, 10, 5, 0);
    let other = Mbo { publisher: 2, ..mbo(b"AB", 1, 10, 5, L) };
    let unnamed = Mbo { instrument: 8, ..other };
    let records = [trade, other, mbo(b"FA", 1, 10, 5, 0), unnamed, mbo(b"CA", 1, 10, 5, L), other];
    // A symbol that was asked for by its number.
    let mut bytes = metadata(2, u16::MAX, &[("7", "ESH4")]);
    bytes.extend(records.iter().flat_map(|it| it.bytes()));
    let (messages, faults) = read(bytes);
    assert_eq!(faults, Vec::<String>::new());
    let mut found = Vec::new();
    for message in messages {
        found.push(format!("{} {}", message.instrument, text(&message.event)));
    }
    assert_eq!(
        found,
        [
            "1 ESH4",
            "1 quoting",
            "2 ESH4",
            "2 quoting",
            "2 Buy 1 5@10",
            "3 8",
            "3 quoting",
            "3 Buy 1 5@10",
            "1 trading",
            "1 execute 1 5@10 by 9",
            "2 Buy 1 5@10",
        ]
    );
}

fn definitions(version: u8, tick: i64) -> Result<Definitions, RecordingError> {
    Definitions::read(Source::of("d.dbn", Cursor::new(definition_file(version, tick)))?)
}

#[test]
fn definitions_give_the_name_and_the_places_of_the_tick() {
    let half = Mbo { price: 10 * UNIT + UNIT / 2, ..mbo(b"AB", 1, 0, 5, L) };
    let fine = Mbo { price: -UNIT - UNIT / 200, ..half };
    for version in 1..=3 {
        let reader = reader(file(&[half, fine, half])).unwrap();
        let reader = reader.with_definitions(definitions(version, UNIT / 4).unwrap());
        let (messages, faults) = drain(reader);
        let VenueEvent::Listed(instrument) = messages[0].event else { panic!("{messages:?}") };
        assert_eq!((instrument.name.as_bytes(), instrument.price_places), (&b"ESM4"[..], 2));
        let VenueEvent::Added { price, .. } = messages[3].event else { panic!("{messages:?}") };
        assert_eq!((price.0, messages[3].number), (1_050, 3));
        let offset = file(&[half]).len();
        assert_eq!(
            faults,
            [format!(
                "a.dbn: record 2, byte {offset}: price \"-1.005\" has more than 2 decimal places"
            )]
        );
    }
    let error = Definitions::read(Source::of("a.dbn", Cursor::new(file(&[]))).unwrap());
    assert_eq!(
        error.unwrap_err().to_string(),
        "a.dbn: schema \"mbo\" is not supported; definition can be read"
    );
}

#[test]
fn open_events_end_when_all_instruments_together_have_too_many_records() {
    let record = |number: u64| Mbo {
        instrument: 7 + u32::from(number.is_multiple_of(2)),
        ..mbo(b"TB", 9, 10, 5, 0)
    };
    let mut bytes = file(&(0..(1 << 16) + 3).map(record).collect::<Vec<_>>());
    // An error that ends the file drops the events that are not complete.
    bytes.push(3);
    let (messages, faults) = read(bytes);
    assert_eq!(faults.len(), 1, "{faults:?}");
    let hidden = |it: &&VenueMessage| matches!(it.event, VenueEvent::HiddenExecuted { .. });
    assert_eq!(messages.iter().filter(hidden).count(), 1 << 16);
}

#[test]
fn instrument_beyond_the_limit_is_refused_and_those_before_it_are_read() {
    const MOST: u32 = 1 << 18;
    let record = |instrument| Mbo { instrument, ..mbo(b"AB", 1, 10, 5, L) };
    let records = (0..=MOST).chain([5]).map(record);
    let mut reader = reader(file(&records.collect::<Vec<_>>())).unwrap();
    let (mut added, mut faults) = (0, Vec::new());
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some(message)) => {
                added += u32::from(matches!(message.event, VenueEvent::Added { .. }));
            }
            Err(error) => faults.push((added, error.to_string())),
        }
    }
    let [(before, fault)] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!((*before, added), (MOST, MOST + 1));
    let expected = "instrument \"262144\" is not one of the first 262144 instruments of the file";
    assert!(fault.ends_with(expected), "{fault}");
}

#[test]
fn faulty_record_is_reported_and_the_next_one_read() {
    let good = mbo(b"AB", 1, 10, 5, L);
    let kind = |kind| {
        let mut bytes = good.bytes();
        bytes[1] = kind;
        bytes
    };
    for (record, expected) in [
        (mbo(b"XB", 1, 10, 5, L).bytes(), "action \"X\" is not one of A, C, F, M, N, R and T"),
        (mbo(b"A?", 1, 10, 5, L).bytes(), "side \"?\" is not one of A, B and N"),
        (
            mbo(b"AN", 1, 10, 5, L).bytes(),
            "side \"N\" is not one of A and B, which a new order has",
        ),
        (mbo(b"AB", 1, 10, 0, L).bytes(), "size \"0\" is not above 0"),
        (mbo(b"MB", 1, 10, 0, L).bytes(), "size \"0\" is not above 0"),
        (mbo(b"CB", 1, 10, 0, L).bytes(), "size \"0\" is not above 0"),
        (mbo(b"FB", 1, 10, 0, L).bytes(), "size \"0\" is not above 0"),
        (mbo(b"MB", 1, UNDEF_PRICE, 1, L).bytes(), "price \"UNDEF_PRICE\" is not a price"),
        (mbo(b"TB", 1, UNDEF_PRICE, 1, L).bytes(), "price \"UNDEF_PRICE\" is not a price"),
        (kind(1), "record type \"1\" is not one of 160 (mbo) and 18 to 24, which are passed over"),
    ] {
        let begin = file(&[good]);
        let offset = begin.len();
        let (messages, faults) = read([begin, record, good.bytes()].concat());
        assert_eq!(faults, [format!("a.dbn: record 2, byte {offset}: {expected}")]);
        assert_eq!((messages.len(), messages[3].number), (4, 3), "{expected}");
    }
    // A message of the system.
    let (messages, faults) = read([file(&[good]), kind(23), good.bytes()].concat());
    assert_eq!((messages.len(), faults.len()), (4, 0));
    // The time of Databento takes the place of a time that is not known.
    let mut timeless = good.bytes();
    timeless[8..16].fill(0xff);
    assert_eq!(read([file(&[]), timeless.clone()].concat()).0[2].time.0, 12);
    timeless[40..48].fill(0xff);
    let (_, faults) = read([file(&[]), timeless].concat());
    assert!(faults[0].ends_with("ts_recv \"UNDEF_TIMESTAMP\" is not a time"), "{faults:?}");
}

#[test]
fn file_that_cannot_be_read_on_ends_with_an_error() {
    let good = mbo(b"AB", 1, 10, 5, 0);
    let whole = file(&[good, good]);
    let first = file(&[good]).len();
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let last = "so this is not Databento DBN";
    let cut = "the file ends in the middle of a message; is it still being written, or was it copied only in part?";
    for (bytes, expected) in [
        (whole[..whole.len() - 1].to_vec(), format!("record 2, byte {first}: {cut}")),
        (whole[..first + 1].to_vec(), format!("record 2, byte {first}: {cut}")),
        (whole[..60].to_vec(), format!("byte 55: {cut}")),
        (
            with(first, 3),
            format!(
                "record 2, byte {first}: record length \"12\" is not at least 16 bytes, {last}"
            ),
        ),
        (
            with(first, 13),
            format!(
                "record 2, byte {first}: record length \"52\" is not 56 or 64 bytes, which this type has, {last}"
            ),
        ),
        (with(3, 4), String::from("version \"4\" is not supported; 1, 2 and 3 can be read")),
        (with(24, 4), String::from("schema \"trades\" is not supported; mbo can be read")),
        (with(25, 3), String::from("schema \"768\" is not supported; mbo can be read")),
        (
            with(4, 88),
            format!("byte 282: metadata length \"344\" is not that of its content, {last}"),
        ),
        (
            b"1,1,1,50,100,-1\n".to_vec(),
            format!("start \"1,1\" is not DBN, {last}; it looks like a LOBSTER message file"),
        ),
        (b"DB".to_vec(), format!("start \"DB\" is not DBN, {last}")),
    ] {
        let (_, faults) = read(bytes);
        let [fault] = faults.as_slice() else { panic!("{faults:?}, expected {expected}") };
        assert_eq!(*fault.trim_start_matches("a.dbn: "), *expected);
    }
}

#[test]
fn no_damage_to_a_file_makes_the_reader_panic() {
    let records = [
        mbo(b"RN", 0, UNDEF_PRICE, 0, S),
        mbo(b"AA", 1, 10, 5, S),
        mbo(b"AA", 2, 10, 5, L),
        mbo(b"TB", 9, 10, 10, 0),
        mbo(b"FA", 1, 10, 5, 0),
        mbo(b"FA", 2, 10, 5, 0),
        mbo(b"AB", 9, 10, 1, 0),
        mbo(b"CA", 1, 10, 5, 0),
        mbo(b"MA", 2, 10, 5, L),
        mbo(b"TN", 9, 10, 10, L),
    ];
    let whole = file(&records);
    let mut random = 1_u64;
    let mut below = |bound: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % bound
    };
    for _ in 0..3_000 {
        let mut bytes = whole.clone();
        for _ in 0..=below(6) {
            let at = below(bytes.len());
            match below(8) {
                0 => bytes.truncate(at + 1),
                1 => bytes.extend_from_within(at..),
                2 => bytes[at] = u8::try_from(below(256)).unwrap(),
                _ => {
                    // In a record, where the codes are.
                    let at = 56 * below(10) + [36, 38, 39, 16, 24, 32, 0, 1][below(8)];
                    let begin = whole.len() - 56 * 10;
                    if let Some(byte) = bytes.get_mut(begin + at) {
                        *byte = b"ACFMNRTB\0\xff"[below(10)];
                    }
                }
            }
        }
        let (messages, _) = read(bytes);
        for mode in [Mode::Rematch, Mode::Reconstruct] {
            let mut commands = Commands::new(mode);
            let mut compared = ComparedEngine::new(Engine::new(64), Agreement::default());
            for message in &messages {
                commands.apply(message, &mut compared);
            }
            commands.finish(&mut compared);
        }
    }
}
