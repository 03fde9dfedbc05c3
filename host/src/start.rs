//! Starting and ending: which thread hears what from whom.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::bounded;
use pricetime_engine::{Engine, Sequence};
use pricetime_journal::image::Image;
use pricetime_journal::{
    Folder, FolderError, History, Journal, LocalSnapshots, Progress, Recovered, Recovery,
    RecoveryError, RecoveryOptions,
};

use crate::batch::Batch;
use crate::core_thread::{self, Submitter};
use crate::draft::Item;
use crate::epoch_schedule::Schedule;
use crate::feeds::Feeds;
use crate::follower::Follower;
use crate::journal_replay::JournalReplay;
use crate::journal_thread::JournalThread;
use crate::lease::{self, LeaseRenewal};
use crate::opening::{OpenError, Start};
use crate::options::{Options, Policy, Retention};
use crate::publisher_thread::PublisherThread;
use crate::redis::{Recorder, StreamThread};
use crate::sequencer::{Endings, Sequencer};
use crate::session::Sessions;
use crate::settle::{DeliveryThread, Listener, Place, Settlement, SettlementThread, news};
use crate::snapshot_thread::SnapshotThread;
use crate::status::Shared;
use crate::stopped::Stopped;
use crate::threads::{Outward, Threads, named};

/// What a host is made of.
pub(crate) struct Started {
    pub(crate) submitter: Submitter<Item>,
    pub(crate) public: Arc<Mutex<Feeds>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) threads: Threads,
    pub(crate) start: Start,
    /// What the journal tells, where there is one.
    pub(crate) past: Option<JournalReplay>,
}

/// What there was.
struct Opened {
    engine: Engine,
    image: Image,
    start: Start,
    /// The sequence of the newest snapshot.
    base: Sequence,
    home: Home,
}

/// Where it was, and where what comes is kept.
#[expect(clippy::large_enum_variant, reason = "there is one, and it is taken apart at once")]
enum Home {
    Folder {
        folder: Folder,
        journal: Journal,
        snapshots: LocalSnapshots,
        history: History,
        /// Whether nobody knows what Redis holds.
        unasked: bool,
    },
    Redis(crate::redis::Taken),
}

/// Brings back what there is.
fn open(options: &mut Options, folder: Option<Folder>) -> Result<Opened, OpenError> {
    let opened = match folder {
        Some(folder) => open_folder(options, folder)?,
        None => open_redis(options)?,
    };
    if let Some(follower) = &mut options.follower {
        let heads: Vec<_> = opened.image.markets().map(|market| *market.head()).collect();
        follower.start(&heads);
    }
    Ok(opened)
}

/// Takes over what stands in Redis.
fn open_redis(options: &Options) -> Result<Opened, OpenError> {
    let redis = options.redis.clone().ok_or(OpenError::NoSingleStore)?;
    let (taken, engine) = crate::redis::take_over(redis, options.markets_max)?;
    let (base, image) = (engine.last_sequence(), Image::from_snapshot(&engine.snapshot()));
    let start = Start {
        history: taken.history().to_string(),
        snapshot: base.0,
        replayed: 0,
        damaged: Vec::new(),
        lost: None,
        image: None,
    };
    Ok(Opened { engine, image, start, base, home: Home::Redis(taken) })
}

/// Opens the folder, where there is one.
fn first(options: &Options) -> Result<Option<Folder>, FolderError> {
    let Some(path) = &options.folder else { return Ok(None) };
    Folder::open_on(Arc::clone(&options.disk), path, History::fresh()).map(Some)
}

/// The same, behind the lock of the runner.
fn first_of_all(
    options: &mut Options,
) -> Result<(Option<Folder>, Option<LeaseRenewal>), OpenError> {
    let Some(lock) = options.lock.take() else { return Ok((first(options)?, None)) };
    let Some(path) = &options.folder else { return Err(OpenError::LockAlone) };
    let open = || Folder::open_on(Arc::clone(&options.disk), path, History::fresh());
    let (folder, keeping) = lease::take(&lock, open)?;
    Ok((Some(folder), Some(keeping)))
}

