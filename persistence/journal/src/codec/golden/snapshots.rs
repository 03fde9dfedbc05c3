//! The exact bytes of snapshots.

use core::fmt::Debug;
use core::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Engine, EngineSnapshot, EpochNumber, Fees, Limits, MarketHead, MarketId,
    MarketSnapshot, MarketSpec, Notional, OrderId, OrderKind, OrderRecord, Outcome, Party, Phase,
    Price, Prices, Pricing, Priority, Quantity, Reason, RequestId, RequestRecord, SelfTrade,
    Sequence, SessionId, Side, Step, Symbol, Terms, Timestamp, TradeNumber, Turnover, Until, rules,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::snapshot::{put, take};
use super::super::{CodecError, decode_snapshot, encode_snapshot};
use super::{bytes, table};

const GOLDEN: &str = include_str!("../../../golden/snapshot.hex");

fn head() -> MarketHead {
    MarketHead {
        market: MarketId(2),
        spec: MarketSpec {
            symbol: Symbol::new("GOLD").expect("a symbol"),
            tick: Step { mantissa: 1, exponent: -2 },
            lot: Step { mantissa: 10, exponent: 3 },
            pricing: Pricing::Midpoint,
            quantity_max: Quantity(1_000),
            limits: Limits {
                orders_max: 64,
                orders_per_account_max: Limits::COUNT_MAX,
                requests_max: 32,
                blocked_max: 16,
                parts_max: 8,
            },
            terms: Terms {
                price_min: Price(-100),
                price_max: Price(200),
                protection_ticks: Some(5),
                reference: Some(Price(100)),
                fees: Fees { maker_ppm: -2, taker_ppm: 3 },
            },
        },
        phase: Phase::Continuous,
        last_sequence: Sequence(99),
        last_price: Some(Price(101)),
        last_trade: TradeNumber(2),
        next_priority: Priority(9),
        epoch: EpochNumber(3),
        epoch_first_sequence: Sequence(80),
        turnover: Turnover {
            prices: Some(Prices {
                open: Price(100),
                high: Price(102),
                low: Price(99),
                close: Price(101),
            }),
            volume: 7,
            notional: Notional(703),
            trades: 2,
        },
        accepted: 6,
        cancelled: 1,
    }
}

fn orders() -> [OrderRecord; 3] {
    let limit = OrderRecord {
        party: Party { order: OrderId(17), account: AccountId(33), reference: 49 },
        side: Side::Buy,
        kind: OrderKind::Limit { price: Price(99) },
        until: Until::Cancelled,
        post_only: true,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::CancelTaker,
        open: Quantity(5),
        shown: Quantity(5),
        priority: Priority(3),
        session: None,
    };
    let iceberg = OrderRecord {
        party: Party { order: OrderId(18), account: AccountId(34), reference: 50 },
        side: Side::Sell,
        kind: OrderKind::Limit { price: Price(103) },
        until: Until::Epoch(EpochNumber(9)),
        post_only: false,
        display_quantity: Some(Quantity(10)),
        self_trade: SelfTrade::Decrement,
        open: Quantity(30),
        shown: Quantity(10),
        priority: Priority(5),
        ..limit
    };
    let stop = OrderRecord {
        party: Party { order: OrderId(19), account: AccountId(33), reference: 51 },
        kind: OrderKind::StopLimit { stop: Price(98), price: Price(-50) },
        until: Until::Immediate,
        minimum_quantity: Some(Quantity(2)),
        display_quantity: None,
        self_trade: SelfTrade::None,
        open: Quantity(4),
        shown: Quantity(0),
        priority: Priority(8),
        ..iceberg
    };
    [limit, iceberg, stop]
}

fn state() -> EngineSnapshot {
    let [limit, iceberg, stop] = orders();
    let accepted = RequestRecord {
        account: AccountId(33),
        request: RequestId(81),
        sequence: Sequence(90),
        outcome: Outcome::Accepted,
        content: 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100,
    };
    let refused = RequestRecord {
        account: AccountId(34),
        request: RequestId(82),
        sequence: Sequence(91),
        outcome: Outcome::Rejected(Reason::BookFull),
        content: 1,
    };
    EngineSnapshot {
        rules_version: 1,
        last_sequence: Sequence(100),
        last_timestamp: Timestamp(1_000),
        last_market: MarketId(2),
        markets: vec![MarketSnapshot {
            head: head(),
            resting: vec![limit, iceberg],
            waiting: vec![stop],
            blocked: vec![AccountId(65)],
            requests: vec![accepted, refused],
        }],
    }
}

