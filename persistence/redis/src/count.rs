//! The limit of the numbers that are read from Redis.

use pricetime_engine::TradeNumber;

/// The highest sequence that is read from Redis, and the highest of any other number that a market counts
/// up. The engine restores no higher number of its own. A higher one can only come from another program.
/// Counting on from it, an engine would soon run out of numbers and refuse every command for ever.
pub(super) const HIGHEST: u64 = TradeNumber::HIGHEST.0;

/// Checks that a market can have counted up to these numbers.
pub(super) fn check_counts<const N: usize>(all: [u64; N]) -> Result<(), String> {
    let above = all.into_iter().find(|count| *count > HIGHEST);
    above.map_or(Ok(()), |count| {
        Err(format!("{count} is above {HIGHEST}, the highest valid number"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_above_2_to_the_63_is_refused() {
        assert_eq!(check_counts([0, 1 << 63]), Ok(()));
        assert!(check_counts([0, (1 << 63) + 1]).is_err());
        assert!(check_counts([u64::MAX, 0]).is_err());
    }
}