/// Brings back what the folder holds.
fn open_folder(options: &mut Options, mut folder: Folder) -> Result<Opened, OpenError> {
    let how = RecoveryOptions {
        journal: options.journal,
        snapshots_keep: options.snapshots,
        accept_loss: options.accept_loss,
    };
    let raise = |state: &mut pricetime_engine::EngineSnapshot| {
        crate::redis::raise(options.redis.as_ref(), state);
    };
    let asked = crate::redis::ask(options.redis.as_ref(), &folder, options.accept_loss)?;
    let (elsewhere, unasked) = match asked {
        crate::redis::Asked::Nothing => (None, false),
        crate::redis::Asked::Nobody => (None, true),
        crate::redis::Asked::Image(whole) => (Some((whole.history, whole.state)), false),
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
    crate::redis::fits(options.redis.as_ref(), &image)?;
    let start = Start {
        history: recovered.history.to_string(),
        snapshot: recovered.base.0,
        replayed: recovered.replayed,
        damaged: recovered.damaged.iter().map(ToString::to_string).collect(),
        lost: recovered.lost.map(|lost| lost.to_string()),
        image: from,
    };
    let Recovered { engine, journal, snapshots, base, .. } = recovered;
    let home = Home::Folder { folder, journal, snapshots, history: recovered.history, unasked };
    Ok(Opened { engine, image, start, base, home })
}

/// Where what comes is kept, as the threads take it.
struct Kept {
    folder: Option<Folder>,
    past: Option<JournalReplay>,
    journal: Option<Journal>,
    snapshots: Option<LocalSnapshots>,
    listener: Option<Box<dyn Follower>>,
    settlement_thread: Option<SettlementThread>,
    delivery_thread: Option<DeliveryThread>,
    redis: crate::redis::Ends,
    streams: (Option<Recorder>, Option<StreamThread>),
}

/// Takes a home apart.
fn keep(
    options: &mut Options,
    home: Home,
    (image, shared): (&mut Image, &Arc<Shared>),
) -> Result<Kept, OpenError> {
    match home {
        Home::Redis(taken) => {
            let publishes = options.redis.as_ref().is_some_and(|redis| redis.publish.is_some());
            if publishes || options.settlement.is_some() {
                return Err(OpenError::NoJournal);
            }
            let (epochs, most) = (options.trades_epochs, options.trades_max);
            let redis = taken.start(image, crate::redis::Room { epochs, most }, shared);
            Ok(Kept {
                folder: None,
                past: None,
                journal: None,
                snapshots: None,
                listener: None,
                settlement_thread: None,
                delivery_thread: None,
                redis,
                streams: (None, None),
            })
        }
        Home::Folder { folder, journal, snapshots, history, unasked } => {
            let kept = options.policy != Policy::None;
            let past = JournalReplay {
                disk: folder.disk(),
                folder: folder.path().to_owned(),
                markets_max: options.markets_max,
            };
            let place = Place { past: past.clone(), history };
            let streams = crate::redis::publish(options, &place, image, shared)?;
            let beside = options.redis.take().map(|options| crate::redis::Beside {
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
                redis: crate::redis::start(beside, image, history, shared),
                streams,
            })
        }
    }
}

/// Opens the folder, brings back what it holds, and starts the threads.
pub(crate) fn start(mut options: Options) -> Result<Started, OpenError> {
    let (folder, keeping) = first_of_all(&mut options)?;
    let Opened { engine, mut image, start, base, home } = open(&mut options, folder)?;
    let shared = share(&engine, base, keeping.as_ref());
    let kept = keep(&mut options, home, (&mut image, &shared))?;
    let ((mailbox, image_thread), (recorder, stream_thread)) = (kept.redis, kept.streams);
    // A damaged snapshot is replaced at once: until then fewer can be restored than are to be kept.
    let repair = (!start.damaged.is_empty()).then(|| image.freeze());
    let public = Arc::new(Mutex::new(Feeds::new(image)));

    let (to_journal, from_core) = bounded(options.batches.max(1));
    let (to_publisher, durable) = bounded(options.batches.max(1));
    let (give_back, used) = bounded(options.batches.max(1));
    let (to_snapshots, states) = bounded(1);
    let (say_floor, floors) = bounded(16);

    let core = Sequencer {
        schedule: Schedule::new(options.gates, engine.last_timestamp()),
        engine,
        clock: options.clock,
        batch: Batch::default(),
        next: to_journal,
        ahead_max: options.core.capacity as u64,
        used,
        on_start: options.on_start,
        shared: Arc::clone(&shared),
        endings: Endings::default(),
    };
    let sessions = Arc::clone(&core.endings.sessions);
    let journal_thread = JournalThread {
        journal: kept.journal,
        policy: options.policy,
        incoming: from_core,
        next: to_publisher,
        floors,
        shared: Arc::clone(&shared),
    };
    // There is room for one. A host without snapshots drops it.
    let _ = repair.map(|state| to_snapshots.try_send(state));
    let snapshot_thread = kept.snapshots.map(|snapshots| SnapshotThread {
        snapshots,
        incoming: states,
        floors: (options.retention == Retention::Snapshots).then_some(say_floor),
        shared: Arc::clone(&shared),
    });
    let publisher_thread = PublisherThread {
        public: Arc::clone(&public),
        followers: options.follower.into_iter().chain(kept.listener).collect(),
        durable,
        give_back,
        to_snapshots: snapshot_thread.is_some().then_some(to_snapshots),
        to_redis: mailbox,
        recorder,
        shared: Arc::clone(&shared),
    };
    let (submitter, core) = core_thread::spawn(&options.core, core.begin(), core_ended(&shared))?;
    let rest = behind_core(journal_thread, publisher_thread)?;
    let outward = settlers(kept.settlement_thread, kept.delivery_thread)?;
    let outward =
        crate::redis::spawn(image_thread, stream_thread)?.into_iter().chain(outward).collect();
    let threads = Threads {
        core,
        rest,
        outward,
        snapshot_thread: snapshot_thread
            .map(|it| named("snapshots").spawn(move || it.run()))
            .transpose()?,
        folder: kept.folder,
        kept: keeping.map(LeaseRenewal::start).transpose()?,
    };
    Ok(Started { submitter, public, shared, sessions, threads, start, past: kept.past })
}

/// Returns what the core's thread does when it ends: it says why, and wakes the tasks that wait for room.
fn core_ended(shared: &Arc<Shared>) -> impl FnOnce(Option<&str>) + Send + use<> {
    let shared = Arc::clone(shared);
    move |failure| match failure {
        Some(why) => shared.stop(Stopped::Core(why.to_owned())),
        None => shared.room.wake(),
    }
}

/// Starts the threads right behind the core.
fn behind_core(
    journal_thread: JournalThread,
    publisher_thread: PublisherThread,
) -> std::io::Result<[JoinHandle<()>; 2]> {
    Ok([
        named("journal").spawn(move || journal_thread.run())?,
        named("publisher").spawn(move || publisher_thread.run())?,
    ])
}

/// Starts who settles and who delivers.
fn settlers(
    settlement_thread: Option<SettlementThread>,
    delivery_thread: Option<DeliveryThread>,
) -> std::io::Result<Vec<Outward>> {
    let (settlement_thread, delivery_thread) = (
        settlement_thread.map(SettlementThread::spawn),
        delivery_thread.map(DeliveryThread::spawn),
    );
    settlement_thread.into_iter().chain(delivery_thread).collect()
}

/// What the threads share, at the beginning.
fn share(engine: &Engine, base: Sequence, keeping: Option<&LeaseRenewal>) -> Arc<Shared> {
    let shared = Shared::behind(keeping.map(LeaseRenewal::lease));
    shared.set_durable(engine.last_sequence());
    shared.set_snapshot(base);
    Arc::new(shared)
}

/// Who listens, who settles and who delivers.
type Ends = (Option<Box<dyn Follower>>, Option<SettlementThread>, Option<DeliveryThread>);

/// The ends of the settlement, where there is to be one.
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
