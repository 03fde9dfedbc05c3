//! The image in Redis: a thread that brings it there, and cannot hold anybody up.
//!
//! The publisher puts a market's state into a [`Mailbox`] when an epoch has closed, on top of what
//! the carrier has not fetched yet: an outage of any length costs one change in the end, and no more
//! memory than the book has orders. The [`Carrier`] writes, and where it cannot, waits and tries
//! again, for ever.

mod carrier;
mod mailbox;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use pricetime_engine::MarketId;
use pricetime_persistence::image::Image;
use pricetime_persistence::redis::{ImageWriter, Link, RedisOptions};
use pricetime_persistence::{Folder, History};

use crate::status::Shared;
pub(crate) use carrier::Carrier;
pub(crate) use mailbox::Mailbox;

/// How long the last states may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// How it is with Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisStatus {
    /// Whether it answers.
    pub state: RedisState,
    /// By how many epochs the market that is furthest behind is behind.
    pub behind: u64,
    /// The markets that another writer has taken over.
    pub fenced: Vec<MarketId>,
}

/// Whether Redis answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedisState {
    /// It has not been asked yet.
    #[default]
    Unknown,
    /// It does.
    Connected,
    /// It does not, or refuses.
    Degraded {
        /// Since when.
        since: Instant,
        /// Why.
        why: String,
    },
}

/// Where the carrier says how it is.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<RedisStatus>);

impl Default for RedisStatus {
    fn default() -> Self {
        Self { state: RedisState::Unknown, behind: 0, fenced: Vec::new() }
    }
}

impl Board {
    pub(crate) fn read(&self) -> RedisStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut RedisStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Puts the two ends together. Everything that is in the image now goes first.
pub(crate) fn start(
    options: Option<RedisOptions>,
    mut image: Image,
    folder: &Folder,
    history: History,
    shared: &Arc<Shared>,
) -> (Image, Option<Mailbox>, Option<Carrier>) {
    let Some(options) = options else { return (image, None, None) };
    let (wake, woken) = bounded(1);
    let mailbox = Mailbox::new(wake);
    mailbox.fill_all(&mut image);
    let terms = folder.terms();
    let writer = ImageWriter::new(Link::new(options), history, terms.read());
    let carrier = Carrier::new(writer, terms, mailbox.owed(), woken, Arc::clone(shared));
    (image, Some(mailbox), Some(carrier))
}
