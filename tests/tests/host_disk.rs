//! Whatever the disk does, a host takes back no command that it acknowledged. It returns `Busy` or
//! `Stopped` if it cannot continue.
#![cfg(feature = "servers")]

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use pricetime::engine::{Action, Engine, OrderId, Outcome, Phase, Sequence};
use pricetime::persistence::journal::{
    Disk, DiskFile, Folder, History, JournalOptions, Lock, RecoveryOptions, recover,
};
use pricetime::{
    EpochSchedule, Found, Host, OpenError, Options, Question, Refused, Stopped, Ticket,
};
use pricetime_tests::disk::{Fault, FaultyDisk};
use pricetime_tests::environment::number;
use pricetime_tests::load::{self, operator};

fn options(path: &str, disk: Arc<dyn Disk>) -> Options {
    Options {
        journal: JournalOptions { segment_bytes: 1 << 13 },
        gates: EpochSchedule::Commands(50),
        disk,
        ..Options::new(path)
    }
}

/// Opens a host on this disk and submits commands until it stops or all are submitted. Returns what it
/// acknowledged: the number of each command and its sequence.
fn run_host(path: &str, disk: &FaultyDisk, seed: u64) -> Result<Vec<(u64, Sequence)>, OpenError> {
    let host = Host::open(options(path, Arc::new(disk.clone())))?;
    let mut acknowledged = Vec::new();
    let opening = [Action::AddMarket(load::spec()), Action::SetPhase(Phase::Continuous)];
    let mut waiting = Vec::new();
    let drafts = opening.into_iter().map(operator).map(|draft| (u64::MAX, draft));
    let load = (0..200).map(|number| (number, load::draft(seed, number)));
    for (number, draft) in drafts.chain(load) {
        match host.submit(draft) {
            Ok(ticket) => waiting.push((number, ticket)),
            Err(Refused::Stopped) => break,
            Err(refused) => panic!("{refused}"),
        }
        // Small groups, so that a fault can also hit between syncs.
        if waiting.len() == 7 {
            for (number, ticket) in waiting.drain(..) {
                acknowledged.extend(ticket.wait().map(|group| (number, group.header.sequence)));
            }
        }
    }
    for (number, ticket) in waiting {
        acknowledged.extend(ticket.wait().map(|group| (number, group.header.sequence)));
    }
    if let Err(stopped) = host.close() {
        assert!(!stopped.reason().is_empty());
    }
    Ok(acknowledged)
}

#[test]
fn failing_disk_loses_no_acknowledged_command() {
    let trials = number("PRICETIME_TRIALS", 120);
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let (mut stopped, mut acknowledged_count) = (0, 0);
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let disk = FaultyDisk::new(trial);
        let fault = Fault::ALL[usize::try_from(trial % 4).expect("small")];
        disk.fail_after(trial.wrapping_mul(31) % 160, fault);
        // Each trial has its own folder: this process does not reopen a folder after a disk fault.
        let path = format!("/srv/market/data-{trial}");
        let acknowledged = run_host(&path, &disk, trial).unwrap_or_default();
        stopped += u32::from(acknowledged.len() < 202);
        acknowledged_count += acknowledged.len();
        if trial % 3 == 0 {
            disk.restart_process()
        } else {
            disk.power_cycle()
        }

        let mut folder = Folder::open_on(Arc::new(disk), Path::new(&path), History::fresh())
            .unwrap_or_else(|error| panic!("trial {trial}: {error}"));
        let how = RecoveryOptions {
            journal: JournalOptions { segment_bytes: 1 << 13 },
            ..RecoveryOptions::default()
        };
        let recovered = recover(&mut folder, 10_000, &how, &mut (), |_| ())
            .unwrap_or_else(|error| panic!("trial {trial}: {error}"));
        let mut replayed = Engine::new(10_000);
        let commands: Vec<_> = recovered.journal.read(Sequence(1)).expect("whole").collect();
        let commands: Vec<_> =
            commands.into_iter().map(|command| command.expect("a command")).collect();
        for command in &commands {
            replayed.apply(command, &mut ());
        }
        assert_eq!(replayed.digest(), recovered.engine.digest(), "trial {trial}");
        for (number, sequence) in acknowledged {
            let at = usize::try_from(sequence.0).expect("small") - 1;
            let command = commands.get(at).unwrap_or_else(|| {
                panic!("trial {trial}: command {number} was acknowledged and is lost")
            });
            assert!(number == u64::MAX || command.action == load::draft(trial, number).action);
        }
    }
    eprintln!("{stopped} of {trials} hosts stopped, {acknowledged_count} commands acknowledged");
    assert!(stopped > 0 && acknowledged_count > 0);
}

