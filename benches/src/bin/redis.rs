//! How fast the image comes to Redis and back, beside what the server takes at most.
//!
//! `cargo run --release -p pricetime-benches --bin redis -- [--orders N] [--rounds N]`
//!
//! It starts a `redis-server` of its own. Z is what `redis-benchmark -P 100` says of ZADD on it in the
//! same run; the figures of each round are medians, and rates stand beside Z. While an epoch is
//! written another client asks PING all the time: its longest wait is what the others feel.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use pricetime_benches::{Flow, Shape, stand};
use pricetime_engine::{Command, Group, MarketId, OrderId, OrderRecord};
use pricetime_persistence::History;
use pricetime_persistence::image::{Image, MarketState};
use pricetime_persistence::redis::{ImageWriter, KeyNames, Link, read_image};
use pricetime_tests::redis::Server;

/// Measures the image in Redis.
#[derive(Parser)]
struct Arguments {
    /// How many orders stand.
    #[arg(long, default_value_t = 100_000)]
    orders: usize,
    /// How many orders an epoch changes, about.
    #[arg(long, default_value_t = 1_000)]
    changes: usize,
    /// How often each is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

const MARKET: MarketId = MarketId(1);

type Changed = BTreeMap<OrderId, Option<OrderRecord>>;

/// ZADDs a second, at a pipeline of 100.
fn most(server: &Server) -> f64 {
    let port = server.port.to_string();
    let said = Process::new("redis-benchmark")
        .args(["-p", &port, "-P", "100", "-n", "400000", "-r", "100000000", "-q", "--csv"])
        .args(["zadd", "bench:{z}", "__rand_int__", "member:__rand_int__"])
        .output()
        .expect("redis-benchmark is installed");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let row = said.lines().last().unwrap_or_default();
    let rate = row.split("\",\"").nth(1).unwrap_or("nan");
    let _ = server.ask(&["UNLINK", "bench:{z}"]);
    rate.trim_matches('"').parse().unwrap_or(f64::NAN)
}

fn state(image: &mut Image, changed: &mut Changed) -> MarketState {
    let state = image.take_state(MARKET).expect("the market");
    changed.extend(state.changes.upserts.iter().map(|order| (order.party.order, Some(*order))));
    changed.extend(state.changes.removals.iter().map(|order| (*order, None)));
    state
}

/// The longest that a client waits for its PING, until it is told to stop.
fn ping(server: &Server, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<Duration> {
    let (mut link, stop) = (Link::new(server.options()), Arc::clone(stop));
    std::thread::spawn(move || {
        let mut longest = Duration::ZERO;
        while !stop.load(Ordering::Acquire) {
            let begun = Instant::now();
            link.ping("-").expect("the server answers");
            longest = longest.max(begun.elapsed());
        }
        longest
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Carries commands out and folds what they did.
fn advance(engine: &mut pricetime_engine::Engine, image: &mut Image, commands: &[Command]) {
    let mut groups: Vec<Group> = Vec::new();
    for command in commands {
        engine.apply(command, &mut groups);
        for group in groups.drain(..) {
            image.fold(&group.header, &group.events, group.outcome);
        }
    }
}

fn main() -> io::Result<()> {
    let Arguments { orders, changes, rounds } = Arguments::parse();
    let mut out = io::stdout().lock();
    let server = Server::start();
    let z = most(&server);
    writeln!(out, "Z: {z:.0} ZADD a second")?;
    let (mut flow, standing) = Flow::new(23, Shape::of(orders));
    let mut engine = stand(1, &standing);
    let mut image = Image::from_snapshot(&engine.snapshot());
    let (mut whole, mut read, mut epoch, mut longest) = (vec![], vec![], vec![], Duration::ZERO);
    let mut bytes = 0.0;
    for _ in 0..rounds.max(1) {
        let _ = server.ask(&["FLUSHALL"]);
        let before = used(&server);
        let mut writer = ImageWriter::new(Link::new(server.options()), History::fresh(), 0);
        let first = state(&mut image, &mut Changed::new());
        let begun = Instant::now();
        writer.write(&first, &Changed::new()).map_err(io::Error::other)?;
        whole.push(orders as f64 / begun.elapsed().as_secs_f64());
        bytes = (used(&server) - before) / orders as f64;
        let mut link = Link::new(server.options());
        let begun = Instant::now();
        let found =
            read_image(&mut link, &KeyNames::default().of(MARKET)).map_err(io::Error::other)?;
        read.push(orders as f64 / begun.elapsed().as_secs_f64());
        assert!(found.is_some_and(|found| found.sequence == first.sequence));
        for _ in 0..5 {
            advance(&mut engine, &mut image, &flow.mixed(changes));
            let mut changed = Changed::new();
            let next = state(&mut image, &mut changed);
            let stop = Arc::new(AtomicBool::new(false));
            let pinging = ping(&server, &stop);
            std::thread::sleep(Duration::from_millis(5));
            let begun = Instant::now();
            writer.write(&next, &changed).map_err(io::Error::other)?;
            epoch.push(begun.elapsed().as_secs_f64() * 1e3);
            stop.store(true, Ordering::Release);
            longest = longest.max(pinging.join().unwrap_or_default());
        }
    }
    let (whole, read) = (median(whole), median(read));
    writeln!(out, "written whole: {whole:.0} orders a second, {:.2} Z", whole / z)?;
    writeln!(out, "read back, checked: {read:.0} orders a second, {:.2} Z", read / z)?;
    writeln!(out, "an epoch of {changes} commands: {:.1} ms", median(epoch))?;
    writeln!(out, "the longest PING meanwhile: {:.1} ms", longest.as_secs_f64() * 1e3)?;
    writeln!(out, "bytes an order in one generation: {bytes:.0}")
}

/// What the server holds, in bytes.
fn used(server: &Server) -> f64 {
    let info = server.ask(&["INFO", "memory"]);
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(f64::NAN)
}