#[test]
fn snapshot_has_the_golden_bytes() {
    let (state, mut out) = (state(), Vec::new());
    encode_snapshot(&state, &mut out).expect("the state can be encoded");
    assert_eq!(out, bytes(GOLDEN));
    assert_eq!(decode_snapshot(&out), Ok(state.clone()));
    // An engine can hold this state.
    let mut engine = Engine::new(2);
    engine.restore(&state).expect("it breaks no rule");
    assert_eq!(engine.snapshot(), EngineSnapshot { rules_version: rules::VERSION, ..state });
}

#[test]
fn order_ends_with_its_session_since_version_2_of_the_rules() {
    let [limit, ..] = orders();
    let session = Some(SessionId(NonZeroU32::new(0x0102_0304).expect("not zero")));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    put(&limit, &mut without).expect("the state can be encoded");
    put(&OrderRecord { session, ..limit }, &mut with).expect("the state can be encoded");
    let (last, order) = without.split_last().expect("there are bytes");
    assert_eq!(*last, 0);
    assert_eq!(with, [order, &bytes("01 04030201")].concat());
    let mut state = EngineSnapshot { rules_version: 2, ..state() };
    state.markets[0].resting[0].session = session;
    let mut out = Vec::new();
    encode_snapshot(&state, &mut out).expect("the state can be encoded");
    // The difference: one byte for each of three orders, the session, and the limit for an account.
    assert_eq!(out.len(), bytes(GOLDEN).len() + 3 + 4 + 4);
    assert_eq!(decode_snapshot(&out), Ok(state));
}

#[test]
fn empty_engine_has_the_golden_bytes() {
    let (state, mut out) = (EngineSnapshot { rules_version: 1, ..Default::default() }, Vec::new());
    encode_snapshot(&state, &mut out).expect("the state can be encoded");
    let golden = "01000000 0000000000000000 0000000000000000 00000000 0000000000000000";
    assert_eq!(out, bytes(golden));
    assert_eq!(decode_snapshot(&out), Ok(state));
}

#[test]
fn truncated_or_overlong_snapshot_is_refused() {
    let golden = bytes(GOLDEN);
    for cut in 0..golden.len() {
        let error = decode_snapshot(&golden[..cut]).expect_err("bytes are missing");
        assert!(matches!(error, CodecError::Record(_) | CodecError::Count { .. }), "{error}");
    }
    for left in 1..9 {
        let longer = [golden.as_slice(), &vec![0; left]].concat();
        assert_eq!(decode_snapshot(&longer), Err(CodecError::Trailing { left }));
    }
}

/// A list cannot state more records than its bytes can hold, and no text can be longer than a record.
#[test]
fn impossible_length_is_refused() {
    let golden = bytes(GOLDEN);
    let with = |at: usize, stated: u64| {
        let mut bytes = golden.clone();
        bytes[at..at + 8].copy_from_slice(&stated.to_le_bytes());
        decode_snapshot(&bytes)
    };
    // The markets; the resting orders.
    for at in [24, 278] {
        for stated in [100, u64::MAX] {
            let refused = with(at, stated);
            let named =
                matches!(&refused, Err(CodecError::Count { stated: s, .. }) if *s == stated);
            assert!(named, "{refused:?}");
        }
    }
    // The symbol.
    for stated in [4_097, u64::MAX] {
        assert!(matches!(with(36, stated), Err(CodecError::Record(_))));
    }
}

/// Checks encoding and decoding, and that fewer bytes are an error.
fn record<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: T, hex: &str) {
    let (golden, mut out) = (bytes(hex), Vec::new());
    put(&value, &mut out).expect("the state can be encoded");
    assert_eq!(out, golden, "{value:?}");
    let mut from = golden.as_slice();
    assert_eq!(take(&mut from), Ok(value));
    assert!(from.is_empty(), "{hex}");
    for cut in 0..golden.len() {
        let taken: Result<T, CodecError> = take(&mut &golden[..cut]);
        assert!(matches!(taken, Err(CodecError::Record(_))), "{hex} cut at {cut}");
    }
}

