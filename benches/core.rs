//! The core by itself: one thread, in memory, events collected into a list.
//!
//! `cargo bench -p pricetime-benches`. Everything is measured per command (a sweep per order that it
//! takes), beside 1,000 and beside 100,000 standing orders. Snapshot, restore and digest are measured
//! whole.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pricetime_benches::Flow;
use pricetime_engine::{Command, Engine, Event, Header, Outcome, Sink};

const SEED: u64 = 23;
const BOOKS: [usize; 2] = [1_000, 100_000];
/// How many orders a sweep takes.
const SWEPT: usize = 20;

/// Collects events as a host would, and forgets them before they are too many.
#[derive(Default)]
struct Batch(Vec<Event>);

impl Sink for Batch {
    fn begin(&mut self, _: &Header) {
        if self.0.len() > 256 {
            black_box(&self.0);
            self.0.clear();
        }
    }

    fn event(&mut self, event: &Event) {
        self.0.push(*event);
    }

    fn end(&mut self, _: Outcome) {}
}

fn engine(standing: &[Command]) -> Engine {
    let mut engine = Engine::new(1);
    for command in standing {
        engine.apply(command, &mut ());
    }
    engine
}

/// How long so many commands take. After the flow's last one it begins anew, on a book made afresh.
fn time(standing: &[Command], flow: &[Command], count: u64) -> Duration {
    let mut sink = Batch::default();
    let mut taken = Duration::ZERO;
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    while left > 0 {
        let mut engine = engine(standing);
        let now = &flow[..flow.len().min(left)];
        left -= now.len();
        let begun = Instant::now();
        for command in now {
            black_box(engine.apply(black_box(command), &mut sink));
        }
        taken += begun.elapsed();
    }
    taken
}

type Make = fn(&mut Flow, usize) -> Vec<Command>;

fn commands(criterion: &mut Criterion) {
    let flows: [(&str, usize, Make); 5] = [
        ("place", 1, |flow, book| flow.places(book / 10)),
        ("cancel", 1, |flow, book| flow.cancels(book / 10)),
        ("amend", 1, |flow, book| flow.amends(book / 10)),
        ("sweep", SWEPT, |flow, book| flow.sweeps(book / 10 / SWEPT, SWEPT)),
        ("mixed", 1, |flow, book| flow.mixed(book)),
    ];
    for (name, elements, make) in flows {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(elements as u64));
        for book in BOOKS {
            let (mut flow, standing) = Flow::new(SEED, book);
            let flow = make(&mut flow, book);
            let id = BenchmarkId::from_parameter(book);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|count| time(&standing, &flow, count));
            });
        }
        group.finish();
    }
}

fn state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    for book in BOOKS {
        let (_, standing) = Flow::new(SEED, book);
        let engine = engine(&standing);
        let snapshot = engine.snapshot();
        group.throughput(Throughput::Elements(book as u64));
        group.bench_function(BenchmarkId::new("snapshot", book), |bencher| {
            bencher.iter(|| engine.snapshot());
        });
        group.bench_function(BenchmarkId::new("digest", book), |bencher| {
            bencher.iter(|| engine.digest());
        });
        group.bench_function(BenchmarkId::new("restore", book), |bencher| {
            bencher.iter(|| {
                let mut copy = Engine::new(1);
                copy.restore(black_box(&snapshot)).map(|()| copy)
            });
        });
    }
    group.finish();
}

/// Making a book afresh is not timed but takes its time; so samples are few and short.
fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = commands, state);
criterion_main!(benches);
