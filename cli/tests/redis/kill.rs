//! A `kill -9` between any two commands to Redis, within one, or before its reply, leaves either a complete
//! state in Redis or none. Nothing acknowledged is lost, and the image is exact again after the next start.
//!
//! `PRICETIME_TRIALS` sets the number of kills (a hundredth of it), `PRICETIME_SEED` selects them. From
//! 50,000 on, every possible kill is tried: at each command, at each kill point.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{MARKET, place};
use crate::turnstile::{KillPoint, KillProxy};
use pricetime::engine::{Action, Engine, Event, MarketId, Sequence};
use pricetime::persistence::journal::{Folder, Journal, JournalOptions};
use pricetime::persistence::redis::{KeyNames, Link, ReadImage, RedisOptions, read_image};
use pricetime_tests::generate::random::Random;
use pricetime_tests::redis::Server;
use pricetime_tests::wait::TIMEOUT;
use serde_json::Value;
use tempfile::TempDir;

/// The number of kills per folder: the older a folder, the longer each trial takes.
const KILLS_PER_FOLDER: u64 = 5;
/// The number of orders in each epoch of a process: changes in place, a second generation, and the switch
/// back to the first.
const EPOCH_SIZES: [u32; 3] = [40, 1_050, 1_050];
const KILL_POINTS: [KillPoint; 3] = [KillPoint::Before, KillPoint::Half, KillPoint::NoReply];

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok().map(|text| text.replace('_', ""));
    text.map_or(default, |text| text.parse().expect("a number in the environment"))
}

/// The image of the market in Redis.
fn read(server: &Server) -> Option<ReadImage> {
    let mut link = Link::new(RedisOptions::parse(&server.url()).expect("an address"));
    read_image(&mut link, &KeyNames::default().of(MarketId(1))).expect("an image that is whole")
}

/// A process that reads lines.
struct Victim {
    child: Child,
    input: ChildStdin,
    answers: BufReader<ChildStdout>,
    line: u64,
}

impl Victim {
    fn start(folder: &Path, proxy: &KillProxy) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pricetime"))
            .current_dir(folder)
            .args(["run", "--once", "--epoch", "never", "--quiet", "--folder", "data"])
            .args(["--redis", &proxy.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        proxy.watch(child.id());
        let input = child.stdin.take().expect("its input");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, input, answers, line: 0 }
    }

    /// Sends lines and reads their answers. Returns `None` if the process was killed.
    fn ask(&mut self, lines: &str, acknowledged: &mut Vec<(u64, String)>) -> Option<u64> {
        // The lines go in chunks, so that unread ones do not fill a pipe.
        for chunk in lines.lines().collect::<Vec<_>>().chunks(100) {
            let text: String = chunk.iter().map(|line| format!("{line}\n")).collect();
            self.input.write_all(text.as_bytes()).ok()?;
            for line in chunk {
                let mut answer = String::new();
                self.answers.read_line(&mut answer).ok().filter(|_| answer.ends_with('\n'))?;
                let answer: Value = serde_json::from_str(&answer).expect(&answer);
                self.line += 1;
                assert_eq!(answer["done"]["line"], self.line, "{answer}");
                assert_eq!(answer["done"]["outcome"], "accepted", "{answer}");
                acknowledged
                    .push((answer["done"]["sequence"].as_u64().expect("one"), (*line).to_owned()));
            }
        }
        acknowledged.last().map(|(sequence, _)| *sequence)
    }

    fn kill(mut self) {
        // The process may have been killed already.
        drop(self.child.kill());
        self.child.wait().expect("it is dead");
    }
}

/// A market whose processes are killed, one after the other.
struct Trial {
    server: Server,
    proxy: KillProxy,
    folder: TempDir,
    /// The acknowledged commands: each sequence number with its line.
    acknowledged: Vec<(u64, String)>,
    /// The last sequence of the journal at each start of a process; that state is also written to Redis.
    starts: Vec<u64>,
    orders: u32,
}

impl Trial {
    fn new() -> Self {
        let server = Server::start();
        let proxy = KillProxy::start(server.port);
        let folder = tempfile::tempdir().expect("a folder");
        Self { server, proxy, folder, acknowledged: vec![], starts: vec![0], orders: 0 }
    }

    /// Starts again with an empty folder and an empty server.
    fn clear(&mut self) {
        self.folder = tempfile::tempdir().expect("a folder");
        assert_eq!(self.server.ask(&["FLUSHALL"]), "OK");
        (self.acknowledged, self.starts) = (vec![], vec![0]);
    }

    /// This many orders, followed by the end of the epoch.
    fn epoch(&mut self, orders: u32, epoch: u64) -> String {
        let mut lines = String::new();
        for order in self.orders..self.orders + orders {
            let (side, price) = if order % 2 == 0 { ("buy", 10) } else { ("sell", 60) };
            lines += &place(order % 3 + 1, order + 1, side, &(price + order % 30).to_string(), 5);
        }
        self.orders += orders;
        lines + &format!("{{\"close_epoch\":{{\"market\":1,\"number\":{epoch}}}}}\n")
    }

