use pricetime_engine::{Engine, Side};
use pricetime_tests::databento::{LAST as L, Mbo, SNAPSHOT as S, UNDEF_PRICE, UNIT, file, mbo};

use super::{reader, texts};
use crate::agreement::{Agreement, ComparedEngine};
use crate::commands::{Commands, Mode};
use crate::venue::VenueReader as _;

#[test]
fn records_outside_of_trades_become_messages_in_their_order() {
    let cases: [(&[Mbo], &[&str]); 7] = [
        (&[mbo(b"AB", 1, 10, 5, L), mbo(b"AA", 2, -11, 5, L)], &["Buy 1 5@10", "Sell 2 5@-11"]),
        (
            &[mbo(b"CB", 1, 10, 2, L), mbo(b"CN", 1, UNDEF_PRICE, 3, L)],
            &["reduce 1 2", "reduce 1 3"],
        ),
        (&[mbo(b"MB", 1, 9, 5, L), mbo(b"MN", 1, 9, 4, L)], &["replace 1 5@9", "replace 1 4@9"]),
        (
            &[mbo(b"RN", 0, UNDEF_PRICE, 0, 0), mbo(b"NN", 0, UNDEF_PRICE, 0, L)],
            &["clear", "quoting"],
        ),
        // A snapshot, whose last record is not marked.
        (
            &[
                mbo(b"RN", 0, UNDEF_PRICE, 0, S),
                mbo(b"AB", 1, 12, 5, S),
                mbo(b"AA", 2, 11, 5, S),
                mbo(b"AB", 3, 12, 5, S),
                mbo(b"CB", 3, 12, 5, L),
            ],
            &["clear", "quoting", "Buy 1 5@12", "Sell 2 5@11", "Buy 3 5@12", "reduce 3 5"],
        ),
        // The best price of a side, and a price level, without orders.
        (
            &[
                mbo(b"AB", 0, 10, 5, L | 64),
                mbo(b"AA", 0, 11, 6, L | 64),
                mbo(b"AB", 0, UNDEF_PRICE, 0, L | 64),
                mbo(b"AA", 0, 11, 7, L | 16),
            ],
            &["replace 0 5@10", "replace 1 6@11", "delete 0", "replace 11000000000 7@11"],
        ),
        // A self-trade is prevented: the resting order is cancelled before the other one enters.
        (&[mbo(b"AB", 2, 10, 5, 0), mbo(b"CA", 1, 10, 5, L)], &["reduce 1 5", "Buy 2 5@10"]),
    ];
    for (records, expected) in cases {
        assert_eq!(texts(records), expected);
    }
}

