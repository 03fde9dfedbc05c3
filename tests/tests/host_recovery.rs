//! A crash while a host recovers from another crash takes back nothing acknowledged, and never prevents
//! the next start. A crash while a loss is accepted leaves either the old history or the complete new one.
#![cfg(feature = "servers")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pricetime::engine::{
    Action, Engine, EngineSnapshot, MarketId, Outcome, Phase, Reason, Sequence,
};
use pricetime::persistence::journal::{
    Disk, Folder, FolderError, History, JournalError, JournalOptions, LocalSnapshots, Recovered,
    RecoveryError, RecoveryOptions, SnapshotError, recover,
};
use pricetime::{Draft, EpochSchedule, Host, OpenError, Options};
use pricetime_tests::disk::{Fault, FaultyDisk};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{self, operator};

const JOURNAL: JournalOptions = JournalOptions { segment_bytes: 1 << 12 };

fn options(path: &Path, disk: &FaultyDisk) -> Options {
    Options {
        journal: JOURNAL,
        gates: EpochSchedule::Commands(25),
        disk: Arc::new(disk.clone()),
        ..Options::new(path)
    }
}

/// Returns `true` if the disk failed and nothing else is wrong.
fn is_disk_error(refused: &OpenError) -> bool {
    matches!(
        refused,
        OpenError::Folder(FolderError::Io { .. })
            | OpenError::Recovery(
                RecoveryError::Folder(FolderError::Io { .. })
                    | RecoveryError::Journal(JournalError::Io { .. })
                    | RecoveryError::Snapshot(SnapshotError::Io { .. })
            )
    )
}

/// A data folder, and the commands that were acknowledged in it.
struct World {
    disk: FaultyDisk,
    random: Random,
    trial: u64,
    life: u64,
    acknowledged: Vec<(Sequence, Action)>,
}

impl World {
    fn new(trial: u64) -> Self {
        let (disk, random) = (FaultyDisk::new(trial), Random::new(trial));
        Self { disk, random, trial, life: 0, acknowledged: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/srv/{}/{}", self.trial, self.life))
    }

    /// Makes one of the next `calls` disk calls fail.
    fn plan_fault(&mut self, calls: u64) {
        let fault = Fault::ALL[usize::try_from(self.random.below(4)).expect("small")];
        self.disk.fail_after(self.random.below(calls), fault);
    }

    /// Ends the process or cuts the power, and prepares the next life. The folder gets another name,
    /// because this process does not reopen a folder whose disk failed.
    fn next_life(&mut self) {
        if self.random.below(2) == 0 {
            self.disk.power_cycle();
        } else {
            self.disk.restart_process();
        }
        let from = self.path();
        self.life += 1;
        self.disk.move_folder(&from, &self.path());
    }

    fn open(&self, accept_loss: bool) -> Result<Host, OpenError> {
        Host::open(Options { accept_loss, ..options(&self.path(), &self.disk) })
    }

    /// Submits this many commands in small groups, and records which were acknowledged.
    fn submit(&mut self, host: &Host, commands: u64) {
        let opening = [Action::AddMarket(load::spec()), Action::SetPhase(Phase::Continuous)];
        let first = if host.spec(load::MARKET).is_none() { &opening[..] } else { &[] };
        let drafts = first.iter().copied().map(operator);
        let load = (0..commands).map(|number| load::draft(self.trial, self.life << 32 | number));
        let drafts: Vec<Draft> = drafts.chain(load).collect();
        for group in drafts.chunks(7) {
            let waiting: Vec<_> = group.iter().map(|draft| host.submit(*draft)).collect();
            for (draft, ticket) in group.iter().zip(waiting) {
                let Ok(ticket) = ticket else { return };
                let Ok(group) = ticket.wait() else { return };
                self.acknowledged.push((group.header.sequence, draft.action));
            }
        }
    }

    /// Recovers the folder without a host.
    fn recover(&self) -> Recovered {
        let disk = Arc::new(self.disk.clone());
        let folder = Folder::open_on(disk, &self.path(), History::fresh());
        let how = RecoveryOptions { journal: JOURNAL, ..RecoveryOptions::default() };
        let recovered = recover(&mut folder.expect("it opened"), 10_000, &how, &mut (), |_| ());
        recovered.expect("it opened before")
    }

    /// Asserts that no acknowledged command is missing or different, and that a replay of the whole
    /// journal gives this state.
    fn assert_acknowledged(&self, digest: u128) {
        let Self { trial, .. } = self;
        let commands = self.recover().journal.read(Sequence(1)).expect("all of it is kept");
        let commands: Vec<_> = commands.map(|command| command.expect("a command")).collect();
        let mut replayed = Engine::new(10_000);
        for command in &commands {
            replayed.apply(command, &mut ());
        }
        assert_eq!(replayed.digest(), digest, "trial {trial}");
        for (sequence, action) in &self.acknowledged {
            let at = usize::try_from(sequence.0).expect("small") - 1;
            let found = commands.get(at).map(|command| command.action);
            assert_eq!(found, Some(*action), "trial {trial}: command {sequence}");
        }
    }
}

/// What a folder loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// The whole journal.
    Journal,
    /// Its last files.
    End,
    /// This many of its first files, and the snapshots from which the remaining files could be replayed.
    Beginning(usize),
    /// The same and all snapshots, because whether an early one exists depends on how busy the machine was.
    BeginningAndSnapshots(usize),
}

