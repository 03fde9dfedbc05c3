//! ITCH files.

use pricetime_engine::Timestamp;
use pricetime_recordings::VenueMessage;
use pricetime_recordings::itch::{
    AddOrder, Alpha, Body, Message, Options, OrderCancel, OrderDelete, OrderExecuted, OrderReplace,
    Reader, Time, Writer,
};
use pricetime_tests::itch::{TYPES, framed, random_message};

use super::{execute, messages, source};
use crate::Bytes;

const NAME: &str = "day.itch";

/// A file of messages of every type. Most are about the same few orders.
pub fn file(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..bytes.byte() % 64 {
        let mut message = Vec::new();
        match bytes.byte() % 8 {
            0 => {
                let kind = bytes.pick(&TYPES);
                message = random_message(kind, &mut || bytes.number());
            }
            kind => order_message(kind, bytes).encode(&mut message),
        }
        all.push(message);
    }
    // A file without lengths begins with the start of messages.
    let mut file = if bytes.once_in(4) { all.concat() } else { framed(&all) };
    bytes.corrupt(&mut file);
    file
}

fn order_message(kind: u8, bytes: &mut Bytes<'_>) -> Message {
    let (order, shares) = (u64::from(bytes.byte() % 16), 1 + u32::from(bytes.byte() % 8));
    let price = 10 + u32::from(bytes.byte() % 8);
    let side = bytes.side();
    let body = match kind {
        1..=3 => {
            let stock = Alpha(*bytes.pick(&[b"AAPL    ", b"MSFT    "]));
            Body::AddOrder(AddOrder { order, side, shares, stock, price })
        }
        4 => Body::OrderExecuted(OrderExecuted { order, shares, match_number: 1 }),
        5 => Body::OrderCancel(OrderCancel { order, shares }),
        6 => Body::OrderDelete(OrderDelete { order }),
        _ => {
            let new_order = u64::from(bytes.byte() % 16);
            Body::OrderReplace(OrderReplace { order, new_order, shares, price })
        }
    };
    let (locate, tracking) = (u16::from(bytes.byte() % 2), 0);
    let time = Time::new(u64::from(bytes.byte() % 4)).expect("within a day");
    Message { locate, tracking, time, body }
}

/// Reads a file, executes its messages, and writes them. What was written and read again is written the same.
pub fn read(bytes: &[u8]) {
    let Some(messages) = parsed(bytes) else { return };
    execute(&messages);
    let written = written(&messages);
    if let Some(again) = parsed(&written).filter(|_| !written.is_empty()) {
        assert_eq!(self::written(&again), written);
    }
}

fn parsed(bytes: &[u8]) -> Option<Vec<VenueMessage>> {
    let mut reader = Reader::new(source(NAME, bytes)?, Options::default());
    Some(messages(&mut reader, NAME, bytes.len()))
}

/// What the writer does not refuse of these messages.
fn written(messages: &[VenueMessage]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), NAME, Timestamp(0));
    for message in messages {
        // The format has no message for everything.
        let _ = writer.write(message);
    }
    writer.finish().expect("memory")
}
