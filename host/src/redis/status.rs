//! The state of Redis, as its threads report it and the status of the host shows it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pricetime_engine::{MarketId, Sequence};
use serde::Serialize;

use crate::serial::as_seconds;

/// How it is with Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RedisStatus {
    /// Whether it answers.
    pub state: RedisState,
    /// By how many epochs the market that is furthest behind is behind.
    pub behind: u64,
    /// The markets that another writer has taken over. Each is written again once nothing holds its
    /// claim any more.
    pub fenced: Vec<FencedMarket>,
    /// The markets whose image was found to differ from what was written: somebody edited it. Each
    /// is written anew with its next epoch.
    pub differs: Vec<MarketId>,
    /// How it is with the streams of events, where they are published.
    pub events: Option<EventsStatus>,
}

/// A market that another writer has taken over, and the claim that stands in its metadata.
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

/// How it is with the streams of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventsStatus {
    /// Whether they can be written.
    pub state: RedisState,
    /// Every command up to this one is in them, as far as is known.
    pub through: Sequence,
    /// How many durable commands are not.
    pub behind: u64,
}

/// Whether Redis answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum RedisState {
    /// It has not been asked yet.
    #[default]
    Unknown,
    /// It does.
    Connected,
    /// It does not, or refuses.
    Degraded {
        /// Since when.
        #[serde(rename = "for_seconds", serialize_with = "as_seconds")]
        since: Instant,
        /// Why.
        why: String,
    },
}

/// Where the image thread says how it is.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<RedisStatus>);

impl Board {
    /// How it is, where everything up to this command is durable.
    pub(crate) fn read(&self, durable: Sequence) -> RedisStatus {
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(events) = &mut status.events {
            events.behind = durable.0.saturating_sub(events.through.0);
        }
        status
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut RedisStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
