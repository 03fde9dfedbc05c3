//! What must always hold, and what it is called when it does not.

use core::fmt;

use crate::quantity::MarketId;

/// An invariant that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where, unless it is the engine's own.
    pub market: Option<MarketId>,
    /// What should hold.
    pub invariant: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.market {
            Some(market) => write!(f, "market {market}: it does not hold that {}", self.invariant),
            None => write!(f, "it does not hold that {}", self.invariant),
        }
    }
}

impl core::error::Error for Broken {}

/// `Ok` where the invariant holds, and its name otherwise.
pub(crate) fn holds(holds: bool, invariant: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(invariant) }
}
