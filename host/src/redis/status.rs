//! The state of Redis, as its threads report it and as the host's status shows it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pricetime_engine::{MarketId, Sequence};
use serde::Serialize;

use crate::serial::as_seconds;

/// The status of Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RedisStatus {
    /// Whether Redis answers.
    pub state: RedisState,
    /// By how many epochs the image of the market that lags most is behind.
    pub behind: u64,
    /// The markets that another writer has taken over. Each is written again once no other writer claims
    /// it.
    pub fenced: Vec<FencedMarket>,
    /// The markets whose image was found to differ from what was written, because another client edited
    /// it. Each is written again with its next epoch.
    pub differs: Vec<MarketId>,
    /// The status of the event streams, if events are published.
    pub events: Option<EventsStatus>,
}

/// A market that another writer has taken over, and the claim in the market's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FencedMarket {
    /// The market.
    pub market: MarketId,
    /// The term in which it was ours.
    pub ours: u64,
    /// The other writer's term.
    pub theirs: u64,
    /// The other writer's name.
    pub writer: String,
}

/// The status of the event streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventsStatus {
    /// Whether the streams can be written.
    pub state: RedisState,
    /// Every command up to this one is in the streams, as far as is known.
    pub through: Sequence,
    /// How many durable commands are not in the streams.
    pub behind: u64,
}

/// Whether Redis answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum RedisState {
    /// Redis has not been asked yet.
    #[default]
    Unknown,
    /// Redis answers.
    Connected,
    /// Redis does not answer, or it refuses.
    Degraded {
        /// Since when.
        #[serde(rename = "for_seconds", serialize_with = "as_seconds")]
        since: Instant,
        /// The error.
        why: String,
    },
}

/// The status that the threads of Redis report.
#[derive(Debug, Default)]
pub(crate) struct SharedRedisStatus(Mutex<RedisStatus>);

impl SharedRedisStatus {
    /// Returns the status, if everything up to this command is durable.
    pub(crate) fn read(&self, durable: Sequence) -> RedisStatus {
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(events) = &mut status.events {
            events.behind = durable.0.saturating_sub(events.through.0);
        }
        status
    }

    pub(super) fn update(&self, update: impl FnOnce(&mut RedisStatus)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
