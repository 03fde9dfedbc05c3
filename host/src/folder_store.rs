//! The store of a host with a data folder: journal and snapshots, and optionally an image in Redis.

use std::sync::Arc;

use pricetime_engine::EngineSnapshot;
use pricetime_journal::image::Image;
use pricetime_journal::{
    Folder, History, Journal, LocalSnapshots, Progress, Recovered, Recovery, RecoveryError,
    RecoveryOptions,
};

use crate::follower::Follower;
use crate::journal_replay::JournalReplay;
use crate::opening::{OpenError, Start};
use crate::options::{Options, Policy};
use crate::redis;
use crate::settle::{
    DeliveryThread, JournalSource, Settlement, SettlementFollower, SettlementThread, news,
};
use crate::status::Shared;
use crate::store::{OpenedStore, Store, StoreParts};

struct FolderStore {
    folder: Folder,
    journal: Journal,
    snapshots: LocalSnapshots,
    history: History,
    /// Whether Redis did not answer, so that it is unknown what it holds.
    unchecked_image: bool,
}

/// Restores what the folder holds.
pub(crate) fn open(options: &mut Options, mut folder: Folder) -> Result<OpenedStore, OpenError> {
    let recovery_options = RecoveryOptions {
        journal: options.journal,
        snapshots_keep: options.snapshots,
        accept_loss: options.accept_loss,
    };
    let raise = |state: &mut EngineSnapshot| {
        redis::raise(options.redis.as_ref(), state);
    };
    let image_check = redis::check_image(options.redis.as_ref(), &folder, options.accept_loss)?;
    let (redis_image, unchecked_image) = match image_check {
        redis::ImageCheck::Replaceable => (None, false),
        redis::ImageCheck::NoAnswer => (None, true),
        redis::ImageCheck::Image(whole) => (Some((whole.history, whole.state)), false),
    };
    let markets_max = options.markets_max;
    let ((recovery, image), from) = match redis_image {
        None => {
            let make = Image::from_snapshot;
            (Recovery::open_with(&mut folder, markets_max, &recovery_options, make, raise)?, None)
        }
        Some((history, mut state)) => {
            folder.set_origin(&history)?;
            raise(&mut state);
            let image = Image::from_snapshot(&state);
            let recovery =
                Recovery::begin_from(&mut folder, markets_max, state, &recovery_options)?;
            ((recovery, image), Some(history))
        }
    };
    let progress = options.progress.take().unwrap_or_else(|| Box::new(|_| ()));
    let (recovered, image) = replay_journal(recovery, image, progress)?;
    redis::check_scores(options.redis.as_ref(), &image)?;
    let start = Start {
        history: recovered.history.to_string(),
        snapshot: recovered.base.0,
        replayed: recovered.replayed,
        damaged: recovered.damaged.iter().map(ToString::to_string).collect(),
        lost: recovered.lost.map(|lost| lost.to_string()),
        image: from,
    };
    let Recovered { engine, journal, snapshots, base, .. } = recovered;
    let history = recovered.history;
    let store = Box::new(FolderStore { folder, journal, snapshots, history, unchecked_image });
    Ok(OpenedStore { engine, image, start, base, store })
}

impl Store for FolderStore {
    fn into_parts(
        self: Box<Self>,
        options: &mut Options,
        image: &mut Image,
        shared: &Arc<Shared>,
    ) -> Result<StoreParts, OpenError> {
        let Self { folder, journal, snapshots, history, unchecked_image } = *self;
        let has_journal = options.policy != Policy::None;
        let journal_replay = JournalReplay {
            disk: folder.disk(),
            folder: folder.path().to_owned(),
            markets_max: options.markets_max,
        };
        let journal_source = JournalSource { journal_replay: journal_replay.clone(), history };
        let streams = redis::publish(options, &journal_source, image, shared)?;
        let image_setup = options.redis.take().map(|options| redis::ImageSetup {
            options,
            terms: folder.terms(),
            unchecked_image: unchecked_image.then(|| folder.ancestry()),
        });
        if options.settlement.is_some() && !has_journal {
            return Err(OpenError::NoJournal);
        }
        let (settlement_follower, settlement_thread, delivery_thread) =
            settle(options.settlement.take(), journal_source, image, shared)?;
        Ok(StoreParts {
            folder: Some(folder),
            journal_replay: has_journal.then_some(journal_replay),
            journal: has_journal.then_some(journal),
            snapshots: has_journal.then_some(snapshots),
            settlement_follower,
            settlement_thread,
            delivery_thread,
            redis: redis::start(image_setup, image, history, shared),
            streams,
        })
    }
}

/// Replays the journal. A short replay is folded into the existing image. After a long one, the image is
/// built from the final state, because that is quicker than folding so many events.
fn replay_journal(
    recovery: Recovery,
    mut image: Image,
    progress: impl FnMut(Progress),
) -> Result<(Recovered, Image), RecoveryError> {
    let resting_orders: usize =
        recovery.base().markets.iter().map(|market| market.resting.len()).sum();
    if recovery.to_replay() <= resting_orders as u64 {
        let recovered = recovery.replay(&mut image, progress)?;
        return Ok((recovered, image));
    }
    drop(image);
    let recovered = recovery.replay(&mut (), progress)?;
    let image = Image::from_snapshot(&recovered.engine.snapshot());
    Ok((recovered, image))
}

/// The follower of the settlement, its thread, and the thread that delivers.
type SettlementParts =
    (Option<Box<dyn Follower>>, Option<SettlementThread>, Option<DeliveryThread>);

/// Creates the parts of the settlement, if there is one.
fn settle(
    settlement: Option<Settlement>,
    journal_source: JournalSource,
    image: &Image,
    shared: &Arc<Shared>,
) -> Result<SettlementParts, OpenError> {
    let Some(settlement) = settlement else { return Ok((None, None, None)) };
    let heads: Vec<_> = image.markets().map(|market| *market.head()).collect();
    let (to_settlement, incoming) = news();
    let settlement_follower =
        SettlementFollower::new(journal_source.history, settlement.platform, &heads, to_settlement);
    let (settlement_thread, delivery_thread) =
        SettlementThread::new(settlement, journal_source, &heads, incoming, Arc::clone(shared))?;
    Ok((Some(Box::new(settlement_follower)), Some(settlement_thread), delivery_thread))
}
