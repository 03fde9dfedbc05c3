use std::num::NonZeroU64;

use pricetime_engine::{Engine, MarketId, Price, Quantity, Side, Timestamp};

use super::row::{parse, parse_plain};
use super::{
    BookAgreement, BookCause, BookReader, BookRow, Learn, Options, Reader, Revealed, Writer,
    check_book,
};
use crate::commands::{Commands, Mode};
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
fn real_variants_of_lines_are_read() {
    let text =
        "1.5,1,1,2,3,1,null\r\n2.000000000001,1,2,2,3,1,UBSS\r\n3,1,3,2,3,1,\n4,3,2,2,3,1,UBSS\n";
    let (messages, faults) = read(reader(text));
    assert_eq!(faults, Vec::<String>::new());
    let account = |it: &VenueMessage| {
        if let VenueEvent::Added { account, .. } = it.event { account } else { None }
    };
    let found: Vec<_> = messages.iter().skip(1).map(|it| (it.time.0, account(it))).collect();
    let ubss = NonZeroU64::new(0x5542_5353);
    let [first, second, third, fourth] = [1.5, 2.0, 3.0, 4.0].map(|at| (at * 1e9) as u64 + 1_000);
    assert_eq!(found, [(first, None), (second, ubss), (third, None), (fourth, None)]);
}

#[test]
fn fast_parser_agrees_with_the_slow_one() {
    let mut random = 1_u64;
    let mut below = |bound: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut fast = 0;
    for _ in 0..20_000 {
        let digits = |below: &mut dyn FnMut(u64) -> u64, most: u64| {
            let count = 1 + below(most);
            (0..count).map(|_| char::from(b'0' + below(10) as u8)).collect::<String>()
        };
        let numbers = [5, 10, 1, 18, 10, 11].map(|most| digits(&mut below, most));
        let [seconds, fraction, kind, order, size, price] = numbers;
        let side = ["1", "-1", "0"][below(3) as usize];
        let end = ["\n", "\r\n", ",null\n", ",null\r\n", ",UBSS\n", ",\n"][below(6) as usize];
        let mut line =
            format!("{seconds}.{fraction},{kind},{order},{size},{price},{side}{end}").into_bytes();
        if below(4) == 0 {
            let at = below(line.len() as u64) as usize;
            line[at] = b"0123456789-.,\n\r\0x"[below(17) as usize];
        }
        let whole = [&line[..], b"34200,1,1,1,1,1\n"].concat();
        let Some(plain) = parse_plain(&whole) else { continue };
        fast += 1;
        let text = whole[..plain.length].strip_suffix(b"\n").unwrap();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let shown = text.escape_ascii().to_string();
        assert!(!text.contains(&b'\n'), "{shown}");
        assert_eq!(
            parse(text).map_err(|_| shown.clone()),
            Ok((plain.time, plain.event)),
            "{shown}"
        );
    }
    assert!(fast > 1_000, "{fast}");
    assert!(parse_plain(b"34200.004241176,1,16113575,18,5853300,1\n34200.1,").is_some());
}

