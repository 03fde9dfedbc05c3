//! The movement of the price.

use pricetime_journal::random::Random;

/// The price from which every path starts, in ticks.
pub(super) const MIDDLE: i64 = 100_000;
/// The number of commands in which a swing goes up, down and back.
const SWING: u64 = 200_000;
/// The number of commands from one crash to the next.
const CRASH: u64 = 50_000;
/// The number of commands before the price falls, in each such period.
const CALM: u64 = 10_000;
/// The number of commands during which the price falls.
const FALL: u64 = 250;
/// The number of commands during which the price stays down.
const DOWN: u64 = 500;
/// The number of commands during which the price returns.
const RETURN: u64 = 2_500;
/// The depth of the fall, in percent.
const DEPTH: i64 = 30;

/// How a price moves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path {
    /// It does not move.
    Still,
    /// It drifts at random and is pulled back. The value is its current distance from the middle.
    Drift(i64),
    /// It rises by this many percent, falls by as many, and returns.
    Swing(i64),
    /// It falls quickly, and returns.
    Crash,
}

impl Path {
    /// The price at the command with this number.
    pub(super) fn price(&mut self, at: u64, random: &mut Random) -> i64 {
        match self {
            Self::Still => MIDDLE,
            Self::Drift(drift) => {
                if at.is_multiple_of(64) {
                    *drift += random.below(33).cast_signed() - 16 - *drift / 128;
                }
                MIDDLE + *drift
            }
            Self::Swing(percent) => {
                let (at, quarter) = ((at % SWING) as i64, SWING as i64 / 4);
                // Up for a quarter of the swing, down for two, up for one.
                let offset = ((at + 3 * quarter) % (4 * quarter) - 2 * quarter).abs() - quarter;
                MIDDLE + MIDDLE * *percent / 100 * offset / quarter
            }
            Self::Crash => MIDDLE - MIDDLE * DEPTH / 100 * fallen(at) / 1_000,
        }
    }

    /// Returns `true` while the price of a crash falls or stays down.
    pub(super) fn is_panic(&self, at: u64) -> bool {
        matches!(self, Self::Crash) && (CALM..CALM + FALL + DOWN).contains(&(at % CRASH))
    }
}

/// How far the price has fallen, in thousandths of the depth.
fn fallen(at: u64) -> i64 {
    let since = (at % CRASH).saturating_sub(CALM);
    let part = if since < FALL {
        since * 1_000 / FALL
    } else {
        let up = since.saturating_sub(FALL + DOWN).min(RETURN);
        1_000 - up * 1_000 / RETURN
    };
    part as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(mut path: Path) -> Vec<i64> {
        let mut random = Random::new(1);
        (0..200_000).map(|at| path.price(at, &mut random)).collect()
    }

    fn ends(prices: &[i64]) -> (i64, i64) {
        let [low, high] = [prices.iter().min(), prices.iter().max()].map(Option::unwrap);
        (*low, *high)
    }

    #[test]
    fn price_follows_its_path() {
        assert_eq!(ends(&prices(Path::Still)), (MIDDLE, MIDDLE));
        assert_eq!(ends(&prices(Path::Swing(25))), (75_000, 125_000));
        assert_eq!(ends(&prices(Path::Swing(40))), (60_000, 140_000));
        assert_eq!(ends(&prices(Path::Crash)), (70_000, MIDDLE));
        let (low, high) = ends(&prices(Path::Drift(0)));
        assert!(low < MIDDLE - 100 && MIDDLE + 100 < high, "{low} {high}");
        assert!(low > MIDDLE - 2_000 && MIDDLE + 2_000 > high, "{low} {high}");
    }

    #[test]
    fn swing_has_no_jumps() {
        let prices = prices(Path::Swing(40));
        assert_eq!((prices[0], prices[50_000], prices[150_000]), (MIDDLE, 140_000, 60_000));
        assert!(prices.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 1));
    }

    #[test]
    fn crash_falls_fast_and_recovers() {
        let prices = prices(Path::Crash);
        assert_eq!((prices[10_000], prices[10_250]), (MIDDLE, 70_000));
        assert_eq!((prices[10_750], prices[13_250]), (70_000, MIDDLE));
        assert!(Path::Crash.is_panic(60_300) && !Path::Crash.is_panic(61_000));
    }
}
