use pricetime_engine::{Engine, Price, Quantity, Side, Timestamp};

use super::{BookCause, BookReader, Options, Reader, Writer, check_book};
use crate::error::RecordingError;
use crate::source::Source;
use crate::venue::{
    Instrument, InstrumentId, InstrumentName, VenueEvent, VenueMessage, VenueReader as _,
};

const ALL_TYPES: &str = "\
34200.004241176,1,16113575,18,5853300,1
34200.1,1,16120456,100,5859100,-1
34200.25,2,16120456,40,5859100,-1
34201,4,16113575,10,5853300,1
34201.000000001,5,0,100,5856600,-1
34202,3,16120456,60,5859100,-1
34203,3,999,60,5859100,-1
34204,7,0,0,-1,-1
34205,7,0,0,0,-1
34206,7,0,0,1,-1
57600.5,6,-1,321,5857200,-1
";

fn source(name: &str, text: &str) -> Source {
    Source::of(name, std::io::Cursor::new(text.to_owned())).unwrap()
}

fn reader(text: &str) -> Reader {
    let midnight = Timestamp(1_000);
    let options = Options { midnight, ..Options::default() };
    Reader::new(source("day/AAPL_2012-06-21_message_10.csv", text), options)
}

/// The messages, and the faults of the lines that could not be read.
fn read(mut reader: Reader) -> (Vec<VenueMessage>, Vec<String>) {
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, faults),
            Err(error) => {
                assert!(error.details().file.contains("AAPL"), "{error:?}");
                faults.push(error.to_string());
            }
        }
    }
}

#[test]
fn message_file_survives_a_round_trip() {
    let (messages, faults) = read(reader(ALL_TYPES));
    assert_eq!(faults, Vec::<String>::new());
    let VenueEvent::Listed(instrument) = messages[0].event else { panic!("{:?}", messages[0]) };
    assert_eq!((instrument.name.as_bytes(), instrument.price_places), (b"AAPL".as_slice(), 4));
    assert_eq!(messages[1].time, Timestamp(34_200_004_241_176 + 1_000));
    assert_eq!((messages[1].number, messages[11].number), (1, 11));
    let mut writer = Writer::new(Vec::new(), "out.csv", InstrumentId(1), Timestamp(1_000));
    for message in &messages {
        writer.write(message).unwrap();
    }
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), ALL_TYPES);
}

#[test]
fn faulty_line_is_reported_and_the_next_one_read() {
    for (line, expected) in [
        ("34200.5,1,7,100,5853300", "has 5 columns instead of 6"),
        ("34200.5,1,7,100,5853300,1,", "has 7 columns instead of 6"),
        ("", "has 1 columns instead of 6"),
        ("x,1,7,100,5853300,1", "time \"x\" is not a decimal number"),
        ("-1,1,7,100,5853300,1", "time \"-1\" is not a decimal number"),
        ("86400,1,7,100,5853300,1", "time \"86400\" is not below 86400 seconds"),
        ("1.0000000001,1,7,100,5853300,1", "time \"1.0000000001\" has more than 9 decimal places"),
        ("1,0,7,100,5853300,1", "type \"0\" is not one of 1 to 7"),
        ("1,8,7,100,5853300,1", "type \"8\" is not one of 1 to 7"),
        ("1,12,7,100,5853300,1", "type \"12\" is not one of 1 to 7"),
        ("1,1,-7,100,5853300,1", "order id \"-7\" is not a whole number"),
        ("1,1,7,0,5853300,1", "size \"0\" is not above 0"),
        ("1,2,7,1e2,5853300,1", "size \"1e2\" is not a whole number"),
        ("1,3,7,100,585.33,1", "price \"585.33\" is not a whole number"),
        ("1,4,7,100,5853300,0", "direction \"0\" is not one of 1 and -1"),
        ("1,7,0,0,2,-1", "price \"2\" is not one of -1, 0 and 1, which a message of type 7 has"),
        ("1,1,\x1b[31m\",100,5853300,1", "order id \"\\x1b[31m\\\"\" is not a whole number"),
        (
            "1,1,7,1000000000000000000000000000000000000000000,5853300,1",
            "size \"1000000000000000000000000000000000000000…\" is not a number that fits in 64 bits",
        ),
    ] {
        let text = format!("34200,1,1,1,1,1\n{line}\r\n34201,1,2,1,1,1\n");
        let (messages, faults) = read(reader(&text));
        let place = "day/AAPL_2012-06-21_message_10.csv: line 2, byte 16:";
        assert_eq!(faults, [format!("{place} {expected}")]);
        // The listing, and two lines.
        assert_eq!(messages.len(), 3, "{line}");
        assert_eq!(messages[2].number, 3);
    }
}

