//! What a market is: its spec, the part of it that can be changed, its limits and its phase.

use core::fmt;

use crate::quantity::{Price, Quantity};
use crate::step::Step;

/// Everything that an operator says of a market when it is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketSpec {
    /// The market's name for people; unique among the markets that exist.
    pub symbol: Symbol,
    /// What one tick of a price is worth.
    pub tick: Step,
    /// What one lot of a quantity is worth.
    pub lot: Step,
    /// How a trade is priced in Continuous.
    pub pricing: Pricing,
    /// The largest quantity of an order.
    pub quantity_max: Quantity,
    /// How much of everything the market may hold.
    pub limits: Limits,
    /// What `SetMarket` can change.
    pub terms: Terms,
}

/// The part of a market's spec that `SetMarket` replaces, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Terms {
    /// The lowest price an order may have.
    pub price_min: Price,
    /// The highest price an order may have.
    pub price_max: Price,
    /// How far from the best price a market order may trade; without bound where it is `None`.
    pub protection_ticks: Option<u64>,
    /// The reference price until something has traded.
    pub reference: Option<Price>,
    /// What a trade costs.
    pub fees: Fees,
}

/// Fees in millionths of a trade's notional; a rebate is negative. The core only keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fees {
    /// What the maker pays.
    pub maker_ppm: i32,
    /// What the taker pays.
    pub taker_ppm: i32,
}

/// How a trade is priced in Continuous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Pricing {
    /// At the resting order's price.
    Maker,
    /// Halfway between the two limits, on the tick nearer to the maker.
    Midpoint,
}

/// How much of everything a market may hold. What would go beyond is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// Live orders, waiting stops included.
    pub orders_max: u32,
    /// The same for the orders of one account. A spec of rules version 1 has no such limit.
    #[cfg_attr(feature = "serde", serde(default = "unlimited"))]
    pub orders_per_account_max: u32,
    /// Requests that the idempotency window remembers; 0 turns it off. Divided by the number of
    /// accounts that have requests in it, this is the share that no account loses to others.
    pub requests_max: u32,
    /// Accounts that can be blocked at once.
    pub blocked_max: u32,
    /// Parts that an iceberg may come in.
    pub parts_max: u32,
}

#[cfg(feature = "serde")]
const fn unlimited() -> u32 {
    Limits::COUNT_MAX
}

impl Fees {
    /// The highest fee and the highest rebate: all of the notional.
    pub const PPM_MAX: i32 = 1_000_000;
}

impl Limits {
    /// The highest count that a spec may ask for, `parts_max` excepted.
    pub const COUNT_MAX: u32 = 1 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            orders_max: 1 << 20,
            orders_per_account_max: 10_000,
            requests_max: 65_536,
            blocked_max: 65_536,
            parts_max: 1_000,
        }
    }
}

/// What may happen in a market now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Phase {
    /// Orders match as they come.
    Continuous,
    /// Orders gather; an uncross matches them at one price.
    Call,
    /// Nothing but cancels.
    Halted,
    /// Nothing, and the book is empty.
    Closed,
}

/// A market's name for people: 1 to 24 of the characters `A–Z a–z 0–9 - _ . /`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Symbol([u8; Symbol::LENGTH_MAX]);

/// Why a text is no symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSymbol;

impl Symbol {
    /// The longest symbol, in bytes.
    pub const LENGTH_MAX: usize = 24;

    /// The symbol of this text.
    ///
    /// # Errors
    /// [`BadSymbol`] where it is empty, longer than 24 bytes, or holds any other character.
    pub fn new(text: &str) -> Result<Self, BadSymbol> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        let mut bytes = [0; Self::LENGTH_MAX];
        let room = bytes.get_mut(..text.len()).ok_or(BadSymbol)?;
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(BadSymbol);
        }
        room.copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let used = self.0.split(|b| *b == 0).next().unwrap_or_default();
        core::str::from_utf8(used).unwrap_or_default()
    }

    /// The text's bytes, filled up with zeros.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH_MAX] {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl TryFrom<String> for Symbol {
    type Error = BadSymbol;

    fn try_from(text: String) -> Result<Self, BadSymbol> {
        Self::new(&text)
    }
}

impl core::str::FromStr for Symbol {
    type Err = BadSymbol;

    fn from_str(text: &str) -> Result<Self, BadSymbol> {
        Self::new(text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.as_str().to_owned()
    }
}

impl fmt::Display for BadSymbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a symbol is 1 to 24 of the characters A-Z a-z 0-9 - _ . /")
    }
}

impl core::error::Error for BadSymbol {}
