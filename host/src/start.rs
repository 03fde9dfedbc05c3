//! Starts a host: restores its state and connects its threads.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::bounded;
use pricetime_engine::{Engine, Sequence};
use pricetime_journal::{Folder, FolderError, History};

use crate::batch::Batch;
use crate::core_thread::{self, Submitter};
use crate::draft::Item;
use crate::empty_batches::EmptyBatches;
use crate::epoch_schedule::Schedule;
use crate::feeds::Feeds;
use crate::journal_replay::JournalReplay;
use crate::journal_thread::JournalThread;
use crate::lease::{self, LeaseRenewal};
use crate::opening::{OpenError, Start};
use crate::options::{Options, Retention};
use crate::publisher::Publisher;
use crate::publisher_thread::PublisherThread;
use crate::sequencer::{EndedSessions, Sequencer};
use crate::session::Sessions;
use crate::settle::{DeliveryThread, SettlementThread};
use crate::snapshot_thread::SnapshotThread;
use crate::status::Shared;
use crate::stopped::Stopped;
use crate::store::OpenedStore;
use crate::threads::{ServerThread, Threads, named};
use crate::{folder_store, redis_store};

/// The parts of a started host.
pub(crate) struct Started {
    pub(crate) submitter: Submitter<Item>,
    pub(crate) feeds: Arc<Mutex<Feeds>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) threads: Threads,
    pub(crate) start: Start,
    /// Replays the journal, if there is one.
    pub(crate) journal_replay: Option<JournalReplay>,
}

/// Restores the state from the folder, or from Redis if there is no folder.
fn open(options: &mut Options, folder: Option<Folder>) -> Result<OpenedStore, OpenError> {
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
fn open_folder(options: &Options) -> Result<Option<Folder>, FolderError> {
    let Some(path) = &options.folder else { return Ok(None) };
    Folder::open_on(Arc::clone(&options.disk), path, History::fresh()).map(Some)
}

/// Does the same, after it has taken the runner's lock if there is one.
fn lock_and_open_folder(
    options: &mut Options,
) -> Result<(Option<Folder>, Option<LeaseRenewal>), OpenError> {
    let Some(lock) = options.lock.take() else { return Ok((open_folder(options)?, None)) };
    let Some(path) = &options.folder else { return Err(OpenError::LockWithoutFolder) };
    let open = || Folder::open_on(Arc::clone(&options.disk), path, History::fresh());
    let (folder, lease_renewal) = lease::take(&lock, open)?;
    Ok((Some(folder), Some(lease_renewal)))
}

/// Opens the folder, restores its state, and starts the threads.
pub(crate) fn start(mut options: Options) -> Result<Started, OpenError> {
    let (folder, lease_renewal) = lock_and_open_folder(&mut options)?;
    let OpenedStore { engine, mut image, start, base, store } = open(&mut options, folder)?;
    let shared = new_shared(&engine, base, lease_renewal.as_ref());
    let parts = store.into_parts(&mut options, &mut image, &shared)?;
    let ((mailbox, image_thread), (recorder, stream_thread)) = (parts.redis, parts.streams);
    // A damaged snapshot is replaced at once, because until then fewer are intact than are to be kept.
    let repair = (!start.damaged.is_empty()).then(|| image.freeze());
    let feeds = Arc::new(Mutex::new(Feeds::new(image)));

    let (to_journal, from_core) = bounded(options.batches.max(1));
    let empty_batches = EmptyBatches::new(options.batches.max(1));
    let (to_snapshots, states) = bounded(1);
    let (floor_sender, floors) = bounded(16);

    let core = Sequencer {
        schedule: Schedule::new(options.gates, engine.last_timestamp()),
        engine,
        clock: options.clock,
        batch: Batch::default(),
        next: to_journal,
        ahead_max: options.core.capacity as u64,
        empty_batches: empty_batches.clone(),
        on_start: options.on_start,
        shared: Arc::clone(&shared),
        ended_sessions: EndedSessions::default(),
    };
    let sessions = Arc::clone(&core.ended_sessions.sessions);
    // The channel has room for one state. A host without snapshots drops it.
    let _ = repair.map(|state| to_snapshots.try_send(state));
    let snapshot_thread = parts.snapshots.map(|snapshots| SnapshotThread {
        snapshots,
        incoming: states,
        floors: (options.retention == Retention::Snapshots).then_some(floor_sender),
        shared: Arc::clone(&shared),
    });
    let publisher = Publisher {
        feeds: Arc::clone(&feeds),
        followers: options.follower.into_iter().chain(parts.settlement_follower).collect(),
        empty_batches,
        to_snapshots: snapshot_thread.is_some().then_some(to_snapshots),
        to_redis: mailbox,
        recorder,
        shared: Arc::clone(&shared),
        withheld: Vec::new(),
    };
    let (to_publisher, publisher_thread) = PublisherThread::new(publisher, options.batches.max(1));
    let journal_thread = JournalThread {
        journal: parts.journal,
        policy: options.policy,
        incoming: from_core,
        next: to_publisher,
        floors,
        shared: Arc::clone(&shared),
    };
    let (submitter, core) = core_thread::spawn(&options.core, core.begin(), core_ended(&shared))?;
    let journal_and_publisher = spawn_journal_and_publisher(journal_thread, publisher_thread)?;
    let server_threads = spawn_settlement(parts.settlement_thread, parts.delivery_thread)?;
    let server_threads = crate::redis::spawn(image_thread, stream_thread)?
        .into_iter()
        .chain(server_threads)
        .collect();
    let threads = Threads {
        core,
        journal_and_publisher,
        server_threads,
        snapshot_thread: snapshot_thread
            .map(|it| named("snapshots").spawn(move || it.run()))
            .transpose()?,
        folder: parts.folder,
        lease_renewal: lease_renewal.map(LeaseRenewal::start).transpose()?,
    };
    let journal_replay = parts.journal_replay;
    Ok(Started { submitter, feeds, shared, sessions, threads, start, journal_replay })
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
fn spawn_journal_and_publisher(
    journal_thread: JournalThread,
    publisher_thread: PublisherThread,
) -> std::io::Result<[JoinHandle<()>; 2]> {
    // If the second of them cannot be started, the first ends.
    let publisher = named("publisher").spawn(move || publisher_thread.run())?;
    Ok([named("journal").spawn(move || journal_thread.run())?, publisher])
}

/// Starts the threads for settlement and delivery.
fn spawn_settlement(
    settlement_thread: Option<SettlementThread>,
    delivery_thread: Option<DeliveryThread>,
) -> std::io::Result<Vec<ServerThread>> {
    let (settlement_thread, delivery_thread) = (
        settlement_thread.map(SettlementThread::spawn),
        delivery_thread.map(DeliveryThread::spawn),
    );
    settlement_thread.into_iter().chain(delivery_thread).collect()
}

/// Returns the state that the threads share at the start.
fn new_shared(
    engine: &Engine,
    base: Sequence,
    lease_renewal: Option<&LeaseRenewal>,
) -> Arc<Shared> {
    let shared = Shared::with_lease(lease_renewal.map(LeaseRenewal::lease));
    shared.set_durable(engine.last_sequence());
    shared.set_snapshot(base);
    Arc::new(shared)
}
