//! The embedded ledger does what every ledger does. Whatever it acknowledged is on disk, and a damaged
//! file is refused.
//!
//! `PRICETIME_TRIALS` sets the number of steps in `walk` and of damaged files (a fiftieth of it),
//! `PRICETIME_KILLS` the number of kills, `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Duration;

use pricetime_settlement::ledger::conformance::{conform, walk};
use pricetime_settlement::ledger::{Applied, Deed, EmbeddedLedger, Ledger, LedgerError, Token};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::recount::{MARKET, batch, initial_seed, recount};

fn open(folder: &Path) -> EmbeddedLedger {
    EmbeddedLedger::open(folder).expect("no other process has it open")
}

#[test]
fn embedded_ledger_passes_the_common_ledger_trial() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 2_000));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let mut make = || -> Box<dyn Ledger> { Box::new(ledger.clone()) };
    assert_eq!(conform(&mut make), Ok(()));
    let steps = usize::try_from(trials).expect("a number of steps");
    assert_eq!(walk(&mut make, seed, steps), Ok(()));
}

/// Creates a ledger with some epochs and closes it.
fn settled(folder: &Path, epochs: u64) {
    let mut ledger = open(folder);
    let token = ledger.claim(MARKET, Token(0)).expect("a claim").token;
    ledger.seed(&initial_seed(), token).expect("a seed");
    for epoch in 1..=epochs {
        let applied = ledger.apply(&batch(epoch), token, Deed::Post);
        assert_eq!(applied, Ok(Applied::Done));
    }
    ledger.deposit(&batch(epochs + 1)).expect("a deposit");
}

#[test]
fn embedded_ledger_opens_in_only_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("a folder/that is not there");
    settled(&below, 3);
    let ledger = open(&below);
    let again = EmbeddedLedger::open(&below).expect_err("it is open");
    assert!(matches!(again, LedgerError::Refused { .. }), "{again:?}");
    assert!(again.to_string().contains("another process has it open"), "{again}");
    drop(ledger);
    assert_eq!(recount(&mut open(&below)), Ok(3));
}

#[test]
fn damaged_file_is_refused() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 5_000) / 50);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={}", trials * 50);
    let folder = tempfile::tempdir().expect("a folder");
    settled(folder.path(), 30);
    let file = folder.path().join("ledger.redb");
    let whole = fs::read(&file).expect("the file");
    let mut found = 0;
    for trial in 0..trials {
        let mut random = Random::new(seed + trial);
        let mut bytes = whole.clone();
        let length = bytes.len() as u64;
        match random.below(10) {
            0 => bytes.truncate(random.within(1, length - 1) as usize),
            1 => {
                let at = random.below(length / 4096) as usize * 4096;
                bytes[at..at + 4096].fill(0);
            }
            // The beginning of the file locates everything else.
            2 | 3 => bytes[random.below(320) as usize] ^= 1 << random.below(8),
            _ => bytes[random.below(length) as usize] ^= 1 << random.below(8),
        }
        fs::write(&file, &bytes).expect("the damage");
        match EmbeddedLedger::open(folder.path()) {
            // Most of a file is unused, so the damage may have no effect.
            Ok(mut ledger) => {
                assert_eq!(recount(&mut ledger), Ok(30), "trial {trial}");
                let pending = ledger.pending(MARKET, batch(1).history, 9).expect("the inbox");
                assert_eq!(pending, [batch(31)], "trial {trial}");
            }
            Err(error @ LedgerError::Damaged { .. }) => {
                assert!(error.to_string().contains("restore an earlier copy"), "{error}");
                found += 1;
            }
            Err(error) => panic!("trial {trial}: {error}"),
        }
    }
    assert!(found > 0 || trials < 20, "damage is found");
    fs::write(&file, &whole).expect("the file");
    assert_eq!(recount(&mut open(folder.path())), Ok(30));
}

#[test]
fn unfinished_file_is_not_taken_for_a_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    // One file as a crash leaves it while a ledger is created, and one that is a user's copy.
    let left = folder.path().join("ledger.redb.0123456789abcdef.new");
    let copy = folder.path().join("ledger.redb.copy");
    for file in [&left, &copy] {
        fs::write(file, b"half of it").expect("a file");
    }
    settled(folder.path(), 3);
    assert_eq!(recount(&mut open(folder.path())), Ok(3));
    assert!(!left.exists() && copy.exists());
}

#[test]
fn concurrent_creation_leaves_one_owner() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Barrier::new(4);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                EmbeddedLedger::open(folder.path())
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|it| it.join().expect("no panic")).collect()
        });
        let (successes, failures): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        assert_eq!(successes.len(), 1, "{failures:?}");
        assert!(
            failures.iter().all(|it| matches!(it, Err(LedgerError::Refused { .. }))),
            "{failures:?}"
        );
        drop(successes);
        assert_eq!(recount(&mut open(folder.path())), Ok(0));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}

/// Runs a settler for `lifetime` and kills it. Returns the last epoch that it reported.
fn run(folder: &Path, lifetime: Duration) -> Option<u64> {
    let mut settler = Command::new(env!("CARGO_BIN_EXE_settler"))
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the settler starts");
    let out = BufReader::new(settler.stdout.take().expect("its output"));
    let reader = std::thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        let done = lines.filter_map(|line| line.strip_suffix(" done")?.parse().ok());
        done.last()
    });
    std::thread::sleep(lifetime);
    assert_eq!(
        settler.try_wait().expect("its status can be read"),
        None,
        "it does not end by itself"
    );
    settler.kill().expect("it can be killed");
    settler.wait().expect("it is dead");
    reader.join().expect("no panic")
}

#[test]
fn killed_process_loses_and_repeats_no_posting() {
    let (seed, kills) = (number("PRICETIME_SEED", 1), number("PRICETIME_KILLS", 12));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_KILLS={kills}");
    let mut folder = tempfile::tempdir().expect("a folder");
    let (mut acknowledged, mut killed_between) = (0, 0);
    // A busy machine needs more kills and longer runs until something was posted.
    for kill in 0..20 * kills {
        if kill >= kills && acknowledged > 0 {
            break;
        }
        // A ledger takes longer to recount with each kill, so some kills start a new one.
        let fresh = kill % 10 == 0;
        if fresh {
            folder = tempfile::tempdir().expect("a folder");
            acknowledged = 0;
        }
        let mut random = Random::new(seed + kill);
        // In a new folder the settler may be killed while it creates the ledger.
        let most = if fresh { 20 } else { 300 };
        let lifetime = Duration::from_millis(random.within(2, most) * (1 + kill / kills));
        acknowledged = run(folder.path(), lifetime).unwrap_or(acknowledged);
        let last = recount(&mut open(folder.path())).expect("a ledger that answers");
        assert!(
            last == acknowledged || last == acknowledged + 1,
            "acknowledged {acknowledged}, posted {last}"
        );
        killed_between += last - acknowledged;
        acknowledged = last;
    }
    eprintln!("{acknowledged} epochs, {killed_between} of them posted but not acknowledged");
    assert!(acknowledged > 0, "nothing was ever posted");
}
