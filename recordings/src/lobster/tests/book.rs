//! What order-book files tell.

use pricetime_engine::{Engine, MarketId};

use super::{MESSAGES, ROWS, source};
use crate::commands::{Commands, Mode};
use crate::error::RecordingError;
use crate::lobster::{
    BookAgreement, BookCause, BookReader, BookRow, Learn, Options, Reader, Revealed, check_book,
};
use crate::venue::{VenueEvent, VenueReader as _};

const BEFORE: &str = "5859500,300,5853200,20";

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
fn files_with_byte_order_marks_and_carriage_returns_are_read() {
    let marked = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let agreement = checked(&marked(MESSAGES), &marked(ROWS), Learn::EveryRow).unwrap();
    assert_eq!((agreement.rows, agreement.agreed), (6, 6));
    let (messages, rows) = (marked(MESSAGES).replace(",1,1,18,", ",1,x,18,"), marked(ROWS));
    let error = checked(&messages, &rows, Learn::EveryRow).unwrap_err();
    let start = "m.csv: line 1, byte 3: order id \"x\" is not a whole number";
    assert!(error.to_string().starts_with(start), "{error}");
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
