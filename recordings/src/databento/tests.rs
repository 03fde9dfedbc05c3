use std::io::Cursor;

use pricetime_engine::Side;

use super::Reader;
use crate::error::RecordingError;
use crate::source::Source;
use crate::venue::{TradingState, VenueEvent, VenueMessage, VenueReader as _};

mod events;
mod files;

const UNDEF_PRICE: i64 = i64::MAX;
/// `F_LAST`.
const L: u8 = 128;
/// `F_SNAPSHOT` and `F_BAD_TS_RECV`.
const S: u8 = 40;
const UNIT: i64 = 1_000_000_000;

/// The metadata of a version: the instruments with their names.
fn metadata(version: u8, schema: u16, names: &[(&str, &str)]) -> Vec<u8> {
    let symbol_length = if version == 1 { 22 } else { 71 };
    let symbol = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(symbol_length, 0);
        bytes
    };
    let mut content = b"GLBX.MDP3\0\0\0\0\0\0\0".to_vec();
    content.extend(schema.to_le_bytes());
    content.extend([0; 24]);
    content.extend([0; 8].iter().take(if version == 1 { 8 } else { 0 }));
    content.extend([1, 0, 0]);
    if version > 1 {
        content.extend(71_u16.to_le_bytes());
    }
    content.resize(100, 0);
    content.extend(0_u32.to_le_bytes());
    content.extend(1_u32.to_le_bytes());
    content.extend(symbol("ES.FUT"));
    content.extend([0; 8]);
    content.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
    for (name, id) in names {
        content.extend(symbol(name));
        content.extend(1_u32.to_le_bytes());
        content.extend([0; 8]);
        content.extend(symbol(id));
    }
    let mut bytes = vec![b'D', b'B', b'N', version];
    bytes.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    bytes.extend(content);
    bytes
}

/// A record by hand.
#[derive(Clone, Copy)]
struct Mbo {
    publisher: u16,
    instrument: u32,
    time: u64,
    order: u64,
    price: i64,
    size: u32,
    flags: u8,
    action: u8,
    side: u8,
}

impl Mbo {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![14, 160];
        bytes.extend(self.publisher.to_le_bytes());
        bytes.extend(self.instrument.to_le_bytes());
        bytes.extend(self.time.to_le_bytes());
        bytes.extend(self.order.to_le_bytes());
        bytes.extend(self.price.to_le_bytes());
        bytes.extend(self.size.to_le_bytes());
        bytes.extend([self.flags, 0, self.action, self.side]);
        bytes.extend((self.time + 7).to_le_bytes());
        bytes.extend([0; 8]);
        bytes
    }
}

/// A record: action and side, order, price in whole units, size, flags.
fn mbo(code: &[u8; 2], order: u64, price: i64, size: u32, flags: u8) -> Mbo {
    let [action, side] = *code;
    let price = if price == UNDEF_PRICE { price } else { price * UNIT };
    Mbo { publisher: 1, instrument: 7, time: 5, order, price, size, flags, action, side }
}

fn file(records: &[Mbo]) -> Vec<u8> {
    let mut bytes = metadata(3, 0, &[("ESH4", "7")]);
    bytes.extend(records.iter().flat_map(|it| it.bytes()));
    bytes
}

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
