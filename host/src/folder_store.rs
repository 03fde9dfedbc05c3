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
use crate::settle::{DeliveryThread, Listener, Place, Settlement, SettlementThread, news};
use crate::status::Shared;
use crate::store::{Kept, Opened, Store};

struct FolderStore {
    folder: Folder,
    journal: Journal,
    snapshots: LocalSnapshots,
    history: History,
    /// Whether Redis did not answer, so that it is unknown what it holds.
    unasked: bool,
}

/// Restores what the folder holds.
pub(crate) fn open(options: &mut Options, mut folder: Folder) -> Result<Opened, OpenError> {
    let how = RecoveryOptions {
        journal: options.journal,
        snapshots_keep: options.snapshots,
        accept_loss: options.accept_loss,
    };
    let raise = |state: &mut EngineSnapshot| {
        redis::raise(options.redis.as_ref(), state);
    };
    let asked = redis::ask(options.redis.as_ref(), &folder, options.accept_loss)?;
    let (elsewhere, unasked) = match asked {
        redis::Asked::Nothing => (None, false),
        redis::Asked::Nobody => (None, true),
        redis::Asked::Image(whole) => (Some((whole.history, whole.state)), false),
    };
    let markets_max = options.markets_max;
    let ((recovery, image), from) = match elsewhere {
        None => {
            let make = Image::from_snapshot;
            (Recovery::open_beside(&mut folder, markets_max, &how, make, raise)?, None)
        }
        Some((history, mut state)) => {
            folder.come_from(&history)?;
            raise(&mut state);
            let image = Image::from_snapshot(&state);
            let recovery = Recovery::begin_from(&mut folder, markets_max, state, &how)?;
            ((recovery, image), Some(history))
        }
    };
    let progress = options.progress.take().unwrap_or_else(|| Box::new(|_| ()));
    let (recovered, image) = bring_back(recovery, image, progress)?;
    redis::fits(options.redis.as_ref(), &image)?;
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
    let store = Box::new(FolderStore { folder, journal, snapshots, history, unasked });
    Ok(Opened { engine, image, start, base, store })
}

impl Store for FolderStore {
    fn keep(
        self: Box<Self>,
        options: &mut Options,
        image: &mut Image,
        shared: &Arc<Shared>,
    ) -> Result<Kept, OpenError> {
        let Self { folder, journal, snapshots, history, unasked } = *self;
        let kept = options.policy != Policy::None;
        let past = JournalReplay {
            disk: folder.disk(),
            folder: folder.path().to_owned(),
            markets_max: options.markets_max,
        };
        let place = Place { past: past.clone(), history };
        let streams = redis::publish(options, &place, image, shared)?;
        let beside = options.redis.take().map(|options| redis::Beside {
            options,
            terms: folder.terms(),
            unasked: unasked.then(|| folder.ancestry()),
        });
        if options.settlement.is_some() && !kept {
            return Err(OpenError::NoJournal);
        }
        let (listener, settlement_thread, delivery_thread) =
            settle(options.settlement.take(), place, image, shared)?;
        Ok(Kept {
            folder: Some(folder),
            past: kept.then_some(past),
            journal: kept.then_some(journal),
            snapshots: kept.then_some(snapshots),
            listener,
            settlement_thread,
            delivery_thread,
            redis: redis::start(beside, image, history, shared),
            streams,
        })
    }
}

/// Replays the journal. A short replay is folded into the existing image. After a long one, the image is
/// built from the final state, because that is quicker than folding so many events.
fn bring_back(
    recovery: Recovery,
    mut image: Image,
    progress: impl FnMut(Progress),
) -> Result<(Recovered, Image), RecoveryError> {
    let there: usize = recovery.base().markets.iter().map(|market| market.resting.len()).sum();
    if recovery.to_replay() <= there as u64 {
        let recovered = recovery.replay(&mut image, progress)?;
        return Ok((recovered, image));
    }
    drop(image);
    let recovered = recovery.replay(&mut (), progress)?;
    let image = Image::from_snapshot(&recovered.engine.snapshot());
    Ok((recovered, image))
}

/// The follower of the settlement, its thread, and the thread that delivers.
type Ends = (Option<Box<dyn Follower>>, Option<SettlementThread>, Option<DeliveryThread>);

/// Creates the parts of the settlement, if there is one.
fn settle(
    settlement: Option<Settlement>,
    place: Place,
    image: &Image,
    shared: &Arc<Shared>,
) -> Result<Ends, OpenError> {
    let Some(settlement) = settlement else { return Ok((None, None, None)) };
    let heads: Vec<_> = image.markets().map(|market| *market.head()).collect();
    let (to_clerk, incoming) = news();
    let listener = Listener::new(place.history, settlement.platform, &heads, to_clerk);
    let (settlement_thread, delivery_thread) =
        SettlementThread::new(settlement, place, &heads, incoming, Arc::clone(shared))?;
    Ok((Some(Box::new(listener)), Some(settlement_thread), delivery_thread))
}
