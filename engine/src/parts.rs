//! The hidden parts of icebergs. The parts at a price come up in rounds, behind all orders that are
//! already there and in the same order.

use crate::quantity::Quantity;

/// The hidden parts of an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) hidden: Quantity,
    /// The size of each part except the last.
    pub(crate) display: Quantity,
}

impl Parts {
    /// The quantity that comes up in this many rounds.
    pub(crate) fn after(&self, rounds: u64) -> Quantity {
        Quantity(self.display.0.saturating_mul(rounds)).min(self.hidden)
    }

    /// The number of rounds until all of it has come up.
    fn rounds(&self) -> u64 {
        self.hidden.0.div_ceil(self.display.0.max(1))
    }
}

/// Returns the largest number of rounds after which a taker continues, not counting the last round.
/// In these rounds only sums matter. In the round after them the order of the parts matters.
pub(crate) fn whole_rounds<'a>(
    parts: impl Iterator<Item = &'a Parts>,
    can_continue: impl Fn(u64) -> bool,
) -> u64 {
    let (mut low, mut high) = (0, parts.map(Parts::rounds).max().unwrap_or(0));
    while high.saturating_sub(low) > 1 {
        let middle = low.midpoint(high);
        if can_continue(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
