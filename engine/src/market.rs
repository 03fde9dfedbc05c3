//! What defines a market: its spec, its terms (which can be changed), its limits and its phase.

use core::fmt;

use crate::quantity::{Price, Quantity};
use crate::step::Step;

/// The definition of a market, as an operator adds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MarketSpec {
    /// The market's name for people, unique among the existing markets.
    pub symbol: Symbol,
    /// The value of one tick of a price.
    pub tick: Step,
    /// The value of one lot of a quantity.
    pub lot: Step,
    /// How a trade is priced in Continuous.
    pub pricing: Pricing,
    /// The largest quantity of an order.
    pub quantity_max: Quantity,
    /// The limits on what the market holds.
    pub limits: Limits,
    /// The part that `SetMarket` can change.
    pub terms: Terms,
}

/// The part of a market's spec that `SetMarket` replaces as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Terms {
    /// The lowest price an order may have.
    pub price_min: Price,
    /// The highest price an order may have.
    pub price_max: Price,
    /// How far from the best price a market order may trade, in ticks; `None` for no bound.
    pub protection_ticks: Option<u64>,
    /// The reference price before the first trade.
    pub reference: Option<Price>,
    /// The fees of a trade.
    pub fees: Fees,
}

/// Fees in millionths of a trade's notional; negative for a rebate. The engine stores them and does
/// not charge them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fees {
    /// The maker's fee.
    pub maker_ppm: i32,
    /// The taker's fee.
    pub taker_ppm: i32,
}

/// How a trade is priced in Continuous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Pricing {
    /// At the resting order's price.
    Maker,
    /// Halfway between the two limit prices. A half tick is rounded toward the maker's price.
    Midpoint,
}

/// The limits on what a market holds. A command that would exceed one is refused. Only a full
/// request window forgets an older request instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// The largest number of live orders, waiting stops included.
    pub orders_max: u32,
    /// The largest number of live orders of one account. A spec of rules version 1 has no such limit.
    #[cfg_attr(feature = "serde", serde(default = "unlimited"))]
    pub orders_per_account_max: u32,
    /// The largest number of requests that the idempotency window remembers; 0 turns it off. An
    /// account that has at most this number divided by the number of accounts in the window loses
    /// no request to others.
    pub requests_max: u32,
    /// The largest number of accounts that can be blocked at once.
    pub blocked_max: u32,
    /// The largest number of parts in which an iceberg may come.
    pub parts_max: u32,
}

#[cfg(feature = "serde")]
const fn unlimited() -> u32 {
    Limits::COUNT_MAX
}

impl Fees {
    /// The highest fee and the highest rebate: the whole notional.
    pub const PPM_MAX: i32 = 1_000_000;
}

impl Limits {
    /// The highest count that a spec can have, except for `parts_max`.
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

/// What is allowed in a market at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Phase {
    /// Incoming orders match at once.
    Continuous,
    /// Orders collect in the book until an uncross matches them at one price.
    Call,
    /// Orders can only be cancelled.
    Halted,
    /// No orders are accepted, and the book is empty.
    Closed,
}

/// A market's name for people: 1 to 24 of the characters `A–Z a–z 0–9 - _ . /`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Symbol([u8; Symbol::LENGTH_MAX]);

/// The error of a text that is not a valid symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSymbol;

impl Symbol {
    /// The maximum length of a symbol, in bytes.
    pub const LENGTH_MAX: usize = 24;

    /// Creates a symbol from text.
    ///
    /// # Errors
    /// Returns [`BadSymbol`] if the text is empty, is longer than 24 bytes, or has any other
    /// character.
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

    /// The symbol as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let used = self.0.split(|b| *b == 0).next().unwrap_or_default();
        core::str::from_utf8(used).unwrap_or_default()
    }

    /// The bytes of the text, padded with zeros.
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
