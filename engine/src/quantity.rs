//! The numbers of the core and the only arithmetic that is legal on them.
//!
//! Each number is a type of its own, so that a price cannot be added to a quantity and a count
//! cannot pass for an amount. Nothing here rounds and nothing wraps: the limits that `AddMarket`
//! enforces keep every sum within its type, and an operation that would leave it all the same is a
//! broken invariant, which panics.

use core::fmt;
use core::num::NonZeroU32;

/// Declares a number: a public tuple struct that prints as its digits.
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
    /// A price in ticks of its market. Zero and negative prices are prices like any other.
    Price(i64)
);
number!(
    /// An amount in lots of its market. Never zero in a live order.
    Quantity(u64)
);
number!(
    /// A sum of prices times quantities, in ticks times lots.
    Notional(i128)
);
number!(
    /// The name of a market, given by the operator. Once used, an id is never used again.
    MarketId(u32)
);
number!(
    /// The number of a command: dense, from 1, stamped by the host.
    Sequence(u64)
);
number!(
    /// Nanoseconds since the epoch of the host's clock, carried by the command.
    Timestamp(u64)
);
number!(
    /// A place in time: the lower number entered its queue earlier. Per market, from 1.
    Priority(u64)
);
number!(
    /// The number of a trade: dense per market, from 1. (market, number) names a trade for ever.
    TradeNumber(u64)
);
number!(
    /// The number of an epoch: dense per market, from 1.
    EpochNumber(u64)
);
number!(
    /// The name of an order, given by the caller; unique among the live orders of its market.
    OrderId(u128)
);
number!(
    /// The name of an account, given by the caller.
    AccountId(u128)
);
number!(
    /// An idempotency key, unique per account and market.
    RequestId(u128)
);

/// The number of a client's session, given by the host: what `CancelSession` names. It means something
/// only while its orders live.
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
    /// Whether a taker of this side may trade at `price` when `bound` is its worst.
    pub(crate) fn reaches(self, bound: Option<Price>, price: Price) -> bool {
        match (self, bound) {
            (_, None) => true,
            (Self::Buy, Some(bound)) => price <= bound,
            (Self::Sell, Some(bound)) => price >= bound,
        }
    }

    /// The side that this one trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

impl Price {
    /// The price `ticks` further up, or the highest there is.
    #[must_use]
    pub const fn up(self, ticks: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ticks))
    }

    /// The price `ticks` further down, or the lowest there is.
    #[must_use]
    pub const fn down(self, ticks: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ticks))
    }

    /// What `quantity` costs at this price: the only product there is.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Notional {
        // 63 bits times 64 bits: an i128 holds every product.
        Notional(i128::from(self.0).wrapping_mul(i128::from(quantity.0)))
    }
}

impl Quantity {
    /// No lots.
    pub const ZERO: Self = Self(0);

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("quantities are bounded so that no sum overflows"))
    }

    /// The difference; `other` is not more than `self`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("nothing gives more than it has"))
    }
}

impl Notional {
    /// The sum, held at the ends of the type: only more than 2^33 trades of the largest size within
    /// one epoch get there.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Declares the step of a counter that no command can drive to its end.
macro_rules! counter {
    ($($name:ident),*) => {$(
        impl $name {
            /// The highest value that a restored snapshot may hold: far enough from the end of the
            /// type that no run of the engine gets there.
            pub const HIGHEST: Self = Self(1 << 63);

            /// The number after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("a counter starts at most at 2^63"))
            }
        }
    )*};
}

counter!(Priority, TradeNumber, EpochNumber);
