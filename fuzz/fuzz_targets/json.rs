//! Reads arbitrary bytes as incoming text: lines with commands and queries, decimals and times, and
//! imported balances. They are refused with an error that names the position and repeats little of
//! the text, or what was read can be written and read again unchanged. The memory they take is
//! proportional to their length.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use pricetime_engine::{Command, MarketSpec, Notional, Sequence, Timestamp};
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{checked_error, with_memory_limit};
use pricetime_gateway::json::{Amount, Line, StepText, Time};
use pricetime_gateway::{BalanceLine, read_balances, why_not_json_lines};
use pricetime_settlement::ledger::Balance;

fn line(text: &[u8], spec: &MarketSpec) {
    let line = match with_memory_limit(text.len(), 64, || Line::read(text)) {
        Ok(line) => line,
        Err(refused) => {
            assert!(refused.column <= text.len() + 1, "{refused:?}");
            checked_error(&refused);
            return;
        }
    };
    assert_eq!(serde_json::from_slice::<Line>(text).ok().as_ref(), Some(&line));
    let again = serde_json::to_vec(&line).expect("it was read");
    assert_eq!(Line::read(&again).as_ref(), Ok(&line));
    let draft = match line.draft(Some(spec)) {
        Ok(draft) => draft,
        Err(refused) => return drop(checked_error(&refused)),
    };
    let command = Command {
        sequence: Sequence(1),
        timestamp: line.time().map_or(Timestamp(0), |time| time.0),
        market: draft.market,
        account: draft.account,
        operator: draft.operator,
        request: draft.request,
        action: draft.action,
        session: draft.session,
    };
    let written = Line::of(&command, Some(spec)).expect("its market exists");
    assert_eq!(written.draft(Some(spec)), Ok(draft), "{line:?}");
}

fn decimal(text: &str, spec: &MarketSpec) {
    if let Some(amount) = Amount::new(text) {
        assert_eq!(amount.as_str(), text);
        let decimal = amount.decimal();
        let back = |text: String| Amount::new(text).and_then(|it| it.decimal());
        if let Some(Ok(price)) = decimal.map(|it| spec.price(it)) {
            assert_eq!(back(spec.show_price(price)), decimal);
        }
        if let Some(Ok(quantity)) = decimal.map(|it| spec.quantity(it)) {
            assert_eq!(back(spec.show_quantity(quantity)), decimal);
        }
        if let Some(around) = decimal.and_then(|it| spec.prices_around(it)) {
            assert_eq!(around.0.0 + 1, around.1.0);
        }
        if let Some(step) = StepText::Decimal(amount).step() {
            assert_eq!(StepText::from(step).step(), Some(step));
        }
    }
    if let Ok(time) = text.parse::<Time>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}

/// Reads the balances in a text and writes them again.
fn balances(text: &str, spec: &MarketSpec) -> Result<(Vec<Balance>, String), String> {
    let found = read_balances(text.as_bytes(), spec)?;
    let lines = found.iter().filter_map(|it| BalanceLine::of(it, spec));
    let lines = lines.filter_map(|it| serde_json::to_string(&it).ok());
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok((found, text))
}

fn check_balances(text: &str, spec: &MarketSpec) {
    match with_memory_limit(text.len(), 64, || balances(text, spec)) {
        Ok((found, again)) => {
            let accounts: BTreeSet<_> = found.iter().map(|it| it.account).collect();
            assert_eq!(accounts.len(), found.len(), "{found:?}");
            assert_eq!(balances(&again, spec), Ok((found, again)));
        }
        Err(refused) => assert!(checked_error(&refused).starts_with("line "), "{refused}"),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let which = bytes.byte() % 5;
    let spec = loop {
        let spec = bytes.spec();
        if spec.tick.is_valid() && spec.lot.is_valid() {
            break spec;
        }
        if bytes.0.is_empty() {
            return;
        }
    };
    match which {
        0 => {
            assert_eq!(why_not_json_lines("FILE", b"{}\n"), None);
            if let Some(why) = why_not_json_lines("FILE", bytes.0) {
                assert!(checked_error(&why).starts_with("FILE:"), "{why}");
            }
            line(bytes.0, &spec);
        }
        1 => decimal(&bytes.text(), &spec),
        2 => check_balances(&bytes.text(), &spec),
        3 => {
            for number in 0..4 {
                let (base, quote) = (bytes.number(), bytes.number().cast_signed());
                let account = number % 3;
                let good = format!(
                    "{{\"account\":\"{account:032x}\",\"base\":\"{}\",\"quote\":\"{}\"}}\n",
                    spec.show_lots(base.into()),
                    spec.show_notional(Notional(quote.into())),
                );
                check_balances(&good, &spec);
                check_balances(&bytes.corrupt_text(&good), &spec);
            }
        }
        _ => {
            for command in bytes.commands().into_iter().take(8) {
                let Some(good) = Line::of(&command, Some(&spec)) else { continue };
                let mut text = serde_json::to_vec(&good).expect("numbers and texts");
                assert_eq!(Line::read(&text), Ok(good));
                line(&text, &spec);
                bytes.corrupt(&mut text);
                line(&text, &spec);
            }
        }
    }
});
