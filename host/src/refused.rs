//! Why a command was not taken.

use core::error::Error;
use core::fmt;

use crate::core_thread;

/// Why a command was not taken. It is not stored anywhere and has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// There is no room at the moment. Try again.
    Busy,
    /// The host has ended.
    Stopped,
    /// More commands were submitted together than [`Host::SUBMIT_MANY_MAX`](crate::Host::SUBMIT_MANY_MAX).
    TooMany,
    /// The market's prices are too large for Redis to tell apart, and the host uses Redis.
    Scores,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "more than 1,024 commands were submitted together; split them",
            Self::Busy => "the core's queue is full; try again",
            Self::Stopped => "the core has stopped",
            Self::Scores => {
                "with Redis, a market's prices must be within ±2^53 ticks: beyond that, scores in \
                 Redis are not exact"
            }
        })
    }
}

impl Error for Refused {}

impl<T> From<core_thread::Refused<T>> for Refused {
    fn from(refused: core_thread::Refused<T>) -> Self {
        match refused {
            core_thread::Refused::Busy(_) => Self::Busy,
            core_thread::Refused::Stopped(_) => Self::Stopped,
        }
    }
}
