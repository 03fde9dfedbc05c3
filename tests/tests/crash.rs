//! After `kill -9` at any moment, no acknowledged command is lost and none is carried out twice.
//!
//! A real process under load is killed repeatedly on the same folder. After each kill the model, which
//! knows nothing of hosts, replays the journal. Every acknowledged command must be in it exactly once,
//! and the next process must have the model's state. `PRICETIME_KILLS` sets the number of kills,
//! `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use pricetime::engine::{Command, Engine, RequestId, Sequence};
use pricetime::persistence::journal::{Folder, Journal, JournalOptions};
use pricetime::{Host, Options};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::{Core as _, load, model::Model};

/// Kills per folder. The model takes longer to replay a folder with each kill.
const KILLS_PER_FOLDER: u64 = 6;

/// Runs the victim for `lifetime` and kills it. Returns what it acknowledged: the number of each command,
/// its sequence, and whether it was a duplicate.
fn run(folder: &Path, seed: u64, first: u64, lifetime: Duration) -> Vec<(u64, u64, bool)> {
    let mut victim = Process::new(env!("CARGO_BIN_EXE_victim"))
        .arg(folder)
        .args([seed.to_string(), first.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim starts");
    let out = BufReader::new(victim.stdout.take().expect("its output"));
    // Reads on another thread, so that the victim is killed `lifetime` after its start, whatever it prints.
    let reader = std::thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines.filter_map(|line| parse(&line)).collect::<Vec<_>>()
    });
    std::thread::sleep(lifetime);
    let ended = victim.try_wait().expect("its status can be read");
    assert_eq!(ended, None, "it does not end by itself");
    victim.kill().expect("it can be killed");
    victim.wait().expect("it is dead");
    reader.join().expect("no panic")
}

/// Parses a line. Returns `None` if it was not written completely.
fn parse(line: &str) -> Option<(u64, u64, bool)> {
    let mut words = line.split(' ');
    let parsed =
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(parsed)
}

fn read_journal(path: &Path) -> Vec<Command> {
    let folder = Folder::open(path).expect("the folder of a dead process can be opened");
    if folder.is_new() {
        // The process was killed before it created a journal.
        return Vec::new();
    }
    let options = JournalOptions { segment_bytes: 1 << 15 };
    let journal = Journal::open(folder.disk(), &folder.journal(), folder.history(), options)
        .expect("a kill causes no damage");
    let commands = journal.read(Sequence(1)).expect("it is complete");
    commands.map(|command| command.expect("a command")).collect()
}

#[test]
fn killed_host_loses_and_repeats_no_acknowledged_command() {
    let kills = number("PRICETIME_KILLS", 12);
    let seed = number("PRICETIME_SEED", 1);
    eprintln!("PRICETIME_SEED={seed} PRICETIME_KILLS={kills}");
    let (mut total, mut repeated, mut random) = (0, 0_u64, Random::new(seed));
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
    // A busy machine needs more kills and longer runs until enough was acknowledged.
    let covered_enough = |total: usize, repeated: u64| total > 100 && (kills < 5 || repeated > 0);
    for kill in 0..20 * kills {
        if kill >= kills && covered_enough(total + acknowledged.len(), repeated) {
            break;
        }
        if kill % KILLS_PER_FOLDER == 0 {
            total += acknowledged.len();
            acknowledged.clear();
            folder = tempfile::tempdir().expect("a folder");
        }
        // Clients repeat the commands whose outcome they do not know, and some others.
        let first = acknowledged.keys().next_back().map_or(0, |last| last.saturating_sub(40));
        let lifetime = Duration::from_millis(random.within(20, 199));
        let lifetime = lifetime * u32::try_from(1 + kill / kills).expect("at most 20");
        for (number, sequence, is_duplicate) in run(folder.path(), seed, first, lifetime) {
            repeated += u64::from(is_duplicate);
            if !is_duplicate {
                let before = acknowledged.insert(number, sequence);
                assert_eq!(before, None, "command {number} was carried out twice");
            }
        }
        check_folder(folder.path(), seed, &acknowledged);
    }
    total += acknowledged.len();
    eprintln!("{total} acknowledged, {repeated} repeated");
    assert!(covered_enough(total, repeated), "the trials covered enough");
}

/// Compares the folder with the model and with what was acknowledged.
fn check_folder(folder: &Path, seed: u64, acknowledged: &BTreeMap<u64, u64>) {
    let commands = read_journal(folder);
    let (mut model, mut engine) = (Model::new(10_000), Engine::new(10_000));
    let mut requests = BTreeSet::new();
    let mut carried_out: BTreeMap<u64, u64> = BTreeMap::new();
    for command in &commands {
        model.apply(command);
        engine.apply(command, &mut ());
        if let Some(RequestId(request)) = command.request {
            let number = u64::try_from(request).expect("a number");
            // A repetition is in the journal too, but has no effect.
            if requests.insert((command.account, request)) {
                carried_out.insert(number, command.sequence.0);
            }
        }
    }
    for (number, sequence) in acknowledged {
        assert_eq!(carried_out.get(number), Some(sequence), "command {number} was acknowledged");
    }
    let host = Host::open(Options::new(folder)).expect("it opens again");
    assert_eq!(host.digest(), model.snapshot().digest());
    assert_eq!(engine.snapshot(), model.snapshot());
    for number in acknowledged.keys().rev().take(200) {
        let draft = load::draft(seed, *number);
        let request = draft.request.expect("each has one");
        let known = host.outcome(load::MARKET, draft.account, request).expect("it is remembered");
        assert_eq!(acknowledged.get(number), Some(&known.sequence.0));
    }
}