impl World {
    /// Loses something that was durable. Returns the history left behind and the state with which a new
    /// one must begin.
    fn lose(&mut self, loss: Loss) -> (PathBuf, EngineSnapshot) {
        let last_sequence = self.recover().journal.durable();
        let (disk, path) = (&self.disk, self.path());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let folder = Folder::open_on(Arc::clone(&shared), &path, History::fresh());
        let folder = folder.expect("it was closed in order");
        let (journal, snapshots) = (folder.journal(), folder.snapshots());
        let mut named = MarketId(0);
        let files = |of: &Path| disk.files(of).into_iter().map(|(file, _)| file);
        let gone: Vec<PathBuf> = match loss {
            Loss::Journal => files(&journal).collect(),
            Loss::End => files(&journal).skip(1).collect(),
            Loss::Beginning(many) | Loss::BeginningAndSnapshots(many) => {
                let all = matches!(loss, Loss::BeginningAndSnapshots(_));
                let many = many.min(files(&journal).count() - 1);
                let first = files(&journal).nth(many).map(|file| stem(&file)).expect("one stays");
                // The host closes the market's epoch every 25 commands, and does so as an operator.
                if last_sequence.0 > first + 30 {
                    named = load::MARKET;
                }
                let continues_replay = |file: &PathBuf| all || stem(file) + 1 >= first;
                files(&journal)
                    .take(many)
                    .chain(files(&snapshots).filter(continues_replay))
                    .collect()
            }
        };
        gone.iter().for_each(|file| disk.remove(file).expect("it is there"));
        for folder in [&journal, &snapshots] {
            disk.sync_folder(folder).expect("the removal is synced");
        }
        let left = LocalSnapshots::open(shared, &snapshots, folder.history(), 2);
        let left = left.and_then(|left| left.newest()).expect("the snapshots can be read").found;
        let empty = Engine::new(1).snapshot();
        let left = left.map_or(empty, |left| left.snapshot);
        let last_market = left.last_market.max(named);
        let base = EngineSnapshot { last_sequence, last_market, ..left };
        (path.join(folder.history().to_string()), base)
    }
}

/// The number in a file's name.
fn stem(file: &Path) -> u64 {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    stem.and_then(|stem| stem.parse().ok()).expect("a number")
}