/// The records of an event, and the messages that are expected.
type Case<'a> = (&'a str, &'a [Mbo], &'a [&'a str]);

fn check(cases: &[Case<'_>]) {
    for (name, records, expected) in cases {
        assert_eq!(texts(records), *expected, "{name}");
    }
}

#[test]
fn each_execution_of_an_event_is_reported_once() {
    let cases: [Case<'_>; 6] = [
        (
            "one order, filled",
            &[mbo(b"TB", 9, 10, 5, 0), mbo(b"FA", 1, 10, 5, 0), mbo(b"CA", 1, 10, 5, L)],
            &["trading", "execute 1 5@10 by 9"],
        ),
        (
            "one order, filled in part: the M repeats what the book already is",
            &[mbo(b"TA", 9, 10, 2, 0), mbo(b"FB", 1, 10, 2, 0), mbo(b"MB", 1, 10, 3, L)],
            &["trading", "execute 1 2@10 by 9", "replace 1 3@10"],
        ),
        (
            "the order is filled in part, and the rest is cancelled",
            &[mbo(b"TB", 9, 10, 2, 0), mbo(b"FA", 1, 10, 2, 0), mbo(b"CA", 1, 10, 5, L)],
            &["trading", "execute 1 2@10 by 9", "reduce 1 3"],
        ),
        (
            "the aggressor sets off a stop, and its rest comes last",
            &[
                mbo(b"TB", 9, 10, 5, 0),
                mbo(b"FA", 1, 10, 5, 0),
                mbo(b"TB", 9, 11, 5, 0),
                mbo(b"FA", 2, 11, 5, 0),
                mbo(b"TB", 8, 12, 5, 0),
                mbo(b"FA", 3, 12, 5, 0),
                mbo(b"AB", 9, 11, 4, 0),
                mbo(b"CA", 1, 10, 5, 0),
                mbo(b"CA", 2, 11, 5, 0),
                mbo(b"MA", 3, 12, 1, L),
            ],
            &[
                "trading",
                "execute 1 5@10 by 9",
                "execute 2 5@11 by 9",
                "Buy 9 4@11",
                "execute 3 5@12 by 8",
                "replace 3 1@12",
            ],
        ),
        (
            "an order that rested before hits others, and is filled",
            &[
                mbo(b"TB", 9, 11, 5, 0),
                mbo(b"FB", 9, 11, 5, 0),
                mbo(b"FA", 1, 11, 5, 0),
                mbo(b"CB", 9, 10, 5, 0),
                mbo(b"CA", 1, 11, 5, L),
            ],
            &["trading", "reduce 9 5", "execute 1 5@11 by 9"],
        ),
        (
            "an order that rested before hits others, and rests again",
            &[
                mbo(b"TA", 9, 10, 2, 0),
                mbo(b"FA", 9, 10, 2, 0),
                mbo(b"FB", 1, 10, 2, 0),
                mbo(b"CB", 1, 10, 2, 0),
                mbo(b"MA", 9, 10, 3, L),
            ],
            &["trading", "delete 9", "execute 1 2@10 by 9", "Sell 9 3@10"],
        ),
    ];
    check(&cases);
}

#[test]
fn hidden_orders_auctions_and_trades_of_other_exchanges_are_told_apart() {
    let cases: [Case<'_>; 9] = [
        (
            "an iceberg trades more than it shows",
            &[mbo(b"TB", 9, 10, 25, 0), mbo(b"FA", 1, 10, 25, 0), mbo(b"CA", 1, 10, 1, L)],
            &["trading", "execute 1 1@10 by 9", "hidden Sell 24@10"],
        ),
        (
            "an iceberg shows its next part",
            &[mbo(b"TB", 9, 10, 4, 0), mbo(b"FA", 1, 10, 4, 0), mbo(b"MA", 1, 10, 3, L)],
            &["trading", "execute 1 4@10 by 9", "replace 1 3@10"],
        ),
        (
            "an order that the book does not show",
            &[mbo(b"TB", 9, 10, 4, 0), mbo(b"FA", 1, 10, 4, L)],
            &["trading", "hidden Sell 4@10"],
        ),
        (
            "an implied trade has fewer fills",
            &[mbo(b"TB", 9, 10, 7, 0), mbo(b"FA", 1, 10, 5, 0), mbo(b"CA", 1, 10, 5, L)],
            &["trading", "execute 1 5@10 by 9", "hidden Sell 2@10"],
        ),
        (
            "a trade without a side says nothing about the book",
            &[mbo(b"TN", 9, 10, 7, L), mbo(b"AB", 3, 9, 1, L)],
            &["hidden ? 7@10", "Buy 3 1@9"],
        ),
        (
            "an auction",
            &[
                mbo(b"TN", 0, 10, 5, 0),
                mbo(b"FN", 1, 10, 5, 0),
                mbo(b"FN", 2, 10, 4, 0),
                mbo(b"FN", 3, 10, 1, 0),
                mbo(b"CB", 1, 12, 5, 0),
                mbo(b"CA", 2, 9, 4, L),
            ],
            &[
                "cross 5@10",
                "execute 1 5@10 in a cross",
                "execute 2 4@10 in a cross",
                "hidden ? 1@10",
            ],
        ),
        (
            "the aggressor has no number, and the rest of an order stays",
            &[mbo(b"TB", 0, 10, 2, 0), mbo(b"FA", 1, 10, 2, 0), mbo(b"CA", 1, 10, 2, L)],
            &["trading", "execute 1 2@10"],
        ),
        (
            "the trade has the number of the order that rested",
            &[mbo(b"TB", 1, 10, 2, 0), mbo(b"FA", 1, 10, 2, 0), mbo(b"CA", 1, 10, 2, L)],
            &["trading", "execute 1 2@10"],
        ),
        (
            "a self-trade is prevented before the trade",
            &[
                mbo(b"TB", 9, 10, 5, 0),
                mbo(b"FA", 2, 10, 5, 0),
                mbo(b"CA", 2, 10, 5, 0),
                mbo(b"CA", 1, 10, 5, L),
            ],
            &["trading", "reduce 1 5", "execute 2 5@10 by 9"],
        ),
    ];
    check(&cases);
}

#[test]
fn event_ends_with_another_time_with_a_clear_and_with_the_file() {
    let (trade, fill) = (mbo(b"TB", 9, 10, 5, 0), mbo(b"FA", 1, 10, 5, 0));
    let cancel = mbo(b"CA", 1, 10, 5, 0);
    let later = Mbo { time: 6, ..mbo(b"AB", 3, 9, 1, 0) };
    let executed = ["trading", "execute 1 5@10 by 9"];
    assert_eq!(texts(&[trade, fill, cancel]), executed);
    assert_eq!(texts(&[trade, fill, cancel, later])[2..], ["Buy 3 1@9"]);
    let clear = mbo(b"RN", 0, UNDEF_PRICE, 0, L);
    assert_eq!(
        texts(&[trade, fill, cancel, clear, trade])[2..],
        ["clear", "quoting", "trading", "hidden Sell 5@10"]
    );
}

#[test]
fn engine_repeats_the_executions_of_an_event_and_ends_with_its_book() {
    let records = [
        mbo(b"AA", 1, 10, 5, L),
        mbo(b"AA", 2, 10, 5, L),
        mbo(b"AA", 3, 11, 5, L),
        mbo(b"TB", 9, 10, 10, 0),
        mbo(b"FA", 1, 10, 5, 0),
        mbo(b"FA", 2, 10, 5, 0),
        mbo(b"TB", 9, 11, 2, 0),
        mbo(b"FA", 3, 11, 2, 0),
        mbo(b"CA", 1, 10, 5, 0),
        mbo(b"CA", 2, 10, 5, 0),
        mbo(b"MA", 3, 11, 3, L),
        mbo(b"MA", 3, 11, 2, L),
        mbo(b"AB", 4, 9, 1, L),
    ];
    for mode in [Mode::Rematch, Mode::Reconstruct] {
        let mut reader = reader(file(&records)).unwrap();
        let mut commands = Commands::new(mode);
        let mut compared = ComparedEngine::new(Engine::new(1), Agreement::default());
        while let Some(message) = reader.next().unwrap() {
            commands.apply(&message, &mut compared);
        }
        commands.finish(&mut compared);
        assert_eq!((compared.refused, compared.agreement.unexpected), (0, 0), "{mode:?}");
        let expected = if mode == Mode::Rematch { (3, 3) } else { (0, 0) };
        assert_eq!((compared.agreement.executions, compared.agreement.agreed), expected);
        let book = compared.engine.markets().next().unwrap();
        let best = [Side::Buy, Side::Sell].map(|side| book.best(side).unwrap());
        assert_eq!(best.map(|it| (it.price.0 / UNIT, it.quantity.0)), [(9, 1), (11, 2)]);
    }
}
