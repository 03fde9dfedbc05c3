//! The fields of messages as bytes.

use std::fmt;

use pricetime_engine::Side;

use super::layout::DAY;
use crate::error::Fault;
use crate::venue::{DayPart, TradingState};

/// A field of a message, which always has the same length.
pub(super) trait Field: Sized {
    /// The number of bytes.
    const LENGTH: usize;

    /// Reads the field from as many bytes.
    fn read(bytes: &[u8]) -> Result<Self, Fault>;

    /// Appends as many bytes.
    fn write(self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Field for $number {
            const LENGTH: usize = size_of::<Self>();

            #[inline]
            fn read(bytes: &[u8]) -> Result<Self, Fault> {
                let mut number = [0; Self::LENGTH];
                number.copy_from_slice(bytes);
                Ok(Self::from_be_bytes(number))
            }

            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        })*
    };
}

numbers!(u16 u32 u64);

macro_rules! codes {
    ($type:ty, $expected:literal, $($code:literal => $($value:tt)::+),+) => {
        impl Field for $type {
            const LENGTH: usize = 1;

            #[inline]
            fn read(bytes: &[u8]) -> Result<Self, Fault> {
                match bytes {
                    $([$code] => Ok($($value)::+),)+
                    _ => Err(Fault::UnknownCode($expected)),
                }
            }

            fn write(self, out: &mut Vec<u8>) {
                out.push(match self { $($($value)::+ => $code),+ });
            }
        }
    };
}

codes!(Side, "B and S", b'B' => Side::Buy, b'S' => Side::Sell);
codes!(bool, "Y and N", b'Y' => true, b'N' => false);
codes!(
    DayPart, "O, S, Q, M, E and C",
    b'O' => DayPart::MessagesBegin, b'S' => DayPart::SystemOpens, b'Q' => DayPart::MarketOpens,
    b'M' => DayPart::MarketCloses, b'E' => DayPart::SystemCloses, b'C' => DayPart::MessagesEnd
);
codes!(
    TradingState, "H, P, Q and T",
    b'H' => TradingState::Halted, b'P' => TradingState::Paused,
    b'Q' => TradingState::Quoting, b'T' => TradingState::Trading
);
codes!(HaltAction, "H and T", b'H' => HaltAction::Halt, b'T' => HaltAction::Resume);

/// What an exchange does about trouble of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltAction {
    /// It stops trading of the stock.
    Halt,
    /// It trades the stock again.
    Resume,
}

/// Characters, padded with spaces on the right. Any bytes are allowed, because NASDAQ adds codes now and then.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Alpha<const N: usize>(pub [u8; N]);

impl<const N: usize> Alpha<N> {
    /// Pads characters. Returns `None` if they are too many.
    #[must_use]
    pub fn padded(characters: &[u8]) -> Option<Self> {
        let mut bytes = [b' '; N];
        bytes.get_mut(..characters.len())?.copy_from_slice(characters);
        Some(Self(bytes))
    }

    /// The characters before the padding.
    #[must_use]
    pub fn trimmed(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }
}

impl<const N: usize> fmt::Debug for Alpha<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<const N: usize> Field for Alpha<N> {
    const LENGTH: usize = N;

    #[inline]
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut characters = [0; N];
        characters.copy_from_slice(bytes);
        Ok(Self(characters))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// A time of day in nanoseconds since midnight, which has six bytes in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// Returns `None` if it is a day or more.
    #[must_use]
    pub const fn new(nanoseconds: u64) -> Option<Self> {
        if nanoseconds < DAY { Some(Self(nanoseconds)) } else { None }
    }

    /// The nanoseconds since midnight.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        self.0
    }
}