#[test]
fn folder_on_a_failed_disk_cannot_be_reopened_by_this_process() {
    let disk = FaultyDisk::new(7);
    let host = Host::open(options("/poisoned", Arc::new(disk.clone()))).expect("a host");
    let done = host.submit(operator(Action::AddMarket(load::spec()))).expect("room").wait();
    assert_eq!(done.expect("durable").outcome, Outcome::Accepted);
    // Fails the next sync, whichever call that is.
    disk.fail_after(1, Fault::FailedSync);
    while let Ok(ticket) = host.submit(operator(Action::SetPhase(Phase::Continuous))) {
        if ticket.wait().is_err() {
            break;
        }
        if disk.fired().is_none() {
            disk.fail_after(1, Fault::FailedSync);
        }
    }
    let why = host.close().expect_err("it stopped");
    assert!(matches!(why, Stopped::Journal(_)), "{why}");
    disk.restart_process();
    let again = Host::open(options("/poisoned", Arc::new(disk)));
    assert!(matches!(again, Err(OpenError::Poisoned(_))), "{again:?}");
}

/// Whether syncs hang, and how many there were.
#[derive(Debug, Default)]
struct Syncs {
    hang: Mutex<bool>,
    changed: Condvar,
    count: AtomicU64,
}

/// A disk that counts syncs and makes them hang on request.
#[derive(Clone, Debug)]
struct HungDisk(FaultyDisk, Arc<Syncs>);

#[derive(Debug)]
struct HungFile(Box<dyn DiskFile>, Arc<Syncs>);

impl HungDisk {
    fn syncs(&self) -> u64 {
        self.1.count.load(Ordering::SeqCst)
    }

    fn hang(&self, hangs: bool) {
        *self.1.hang.lock().expect("no panic") = hangs;
        self.1.changed.notify_all();
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(HungFile(file, Arc::clone(&self.1)))
    }
}

impl Disk for HungDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.create_folder(folder)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.create(path).map(|file| self.file(file))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(path).map(|file| self.file(file))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.sync_folder(folder)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.0.is_locked(path)
    }
}

impl DiskFile for HungFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.0.is_at(path)
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, into)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn preallocate(&mut self, length: u64) -> io::Result<()> {
        self.0.preallocate(length)
    }
    fn sync(&mut self) -> io::Result<()> {
        let Syncs { hang, changed, count } = &*self.1;
        count.fetch_add(1, Ordering::SeqCst);
        let guard = hang.lock().expect("no panic");
        drop(changed.wait_while(guard, |hangs| *hangs).expect("no panic"));
        self.0.sync()
    }
}

#[test]
fn hanging_disk_fills_the_ring_and_cancels_use_a_reserve() {
    let disk = HungDisk(FaultyDisk::new(9), Arc::default());
    let mut options = options("/hung", Arc::new(disk.clone()));
    (options.core.capacity, options.core.reserve, options.core.batch) = (64, 8, 16);
    options.batches = 2;
    let host = Host::open(options).expect("a host");
    load::open_market(&host);
    let before = host.status().durable;
    disk.hang(true);
    let mut waiting = Vec::new();
    let busy = loop {
        match host.submit(load::draft(1, waiting.len() as u64)) {
            Ok(ticket) => waiting.push(ticket),
            Err(refused) => break refused,
        }
        assert!(waiting.len() < 10_000, "the ring is bounded");
    };
    assert!(matches!(busy, Refused::Busy));
    let cancel = operator(Action::Cancel { order: OrderId(1) });
    let cancel = host.submit(cancel).expect("cancels have a reserve");
    assert_eq!(host.status().durable, before, "nothing is acknowledged before it is on disk");
    assert_eq!(host.view(load::MARKET, 1).expect("the market").sequence, before);

    disk.hang(false);
    for ticket in waiting {
        drop(ticket.wait().expect("the disk was only slow"));
    }
    drop(cancel.wait().expect("the disk was only slow"));
    host.close().expect("a clean shutdown");
}

