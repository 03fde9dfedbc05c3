//! Starting and ending: which thread hears what from whom.

use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::bounded;
use pricetime_engine::thread::{self, Entrance, Thread};
use pricetime_persistence::image::Image;
use pricetime_persistence::{
    Folder, History, Progress, Recovered, Recovery, RecoveryError, RecoveryOptions,
};

use crate::batch::Batch;
use crate::gates::Schedule;
use crate::host::{OpenError, Start};
use crate::keeper::Keeper;
use crate::options::{Options, Retention};
use crate::publisher::Publisher;
use crate::scribe::{Policy, Scribe};
use crate::sequencer::{Item, Sequencer};
use crate::status::Shared;
use crate::teller::Teller;

/// What a host is made of.
pub(crate) struct Started {
    pub(crate) entrance: Entrance<Item>,
    pub(crate) public: Arc<Mutex<Publisher>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) threads: Threads,
    pub(crate) start: Start,
}

/// The threads of a host, in the order in which they end.
#[derive(Debug)]
pub(crate) struct Threads {
    core: Thread<Sequencer>,
    rest: Vec<JoinHandle<()>>,
    /// Held until the last thread has ended.
    _folder: Folder,
}

impl Threads {
    /// Ends one after the other: each hears of nothing more once the one before it has ended.
    pub(crate) fn end(self, shared: &Shared) {
        match self.core.close() {
            Ok(core) => core.end(),
            Err(reason) => shared.stop(format!("the core failed: {reason}")),
        }
        for thread in self.rest {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What a folder held.
struct Opened {
    folder: Folder,
    recovered: Recovered,
    image: Image,
    start: Start,
    /// Whether nobody knows what Redis holds, which the folder has never written to.
    #[cfg(feature = "redis")]
    unasked: bool,
}

/// Opens the folder and brings back what it holds.
fn open(options: &mut Options) -> Result<Opened, OpenError> {
    let disk = Arc::clone(&options.disk);
    let mut folder = Folder::open_on(disk, &options.folder, History::fresh())?;
    let how = RecoveryOptions {
        journal: options.journal,
        snapshots_keep: options.snapshots,
        accept_loss: options.accept_loss,
    };
    #[cfg(feature = "redis")]
    let asked = crate::redis::ask(options.redis.as_ref(), &folder, options.accept_loss)?;
    #[cfg(feature = "redis")]
    let (elsewhere, unasked) = match asked {
        crate::redis::Asked::Nothing => (None, false),
        crate::redis::Asked::Nobody => (None, true),
        crate::redis::Asked::Image(whole) => (Some((whole.history, whole.state)), false),
    };
    #[cfg(not(feature = "redis"))]
    let elsewhere: Option<(String, pricetime_engine::EngineSnapshot)> = None;
    let markets_max = options.markets_max;
    let ((recovery, image), from) = match elsewhere {
        None => {
            let make = Image::from_snapshot;
            (Recovery::open_beside(&mut folder, markets_max, &how, make)?, None)
        }
        Some((history, state)) => {
            folder.come_from(&history)?;
            let image = Image::from_snapshot(&state);
            let recovery = Recovery::begin_from(&mut folder, markets_max, state, &how)?;
            ((recovery, image), Some(history))
        }
    };
    let progress = options.progress.take().unwrap_or_else(|| Box::new(|_| ()));
    let (recovered, image) = bring_back(recovery, image, progress)?;
    #[cfg(feature = "redis")]
    crate::redis::fits(options.redis.as_ref(), &image)?;
    let start = Start {
        history: recovered.history.to_string(),
        snapshot: recovered.base.0,
        replayed: recovered.replayed,
        damaged: recovered.damaged.iter().map(ToString::to_string).collect(),
        lost: recovered.lost.map(|lost| lost.to_string()),
        image: from,
    };
    if let Some(follower) = &mut options.follower {
        let heads: Vec<_> = image.markets().map(|market| *market.head()).collect();
        follower.start(&heads);
    }
    Ok(Opened {
        folder,
        recovered,
        image,
        start,
        #[cfg(feature = "redis")]
        unasked,
    })
}

/// Opens the folder, brings back what it holds, and starts the threads.
pub(crate) fn start(mut options: Options) -> Result<Started, OpenError> {
    let opened = open(&mut options)?;
    #[cfg(feature = "redis")]
    let redis = options.redis.take().map(|redis| (redis, opened.unasked));
    let Opened { folder, recovered, image, start, .. } = opened;
    let shared = Arc::new(Shared::default());
    shared.set_durable(recovered.engine.last_sequence());
    shared.set_snapshot(recovered.base);
    #[cfg(feature = "redis")]
    let (image, mailbox, carrier) =
        crate::redis::start(redis, image, &folder, recovered.history, &shared);
    let public = Arc::new(Mutex::new(Publisher::new(image)));

    let (to_journal, from_core) = bounded(options.batches.max(1));
    let (to_publisher, durable) = bounded(options.batches.max(1));
    let (give_back, used) = bounded(options.batches.max(1));
    let (to_keeper, states) = bounded(1);
    let (say_floor, floors) = bounded(16);

    let sequencer = Sequencer {
        schedule: Schedule::new(options.gates, recovered.engine.last_timestamp()),
        engine: recovered.engine,
        clock: options.clock,
        batch: Batch::default(),
        next: to_journal,
        ahead_max: options.core.capacity as u64,
        used,
        on_start: options.on_start,
        shared: Arc::clone(&shared),
    };
    let scribe = Scribe {
        journal: (options.policy != Policy::None).then_some(recovered.journal),
        policy: options.policy,
        incoming: from_core,
        next: to_publisher,
        floors,
        shared: Arc::clone(&shared),
    };
    let keeper = Keeper {
        snapshots: recovered.snapshots,
        incoming: states,
        floors: (options.retention == Retention::Snapshots).then_some(say_floor),
        shared: Arc::clone(&shared),
    };
    let teller = Teller {
        public: Arc::clone(&public),
        follower: options.follower,
        durable,
        give_back,
        to_keeper: (options.policy != Policy::None).then_some(to_keeper),
        #[cfg(feature = "redis")]
        to_redis: mailbox,
        shared: Arc::clone(&shared),
    };
    let (entrance, core) = thread::spawn(&options.core, sequencer)?;
    let named = |name: &str| Builder::new().name(format!("pricetime-{name}"));
    #[cfg_attr(not(feature = "redis"), expect(unused_mut, reason = "one more joins them"))]
    let mut rest = vec![
        named("journal").spawn(move || scribe.run())?,
        named("publisher").spawn(move || teller.run())?,
        named("keeper").spawn(move || keeper.run())?,
    ];
    #[cfg(feature = "redis")]
    if let Some(carrier) = carrier {
        rest.push(named("redis").spawn(move || carrier.run())?);
    }
    let threads = Threads { core, rest, _folder: folder };
    Ok(Started { entrance, public, shared, threads, start })
}

/// Replays what is to be replayed. A short way is folded into the image that is there; after a long
/// one it is made anew from the state at its end, which is quicker than to fold so many events.
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