#[test]
fn crash_during_recovery_loses_nothing_and_is_always_recoverable() {
    let trials = number("PRICETIME_TRIALS", 120);
    let seed = number("PRICETIME_SEED", 1).wrapping_add(3_000);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let (mut recoveries, mut running, mut acknowledged) = (0_u64, 0_u64, 0);
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let mut world = World::new(trial);
        for _ in 0..8 {
            // Most faults hit the recovery, some the work after it.
            let calls = world.random.pick([20, 40, 60, 120]);
            world.plan_fault(calls);
            match world.open(false) {
                Ok(host) => {
                    let commands = world.random.below(60);
                    world.submit(&host, commands);
                    running += u64::from(host.close().is_err());
                }
                Err(refused) => {
                    let failed = world.disk.fired().is_some() && is_disk_error(&refused);
                    assert!(failed, "trial {trial}, life {}: {refused}", world.life);
                    recoveries += 1;
                }
            }
            world.next_life();
        }
        let host = world.open(false).unwrap_or_else(|refused| panic!("trial {trial}: {refused}"));
        let digest = host.digest();
        host.close().expect("nothing fails");
        world.assert_acknowledged(digest);
        acknowledged += world.acknowledged.len();
    }
    eprintln!(
        "{recoveries} recoveries failed, {running} hosts later, {acknowledged} commands acknowledged"
    );
    assert!(recoveries > trials && running > 0 && acknowledged > 0);
}

/// Starts twice on an empty disk. The first start fails at an arbitrary call. The second loses power at
/// an arbitrary call, if it gets that far.
#[test]
fn half_created_folder_is_created_again() {
    let mut failed = 0;
    for (first, second) in (0..35).flat_map(|first| (0..80).map(move |second| (first, second))) {
        let mut world = World::new(first << 20 | second);
        world.disk.fail_after(first, Fault::NoSpace);
        let _ = world.open(false).map(|host| host.close());
        world.disk.restart_process();
        world.disk.fail_after(second, Fault::PowerCut);
        match world.open(false) {
            Ok(host) => {
                world.submit(&host, 3);
                failed += u32::from(host.close().is_err());
            }
            Err(_) => failed += 1,
        }
        world.disk.power_cycle();
        world.life = 1;
        world.disk.move_folder(Path::new(&format!("/srv/{}/0", world.trial)), &world.path());
        let host = world.open(false);
        let host = host.unwrap_or_else(|refused| panic!("{first}, {second}: {refused}"));
        world.submit(&host, 3);
        host.close().expect("nothing fails");
        world.disk.power_cycle();
        let host = world.open(false).expect("nothing fails");
        assert!(world.acknowledged.len() >= 3);
        let digest = host.digest();
        host.close().expect("nothing fails");
        world.assert_acknowledged(digest);
    }
    assert!(failed > 400, "{failed} failed");
}

