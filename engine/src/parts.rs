//! The hidden parts of icebergs, which come up behind all that stood at their price, in the same order,
//! round by round.

use crate::quantity::Quantity;

/// The hidden parts of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) hidden: Quantity,
    /// How large each of them is, but for the last.
    pub(crate) display: Quantity,
}

impl Parts {
    /// How much of it comes up in so many rounds.
    pub(crate) fn after(&self, rounds: u64) -> Quantity {
        Quantity(self.display.0.saturating_mul(rounds)).min(self.hidden)
    }

    /// How many rounds it takes until all of it has come up.
    fn rounds(&self) -> u64 {
        self.hidden.0.div_ceil(self.display.0.max(1))
    }
}

/// How many whole rounds there are after which a taker goes on, up to the last but one. In them only sums
/// matter; in the round behind them it matters which part comes first.
pub(crate) fn whole_rounds<'a>(
    parts: impl Iterator<Item = &'a Parts>,
    goes_on: impl Fn(u64) -> bool,
) -> u64 {
    let (mut low, mut high) = (0, parts.map(Parts::rounds).max().unwrap_or(0));
    while high.saturating_sub(low) > 1 {
        let middle = low.midpoint(high);
        if goes_on(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
