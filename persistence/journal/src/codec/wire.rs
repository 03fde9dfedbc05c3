//! The encoding of fields: fixed width, little-endian.

use core::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Action, Amend, EpochNumber, Fees, Limits, MarketId, MarketSpec, OrderId, OrderKind,
    Phase, Place, Price, Pricing, Quantity, RequestId, SelfTrade, SessionId, Side, Step, Symbol,
    Terms, TimeInForce, Timestamp,
};

use super::CodecError;

/// A type that can be encoded and decoded.
pub(super) trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(from: &mut &[u8]) -> Result<Self, CodecError>;
}

fn chunk<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], CodecError> {
    let (chunk, rest) = from.split_first_chunk().ok_or(CodecError::Truncated)?;
    *from = rest;
    Ok(*chunk)
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Wire for $integer {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
                chunk(from).map(Self::from_le_bytes)
            }
        }
    )*};
}

integers!(u8, i8, u32, i32, u64, i64, u128);

/// Encodes a number as the integer that it holds.
macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
                Wire::take(from).map(Self)
            }
        }
    )*};
}

numbers!(Price, Quantity, MarketId, Timestamp, EpochNumber, OrderId, AccountId, RequestId);

impl Wire for SessionId {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.0.get().put(out);
    }

    #[inline]
    fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
        let number = NonZeroU32::new(u32::take(from)?);
        number.map(Self).ok_or(CodecError::Variant { of: "SessionId", found: 0 })
    }
}

impl Wire for bool {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }

    #[inline]
    fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(CodecError::Variant { of: "bool", found }),
        }
    }
}

impl<T: Wire> Wire for Option<T> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => 0_u8.put(out),
            Some(value) => {
                1_u8.put(out);
                value.put(out);
            }
        }
    }

    #[inline]
    fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
        match u8::take(from)? {
            0 => Ok(None),
            1 => T::take(from).map(Some),
            found => Err(CodecError::Variant { of: "Option", found }),
        }
    }
}

impl Wire for Symbol {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
        let bytes: [u8; Self::LENGTH_MAX] = chunk(from)?;
        let text = core::str::from_utf8(&bytes).map_err(|_| CodecError::Symbol)?;
        // Only the zeros at the end are padding. A zero before that is not a valid character of a symbol.
        Self::new(text.trim_end_matches('\0')).map_err(|_| CodecError::Symbol)
    }
}

/// Encodes a struct field by field. If a field is missing here, this does not compile.
macro_rules! structs {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl Wire for $name {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(out);)*
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
                Ok(Self { $($field: Wire::take(from)?),* })
            }
        }
    )*};
}

structs! {
    Amend { order, price, quantity, stop_price, if_open, requeue }
    Fees { maker_ppm, taker_ppm }
    Limits { orders_max, orders_per_account_max, requests_max, blocked_max, parts_max }
    MarketSpec { symbol, tick, lot, pricing, quantity_max, limits, terms }
    Place {
        order, reference, side, kind, quantity, time_in_force, post_only, minimum_quantity,
        display_quantity, self_trade,
    }
    Step { mantissa, exponent }
    Terms { price_min, price_max, protection_ticks, reference, fees }
}

/// Encodes an enum as the number of its variant and what the variant holds. The numbers are stored in
/// every journal and never change.
macro_rules! enums {
    ($($name:ident {
        $($number:literal $variant:ident $(($value:ident))? $({ $($field:ident),* })?),* $(,)?
    })*) => {$(
        impl Wire for $name {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($value))? $({ $($field),* })? => {
                        u8::put(&$number, out);
                        $($value.put(out);)?
                        $($($field.put(out);)*)?
                    })*
                }
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Result<Self, CodecError> {
                match u8::take(from)? {
                    $($number => {
                        $(let $value = Wire::take(from)?;)?
                        $($(let $field = Wire::take(from)?;)*)?
                        Ok(Self::$variant $(($value))? $({ $($field),* })?)
                    })*
                    found => Err(CodecError::Variant { of: stringify!($name), found }),
                }
            }
        }
    )*};
}

enums! {
    Action {
        1 AddMarket(spec), 2 SetMarket(terms), 3 RemoveMarket, 4 Place(place), 5 Amend(amend),
        6 Cancel { order }, 7 CancelAll { account, side }, 8 SetPhase(phase),
        9 CloseEpoch { number }, 10 AdvanceTime, 11 BlockAccount(account),
        12 UnblockAccount(account), 13 CancelSession { session },
    }
    OrderKind { 1 Limit { price }, 2 Market, 3 Stop { stop }, 4 StopLimit { stop, price } }
    Phase { 1 Continuous, 2 Call, 3 Halted, 4 Closed }
    Pricing { 1 Maker, 2 Midpoint }
    SelfTrade { 1 None, 2 CancelTaker, 3 CancelMaker, 4 CancelBoth, 5 Decrement }
    Side { 1 Buy, 2 Sell }
    TimeInForce {
        1 GoodTillCancel, 2 ImmediateOrCancel, 3 FillOrKill, 4 GoodTillDate(time), 5 ForEpochs(n),
    }
}
