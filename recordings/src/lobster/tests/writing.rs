//! What becomes a message file.

use pricetime_engine::{Price, Quantity, Side, Timestamp};

use crate::error::RecordingError;
use crate::lobster::Writer;
use crate::venue::{Instrument, InstrumentId, InstrumentName, VenueEvent, VenueMessage};

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
        (9, added(1, 1), "out.csv: record 2: price \"0.000000001\" has more than 4 decimal places"),
        (
            4,
            deleted,
            "out.csv: record 2: order id \"4\" no message before it added this order; a recording can be written only from its first message on",
        ),
    ] {
        assert_eq!(written(places, &[event]).unwrap_err().to_string(), expected);
    }
}
