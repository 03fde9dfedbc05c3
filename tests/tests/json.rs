//! JSON lines represent commands and events exactly, and the schema describes every line.
#![cfg(feature = "servers")]

use jsonschema::Validator;
use pricetime::Principal;
use pricetime_engine::{Action, Command, Engine, Event, Group, MarketSpec, Price, Symbol};
use pricetime_gateway::json::{
    Answer, BadLine, Done, EventLine, Line, MarketSpecLine, write_command, write_done,
};
use pricetime_tests::record::day;
use schemars::schema_for;
use serde_json::{Value, json};

fn validator<T: schemars::JsonSchema>() -> Validator {
    let schema = serde_json::to_value(schema_for!(T)).expect("a schema is JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// Returns `true` if a decimal of the command has more digits than the gateway accepts, for example
/// because of a tick of 10^28.
fn has_too_many_digits(command: &Command, spec: Option<&MarketSpec>) -> bool {
    let spec = match (&command.action, spec) {
        (Action::AddMarket(spec), _) | (_, Some(spec)) => *spec,
        (_, None) => return false,
    };
    let beyond = |text: String| text.chars().filter(char::is_ascii_digit).count() > 27;
    !spec.tick.is_valid()
        || !spec.lot.is_valid()
        || beyond(spec.show_price(Price(i64::MAX)))
        || beyond(spec.show_lots(i128::from(u64::MAX)))
}

/// Compares what the fast way writes with what the types give.
fn check_written(group: &Group, spec: &MarketSpec) {
    let sender = Principal::accounts([group.header.account]);
    for group in [group.clone(), sender.seen(group.clone()), Principal::Public.seen(group.clone())]
    {
        check_written_as_seen(&group, spec);
    }
}

fn check_written_as_seen(group: &Group, spec: &MarketSpec) {
    for durable in [true, false] {
        let line = durable.then_some(group.header.sequence.0);
        let done = Done { line, durable, ..Done::of_group(group, spec) };
        let expected = serde_json::to_string(&Answer::Done(done)).expect("JSON") + "\n";
        let mut written = Vec::new();
        let parts = (&group.header, &*group.events, group.outcome);
        write_done(&mut written, line, parts, spec, durable).expect("JSON");
        assert_eq!(String::from_utf8(written).expect("text"), expected);
    }
}

#[test]
fn commands_and_events_survive_a_json_round_trip() {
    let (input, output) = (validator::<Line>(), validator::<Answer>());
    let (mut exact, mut all) = (0, 0);
    for seed in 0..24 {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut groups: Vec<Group> = Vec::new();
        for command in &day.commands {
            let before = engine.market(command.market).map(|book| *book.spec());
            engine.apply(command, &mut groups);
            let after = engine.market(command.market).map(|book| *book.spec());
            let group = groups.pop().unwrap();
            if let Some(spec) = before.or(after) {
                let text = serde_json::to_string(&Answer::Done(Done::of_group(&group, &spec)));
                let text = text.unwrap();
                check_written(&group, &spec);
                let Answer::Done(back) = serde_json::from_str(&text).unwrap() else {
                    panic!("{text} is not a done answer");
                };
                assert_eq!(serde_json::to_string(&Answer::Done(back)).unwrap(), text);
                if seed < 4 {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    assert!(output.is_valid(&value), "{text}");
                }
            }
            let mut written = Vec::new();
            let is_written = write_command(&mut written, command, before.as_ref()).unwrap();
            let Some(line) = Line::of(command, before.as_ref()) else {
                assert_eq!((before, is_written, written.len()), (None, false, 0));
                continue;
            };
            all += 1;
            let text = serde_json::to_string(&line).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), format!("{text}\n"));
            if seed < 4 {
                let value: Value = serde_json::from_str(&text).unwrap();
                assert!(input.is_valid(&value), "{text}");
            }
            let read: Line = serde_json::from_str(&text).unwrap();
            assert_eq!(read, line);
            assert_eq!(read.time().unwrap().0, command.timestamp);
            match read.draft(before.as_ref()) {
                Ok(draft) => {
                    exact += 1;
                    assert_eq!(draft.market, command.market);
                    assert_eq!(draft.account, command.account);
                    assert_eq!(draft.operator, command.operator);
                    assert_eq!(draft.request, command.request);
                    assert_eq!(draft.action, command.action, "{text}");
                }
                Err(bad) => assert!(has_too_many_digits(command, before.as_ref()), "{text}: {bad}"),
            }
        }
    }
    assert!(exact * 10 > all * 8, "{exact} of {all} have decimals that fit");
}

/// The command that sends back what an event states about a market.
fn as_input(event: &EventLine, market: u32) -> Option<Line> {
    let (name, mut body) = if let EventLine::MarketAdded(spec) = event {
        ("add_market", json!(spec))
    } else if let EventLine::MarketSet(terms) = event {
        ("set_market", json!(terms))
    } else {
        return None;
    };
    body["market"] = market.into();
    Some(serde_json::from_value(json!({ name: body })).expect("it is a line"))
}

