//! The exact bytes of commands.

use core::num::NonZeroU32;

use core::fmt::Debug;

use pricetime_engine::{
    AccountId, Action, Amend, Command, EpochNumber, Fees, Limits, MarketId, MarketSpec, OrderId,
    OrderKind, Phase, Place, Price, Pricing, Quantity, RequestId, SelfTrade, Sequence, SessionId,
    Side, Step, Symbol, Terms, TimeInForce, Timestamp,
};

use super::super::wire::Wire;
use super::super::{COMMAND_MAX, CodecError, decode_command, encode_command};
use super::{bytes, table};

/// Checks encoding and decoding, and that fewer bytes are an error.
fn field<T: Wire + Debug + PartialEq>(value: T, hex: &str) {
    let (golden, mut out) = (bytes(hex), Vec::new());
    value.put(&mut out);
    assert_eq!(out, golden, "{value:?}");
    let mut from = golden.as_slice();
    assert_eq!(T::take(&mut from), Ok(value));
    assert!(from.is_empty(), "{hex}");
    for cut in 0..golden.len() {
        assert_eq!(T::take(&mut &golden[..cut]), Err(CodecError::Truncated), "{hex} cut at {cut}");
    }
}

#[test]
fn numbers_are_little_endian() {
    field(Price(-2), "feffffffffffffff");
    field(Price(0x0102_0304_0506_0708), "0807060504030201");
    field(Quantity(u64::MAX), "ffffffffffffffff");
    field(MarketId(0x0102_0304), "04030201");
    field(AccountId(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100), "000102030405060708090a0b0c0d0e0f");
    field(None::<Price>, "00");
    field(Some(Price(1)), "01 0100000000000000");
    field(false, "00");
    field(true, "01");
    field(Step { mantissa: 5, exponent: -2 }, "0500000000000000 fe");
    field(Symbol::new("A-1").expect("one"), "41 2d 31 000000000000000000000000000000000000000000");
}

#[test]
fn every_variant_has_its_golden_bytes() {
    let (stop, price) = (Price(3), Price(-4));
    table! { Side, field:
        Side::Buy = Side::Buy => "01",
        Side::Sell = Side::Sell => "02",
    }
    table! { OrderKind, field:
        OrderKind::Limit { .. } = OrderKind::Limit { price } => "01 fcffffffffffffff",
        OrderKind::Market = OrderKind::Market => "02",
        OrderKind::Stop { .. } = OrderKind::Stop { stop } => "03 0300000000000000",
        OrderKind::StopLimit { .. } = OrderKind::StopLimit { stop, price }
            => "04 0300000000000000 fcffffffffffffff",
    }
    table! { Phase, field:
        Phase::Continuous = Phase::Continuous => "01",
        Phase::Call = Phase::Call => "02",
        Phase::Halted = Phase::Halted => "03",
        Phase::Closed = Phase::Closed => "04",
    }
    table! { Pricing, field:
        Pricing::Maker = Pricing::Maker => "01",
        Pricing::Midpoint = Pricing::Midpoint => "02",
    }
    table! { SelfTrade, field:
        SelfTrade::None = SelfTrade::None => "01",
        SelfTrade::CancelTaker = SelfTrade::CancelTaker => "02",
        SelfTrade::CancelMaker = SelfTrade::CancelMaker => "03",
        SelfTrade::CancelBoth = SelfTrade::CancelBoth => "04",
        SelfTrade::Decrement = SelfTrade::Decrement => "05",
    }
    table! { TimeInForce, field:
        TimeInForce::GoodTillCancel = TimeInForce::GoodTillCancel => "01",
        TimeInForce::ImmediateOrCancel = TimeInForce::ImmediateOrCancel => "02",
        TimeInForce::FillOrKill = TimeInForce::FillOrKill => "03",
        TimeInForce::GoodTillDate(_) = TimeInForce::GoodTillDate(Timestamp(6))
            => "04 0600000000000000",
        TimeInForce::ForEpochs(_) = TimeInForce::ForEpochs(7) => "05 0700000000000000",
    }
}

/// Terms with every field set.
const TERMS: Terms = Terms {
    price_min: Price(-1),
    price_max: Price(2),
    protection_ticks: Some(3),
    reference: Some(Price(1)),
    fees: Fees { maker_ppm: -5, taker_ppm: 6 },
};

fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("AB/C").expect("a symbol"),
        tick: Step { mantissa: 1, exponent: -2 },
        lot: Step { mantissa: 2, exponent: 3 },
        pricing: Pricing::Midpoint,
        quantity_max: Quantity(4),
        limits: Limits {
            orders_max: 5,
            orders_per_account_max: 9,
            requests_max: 6,
            blocked_max: 7,
            parts_max: 8,
        },
        terms: TERMS,
    }
}

