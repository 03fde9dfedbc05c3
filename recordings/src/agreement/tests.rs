use pricetime_engine::Engine;

use super::{Agreement, Cause, ComparedEngine};
use crate::commands::{Commands, Mode};
use crate::lobster::{Options, Reader};
use crate::source::Source;
use crate::venue::VenueReader as _;

/// Rematches a message file.
fn rematched(text: &str) -> ComparedEngine {
    let source = Source::of("A_message.csv", std::io::Cursor::new(text.to_owned())).unwrap();
    let mut reader = Reader::new(source, Options::default());
    let mut commands = Commands::new(Mode::Rematch);
    let mut compared = ComparedEngine::new(Engine::new(1), Agreement::new(1));
    while let Some(message) = reader.next().unwrap() {
        commands.apply(&message, &mut compared);
    }
    commands.finish(&mut compared);
    compared
}

const ASKS: &str = "1,1,1,50,100,-1\n1,1,2,50,100,-1\n1,1,3,50,101,-1\n";

#[test]
fn every_execution_agrees_or_has_a_cause() {
    for (messages, agreed, cause, difference) in [
        ("2,4,1,50,100,-1\n2,4,2,50,100,-1\n2,4,3,10,101,-1\n", 3, None, ""),
        // The rest of the aggressor's order rests.
        ("2,4,1,50,100,-1\n2,4,2,50,100,-1\n2,1,9,7,100,1\n3,4,9,7,100,1\n", 3, None, ""),
        // Two executions of one order by one aggressor are one trade.
        ("2,4,1,20,100,-1\n2,4,1,10,100,-1\n", 1, None, ""),
        (
            "2,4,2,50,100,-1\n",
            0,
            Some(Cause::OtherPriority),
            "message 4: the exchange executed 50 of order 2 at 100, the engine 50 of order 1 at 100: the engine \
             filled another order at this price first",
        ),
        (
            "2,4,3,20,101,-1\n",
            0,
            Some(Cause::BetterPrice),
            "message 4: the exchange executed 20 of order 3 at 101, the engine 20 of order 1 at 100: the engine had \
             orders at a better price",
        ),
        (
            "2,4,1,50,99,-1\n",
            0,
            Some(Cause::OtherPrice),
            "message 4: the exchange executed 50 of order 1 at 99, the engine 50 of order 1 at 100: the exchange \
             executed it at a price other than the order's own",
        ),
        (
            "2,4,1,60,100,-1\n",
            0,
            Some(Cause::OtherQuantity),
            "message 4: the exchange executed 60 of order 1 at 100, the engine 50 of order 1 at 100: the engine \
             filled another quantity of it",
        ),
        ("2,4,8,60,100,-1\n", 0, Some(Cause::Unknown), ""),
        ("2,5,0,60,100,-1\n", 0, Some(Cause::Hidden), ""),
        ("2,7,0,0,-1,-1\n2,4,1,50,100,-1\n", 0, Some(Cause::Cross), ""),
    ] {
        let compared = rematched(&format!("{ASKS}{messages}"));
        let agreement = compared.agreement;
        let found: Vec<_> = agreement.differences().iter().map(ToString::to_string).collect();
        assert_eq!(found.first().map_or("", String::as_str), difference);
        assert_eq!(agreement.agreed, agreed, "{messages}");
        let causes = cause.into_iter().map(|it| agreement.count(it)).sum::<u64>();
        assert_eq!(agreement.executions, agreed + causes, "{messages}");
        assert_eq!(agreement.comparable(), agreed + found.len() as u64, "{messages}");
        assert_eq!(compared.refused, 0, "{messages}");
    }
}

#[test]
fn order_that_only_the_exchange_filled_does_not_stay() {
    // The engine fills order 1 instead of order 2. The exchange then fills order 1, which the engine has not.
    let compared = rematched(&format!("{ASKS}2,4,2,50,100,-1\n3,4,1,50,100,-1\n4,3,3,50,101,-1\n"));
    let agreement = compared.agreement;
    assert_eq!((agreement.count(Cause::OtherPriority), agreement.count(Cause::Earlier)), (1, 1));
    assert_eq!((agreement.trades, agreement.unexpected), (1, 1));
    assert_eq!(compared.engine.markets().next().unwrap().live(), 0);
}

#[test]
fn trade_without_an_execution_is_unexpected() {
    let compared = rematched(&format!("{ASKS}2,1,9,10,100,1\n"));
    let agreement = compared.agreement;
    assert_eq!((agreement.executions, agreement.trades, agreement.unexpected), (0, 1, 1));
}
