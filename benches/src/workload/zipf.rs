//! The choice of a market when there are many.

use pricetime_engine::MarketId;
use pricetime_journal::random::Random;

/// The number of markets in `Workload::Markets`.
pub(super) const MARKETS: u32 = 10_000;
/// Has no common factor with the number of markets, so that each rank gets a different market and
/// the busy markets are not neighbours.
const STRIDE: u32 = 7_919;

/// The market of rank `r` gets `1/r` as many commands as the first (Zipf's law). The weights are
/// integers, so that every machine draws the same markets.
#[derive(Debug)]
pub(super) struct Zipf(Vec<u64>);

impl Zipf {
    pub(super) fn new() -> Self {
        let weights = (1..=u64::from(MARKETS)).map(|rank| (1 << 40) / rank);
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self(sums.collect())
    }

    pub(super) fn market(&self, random: &mut Random) -> MarketId {
        let at = random.below(self.0.last().copied().unwrap_or(0));
        let rank = self.0.partition_point(|sum| *sum <= at);
        MarketId(rank as u32 * STRIDE % MARKETS + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_two_is_drawn_half_as_often_as_rank_one() {
        let (zipf, mut random) = (Zipf::new(), Random::new(1));
        let mut counts = vec![0_u32; MARKETS as usize + 1];
        for _ in 0..1_000_000 {
            counts[zipf.market(&mut random).0 as usize] += 1;
        }
        assert_eq!(counts[0], 0);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let (first, second) = (f64::from(counts[0]), f64::from(counts[1]));
        assert!((1.9..2.1).contains(&(first / second)), "{first} {second}");
        assert!(counts.iter().filter(|count| **count > 0).count() > 9_900);
    }
}