#[test]
fn queries_share_the_sync_of_neighboring_commands() {
    let disk = HungDisk(FaultyDisk::new(11), Arc::default());
    let options =
        || Options { gates: EpochSchedule::OnRequest, ..options("/asked", Arc::new(disk.clone())) };
    let host = Host::open(options()).expect("a host");
    let view = Question::View { market: load::MARKET, depth: 1 };
    let sequence = |found: Found| match found {
        Found::View(_, view) => view.map(|(view, _)| view.sequence),
        Found::Market(..) | Found::Order(..) | Found::Outcome(..) | _ => None,
    };
    load::open_market(&host);
    disk.hang(true);
    let before = disk.syncs();
    let asked: Vec<_> = (0..500)
        .map(|number| {
            let done = host.submit(load::draft(1, number)).expect("room");
            (done, host.ask(view).expect("room"))
        })
        .collect();
    disk.hang(false);
    for (done, found) in asked {
        let done = done.wait().expect("durable").header.sequence;
        // The answer shows exactly what was submitted before it, although more was carried out by then.
        assert_eq!(sequence(found.wait().expect("an answer")), Some(done));
    }
    let syncs = disk.syncs() - before;
    assert!(syncs < 50, "500 commands and 500 questions took {syncs} syncs");
    let last = host.status().durable;
    host.close().expect("a clean shutdown");

    let host = Host::open(options()).expect("a host");
    let before = disk.syncs();
    for _ in 0..100 {
        let found = host.ask(view).expect("room").wait().expect("an answer");
        assert_eq!(sequence(found), Some(last));
    }
    assert_eq!(disk.syncs(), before, "questions alone need no sync");
}

/// A host with a small ring, and its disk.
fn small_host(path: &str) -> (Host, HungDisk) {
    let disk = HungDisk(FaultyDisk::new(13), Arc::default());
    let mut options = options(path, Arc::new(disk.clone()));
    (options.core.capacity, options.core.reserve, options.core.batch) = (64, 8, 16);
    options.batches = 2;
    let host = Host::open(options).expect("a host");
    load::open_market(&host);
    (host, disk)
}

/// Submits to a host whose disk hangs until its ring stays full. Then calls `then` and returns the
/// result of waiting for room.
async fn wait_for_room(
    host: &Host,
    tickets: &mut Vec<Ticket>,
    then: impl FnOnce(),
) -> Result<(), Stopped> {
    loop {
        assert!(tickets.len() < 10_000, "the ring is bounded");
        match host.submit(load::draft(1, tickets.len() as u64)) {
            Ok(ticket) => tickets.push(ticket),
            Err(Refused::Busy) => {
                let mut ready = pin!(host.ready());
                // The core may have drained the ring once more before it reached the hanging disk.
                match poll_fn(|context| Poll::Ready(ready.as_mut().poll(context))).await {
                    Poll::Ready(ready) => ready.expect("it runs"),
                    Poll::Pending => {
                        then();
                        return ready.await;
                    }
                }
            }
            Err(refused) => panic!("{refused}"),
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

#[test]
fn caller_refused_as_busy_is_accepted_when_ready_resolves() {
    let (host, disk) = small_host("/ready");
    disk.hang(true);
    let mut tickets = Vec::new();
    runtime().block_on(async {
        let ready = wait_for_room(&host, &mut tickets, || disk.hang(false)).await;
        ready.expect("the disk was only slow");
        let number = tickets.len() as u64;
        tickets.push(host.submit(load::draft(1, number)).expect("there is room"));
        for ticket in tickets {
            drop(ticket.await.expect("the disk was only slow"));
        }
        host.close().expect("a clean shutdown");
        let closed = host.ready().await.expect_err("it accepts nothing any more");
        assert!(matches!(closed, Stopped::Closed), "{closed}");
    });
}

#[test]
fn ready_fails_when_the_host_stops() {
    let (host, disk) = small_host("/unready");
    disk.hang(true);
    runtime().block_on(async {
        let mut tickets = Vec::new();
        let mut ready = wait_for_room(&host, &mut tickets, || {
            disk.0.fail_after(1, Fault::FailedSync);
            disk.hang(false);
        })
        .await;
        // A sync that succeeds before the failing one makes room.
        while ready.is_ok() {
            ready = host.ready().await;
        }
        let why = ready.expect_err("the disk failed");
        assert!(matches!(why, Stopped::Journal(_)), "{why}");
        assert!(matches!(host.stopped().await, Err(Stopped::Journal(_))));
        for ticket in tickets {
            if let Err(why) = ticket.await {
                assert!(matches!(why, Stopped::Journal(_)), "the error names the journal: {why}");
            }
        }
    });
}
