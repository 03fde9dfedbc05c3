//! Starting and ending: which thread hears what from whom.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use pricetime_engine::thread::{self, Entrance, Thread};
use pricetime_engine::{Event, Outcome};
use pricetime_persistence::image::{Frozen, Image};
use pricetime_persistence::{
    Folder, History, Progress, Recovered, Recovery, RecoveryError, RecoveryOptions,
};

use crate::batch::Batch;
use crate::follower::Follower;
use crate::gates::Schedule;
use crate::host::{OpenError, Start};
use crate::keeper::Keeper;
use crate::options::{Options, Retention};
use crate::publisher::Publisher;
use crate::scribe::{Policy, Scribe};
use crate::sequencer::{Item, Sequencer};
use crate::status::Shared;

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

/// Opens the folder, brings back what it holds, and starts the threads.
pub(crate) fn start(options: Options) -> Result<Started, OpenError> {
    let disk = Arc::clone(&options.disk);
    let mut folder = Folder::open_on(disk, &options.folder, History::fresh())?;
    let how = RecoveryOptions {
        journal: options.journal,
        snapshots_keep: options.snapshots,
        accept_loss: options.accept_loss,
    };
    let (recovery, image) =
        Recovery::open_beside(&mut folder, options.markets_max, &how, Image::from_snapshot)?;
    let mut progress = options.progress.unwrap_or_else(|| Box::new(|_| ()));
    let (recovered, image) = bring_back(recovery, image, |at| progress(at))?;
    let start = Start {
        history: recovered.history.to_string(),
        snapshot: recovered.base.0,
        replayed: recovered.replayed,
        damaged: recovered.damaged.iter().map(ToString::to_string).collect(),
        lost: recovered.lost.map(|lost| lost.to_string()),
    };
    let shared = Arc::new(Shared::default());
    shared.set_durable(recovered.engine.last_sequence());
    shared.set_snapshot(recovered.base);
    let mut follower = options.follower;
    if let Some(follower) = &mut follower {
        let heads: Vec<_> = image.markets().map(|market| *market.head()).collect();
        follower.start(&heads);
    }
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
        follower,
        durable,
        give_back,
        to_keeper: (options.policy != Policy::None).then_some(to_keeper),
        shared: Arc::clone(&shared),
    };
    let (entrance, core) = thread::spawn(&options.core, sequencer)?;
    let named = |name: &str| Builder::new().name(format!("pricetime-{name}"));
    let rest = vec![
        named("journal").spawn(move || scribe.run())?,
        named("publisher").spawn(move || teller.run())?,
        named("keeper").spawn(move || keeper.run())?,
    ];
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

/// A batch with room for more commands is not filled again.
const ROOM_MAX: usize = 4_096;

/// The publisher's thread: takes batches that are durable, tells of them, and hands the state to
/// the keeper when an epoch has closed.
struct Teller {
    public: Arc<Mutex<Publisher>>,
    follower: Option<Box<dyn Follower>>,
    durable: Receiver<Batch>,
    give_back: Sender<Batch>,
    to_keeper: Option<Sender<Frozen>>,
    shared: Arc<Shared>,
}

impl Teller {
    fn run(mut self) {
        let durable = self.durable.clone();
        for mut batch in &durable {
            let closed = self.tell(&batch);
            if let Some(follower) = &mut self.follower {
                batch.groups().for_each(|(header, events, outcome)| {
                    follower.group(header, events, outcome);
                });
                if durable.is_empty() {
                    follower.pause();
                }
            }
            if let Some(last) = batch.commands.last() {
                self.shared.set_durable(last.sequence);
            }
            batch.answer();
            batch.clear();
            // Where enough empty batches wait already, this one goes, and so does one that grew large
            // while the disk stalled.
            if batch.room() <= ROOM_MAX {
                let _ = self.give_back.try_send(batch);
            }
            // A keeper that is still at the last one is left alone.
            if closed && self.to_keeper.as_ref().is_some_and(|keeper| keeper.is_empty()) {
                self.keep();
            }
        }
        let public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaved = public.sequence() > self.shared.snapshot();
        drop(public);
        if unsaved && self.shared.is_well() {
            self.keep();
        }
        self.public.lock().unwrap_or_else(PoisonError::into_inner).let_go();
    }

    /// Tells of a batch. Says whether an epoch closed in it.
    fn tell(&self, batch: &Batch) -> bool {
        let mut public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        let mut closed = false;
        for (header, events, outcome) in batch.groups() {
            public.publish(header, events, outcome);
            closed |= outcome == Outcome::Accepted
                && events.iter().any(|event| matches!(event, Event::EpochClosed(_)));
        }
        if let Some(fault) = public.image.fault() {
            self.shared.fault(fault.to_string());
        }
        closed
    }

    fn keep(&self) {
        if self.shared.is_faulty() {
            return;
        }
        let Some(keeper) = &self.to_keeper else { return };
        let state = self.public.lock().unwrap_or_else(PoisonError::into_inner).image.freeze();
        // A keeper that has ended has said why.
        let _ = keeper.send(state);
    }
}
