use std::io::Cursor;

use pricetime_engine::Side;
use pricetime_tests::databento::{Mbo, UNIT, file};

use super::Reader;
use crate::error::RecordingError;
use crate::source::Source;
use crate::venue::{TradingState, VenueEvent, VenueMessage, VenueReader as _};

mod events;
mod files;

fn reader(bytes: Vec<u8>) -> Result<Reader, RecordingError> {
    Reader::new(Source::of("a.dbn", Cursor::new(bytes))?)
}

/// The messages, and the faults of what could not be read.
fn read(bytes: Vec<u8>) -> (Vec<VenueMessage>, Vec<String>) {
    match reader(bytes) {
        Ok(reader) => drain(reader),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    }
}

fn drain(mut reader: Reader) -> (Vec<VenueMessage>, Vec<String>) {
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, faults),
            Err(error) => {
                faults.push(error.to_string());
                if !error.is_in_one_message() {
                    assert_eq!(reader.next().unwrap(), None);
                }
            }
        }
    }
}

fn text(event: &VenueEvent) -> String {
    let side = |side: Option<Side>| side.map_or(String::from("?"), |it| format!("{it:?}"));
    match *event {
        VenueEvent::Added { order, side, price, quantity, account: None } => {
            format!("{side:?} {order} {quantity}@{}", price.0 / UNIT)
        }
        VenueEvent::Reduced { order, quantity, .. } => format!("reduce {order} {quantity}"),
        VenueEvent::Deleted { order, .. } => format!("delete {order}"),
        VenueEvent::Replaced { order, new_order, price, quantity, .. } => {
            assert_eq!(order, new_order);
            format!("replace {order} {quantity}@{}", price.0 / UNIT)
        }
        VenueEvent::Executed { order, quantity, price, aggressor, cross, .. } => {
            let by = aggressor.map_or(String::new(), |it| format!(" by {it}"));
            let cross = if cross { " in a cross" } else { "" };
            format!("execute {order} {quantity}@{}{by}{cross}", price.unwrap().0 / UNIT)
        }
        VenueEvent::HiddenExecuted { side: it, price, quantity, .. } => {
            format!("hidden {} {quantity}@{}", side(it), price.0 / UNIT)
        }
        VenueEvent::Crossed { price, quantity, .. } => {
            format!("cross {quantity}@{}", price.0 / UNIT)
        }
        VenueEvent::StateChanged(TradingState::Trading) => String::from("trading"),
        VenueEvent::StateChanged(TradingState::Quoting) => String::from("quoting"),
        VenueEvent::Cleared => String::from("clear"),
        VenueEvent::Listed(instrument) => instrument.name.to_string(),
        VenueEvent::DayPart(_)
        | VenueEvent::StateChanged(TradingState::Halted | TradingState::Paused)
        | VenueEvent::Rested { .. }
        | VenueEvent::Added { .. }
        | VenueEvent::Vanished { .. }
        | VenueEvent::TradeBroken { .. } => panic!("{event:?}"),
    }
}

/// What records become, without the listing.
fn texts(records: &[Mbo]) -> Vec<String> {
    let (messages, faults) = read(file(records));
    assert_eq!(faults, Vec::<String>::new());
    assert!(matches!(messages[0].event, VenueEvent::Listed(_)), "{messages:?}");
    assert_eq!(messages[1].event, VenueEvent::StateChanged(TradingState::Quoting));
    messages[2..].iter().map(|it| text(&it.event)).collect()
}