    /// Runs epochs of these sizes and waits until each is in Redis. Returns `true` if the process survived.
    fn epochs(&mut self, victim: &mut Victim, first: u64, sizes: &[u32]) -> bool {
        for (size, epoch) in sizes.iter().zip(first..) {
            let lines = self.epoch(*size, epoch);
            let Some(sequence) = victim.ask(&lines, &mut self.acknowledged) else { return false };
            let started = Instant::now();
            while read(&self.server).is_none_or(|image| image.sequence.0 < sequence) {
                if self.proxy.killed_at().is_some() {
                    return false;
                }
                assert!(started.elapsed() < TIMEOUT, "epoch {epoch} does not reach Redis");
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        true
    }

    /// Runs a process from its start to its end or death. Returns `true` if it survived.
    fn run(&mut self, input: &str, epoch: u64, sizes: &[u32]) -> bool {
        let mut victim = Victim::start(self.folder.path(), &self.proxy);
        let survived = (input.is_empty() || victim.ask(input, &mut self.acknowledged).is_some())
            && self.epochs(&mut victim, epoch, sizes);
        victim.kill();
        self.proxy.drain();
        survived
    }

    /// Compares Redis with the journal, and the journal with what was acknowledged. Returns the number of
    /// the next epoch.
    fn check(&mut self, what: &str) -> u64 {
        let image = read(&self.server);
        let folder = Folder::open(&self.folder.path().join("data")).expect("it can be opened");
        let options = JournalOptions::default();
        let journal = Journal::open(folder.disk(), &folder.journal(), folder.history(), options)
            .expect("a kill causes no damage");
        let (mut engine, mut groups) = (Engine::new(8), Vec::new());
        let mut placed = BTreeMap::new();
        let mut found = image.is_none();
        for command in journal.read(Sequence(1)).expect("it is complete") {
            let command = command.expect("a command");
            engine.apply(&command, &mut groups);
            if let Action::Place(place) = command.action {
                let before = placed.insert(place.order.0, command.sequence.0);
                assert_eq!(before, None, "{what}: an order was accepted twice");
            }
            let ends = groups
                .drain(..)
                .flat_map(|group| group.events)
                .any(|event| matches!(event, Event::EpochClosed(_) | Event::MarketAdded(_)));
            let Some(image) = image.as_ref().filter(|it| it.sequence == command.sequence) else {
                continue;
            };
            let known = ends || self.starts.contains(&image.sequence.0);
            assert!(known, "{what}: {} is not the end of an epoch", image.sequence);
            assert_eq!(Some(&image.state), engine.snapshot().markets.first(), "{what}");
            assert_eq!(image.history, folder.history().to_string(), "{what}");
            found = true;
        }
        let last = engine.snapshot().last_sequence.0;
        assert!(found, "{what}: Redis is ahead of the journal, which ends at {last}");
        for (sequence, line) in &self.acknowledged {
            assert!(
                *sequence <= last,
                "{what}: {sequence} was acknowledged, the journal ends at {last}"
            );
            let line: Value = serde_json::from_str(line).expect("a line");
            if let Some(order) = line["place"]["order"].as_str() {
                let id = u128::from_str_radix(&order.replace('-', ""), 16).expect("an id");
                assert_eq!(
                    placed.get(&id),
                    Some(sequence),
                    "{what}: order {order} was acknowledged"
                );
            }
        }
        self.starts.push(last);
        engine.market(MarketId(1)).map_or(1, |book| book.head().epoch.0)
    }

    /// Runs a process to the end of an epoch without a kill, and checks that Redis then has that epoch.
    /// Returns the number of the next epoch.
    fn run_unharmed(&mut self, what: &str, input: &str, epoch: u64, orders: u32) -> u64 {
        self.proxy.arm(None);
        assert!(self.run(input, epoch, &[orders]), "{what}: no process is killed");
        let next = self.check(what);
        assert_eq!(next, epoch + 1, "{what}: the epoch has closed");
        let acknowledged = self.acknowledged.last().map(|(sequence, _)| *sequence);
        assert_eq!(read(&self.server).map(|image| image.sequence.0), acknowledged, "{what}");
        next
    }
}

#[test]
fn redis_image_stays_whole_if_killed_at_any_command() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    let mut trial = Trial::new();
    let mut epoch = trial.run_unharmed("at the start", MARKET, 1, 700);
    // Counts the commands of a process that is not killed: the claim, a full rewrite, some changes, a
    // second generation, and the switch to it.
    trial.proxy.arm(None);
    assert!(trial.run("", epoch, &EPOCH_SIZES), "no process is killed");
    epoch = trial.check("no kill");
    let command_count = trial.proxy.forwarded();
    let points = command_count * KILL_POINTS.len() as u64;
    let trials = if trials < 50_000 { (trials / 100).clamp(5, points) } else { points };
    eprintln!("PRICETIME_SEED={seed}, {trials} kills of {points} possible ones");
    let (mut random, mut killed) = (Random::new(seed), BTreeMap::<String, u32>::new());
    for kill in 0..trials {
        if kill % KILLS_PER_FOLDER == 0 {
            trial.clear();
            epoch = trial.run_unharmed("in a new folder", MARKET, 1, 700);
        }
        // One kill in each section of the range.
        let (from, to) = (kill * points / trials, (kill + 1) * points / trials);
        let point = from + random.below(to - from);
        let kill_point = KILL_POINTS[(point % KILL_POINTS.len() as u64) as usize];
        let at = point / KILL_POINTS.len() as u64;
        let what = format!("seed {seed}, kill {kill}: {kill_point:?} at word {at}");
        trial.proxy.arm(Some((at, kill_point)));
        let _ = trial.run("", epoch, &EPOCH_SIZES);
        let word = trial.proxy.killed_at().unwrap_or_else(|| String::from("after all of them"));
        *killed.entry(word).or_default() += 1;
        epoch = trial.check(&what);
        epoch = trial.run_unharmed(&what, "", epoch, 3);
    }
    eprintln!("killed at {killed:?}");
}
