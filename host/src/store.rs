//! The store of a host: it restores the state and keeps what happens from then on.

use std::sync::Arc;

use pricetime_engine::{Engine, Sequence};
use pricetime_journal::image::Image;
use pricetime_journal::{Folder, Journal, LocalSnapshots};

use crate::follower::Follower;
use crate::journal_replay::JournalReplay;
use crate::opening::{OpenError, Start};
use crate::options::Options;
use crate::redis::{ImageEnds, Recorder, StreamThread};
use crate::settle::{DeliveryThread, SettlementThread};
use crate::status::Shared;

/// A data folder with a journal and snapshots, or Redis alone.
pub(crate) trait Store {
    /// Returns what the threads need to keep new commands and states.
    fn into_parts(
        self: Box<Self>,
        options: &mut Options,
        image: &mut Image,
        shared: &Arc<Shared>,
    ) -> Result<StoreParts, OpenError>;
}

/// The state that a store held.
pub(crate) struct OpenedStore {
    pub(crate) engine: Engine,
    pub(crate) image: Image,
    pub(crate) start: Start,
    /// The sequence of the newest snapshot.
    pub(crate) base: Sequence,
    pub(crate) store: Box<dyn Store>,
}

/// Everything that the threads need to keep new commands and states.
#[derive(Default)]
pub(crate) struct StoreParts {
    pub(crate) folder: Option<Folder>,
    pub(crate) journal_replay: Option<JournalReplay>,
    pub(crate) journal: Option<Journal>,
    pub(crate) snapshots: Option<LocalSnapshots>,
    pub(crate) settlement_follower: Option<Box<dyn Follower>>,
    pub(crate) settlement_thread: Option<SettlementThread>,
    pub(crate) delivery_thread: Option<DeliveryThread>,
    pub(crate) redis: ImageEnds,
    pub(crate) streams: (Option<Recorder>, Option<StreamThread>),
}
