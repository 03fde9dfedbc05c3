//! How long the engine took for its commands.

use std::time::Duration;

use super::series::Interval;

/// Each doubling of a time has this many cells, so a quantile is at most an eighth too large.
const PARTS: usize = 8;
/// The cells: exact ones up to 16 ns, then `PARTS` for each doubling, up to 18 minutes.
const CELLS: usize = PARTS * 38;

/// The times of the commands of an interval.
#[derive(Clone, Debug)]
pub(super) struct Times {
    /// How many commands there were in each range of times.
    cells: Box<[u64; CELLS]>,
    count: u64,
    /// The longest time, in nanoseconds.
    pub(super) max: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { cells: Box::new([0; CELLS]), count: 0, max: 0 }
    }
}

impl Interval for Times {
    const MOST: usize = 128;

    fn append(&mut self, next: &Self) {
        self.cells.iter_mut().zip(next.cells.iter()).for_each(|(cell, more)| *cell += more);
        self.count += next.count;
        self.max = self.max.max(next.max);
    }
}

impl Times {
    /// Adds the time of a command.
    pub(super) fn add(&mut self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.cells[cell(nanoseconds)] += 1;
        self.count += 1;
        self.max = self.max.max(nanoseconds);
    }

    /// At least this many thousandths of the commands took at most the returned nanoseconds.
    pub(super) fn quantile(&self, thousandths: u64) -> u64 {
        let wanted = u128::from(self.count) * u128::from(thousandths);
        let mut sum = 0_u128;
        let mut cells = self.cells.iter();
        let at = cells.position(|count| {
            sum += u128::from(*count) * 1_000;
            sum >= wanted
        });
        at.map_or(self.max, |at| end(at).min(self.max))
    }
}

/// The cell of a time.
fn cell(nanoseconds: u64) -> usize {
    let doublings = (nanoseconds | (PARTS as u64)).ilog2() as usize - PARTS.ilog2() as usize;
    let part = (nanoseconds >> doublings) as usize;
    (doublings * PARTS + part).min(CELLS - 1)
}

/// The longest time of a cell.
const fn end(cell: usize) -> u64 {
    let doublings = (cell / PARTS).saturating_sub(1);
    let part = cell - doublings * PARTS;
    ((part as u64 + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_all_times_with_a_small_error() {
        for time in (0..5_000).chain([1 << 20, (1 << 39) - 1, (1 << 40) - 1]) {
            let end = end(cell(time));
            assert!(end >= time && end - time <= time / 8, "{time}: {end}");
            assert!(cell(end) == cell(time) && cell(end + 1) == (cell(time) + 1).min(CELLS - 1));
        }
        assert_eq!(cell(u64::MAX), CELLS - 1);
    }

    #[test]
    fn quantiles_survive_that_intervals_become_one() {
        let (mut first, mut second) = (Times::default(), Times::default());
        for time in 1..=900 {
            first.add(Duration::from_nanos(time));
        }
        second.add(Duration::from_secs(7));
        (0..99).for_each(|_| second.add(Duration::from_nanos(10)));
        first.append(&second);
        let (half, most) = (first.quantile(500), first.quantile(999));
        assert!((400..=460).contains(&half) && (899..=1_023).contains(&most), "{half} {most}");
        assert_eq!((first.quantile(1_000), first.max), (7_000_000_000, 7_000_000_000));
    }
}