#[test]
fn file_that_ends_within_a_line_is_incomplete() {
    let whole = "34200,1,1,1,1,1\n34201,1,2,1,1,1";
    assert_eq!(read(reader(whole)).1, Vec::<String>::new());
    let (messages, faults) = read(reader(&whole[..whole.len() - 3]));
    assert_eq!(messages.len(), 2);
    assert_eq!(
        faults,
        [
            "day/AAPL_2012-06-21_message_10.csv: line 2, byte 16: the file ends in the middle of a message; \
          is it still being written, or was it copied only in part?"
        ]
    );
}

#[test]
fn first_line_of_another_format_ends_the_file_with_a_hint() {
    for (text, expected) in [
        (
            "time,symbol,side\n1,A,buy\n",
            "has 3 columns instead of 6, so this is not a LOBSTER message file; it looks like CSV with a header",
        ),
        (
            "{\"place\":{}}\n{}\n",
            "has 1 columns instead of 6, so this is not a LOBSTER message file; it looks like JSON lines",
        ),
        (
            "5859400,200,5853300,18\n5859400,200,5853300,18\n",
            "has 4 columns instead of 6, so this is not a LOBSTER message file; it looks like a LOBSTER order-book file",
        ),
        (
            "\0\u{c}S\0\0\0\n",
            "has 1 columns instead of 6, so this is not a LOBSTER message file; it looks like NASDAQ TotalView-ITCH 5.0",
        ),
        ("a\nb\n", "has 1 columns instead of 6, so this is not a LOBSTER message file"),
    ] {
        let (messages, faults) = read(reader(text));
        let place = "day/AAPL_2012-06-21_message_10.csv: line 1, byte 0:";
        assert_eq!(faults, [format!("{place} {expected}")]);
        assert_eq!(messages, []);
    }
}

/// The lines that a writer makes of events of an instrument with this many decimal places.
fn written(places: u8, events: &[VenueEvent]) -> Result<String, RecordingError> {
    let name = InstrumentName::new(b"A");
    let listed = VenueEvent::Listed(Instrument { name, price_places: places, round_lot: 100 });
    let mut writer = Writer::new(Vec::new(), "out.csv", InstrumentId(7), Timestamp(0));
    for (number, event) in (1..).zip([&listed].into_iter().chain(events)) {
        let time = Timestamp(number * 1_000_000_000);
        let (instrument, other) = (InstrumentId(7), InstrumentId(8));
        writer.write(&VenueMessage { time, number, instrument, event: *event })?;
        writer.write(&VenueMessage { time, number, instrument: other, event: *event })?;
    }
    Ok(String::from_utf8(writer.finish()?).unwrap())
}

const fn added(order: u64, price: i64) -> VenueEvent {
    let (price, quantity) = (Price(price), Quantity(50));
    VenueEvent::Added { order, side: Side::Buy, price, quantity, account: None }
}

#[test]
fn writer_expresses_what_the_format_has_no_type_for() {
    let (price, quantity) = (Price(1_230_000_000), Quantity(20));
    let replaced = VenueEvent::Replaced {
        order: 1,
        new_order: 2,
        price,
        quantity,
        side: None,
        keeps_priority: false,
    };
    let executed = VenueEvent::Executed {
        order: 2,
        quantity: Quantity(5),
        side: None,
        price: None,
        trade: None,
        aggressor: None,
        cross: false,
    };
    let text = written(
        9,
        &[added(1, 1_220_000_000), replaced, executed, added(3, 0), VenueEvent::Cleared],
    );
    assert_eq!(
        text.unwrap(),
        "2,1,1,50,12200,1\n3,3,1,50,12200,1\n3,1,2,20,12300,1\n4,4,2,5,12300,1\n5,1,3,50,0,1\n6,3,2,15,12300,1\n6,3,3,50,0,1\n"
    );
    assert_eq!(written(2, &[added(1, 122)]).unwrap(), "2,1,1,50,12200,1\n");
}

