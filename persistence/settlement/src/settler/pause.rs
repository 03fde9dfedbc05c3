//! How long to wait before a retry.

use core::time::Duration;

use pricetime_journal::random::Random;

/// How long a settler waits, and how often it retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first wait for a ledger that does not answer. Each further wait is twice the one before.
    pub backoff_min: Duration,
    /// The longest such wait.
    pub backoff_max: Duration,
    /// The wait for another runner to finish.
    pub lock_wait: Duration,
    /// How often to check the inbox for batches of other runners.
    pub watch: Duration,
    /// How often the ledger may refuse something before an operator has to decide.
    pub refusals_max: u32,
    /// How many batches are read or asked for at once, and how many are queued for the inbox.
    pub batches_max: usize,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(600),
            lock_wait: Duration::from_secs(1),
            watch: Duration::from_secs(60),
            refusals_max: 5,
            batches_max: 64,
        }
    }
}

impl RetryPolicy {
    /// Returns the wait after this many failures in a row, without jitter.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        self.backoff_min.saturating_mul(1 << doublings).min(self.backoff_max)
    }
}

/// A wait that keeps its length if the clock goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    since: Duration,
    pub(super) until: Duration,
    pub(super) why: String,
}

impl Pause {
    pub(super) fn new(now: Duration, length: Duration, why: String) -> Self {
        Self { since: now, until: now.saturating_add(length), why }
    }

    /// Returns `true` if it is over.
    pub(super) fn is_over(&mut self, now: Duration) -> bool {
        let back = self.since.saturating_sub(now);
        self.since = self.since.saturating_sub(back);
        self.until = self.until.saturating_sub(back);
        now >= self.until
    }
}

/// Adds jitter to waits, so that not all settlers wait equally long.
#[derive(Clone, Debug)]
pub(super) struct Jitter(pub(super) Random);

impl Jitter {
    /// Returns a random wait between half and all of this length.
    pub(super) fn of(&mut self, length: Duration) -> Duration {
        let sixteen = (self.0.bits() & 0xffff) as u32;
        let half = length / 2;
        half + half / 0x1_0000 * sixteen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_doubles_up_to_its_maximum() {
        let retry_policy = RetryPolicy::default();
        let waits =
            [1, 2, 3, 11, 12, 1_000].map(|failures| retry_policy.backoff(failures).as_millis());
        assert_eq!(waits, [500, 1_000, 2_000, 512_000, 600_000, 600_000]);
    }

    #[test]
    fn clock_that_goes_back_does_not_prolong_a_wait() {
        let seconds = Duration::from_secs;
        let mut pause = Pause::new(seconds(1_000), seconds(10), String::new());
        assert!(!pause.is_over(seconds(1_009)));
        assert!(!pause.is_over(seconds(5)));
        assert!(!pause.is_over(seconds(14)));
        assert!(pause.is_over(seconds(15)));
    }

    #[test]
    fn random_wait_is_from_half_to_all_of_its_length() {
        let length = Duration::from_secs(600);
        let mut jitter = Jitter(Random::new(1));
        let waits: Vec<_> = (0..1_000).map(|_| jitter.of(length)).collect();
        assert!(waits.iter().all(|wait| *wait >= length / 2 && *wait <= length));
        assert!(waits.iter().any(|wait| *wait < length * 11 / 20));
        assert!(waits.iter().any(|wait| *wait > length * 19 / 20));
    }
}
