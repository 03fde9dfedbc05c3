use pricetime_engine::{Price, Quantity, Side, Timestamp};

use super::NINE;
use crate::itch::layout::DAY;
use crate::itch::{Message, Writer};
use crate::venue::{DayPart, Instrument, InstrumentId, InstrumentName, VenueEvent, VenueMessage};

/// What a writer makes of events of one stock with these decimal places.
fn written(places: u8, events: &[VenueEvent]) -> Result<Vec<String>, String> {
    let name = InstrumentName::new(b"BRK.A");
    let listed = VenueEvent::Listed(Instrument { name, price_places: places, round_lot: 1 });
    let mut writer = Writer::new(Vec::new(), "out.itch", Timestamp(0));
    for (number, event) in (1..).zip([&listed].into_iter().chain(events)) {
        let (time, instrument) = (Timestamp(NINE), InstrumentId(70_000));
        let message = VenueMessage { time, number, instrument, event: *event };
        writer.write(&message).map_err(|error| error.to_string())?;
    }
    let bytes = writer.finish().unwrap();
    let mut rest = bytes.as_slice();
    let mut bodies = Vec::new();
    while let [0, length, after @ ..] = rest {
        let (message, after) = after.split_at(usize::from(*length));
        let message = Message::decode(message).unwrap();
        assert!(message.locate < 2);
        bodies.push(format!("{:?}", message.body));
        rest = after;
    }
    assert!(bodies[0].contains("MessagesBegin") && bodies[1].contains("\"BRK.A   \""));
    assert!(bodies.pop().unwrap().contains("MessagesEnd"));
    Ok(bodies.split_off(2))
}

const fn place(order: u64, price: i64, quantity: u64) -> VenueEvent {
    let (price, quantity) = (Price(price), Quantity(quantity));
    VenueEvent::Added { order, side: Side::Buy, price, quantity, account: None }
}

const fn replaced(order: u64, new_order: u64, quantity: u64, keeps_priority: bool) -> VenueEvent {
    let (price, quantity) = (Price(10), Quantity(quantity));
    VenueEvent::Replaced { order, new_order, price, quantity, side: None, keeps_priority }
}

#[test]
fn writer_expresses_what_the_format_has_no_type_for() {
    let add = |order, shares, price| {
        format!(
            "AddOrder(AddOrder {{ order: {order}, side: Buy, shares: {shares}, stock: \"BRK.A   \", price: {price} }})"
        )
    };
    let delete = |order| format!("OrderDelete(OrderDelete {{ order: {order} }})");
    let cancel =
        |order, shares| format!("OrderCancel(OrderCancel {{ order: {order}, shares: {shares} }})");
    let (side, price) = (Side::Buy, Price(10));
    let rested = VenueEvent::Rested { order: None, side, price, quantity: Quantity(70) };
    let (side, price) = (Some(side), Some(price));
    let executed = VenueEvent::Executed {
        order: 3,
        quantity: Quantity(20),
        side,
        price,
        trade: None,
        aggressor: None,
        cross: false,
    };
    let earlier = VenueEvent::Deleted { order: 4, quantity: Some(Quantity(10)), side, price };
    let all = VenueEvent::Reduced { order: 1, quantity: Quantity(9), side: None, price: None };
    let most = u64::MAX;
    let cases: [(&[VenueEvent], Vec<String>); 6] = [
        // A shrunk order keeps its place, a grown one with the same number does not.
        (&[place(1, 10, 9), replaced(1, 1, 7, true)], vec![add(1, 9, 10), cancel(1, 2)]),
        (
            &[place(1, 10, 9), replaced(1, 1, 9, false)],
            vec![add(1, 9, 10), delete(1), add(1, 9, 10)],
        ),
        (&[place(1, 10, 9), place(1, 11, 9)], vec![add(1, 9, 10), delete(1), add(1, 9, 11)]),
        (&[place(1, 10, 9), all], vec![add(1, 9, 10), delete(1)]),
        (&[place(1, 10, 9), VenueEvent::Cleared], vec![add(1, 9, 10), delete(1)]),
        // What rested before the recording is one order for each price.
        (
            &[rested, executed, earlier, VenueEvent::Cleared],
            vec![
                add(most, 70, 10),
                format!(
                    "OrderExecuted(OrderExecuted {{ order: {most}, shares: 20, match_number: 0 }})"
                ),
                cancel(most, 10),
                delete(most),
            ],
        ),
    ];
    for (events, expected) in cases {
        assert_eq!(written(4, events).unwrap(), expected);
    }
    assert_eq!(written(2, &[place(1, 10, 9)]).unwrap(), [add(1, 9, 1_000)]);
}

#[test]
fn writer_refuses_what_the_format_cannot_hold() {
    let cross = VenueEvent::Executed {
        order: 4,
        quantity: Quantity(1),
        side: None,
        price: None,
        trade: None,
        aggressor: None,
        cross: true,
    };
    for (places, event, expected) in [
        (9, place(1, 1, 1), "price \"0.000000001\" has more than 4 decimal places"),
        (4, place(1, -1, 1), "price \"-0.0001\" is not from 0 to 429496.7295"),
        (4, place(1, 1 << 32, 1), "price \"429496.7296\" is not from 0 to 429496.7295"),
        (4, place(1, 1, 1 << 32), "shares \"4294967296\" is not from 1 to 4294967295"),
        (
            4,
            cross,
            "order \"4\" no message before it added this order; a recording can be written only from its first \
             message on",
        ),
    ] {
        let expected = format!("out.itch: record 2: {expected}");
        assert_eq!(written(places, &[event]).unwrap_err(), expected);
    }
    let mut writer = Writer::new(Vec::new(), "out.itch", Timestamp(1_000));
    let event = VenueEvent::DayPart(DayPart::SystemOpens);
    let at = |time| VenueMessage {
        time: Timestamp(time),
        number: 1,
        instrument: InstrumentId(0),
        event,
    };
    for time in [999, DAY + 1_000] {
        let error = writer.write(&at(time)).unwrap_err().to_string();
        let expected =
            format!("out.itch: record 1: time \"{time}\" is not within a day of midnight");
        assert_eq!(error, expected);
    }
    assert!(writer.write(&at(1_000)).is_ok());
}

#[test]
fn long_name_is_cut_and_ends_with_the_number_of_its_instrument() {
    let mut writer = Writer::new(Vec::new(), "out.itch", Timestamp(0));
    for (number, name) in [(7, "SPY240315C"), (65_536, "SPY240315P"), (2, "AAPL")] {
        let name = InstrumentName::new(name.as_bytes());
        let event = VenueEvent::Listed(Instrument { name, price_places: 4, round_lot: 1 });
        let (time, instrument) = (Timestamp(0), InstrumentId(number));
        writer.write(&VenueMessage { time, number: 1, instrument, event }).unwrap();
    }
    let bytes = writer.finish().unwrap();
    for stock in [b"SPY240_7", b"SP_65536", b"AAPL    "] {
        assert!(bytes.windows(8).any(|it| it == stock), "{}", stock.escape_ascii());
    }
}