/// An order with every field set.
const PLACE: Place = Place {
    order: OrderId(0x11),
    reference: 0x22,
    side: Side::Sell,
    kind: OrderKind::StopLimit { stop: Price(3), price: Price(-4) },
    quantity: Quantity(5),
    time_in_force: TimeInForce::ForEpochs(6),
    post_only: true,
    minimum_quantity: Some(Quantity(7)),
    display_quantity: Some(Quantity(8)),
    self_trade: SelfTrade::Decrement,
};

const SESSION: SessionId = SessionId(NonZeroU32::new(0x0102_0304).expect("not zero"));

/// An amend with every field set.
const AMEND: Amend = Amend {
    order: OrderId(0x11),
    price: Some(Price(1)),
    quantity: Some(Quantity(2)),
    stop_price: Some(Price(3)),
    if_open: Some(Quantity(4)),
    requeue: true,
};

#[test]
fn every_action_has_its_golden_bytes() {
    table! { Action, field:
        Action::AddMarket(_) = Action::AddMarket(spec())
            => "01 41422f43 0000000000000000000000000000000000000000 0100000000000000 fe
                0200000000000000 03 02 0400000000000000 05000000 09000000 06000000 07000000 08000000
                ffffffffffffffff 0200000000000000 01 0300000000000000 01 0100000000000000
                fbffffff 06000000",
        Action::SetMarket(_) = Action::SetMarket(TERMS)
            => "02 ffffffffffffffff 0200000000000000 01 0300000000000000 01 0100000000000000
                fbffffff 06000000",
        Action::RemoveMarket = Action::RemoveMarket => "03",
        Action::Place(_) = Action::Place(PLACE)
            => "04 11000000000000000000000000000000 2200000000000000 02
                04 0300000000000000 fcffffffffffffff 0500000000000000 05 0600000000000000
                01 01 0700000000000000 01 0800000000000000 05",
        Action::Amend(_) = Action::Amend(AMEND)
            => "05 11000000000000000000000000000000 01 0100000000000000 01 0200000000000000
                01 0300000000000000 01 0400000000000000 01",
        Action::Cancel { .. } = Action::Cancel { order: OrderId(9) }
            => "06 09000000000000000000000000000000",
        Action::CancelAll { .. } = Action::CancelAll {
            account: Some(AccountId(9)),
            side: Some(Side::Buy),
        } => "07 01 09000000000000000000000000000000 01 01",
        Action::SetPhase(_) = Action::SetPhase(Phase::Call) => "08 02",
        Action::CloseEpoch { .. } = Action::CloseEpoch { number: EpochNumber(258) }
            => "09 0201000000000000",
        Action::AdvanceTime = Action::AdvanceTime => "0a",
        Action::BlockAccount(_) = Action::BlockAccount(AccountId(9))
            => "0b 09000000000000000000000000000000",
        Action::UnblockAccount(_) = Action::UnblockAccount(AccountId(9))
            => "0c 09000000000000000000000000000000",
        Action::CancelSession { .. } = Action::CancelSession { session: Some(SESSION) }
            => "0d 01 04030201",
    }
}

#[test]
fn omitted_field_of_an_action_is_a_zero() {
    let terms = Terms { protection_ticks: None, reference: None, ..TERMS };
    field(terms, "ffffffffffffffff 0200000000000000 00 00 fbffffff 06000000");
    let kind = OrderKind::Market;
    let time_in_force = TimeInForce::FillOrKill;
    let (minimum_quantity, display_quantity) = (None, None);
    let place = Place {
        kind,
        time_in_force,
        minimum_quantity,
        display_quantity,
        post_only: false,
        ..PLACE
    };
    field(
        place,
        "11000000000000000000000000000000 2200000000000000 02 02 0500000000000000 03 00 00 00 05",
    );
    let (price, quantity, stop_price, if_open) = (None, None, None, None);
    let amend = Amend { price, quantity, stop_price, if_open, requeue: false, ..AMEND };
    field(amend, "11000000000000000000000000000000 00 00 00 00 00");
    field(Action::CancelAll { account: None, side: None }, "07 00 00");
    field(Action::CancelSession { session: None }, "0d 00");
}

fn command(operator: bool, request: Option<RequestId>, action: Action) -> Command {
    let (sequence, timestamp) = (Sequence(77), Timestamp(0x0102_0304_0506_0708));
    let (market, account) = (MarketId(9), AccountId(10));
    Command { sequence, timestamp, market, account, operator, request, action, session: None }
}