#[test]
fn market_description_is_accepted_as_input_unchanged() {
    let (mut added, mut set) = (0, 0);
    for seed in 0..60 {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut groups: Vec<Group> = Vec::new();
        for command in &day.commands {
            engine.apply(command, &mut groups);
            let group = groups.pop().unwrap();
            let Some(spec) = engine.market(command.market).map(|book| *book.spec()) else {
                continue;
            };
            for event in &group.events {
                let printed = EventLine::of(event, command.market, &spec);
                let Some(line) = as_input(&printed, command.market.0) else { continue };
                match line.draft(Some(&spec)) {
                    Ok(draft) => assert_eq!(draft.action, command.action, "seed {seed}"),
                    Err(bad) => {
                        assert!(has_too_many_digits(command, Some(&spec)), "{printed:?}: {bad}")
                    }
                }
                added += u32::from(matches!(event, Event::MarketAdded(_)));
                set += u32::from(matches!(event, Event::MarketSet(_)));
            }
            let found = MarketSpecLine::of(&spec);
            let printed = EventLine::of(&Event::MarketAdded(spec), command.market, &spec);
            assert_eq!(printed, EventLine::MarketAdded(found));
        }
    }
    assert!(added > 60 && set > 60, "{added} markets, {set} terms");
}

/// The error of a line that is refused.
fn error(line: &str) -> String {
    serde_json::from_str::<Line>(line).expect_err(line).to_string()
}

#[test]
fn unknown_and_duplicate_members_are_refused_with_their_column() {
    let own = "\"account\":\"00000000-0000-0000-0000-000000000007\"";
    let order = "\"order\":\"00000000-0000-0000-0000-000000000001\"";
    let cancel = |rest: &str| format!("{{\"cancel\":{{\"market\":1,{own},{order}{rest}}}}}");
    assert!(serde_json::from_str::<Line>(&cancel("")).is_ok());
    // The line, a part of its error message, and the text after which the error is located.
    let cases = [
        (cancel(",\"pice\":1"), "unknown field `pice`", "\"pice\""),
        (cancel(",\"market\":2"), "duplicate field `market`", ",\"market\""),
        (cancel(",\"time\":\"soon\""), "is not a time like", "\"soon\""),
        (format!("{{\"cancel\":{{\"market\":1,{own}}}}}"), "missing field `order`", "07\"}"),
        (format!("{{\"cansel\":{{\"market\":1,{own}}}}}"), "unknown variant `cansel`", "cansel\""),
        (format!("{{\"cancel\":{{\"market\":-1,{own},{order}}}}}"), "invalid value", "-1"),
        (cancel("").replace('7', "x"), "UUID", "0x\""),
        (cancel("") + "{}", "trailing characters", "}}{"),
        (cancel("").replacen('}', "},\"place\":{}", 1), "expected", "},"),
        (String::from("[]"), "expected", "["),
        (String::from("not json"), "expected", "no"),
    ];
    for (line, what, behind) in cases {
        let message = error(&line);
        assert!(message.contains(what), "{line}\n{message}");
        let column = line.find(behind).unwrap() + behind.len();
        let (_, at) = message.rsplit_once(" at line 1 column ").unwrap();
        assert!(column.abs_diff(at.parse().unwrap()) <= 1, "{line}\n{message}, not {column}");
    }
}

#[test]
fn decimal_must_be_a_string_that_fits_its_market() {
    let spec = MarketSpec { symbol: Symbol::new("X").unwrap(), ..pricetime_tests::load::spec() };
    let place = |price: &str, quantity: &str| {
        format!(
            "{{\"place\":{{\"market\":1,\"account\":\"00000000-0000-0000-0000-000000000007\",\
             \"order\":\"00000000-0000-0000-0000-000000000001\",\"side\":\"buy\",\
             \"type\":\"limit\",\"price\":{price},\"quantity\":{quantity}}}}}"
        )
    };
    assert!(error(&place("0.1", "\"1\"")).contains("expected a string"));
    assert!(error(&place("\"1e3\"", "\"1\"")).contains("a decimal in a string"));
    let draft = |price: &str, quantity: &str| {
        let line: Line = serde_json::from_str(&place(price, quantity)).unwrap();
        line.draft(Some(&spec)).map_err(|bad| bad.to_string())
    };
    assert!(draft("\"1\"", "\"1\"").is_ok());
    let refused = draft("\"0.00000000001\"", "\"1\"").unwrap_err();
    assert!(
        refused.starts_with("price: 0.00000000001 is not a multiple of the tick "),
        "{refused}"
    );
    let refused = draft("\"1\"", "\"-1\"").unwrap_err();
    assert!(refused.starts_with("quantity: -1 is not from 0 to "), "{refused}");
    let refused = draft(&format!("\"{}\"", "1".repeat(60_000)), "\"1\"").unwrap_err();
    assert_eq!(refused, format!("price: {}… has more than 28 digits", "1".repeat(64)));
    let line: Line = serde_json::from_str(&place("\"1\"", "\"1\"")).unwrap();
    assert!(matches!(line.draft(None), Err(BadLine::UnknownMarket(_))));
}
