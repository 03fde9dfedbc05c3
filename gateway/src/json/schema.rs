//! The names of the core's enumerations, for the JSON Schema.

use std::borrow::Cow;

use pricetime_engine as engine;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Declares how an enumeration of the core appears in a schema. If a variant is missing here, this does
/// not compile.
macro_rules! names {
    ($($name:ident { $($variant:ident),* $(,)? })*) => {$(
        #[derive(Debug)]
        pub(super) enum $name {}

        impl $name {
            const ALL: &[engine::$name] = &[$(engine::$name::$variant),*];
            const _COMPLETE: fn(engine::$name) = |name| match name {
                $(engine::$name::$variant)|* => {}
            };
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": Self::ALL })
            }
        }
    )*};
}

names! {
    Side { Buy, Sell }
    SelfTrade { None, CancelTaker, CancelMaker, CancelBoth, Decrement }
    Pricing { Maker, Midpoint }
    Phase { Continuous, Call, Halted, Closed }
    ActionKind {
        AddMarket, SetMarket, RemoveMarket, Place, Amend, Cancel, CancelAll, CancelSession, SetPhase,
        CloseEpoch, AdvanceTime, BlockAccount, UnblockAccount,
    }
    Reason {
        UnknownMarket, OutOfSequence, NotOperator, MarketExists, BadSpec, MarketsFull,
        MarketNotEmpty, BlockedFull, NoChange, WrongEpoch, UnknownOrder, NotOwner, WrongPhase,
        Changed, AccountBlocked, ZeroQuantity, QuantityTooLarge, PriceOutOfBand, DuplicateOrderId,
        BadDisplayQuantity, BadMinimumQuantity, BadCombination, AlreadyExpired, WouldTake, BookFull, AccountFull,
        ZeroMarketId, UsedMarketId,
    }
    CancelReason {
        Requested, ImmediateOrCancel, FillOrKill, NoLiquidity, SelfTrade, Expired, EpochEnded,
        PriceProtection, MarketClosed, SessionEnded,
    }
}