/// Checks encoding and decoding, and that fewer or more bytes are an error.
fn whole(command: Command, hex: &str) {
    let (golden, mut out) = (bytes(hex), Vec::new());
    encode_command(&command, &mut out);
    assert_eq!(out, golden, "{command:?}");
    assert_eq!(decode_command(command.sequence, &golden), Ok(command));
    for cut in 0..golden.len() {
        assert_eq!(decode_command(Sequence(1), &golden[..cut]), Err(CodecError::Truncated));
    }
    for left in 1..9 {
        let longer = [golden.as_slice(), &vec![0; left]].concat();
        assert_eq!(decode_command(Sequence(1), &longer), Err(CodecError::Trailing { left }));
    }
}

#[test]
fn command_has_exactly_the_golden_bytes() {
    whole(
        command(true, None, Action::AdvanceTime),
        "0807060504030201 09000000 0a000000000000000000000000000000 01 00 0a",
    );
    whole(
        command(false, Some(RequestId(11)), Action::Place(PLACE)),
        "0807060504030201 09000000 0a000000000000000000000000000000 00
         01 0b000000000000000000000000000000
         04 11000000000000000000000000000000 2200000000000000 02
         04 0300000000000000 fcffffffffffffff 0500000000000000 05 0600000000000000
         01 01 0700000000000000 01 0800000000000000 05",
    );
}

#[test]
fn command_with_a_session_sets_a_flag_beside_the_operator() {
    for (operator, flags) in [(false, "02"), (true, "03")] {
        let request = Some(RequestId(11));
        let command =
            Command { session: Some(SESSION), ..command(operator, request, Action::AdvanceTime) };
        let golden = format!(
            "0807060504030201 09000000 0a000000000000000000000000000000 {flags}
             01 0b000000000000000000000000000000 04030201 0a"
        );
        whole(command, &golden);
    }
    let zero =
        bytes("0807060504030201 09000000 0a000000000000000000000000000000 02 00 00000000 0a");
    let refused = CodecError::Variant { of: "SessionId", found: 0 };
    assert_eq!(decode_command(Sequence(1), &zero), Err(refused));
}

#[test]
fn longest_command_fits_the_limit() {
    let mut out = Vec::new();
    let longest = command(true, Some(RequestId(1)), Action::AddMarket(spec()));
    encode_command(&Command { session: Some(SESSION), ..longest }, &mut out);
    assert_eq!(out.len(), 50 + 114);
    assert!(out.len() <= COMMAND_MAX);
}

/// Checks the number below the first variant, the one after the last, and the highest.
fn refused<T: Wire + Debug + PartialEq>(of: &'static str, last: u8) {
    for found in [0, last + 1, 255] {
        // Enough bytes follow for the fields of any variant.
        let error = CodecError::Variant { of, found };
        assert_eq!(T::take(&mut [&[found][..], &[0; 200]].concat().as_slice()), Err(error));
    }
}

#[test]
fn unknown_variant_number_is_refused_with_the_type_name() {
    refused::<Action>("Action", 13);
    refused::<OrderKind>("OrderKind", 4);
    refused::<Phase>("Phase", 4);
    refused::<Pricing>("Pricing", 2);
    refused::<SelfTrade>("SelfTrade", 5);
    refused::<Side>("Side", 2);
    refused::<TimeInForce>("TimeInForce", 5);
    for found in [2, 255] {
        let variant = |of| CodecError::Variant { of, found };
        assert_eq!(bool::take(&mut &[found][..]), Err(variant("bool")));
        assert_eq!(<Option<u8> as Wire>::take(&mut &[found, 0][..]), Err(variant("Option")));
    }
    // Within a command: its flags, its request, its action.
    let good = bytes("0807060504030201 09000000 0a000000000000000000000000000000 01 00 0a");
    for (at, of) in [(28, "flags"), (29, "Option"), (30, "Action")] {
        let mut bad = good.clone();
        bad[at] = 99;
        let error = CodecError::Variant { of, found: 99 };
        assert_eq!(decode_command(Sequence(1), &bad), Err(error));
    }
}

#[test]
fn invalid_symbol_bytes_are_refused() {
    let filled = |text: &[u8]| {
        let mut symbol = [0; Symbol::LENGTH_MAX];
        symbol[..text.len()].copy_from_slice(text);
        Symbol::take(&mut symbol.as_slice())
    };
    assert_eq!(filled(b"A"), Ok(Symbol::new("A").expect("a symbol")));
    for bad in [&b""[..], b"\0A", b"A\0B", b"A B", b"\xff", "ä".as_bytes()] {
        assert_eq!(filled(bad), Err(CodecError::Symbol), "{bad:?}");
    }
}
