//! The engine's number types and the only arithmetic that is legal on them.
//!
//! Each kind of number has its own type, so that a price cannot be added to a quantity, or a count
//! be passed as an amount. Nothing here rounds or wraps. The limits that `AddMarket` enforces keep
//! every sum within its type. An operation that would still leave its type means a broken
//! invariant, and it panics.

use core::fmt;
use core::num::NonZeroU32;

/// Declares a number type: a public tuple struct that is displayed as its digits.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// A price in ticks of its market. It can be zero or negative.
    Price(i64)
);
number!(
    /// A quantity in lots of its market. It is never zero in a live order.
    Quantity(u64)
);
number!(
    /// A sum of prices times quantities, in ticks times lots.
    Notional(i128)
);
number!(
    /// The id of a market, chosen by the operator. An id is never used again, even after its market
    /// is removed.
    MarketId(u32)
);
number!(
    /// The number of a command, assigned by the host. Numbers start at 1 and have no gaps.
    Sequence(u64)
);
number!(
    /// A time in nanoseconds since the epoch of the host's clock. Each command carries one.
    Timestamp(u64)
);
number!(
    /// An order's time priority: the lower number entered its queue earlier. Counted per market,
    /// from 1.
    Priority(u64)
);
number!(
    /// The number of a trade. Numbers are counted per market, from 1 and without gaps. Market id
    /// and trade number together identify a trade forever.
    TradeNumber(u64)
);
number!(
    /// The number of an epoch, counted per market, from 1 and without gaps.
    EpochNumber(u64)
);
number!(
    /// The id of an order, chosen by the caller. It is unique among the live orders of its market.
    OrderId(u128)
);
number!(
    /// The id of an account, chosen by the caller.
    AccountId(u128)
);
number!(
    /// An idempotency key, unique per account and market.
    RequestId(u128)
);

/// The number of a client's session, assigned by the host and named by `CancelSession`. It has a
/// meaning only while orders of the session are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct SessionId(pub NonZeroU32);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The two sides of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Side {
    /// Bids.
    Buy,
    /// Asks.
    Sell,
}

impl Side {
    /// Returns `true` if a taker on this side may trade at `price`, given its worst price `bound`.
    pub(crate) fn reaches(self, bound: Option<Price>, price: Price) -> bool {
        match (self, bound) {
            (_, None) => true,
            (Self::Buy, Some(bound)) => price <= bound,
            (Self::Sell, Some(bound)) => price >= bound,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

impl Price {
    /// Returns the price `ticks` higher, or the highest possible price.
    #[must_use]
    pub const fn up(self, ticks: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ticks))
    }

    /// Returns the price `ticks` lower, or the lowest possible price.
    #[must_use]
    pub const fn down(self, ticks: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ticks))
    }

    /// Returns price times quantity. No other product is defined.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Notional {
        // 63 bits times 64 bits: an i128 holds every product.
        Notional(i128::from(self.0).wrapping_mul(i128::from(quantity.0)))
    }
}

impl Quantity {
    /// Zero lots.
    pub const ZERO: Self = Self(0);

    /// Returns `true` if the quantity is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the sum.
    ///
    /// # Panics
    /// Panics if the sum exceeds `u64::MAX`.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("quantities are bounded so that no sum overflows"))
    }

    /// Returns the difference.
    ///
    /// # Panics
    /// Panics if `other` is larger than `self`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("no quantity is reduced by more than its value"))
    }
}

impl Notional {
    /// Returns the sum, saturating at the ends of the type. Only more than 2^33 trades of the
    /// largest size within one epoch reach them.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Declares `next` for counters that no sequence of commands can bring to their end.
macro_rules! counter {
    ($($name:ident),*) => {$(
        impl $name {
            /// The highest value that a restored snapshot may hold. It is so far from the end of
            /// the type that no run of the engine reaches the end.
            pub const HIGHEST: Self = Self(1 << 63);

            /// Returns the next number.
            ///
            /// # Panics
            /// Panics if this is the largest number of the type.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("a counter starts at most at 2^63"))
            }
        }
    )*};
}

counter!(Priority, TradeNumber, EpochNumber);