#[test]
fn writer_refuses_what_the_format_cannot_hold() {
    let deleted = VenueEvent::Deleted { order: 4, quantity: None, side: None, price: None };
    for (places, event, expected) in [
        (9, added(1, 1), "out.csv: record 2: price \"1\" has more than 4 decimal places"),
        (
            4,
            deleted,
            "out.csv: record 2: order id \"4\" no message before it added this order; a recording can be written only from its first message on",
        ),
    ] {
        assert_eq!(written(places, &[event]).unwrap_err().to_string(), expected);
    }
}

const BEFORE: &str = "5859500,300,5853200,20";

/// A file that begins while orders rest: 200 at 5859400, 300 at 5859500, 20 at 5853200, and a bid of 70 at 5853000
/// that the first row is too short to show.
const MESSAGES: &str = "\
34200,1,1,18,5853300,1
34201,4,900,150,5859400,-1
34202,4,1,8,5853300,1
34203,2,901,10,5853200,1
34204,3,1,10,5853300,1
34205,3,902,50,5859400,-1
";

const ROWS: &str = "\
5859400,200,5853300,18,5859500,300,5853200,20
5859400,50,5853300,18,5859500,300,5853200,20
5859400,50,5853300,10,5859500,300,5853200,20
5859400,50,5853300,10,5859500,300,5853200,10
5859400,50,5853200,10,5859500,300,5853000,70
5859500,300,5853200,10,9999999999,0,5853000,70
";

#[test]
fn reconstructed_book_equals_the_order_book_file() {
    assert!(ROWS.contains(BEFORE));
    let mut engine = Engine::new(1);
    let (messages, rows) = (source("m.csv", MESSAGES), source("b.csv", ROWS));
    let agreement = check_book(messages, rows, Options::default(), 1, &mut engine).unwrap();
    assert_eq!((agreement.rows, agreement.agreed), (6, 4));
    assert_eq!(agreement.agreed_by_level, [6, 4]);
    assert_eq!(agreement.differences[0].cause, BookCause::Earlier);
    assert_eq!(
        agreement.differences[0].to_string(),
        "row 5: bid 2 is 70 at 5853000 in the file and nothing in the engine: its orders were there before the \
         recording began, deeper than the first row shows"
    );
}

#[test]
fn order_book_file_survives_a_round_trip() {
    let mut rows = BookReader::new(source("b.csv", ROWS));
    let mut out = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        row.write(&mut out).unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), ROWS);
}

#[test]
fn wrong_order_book_file_is_an_error() {
    let (first, rest) = MESSAGES.split_once('\n').unwrap();
    let one_row = ROWS.lines().next().unwrap();
    for (messages, rows, expected) in [
        (first, ROWS, "m.csv: has fewer lines than b.csv; give two files of one download"),
        (MESSAGES, one_row, "b.csv: has fewer lines than m.csv; give two files of one download"),
        (
            rest,
            MESSAGES,
            "b.csv: line 1, byte 0: has 6 columns instead of 8, so this is not a LOBSTER order-book file; it looks \
             like a LOBSTER message file",
        ),
        (
            MESSAGES,
            "1,2,3,x\n",
            "b.csv: line 1, byte 0: bid size \"x\" is not a whole number, so this is not a LOBSTER order-book file; it looks like CSV with a header",
        ),
    ] {
        let (messages, rows) = (source("m.csv", messages), source("b.csv", rows));
        let result = check_book(messages, rows, Options::default(), 1, &mut Engine::new(1));
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

#[test]
fn no_damage_to_a_file_makes_the_reader_or_the_writer_panic() {
    let mut random = 1_u64;
    let mut below = |bound: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % bound
    };
    for _ in 0..3_000 {
        let mut bytes = [ALL_TYPES, MESSAGES].concat().into_bytes();
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes[at] = b"0123456789-.,\n\r\0x"[below(17)],
                1 => bytes.truncate(at + 1),
                _ => bytes.extend_from_within(at..),
            }
        }
        let source = Source::of("AAPL.csv", std::io::Cursor::new(bytes)).unwrap();
        let (messages, _) = read(Reader::new(source, Options::default()));
        let mut writer = Writer::new(Vec::new(), "out.csv", InstrumentId(1), Timestamp(0));
        for message in &messages {
            let _ = writer.write(message);
        }
    }
}
