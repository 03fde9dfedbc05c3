//! Chooses the market whose image is verified next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pricetime_engine::MarketId;

/// When each market's image is due. One image is verified at a time, the longest overdue first.
#[derive(Debug, Default)]
pub(super) struct VerifySchedule {
    /// How often each image is verified. `None` means never.
    interval: Option<Duration>,
    due: BTreeMap<MarketId, Instant>,
}

impl VerifySchedule {
    pub(super) fn new(interval: Option<Duration>) -> Self {
        Self { interval, due: BTreeMap::new() }
    }

    /// Returns the market that is due, if one is. It is due again after the full interval.
    pub(super) fn next(
        &mut self,
        markets: impl Iterator<Item = MarketId>,
        now: Instant,
    ) -> Option<MarketId> {
        // An interval that overflows the clock means never.
        let next_due = now.checked_add(self.interval?)?;
        let before = std::mem::take(&mut self.due);
        // A new market's image has just been written.
        self.due = markets
            .map(|market| (market, before.get(&market).copied().unwrap_or(next_due)))
            .collect();
        let (market, due) = self.due.iter_mut().min_by_key(|(_, due)| **due)?;
        if *due > now {
            return None;
        }
        *due = next_due;
        Some(*market)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markets_are_verified_in_turn() {
        let second = Duration::from_secs(1);
        let (mut verify_schedule, begun) = (VerifySchedule::new(Some(second * 10)), Instant::now());
        let mut at = |after: u32, markets: &[u32]| {
            let next =
                verify_schedule.next(markets.iter().copied().map(MarketId), begun + second * after);
            next.map(|market| market.0)
        };
        assert_eq!(at(0, &[1]), None);
        assert_eq!(at(5, &[1, 2, 3]), None);
        assert_eq!(at(10, &[1, 2, 3]), Some(1));
        assert_eq!(at(11, &[1, 2, 3]), None);
        assert_eq!(at(30, &[1, 2, 3]), Some(2));
        assert_eq!(at(30, &[1, 3]), Some(3));
        assert_eq!(at(30, &[1, 3]), Some(1));
        assert_eq!(at(30, &[]), None);
        let never = VerifySchedule::new(Some(Duration::MAX)).next([MarketId(1)].into_iter(), begun);
        assert_eq!(never, None);
        assert_eq!(
            VerifySchedule::new(None).next([MarketId(1)].into_iter(), begun + second * 99),
            None
        );
    }
}