#[test]
fn faulty_line_is_reported_and_the_next_one_read() {
    for (line, expected) in [
        ("34200.5,1,7,100,5853300", "has 5 columns instead of 6"),
        ("34200.5,1,7,100,5853300,1,null,", "has 8 columns instead of 6"),
        ("", "has 1 column instead of 6"),
        ("x,1,7,100,5853300,1", "time \"x\" is not a decimal number"),
        ("-1,1,7,100,5853300,1", "time \"-1\" is not a decimal number"),
        ("86400,1,7,100,5853300,1", "time \"86400\" is not below 86400 seconds"),
        ("86399.9999999996,1,7,1,1,1", "time \"86399.9999999996\" is not below 86400 seconds"),
        ("1,0,7,100,5853300,1", "type \"0\" is not one of 1 to 7"),
        ("1,8,7,100,5853300,1", "type \"8\" is not one of 1 to 7"),
        ("1,12,7,100,5853300,1", "type \"12\" is not one of 1 to 7"),
        ("1,1,-7,100,5853300,1", "order id \"-7\" is not a whole number"),
        ("1,1,7,0,5853300,1", "size \"0\" is not above 0"),
        ("1,2,7,1e2,5853300,1", "size \"1e2\" is not a whole number"),
        ("1,3,7,100,585.33,1", "price \"585.33\" is not a whole number"),
        ("1,4,7,100,5853300,0", "direction \"0\" is not one of 1 and -1"),
        ("1,1,7,4294967296,1,1", "size \"4294967296\" is not below 4294967296"),
        ("1,1,7,1,9999999999,1", "price \"9999999999\" is not between -9999999998 and 9999999998"),
        (
            "1,1,7,1,1,1,UB SS",
            "attribution \"UB SS\" is not one of null and ids of up to eight letters and digits",
        ),
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
            "has 1 column instead of 6, so this is not a LOBSTER message file; it looks like JSON lines",
        ),
        (
            "5859400,200,5853300,18\n5859400,200,5853300,18\n",
            "has 4 columns instead of 6, so this is not a LOBSTER message file; it looks like a LOBSTER order-book file",
        ),
        (
            "\0\u{c}S\0\0\0\n",
            "has 1 column instead of 6, so this is not a LOBSTER message file; it looks like NASDAQ TotalView-ITCH 5.0",
        ),
        ("a\nb\n", "has 1 column instead of 6, so this is not a LOBSTER message file"),
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
    // A part of the order left without a message.
    let (quantity, side, price) = (Some(Quantity(20)), Some(Side::Buy), Some(Price(122)));
    let deleted = VenueEvent::Deleted { order: 1, quantity, side, price };
    let text = written(2, &[added(1, 122), deleted]);
    assert_eq!(text.unwrap(), "2,1,1,50,12200,1\n3,3,1,20,12200,1\n");
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

/// The agreement of the reconstructed book with the order-book file.
fn checked(messages: &str, rows: &str, learn: Learn) -> Result<BookAgreement, RecordingError> {
    let (messages, rows) = (source("m.csv", messages), source("b.csv", rows));
    check_book(messages, rows, (Options::default(), learn), 2, &mut Engine::new(1))
}

#[test]
fn reconstructed_book_equals_the_order_book_file_if_it_learns_from_every_row() {
    assert!(ROWS.contains(BEFORE));
    let agreement = checked(MESSAGES, ROWS, Learn::FirstRow).unwrap();
    assert_eq!((agreement.rows, agreement.agreed), (6, 4));
    assert_eq!(agreement.agreed_by_level, [6, 4]);
    assert_eq!(agreement.count(BookCause::OutOfView), 2);
    assert_eq!(
        agreement.differences()[0].to_string(),
        "row 5: bid 2 is 70 at 5853000 in the file and nothing in the engine: an earlier row does not show this \
         price, so orders came or went there without a message"
    );
    let agreement = checked(MESSAGES, ROWS, Learn::EveryRow).unwrap();
    assert_eq!((agreement.rows, agreement.agreed), (6, 6));
    // Three at the beginning, and the bid of 70.
    assert_eq!(agreement.revealed, Revealed { levels: 4, more: 4, less: 0 });
}

#[test]
fn row_that_contradicts_the_messages_in_view_is_a_difference() {
    for (from, to, cause) in [
        ("5859400,50,5853300,10,", "5859400,60,5853300,10,", BookCause::Missing),
        ("5859400,50,5853300,10,", "5859400,40,5853300,10,", BookCause::Surplus),
    ] {
        let agreement = checked(MESSAGES, &ROWS.replacen(from, to, 1), Learn::EveryRow).unwrap();
        assert_eq!((agreement.rows, agreement.agreed), (6, 5));
        assert_eq!(agreement.count(cause), 1);
        assert_eq!(agreement.differences().len(), 1);
    }
}

/// What a reader reports between the messages of its lines.
fn revealed(messages: &str, rows: &str) -> Vec<String> {
    let rows = BookReader::new(source("b.csv", rows));
    let mut reader = Reader::new(source("m.csv", messages), Options::default());
    reader = reader.with_book(rows, Learn::EveryRow);
    let mut found = Vec::new();
    while let Some(message) = reader.next().unwrap() {
        let number = message.number;
        if let VenueEvent::Rested { order, side, price, quantity } = message.event {
            let order = order.map(|it| format!(" of {it}")).unwrap_or_default();
            found.push(format!("{number}: {side:?} {quantity}@{price}{order}"));
        } else if let VenueEvent::Vanished { order, side, price, quantity } = message.event {
            let order = order.map_or(String::from("rest"), |it| it.to_string());
            found.push(format!("{number}: {side:?} -{quantity}@{price} of {order}"));
        }
    }
    found
}

/// Asks at 10 of orders 1, 2 and 3, which a better one hides, and which come into view again.
const HIDDEN: &str = "1,1,1,5,10,-1\n2,1,2,7,10,-1\n2,1,3,8,10,-1\n3,1,4,1,9,-1\n4,3,4,1,9,-1\n";

#[test]
fn level_that_comes_into_view_reveals_what_happened_behind() {
    for (quantity, expected) in [
        (20, vec![]),
        (25, vec!["5: Sell 5@10"]),
        // One order has the quantity that is gone. Otherwise it is the newest.
        (13, vec!["5: Sell -7@10 of 2"]),
        (11, vec!["5: Sell -8@10 of 3", "5: Sell -1@10 of 2"]),
    ] {
        let row = format!("10,{quantity},-9999999999,0\n");
        let rows = ["10,5,0,0\n10,12,0,0\n10,20,0,0\n9,1,0,0\n", &row].concat();
        assert_eq!(revealed(HIDDEN, &rows), expected, "{quantity}");
    }
    // The level itself is no longer there.
    let rows = "10,5,0,0\n10,12,0,0\n10,20,0,0\n9,1,0,0\n11,4,0,0\n";
    let gone = ["5: Sell -8@10 of 3", "5: Sell -7@10 of 2", "5: Sell -5@10 of 1", "5: Sell 4@11"];
    assert_eq!(revealed(HIDDEN, rows), gone);
}

#[test]
fn message_that_proves_a_guess_wrong_corrects_it() {
    for (message, quantities, expected) in [
        // Order 2 is there after all.
        ("6,3,2,7,10,-1\n", vec![6], vec!["6: Sell -7@10 of 3", "6: Sell 7@10"]),
        // Order 3 had less: a part of it vanished instead of order 2.
        ("6,3,3,6,10,-1\n", vec![7], vec!["6: Sell -2@10 of 3", "6: Sell 2@10"]),
        // Older orders than an executed one are gone.
        (
            "6,4,9,2,10,-1\n",
            vec![11],
            vec!["6: Sell -8@10 of 3", "6: Sell -5@10 of 1", "6: Sell 13@10"],
        ),
        // Newer ones are behind it.
        (
            "6,4,2,7,10,-1\n",
            vec![6],
            vec!["6: Sell -5@10 of 1", "6: Sell -2@10 of 3", "6: Sell 7@10", "6: Sell 6@10 of 3"],
        ),
        // A message about a part of an order does not prove the rest of it.
        ("6,4,1,2,10,-1\n7,4,3,8,10,-1\n", vec![11, 3], vec!["7: Sell -3@10 of 1", "7: Sell 3@10"]),
    ] {
        let after: String = quantities.iter().map(|it| format!("10,{it},0,0\n")).collect();
        let rows = ["10,5,0,0\n10,12,0,0\n10,20,0,0\n9,1,0,0\n10,13,0,0\n", &after].concat();
        let messages = [HIDDEN, message].concat();
        assert_eq!(revealed(&messages, &rows)[1..], expected, "{message}");
        let agreement = checked(&messages, &rows, Learn::EveryRow).unwrap();
        let count = 5 + quantities.len() as u64;
        assert_eq!((agreement.rows, agreement.agreed), (count, count), "{message}");
    }
}

#[test]
fn order_whose_price_stays_in_view_is_never_passed_over() {
    // What came into view rests before order 5 enters, and is still there when order 5 is executed.
    let messages = [HIDDEN, "6,1,5,4,10,-1\n7,4,5,4,10,-1\n"].concat();
    let rows = "10,5,0,0\n10,12,0,0\n10,20,0,0\n9,1,0,0\n10,25,0,0\n10,29,0,0\n10,25,0,0\n";
    let gone = ["7: Sell -8@10 of 3", "7: Sell -7@10 of 2", "7: Sell -5@10 of 1", "7: Sell 20@10"];
    assert_eq!(revealed(&messages, rows)[1..], gone);
    // If the price was out of view in between, everything older may have left.
    let hidden = "6,1,5,4,10,-1\n7,1,6,1,9,-1\n8,3,6,1,9,-1\n9,4,5,4,10,-1\n";
    let messages = [HIDDEN, hidden].concat();
    let rows = rows.replacen("10,29,0,0\n", "10,29,0,0\n9,1,0,0\n10,29,0,0\n", 1);
    let gone = [
        "9: Sell -5@10 of rest",
        "9: Sell -8@10 of 3",
        "9: Sell -7@10 of 2",
        "9: Sell -5@10 of 1",
        "9: Sell 25@10",
    ];
    assert_eq!(revealed(&messages, &rows)[1..], gone);
    let agreement = checked(&messages, &rows, Learn::EveryRow).unwrap();
    assert_eq!((agreement.rows, agreement.agreed), (9, 9));
}

#[test]
fn faulty_line_of_either_file_is_reported_and_the_rest_learned_again() {
    let damaged = MESSAGES.replacen(",2,901", ",x,901", 1);
    let damaged_rows = ROWS.replacen("5859400,50,5853300,10,", "5859400,50,x,10,", 1);
    for (messages, rows, expected) in [
        (damaged.as_str(), ROWS, "m.csv: line 4, byte 72: type \"x\" is not one of 1 to 7"),
        (
            MESSAGES,
            damaged_rows.as_str(),
            "b.csv: line 3, byte 91: bid price \"x\" is not a whole number",
        ),
    ] {
        let rows = BookReader::new(source("b.csv", rows));
        let mut reader = Reader::new(source("m.csv", messages), Options::default());
        reader = reader.with_book(rows, Learn::EveryRow);
        let (mut commands, mut list) = (Commands::new(Mode::Reconstruct), Vec::new());
        let mut faults = Vec::new();
        let mut last = None;
        loop {
            match reader.next() {
                Ok(Some(message)) => commands.apply(&message, &mut list),
                Ok(None) => break,
                Err(error) => faults.push(error.to_string()),
            }
            last = reader.row().cloned().or(last);
        }
        assert_eq!(faults, [expected]);
        let mut engine = Engine::new(1);
        for command in &list {
            engine.apply(command, &mut ());
        }
        let mut found = BookRow { levels: 2, ..BookRow::default() };
        found.take_from(engine.market(MarketId(1)).unwrap());
        assert_eq!(Some(found), last);
    }
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
            "4,2,3,x\n",
            "b.csv: line 1, byte 0: bid size \"x\" is not a whole number, so this is not a LOBSTER order-book file; it looks like CSV with a header",
        ),
        (
            MESSAGES,
            "4,2,3,1,4,1,2,1\n",
            "b.csv: line 1, byte 0: ask price \"4\" is not worse than the price of the level before, so this is not a \
             LOBSTER order-book file",
        ),
    ] {
        let error = checked(messages, rows, Learn::EveryRow).unwrap_err();
        assert_eq!(error.to_string(), expected);
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
