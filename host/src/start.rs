//! Starts a host: restores its state and connects its threads.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::bounded;
use pricetime_engine::{Engine, Sequence};
use pricetime_journal::{Folder, FolderError, History};

use crate::batch::Batch;
use crate::core_thread::{self, Submitter};
use crate::draft::Item;
use crate::epoch_schedule::Schedule;
use crate::feeds::Feeds;
use crate::journal_replay::JournalReplay;
use crate::journal_thread::JournalThread;
use crate::lease::{self, LeaseRenewal};
use crate::opening::{OpenError, Start};
use crate::options::{Options, Retention};
use crate::publisher_thread::PublisherThread;
use crate::sequencer::{Endings, Sequencer};
use crate::session::Sessions;
use crate::settle::{DeliveryThread, SettlementThread};
use crate::snapshot_thread::SnapshotThread;
use crate::status::Shared;
use crate::stopped::Stopped;
use crate::store::Opened;
use crate::threads::{Outward, Threads, named};
use crate::{folder_store, redis_store};

/// The parts of a started host.
pub(crate) struct Started {
    pub(crate) submitter: Submitter<Item>,
    pub(crate) public: Arc<Mutex<Feeds>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) threads: Threads,
    pub(crate) start: Start,
    /// Replays the journal, if there is one.
    pub(crate) past: Option<JournalReplay>,
}

/// Restores the state from the folder, or from Redis if there is no folder.
fn open(options: &mut Options, folder: Option<Folder>) -> Result<Opened, OpenError> {
    let opened = match folder {
        Some(folder) => folder_store::open(options, folder)?,
        None => redis_store::open(options)?,
    };
    if let Some(follower) = &mut options.follower {
        let heads: Vec<_> = opened.image.markets().map(|market| *market.head()).collect();
        follower.start(&heads);
    }
    Ok(opened)
}

/// Opens the folder, if there is one.
fn first(options: &Options) -> Result<Option<Folder>, FolderError> {
    let Some(path) = &options.folder else { return Ok(None) };
    Folder::open_on(Arc::clone(&options.disk), path, History::fresh()).map(Some)
}

/// Does the same, after it has taken the runner's lock if there is one.
fn first_of_all(
    options: &mut Options,
) -> Result<(Option<Folder>, Option<LeaseRenewal>), OpenError> {
    let Some(lock) = options.lock.take() else { return Ok((first(options)?, None)) };
    let Some(path) = &options.folder else { return Err(OpenError::LockAlone) };
    let open = || Folder::open_on(Arc::clone(&options.disk), path, History::fresh());
    let (folder, keeping) = lease::take(&lock, open)?;
    Ok((Some(folder), Some(keeping)))
}

/// Opens the folder, restores its state, and starts the threads.
pub(crate) fn start(mut options: Options) -> Result<Started, OpenError> {
    let (folder, keeping) = first_of_all(&mut options)?;
    let Opened { engine, mut image, start, base, store } = open(&mut options, folder)?;
    let shared = share(&engine, base, keeping.as_ref());
    let kept = store.keep(&mut options, &mut image, &shared)?;
    let ((mailbox, image_thread), (recorder, stream_thread)) = (kept.redis, kept.streams);
    // A damaged snapshot is replaced at once, because until then fewer are intact than are to be kept.
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
    // The channel has room for one state. A host without snapshots drops it.
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

/// Returns what the core thread does when it ends: it sets the reason, and wakes the tasks that wait for
/// room.
fn core_ended(shared: &Arc<Shared>) -> impl FnOnce(Option<&str>) + Send + use<> {
    let shared = Arc::clone(shared);
    move |failure| match failure {
        Some(why) => shared.stop(Stopped::Core(why.to_owned())),
        None => shared.room.wake(),
    }
}

/// Starts the two threads after the core: journal and publisher.
fn behind_core(
    journal_thread: JournalThread,
    publisher_thread: PublisherThread,
) -> std::io::Result<[JoinHandle<()>; 2]> {
    Ok([
        named("journal").spawn(move || journal_thread.run())?,
        named("publisher").spawn(move || publisher_thread.run())?,
    ])
}

/// Starts the threads for settlement and delivery.
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

/// Returns the state that the threads share at the start.
fn share(engine: &Engine, base: Sequence, keeping: Option<&LeaseRenewal>) -> Arc<Shared> {
    let shared = Shared::behind(keeping.map(LeaseRenewal::lease));
    shared.set_durable(engine.last_sequence());
    shared.set_snapshot(base);
    Arc::new(shared)
}
