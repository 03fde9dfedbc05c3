//! The error of an invariant that does not hold.

use core::fmt;

use crate::quantity::MarketId;

/// An invariant that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The market, or `None` if it is an invariant of the engine.
    pub market: Option<MarketId>,
    /// The condition that should hold.
    pub invariant: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.market {
            Some(market) => write!(f, "market {market}: broken invariant: {}", self.invariant),
            None => write!(f, "broken invariant: {}", self.invariant),
        }
    }
}

impl core::error::Error for Broken {}

/// Returns `Ok` if the invariant holds, otherwise its name.
pub(crate) fn holds(holds: bool, invariant: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(invariant) }
}