#[test]
fn crash_while_accepting_a_loss_leaves_the_old_or_the_complete_new_history() {
    // Each trial opens a dozen hosts.
    let trials = number("PRICETIME_TRIALS", 400) / 10;
    let seed = number("PRICETIME_SEED", 1).wrapping_add(4_000);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let (mut crashed, mut old, mut new) = (0_u64, 0_u64, 0_u64);
    for trial in seed.wrapping_shl(20)..seed.wrapping_shl(20) + trials {
        let mut world = World::new(trial);
        let host = world.open(false).expect("nothing fails");
        world.submit(&host, 90);
        host.close().expect("nothing fails");
        let beginning = Loss::Beginning(world.random.pick([1, 2, 9]));
        let loss = world.random.pick([Loss::Journal, Loss::End, beginning]);
        let (left, base) = world.lose(loss);
        let name = left.file_name().expect("a history").to_owned();
        let files = world.disk.files(&left).len();
        let mut has_new_history = false;
        for _ in 0..6 {
            world.plan_fault(60);
            match world.open(true) {
                // This test ignores failures after the start.
                Ok(host) => {
                    assert_eq!(
                        host.start().lost.is_none(),
                        has_new_history,
                        "trial {trial}: a loss is accepted only once"
                    );
                    has_new_history = true;
                    drop(host);
                }
                Err(refused) => {
                    let failed = world.disk.fired().is_some() && is_disk_error(&refused);
                    assert!(failed, "trial {trial}, {loss:?}: {refused}");
                    crashed += 1;
                }
            }
            world.next_life();
            match world.open(false) {
                Ok(host) => {
                    has_new_history = true;
                    new += 1;
                    host.close().expect("nothing fails");
                }
                Err(OpenError::Recovery(
                    RecoveryError::Lost { .. }
                    | RecoveryError::Gap { .. }
                    | RecoveryError::Journal(JournalError::Missing(_)),
                )) if !has_new_history => old += 1,
                Err(refused) => panic!("trial {trial}, {loss:?}: {refused}"),
            }
        }
        world.disk.fail_after(u64::MAX >> 1, Fault::NoSpace);
        let opened = world.open(true).map(|host| host.close());
        opened.unwrap_or_else(|refused| panic!("trial {trial}: {refused}")).expect("nothing fails");
        let kept = files == world.disk.files(&world.path().join(&name)).len();
        assert!(kept, "trial {trial}: the old history is kept");
        let now = world.recover().engine.snapshot();
        let (last_timestamp, last_market) = (now.last_timestamp, now.last_market);
        assert!(last_timestamp >= base.last_timestamp && last_market >= base.last_market);
        assert_eq!(now, EngineSnapshot { last_timestamp, last_market, ..base }, "trial {trial}");
        let host = world.open(false).unwrap_or_else(|refused| panic!("trial {trial}: {refused}"));
        let last = now.last_sequence.0;
        world.acknowledged.clear();
        world.submit(&host, 20);
        host.close().expect("nothing fails");
        let first = world.acknowledged.first().map(|acknowledged| acknowledged.0.0);
        assert_eq!(first, Some(last + 1), "trial {trial}, {loss:?}");
    }
    eprintln!("{crashed} crashes, then {old} times the old history and {new} times the new one");
    assert!(crashed > trials && old > 0 && new > 0);
}

/// Without any snapshot, a journal whose beginning is lost yields no state. The sequences and market
/// ids used in it are still not used again.
#[test]
fn new_history_starts_above_every_number_found() {
    let mut world = World::new(1);
    let host = world.open(false).expect("nothing fails");
    world.submit(&host, 90);
    host.close().expect("nothing fails");
    let (_, base) = world.lose(Loss::BeginningAndSnapshots(1));
    assert_eq!(base.markets, []);
    let before = base.last_sequence;
    let refused = world.open(false).expect_err("the beginning is lost");
    assert!(matches!(&refused, OpenError::Recovery(error) if error.is_loss()), "{refused}");

    let host = world.open(true).expect("it was accepted");
    assert!(host.start().lost.is_some());
    assert_eq!(host.status().durable, before);
    let mut add = operator(Action::AddMarket(load::spec()));
    let again = host.submit(add).expect("room").wait().expect("durable");
    assert_eq!(again.header.sequence, Sequence(before.0 + 1));
    assert_eq!(again.outcome, Outcome::Rejected(Reason::UsedMarketId), "the market id was used");
    add.market = MarketId(load::MARKET.0 + 1);
    let other = host.submit(add).expect("room").wait().expect("durable");
    assert_eq!(other.outcome, Outcome::Accepted);
    host.close().expect("nothing fails");
}

/// If only the name of the history is left, there is nothing that the new one has to begin above.
#[test]
fn new_history_starts_at_1_if_nothing_is_left() {
    let mut world = World::new(2);
    let host = world.open(false).expect("nothing fails");
    world.submit(&host, 10);
    host.close().expect("nothing fails");
    let (left, _) = world.lose(Loss::Journal);
    for (file, _) in world.disk.files(&left) {
        world.disk.remove(&file).expect("it is there");
    }
    let refused = world.open(false).expect_err("all is lost");
    assert!(
        matches!(refused, OpenError::Recovery(RecoveryError::Journal(JournalError::Missing(_)))),
        "{refused}"
    );
    let host = world.open(true).expect("it was accepted");
    assert_eq!(host.status().durable, Sequence(0));
    host.close().expect("nothing fails");
}
