//! What a table has rows of.

use std::num::NonZeroUsize;

/// The rows that are in memory until they are written.
const GROUP_ROWS: usize = 65_536;

/// What a table has rows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One row for each trade.
    Trades,
    /// One row for each change of a level: price, quantity and orders at a place in the book, counted from the best
    /// price, which has 1. A level that is empty has no price.
    Levels,
    /// One row for each event.
    Events,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The decimal places of prices and quantities, at most [`Options::DECIMALS_MAX`].
    pub decimals: u8,
    /// How many levels of each side [`Table::Levels`] follows.
    pub levels: u16,
    /// The rows of a row group. The last one can have fewer.
    pub group_rows: NonZeroUsize,
}

impl Options {
    /// As many decimal places as a tick can have.
    pub const DECIMALS_MAX: u8 = 28;
}

impl Default for Options {
    /// With nine decimal places, 38 digits hold every price and quantity whose tick and lot are at most 10^9 and have
    /// no more decimal places.
    fn default() -> Self {
        let group_rows = const { NonZeroUsize::new(GROUP_ROWS).expect("not zero") };
        Self { decimals: 9, levels: 10, group_rows }
    }
}

impl Table {
    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Levels => "levels",
            Self::Events => "events",
        }
    }
}