/// Variants are numbered in the order of their declaration, so a new one goes to the end.
#[test]
fn every_variant_in_a_snapshot_has_its_golden_bytes() {
    let (stop, price) = (Price(3), Price(-4));
    table! { Side, record:
        Side::Buy = Side::Buy => "00000000",
        Side::Sell = Side::Sell => "01000000",
    }
    table! { OrderKind, record:
        OrderKind::Limit { .. } = OrderKind::Limit { price } => "00000000 fcffffffffffffff",
        OrderKind::Market = OrderKind::Market => "01000000",
        OrderKind::Stop { .. } = OrderKind::Stop { stop } => "02000000 0300000000000000",
        OrderKind::StopLimit { .. } = OrderKind::StopLimit { stop, price }
            => "03000000 0300000000000000 fcffffffffffffff",
    }
    table! { Phase, record:
        Phase::Continuous = Phase::Continuous => "00000000",
        Phase::Call = Phase::Call => "01000000",
        Phase::Halted = Phase::Halted => "02000000",
        Phase::Closed = Phase::Closed => "03000000",
    }
    table! { Pricing, record:
        Pricing::Maker = Pricing::Maker => "00000000",
        Pricing::Midpoint = Pricing::Midpoint => "01000000",
    }
    table! { SelfTrade, record:
        SelfTrade::None = SelfTrade::None => "00000000",
        SelfTrade::CancelTaker = SelfTrade::CancelTaker => "01000000",
        SelfTrade::CancelMaker = SelfTrade::CancelMaker => "02000000",
        SelfTrade::CancelBoth = SelfTrade::CancelBoth => "03000000",
        SelfTrade::Decrement = SelfTrade::Decrement => "04000000",
    }
    table! { Until, record:
        Until::Cancelled = Until::Cancelled => "00000000",
        Until::Immediate = Until::Immediate => "01000000",
        Until::Filled = Until::Filled => "02000000",
        Until::Time(_) = Until::Time(Timestamp(6)) => "03000000 0600000000000000",
        Until::Epoch(_) = Until::Epoch(EpochNumber(7)) => "04000000 0700000000000000",
    }
    table! { Outcome, record:
        Outcome::Accepted = Outcome::Accepted => "00000000",
        Outcome::Rejected(_) = Outcome::Rejected(Reason::UnknownMarket) => "01000000 00000000",
        Outcome::Duplicate = Outcome::Duplicate => "02000000",
    }
}

#[test]
fn every_reason_in_a_snapshot_has_its_golden_bytes() {
    table! { Reason, record:
        Reason::UnknownMarket = Reason::UnknownMarket => "00000000",
        Reason::OutOfSequence = Reason::OutOfSequence => "01000000",
        Reason::NotOperator = Reason::NotOperator => "02000000",
        Reason::MarketExists = Reason::MarketExists => "03000000",
        Reason::BadSpec = Reason::BadSpec => "04000000",
        Reason::MarketsFull = Reason::MarketsFull => "05000000",
        Reason::MarketNotEmpty = Reason::MarketNotEmpty => "06000000",
        Reason::BlockedFull = Reason::BlockedFull => "07000000",
        Reason::NoChange = Reason::NoChange => "08000000",
        Reason::WrongEpoch = Reason::WrongEpoch => "09000000",
        Reason::UnknownOrder = Reason::UnknownOrder => "0a000000",
        Reason::NotOwner = Reason::NotOwner => "0b000000",
        Reason::WrongPhase = Reason::WrongPhase => "0c000000",
        Reason::Changed = Reason::Changed => "0d000000",
        Reason::AccountBlocked = Reason::AccountBlocked => "0e000000",
        Reason::ZeroQuantity = Reason::ZeroQuantity => "0f000000",
        Reason::QuantityTooLarge = Reason::QuantityTooLarge => "10000000",
        Reason::PriceOutOfBand = Reason::PriceOutOfBand => "11000000",
        Reason::DuplicateOrderId = Reason::DuplicateOrderId => "12000000",
        Reason::BadDisplayQuantity = Reason::BadDisplayQuantity => "13000000",
        Reason::BadMinimumQuantity = Reason::BadMinimumQuantity => "14000000",
        Reason::BadCombination = Reason::BadCombination => "15000000",
        Reason::AlreadyExpired = Reason::AlreadyExpired => "16000000",
        Reason::WouldTake = Reason::WouldTake => "17000000",
        Reason::BookFull = Reason::BookFull => "18000000",
        Reason::ZeroMarketId = Reason::ZeroMarketId => "19000000",
        Reason::UsedMarketId = Reason::UsedMarketId => "1a000000",
        Reason::AccountFull = Reason::AccountFull => "1b000000",
    }
}
