//! When epochs close.

use std::time::Duration;

use pricetime_engine::Timestamp;

/// When the epochs of all markets close by themselves. An operator can close one at any other time with
/// `CloseEpoch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EpochSchedule {
    /// Never.
    #[default]
    OnRequest,
    /// Whenever the clock shows a multiple of this length since 1970-01-01T00:00Z. With 15 minutes, they
    /// close at :00, :15, :30 and :45 UTC.
    Aligned(Duration),
    /// This long after the last close, or after the start.
    Every(Duration),
    /// After this many commands.
    Commands(u64),
}

/// The schedule of a running host. A gate is a time at which epochs close.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    gates: EpochSchedule,
    /// When the next gate is due, if gates depend on time.
    due: Option<Timestamp>,
    /// How many commands came since the last gate.
    commands: u64,
}

/// The longest pause of a recording, in epochs, during which each epoch is closed.
const PAUSE_MAX: u64 = 10_000;

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Schedule {
    /// Returns a schedule that starts here. `last` is the time of the last command: the first gate after it
    /// is due, even if that was long ago.
    pub(crate) fn new(gates: EpochSchedule, last: Timestamp) -> Self {
        Self { gates, due: next(gates, last), commands: 0 }
    }

    /// Returns the gate that is due at `now`, if there is one. If several were missed, only the first is
    /// closed, and the epoch that opens with it runs to the next gate after `now`.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Timestamp> {
        let due = self.due.filter(|due| *due <= now)?;
        self.due = next(self.gates, now);
        self.commands = 0;
        Some(due)
    }

    /// Returns the next gate that is due at `now`, without skipping the missed ones after it, so that each
    /// of them closes an epoch. If the gap is too long to be a pause, only one is closed.
    pub(crate) fn take_next_due(&mut self, now: Timestamp) -> Option<Timestamp> {
        let due = self.due.filter(|due| *due <= now)?;
        let following = next(self.gates, due);
        let interval = following.map_or(u64::MAX, |following| following.0 - due.0);
        if now.0 - due.0 > interval.saturating_mul(PAUSE_MAX) {
            return self.take_due(now);
        }
        self.due = following;
        self.commands = 0;
        Some(due)
    }

    /// Counts a command. Returns `true` if it was the last of its epoch.
    pub(crate) fn count(&mut self) -> bool {
        let EpochSchedule::Commands(most) = self.gates else { return false };
        self.commands = self.commands.saturating_add(1);
        if self.commands < most.max(1) {
            return false;
        }
        self.commands = 0;
        true
    }

    /// Returns the time until the next gate.
    pub(crate) fn until_next(&self, now: Timestamp) -> Option<Duration> {
        self.due.map(|due| Duration::from_nanos(due.0.saturating_sub(now.0)))
    }
}

fn next(gates: EpochSchedule, after: Timestamp) -> Option<Timestamp> {
    match gates {
        EpochSchedule::OnRequest | EpochSchedule::Commands(_) => None,
        EpochSchedule::Aligned(interval) => {
            let interval = nanoseconds(interval);
            (after.0 / interval).checked_add(1)?.checked_mul(interval).map(Timestamp)
        }
        EpochSchedule::Every(interval) => after.0.checked_add(nanoseconds(interval)).map(Timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000_000;
    const QUARTER: Duration = Duration::from_secs(15 * 60);

    #[test]
    fn aligned_gates_follow_the_clock() {
        let mut gates = Schedule::new(EpochSchedule::Aligned(QUARTER), Timestamp(7 * MINUTE));
        assert_eq!(gates.until_next(Timestamp(14 * MINUTE)), Some(Duration::from_secs(60)));
        assert_eq!(gates.take_due(Timestamp(15 * MINUTE - 1)), None);
        assert_eq!(gates.take_due(Timestamp(15 * MINUTE)), Some(Timestamp(15 * MINUTE)));
        assert_eq!(gates.take_due(Timestamp(15 * MINUTE)), None);
        assert_eq!(gates.until_next(Timestamp(15 * MINUTE)), Some(QUARTER));
    }

    #[test]
    fn only_the_first_of_several_missed_gates_is_passed() {
        let mut gates = Schedule::new(EpochSchedule::Aligned(QUARTER), Timestamp(7 * MINUTE));
        assert_eq!(gates.take_due(Timestamp(50 * MINUTE)), Some(Timestamp(15 * MINUTE)));
        assert_eq!(gates.take_due(Timestamp(50 * MINUTE)), None);
        assert_eq!(gates.take_due(Timestamp(60 * MINUTE)), Some(Timestamp(60 * MINUTE)));
    }

    #[test]
    fn recording_passes_each_missed_gate_unless_the_gap_is_no_pause() {
        let mut gates = Schedule::new(EpochSchedule::Aligned(QUARTER), Timestamp(7 * MINUTE));
        let mut passed = |now| std::iter::from_fn(|| gates.take_next_due(Timestamp(now))).count();
        assert_eq!(passed(50 * MINUTE), 3);
        assert_eq!(passed(50 * MINUTE), 0);
        assert_eq!(passed(60 * MINUTE), 1);
        assert_eq!(passed(u64::MAX), 1);
    }

    #[test]
    fn clock_that_jumps_back_moves_no_gate() {
        let mut gates = Schedule::new(EpochSchedule::Every(QUARTER), Timestamp(100 * MINUTE));
        assert_eq!(gates.take_due(Timestamp(3 * MINUTE)), None);
        assert_eq!(gates.take_due(Timestamp(115 * MINUTE)), Some(Timestamp(115 * MINUTE)));
    }

    #[test]
    fn gate_passes_after_every_nth_command() {
        let mut gates = Schedule::new(EpochSchedule::Commands(3), Timestamp(0));
        let closed: Vec<bool> = (0..7).map(|_| gates.count()).collect();
        assert_eq!(closed, [false, false, true, false, false, true, false]);
        assert_eq!(gates.take_due(Timestamp(u64::MAX)), None);
        assert_eq!(gates.until_next(Timestamp(0)), None);
    }

    #[test]
    fn gates_end_at_the_largest_timestamp() {
        let mut gates = Schedule::new(EpochSchedule::Every(QUARTER), Timestamp(u64::MAX - 1));
        assert_eq!(gates.take_due(Timestamp(u64::MAX)), None);
    }
}
