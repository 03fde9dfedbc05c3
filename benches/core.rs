//! The core by itself: one thread, in memory, events collected into a list.
//!
//! `cargo bench -p pricetime-benches`. Everything is measured per command (a sweep per order that it
//! takes), beside 1,000 and beside 100,000 standing orders; `PRICETIME_BENCH_LARGE=1` adds 1,000,000,
//! which the gate's single pass (`-- --test`) has no time for. A name without a word has narrow
//! prices in one market; `wide` and `scattered` are [`Prices`] of their name, and in `markets-10000`
//! orders and commands are spread over 10,000 markets. Snapshot, restore, digest and the uncross of
//! 100,000 orders that all cross are measured whole.
//!
//! A book is made when the first bench that needs it runs, so a filter costs nothing for the others.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pricetime_benches::{Batch, Flow, Orders, Prices, Shape, stand};
use pricetime_engine::{Action, Command, Engine, EpochNumber, MarketId, Phase};

const SEED: u64 = 23;
/// How many orders a sweep takes.
const SWEPT: usize = 20;
/// How many orders an uncross finds.
const CROSSED: usize = 100_000;
const MARKETS: u32 = 10_000;
const LARGE: usize = 1_000_000;

/// How many orders stand.
fn books() -> Vec<usize> {
    let large = std::env::var_os("PRICETIME_BENCH_LARGE").is_some_and(|value| value == "1");
    [1_000, 100_000].into_iter().chain(large.then_some(LARGE)).collect()
}

fn name(prices: Prices, parameter: usize) -> BenchmarkId {
    match prices {
        Prices::Narrow => BenchmarkId::from_parameter(parameter),
        Prices::Wide => BenchmarkId::new("wide", parameter),
        Prices::Scattered => BenchmarkId::new("scattered", parameter),
    }
}

/// Every shape that commands are measured beside.
fn shapes() -> Vec<(BenchmarkId, Shape)> {
    let mut shapes = Vec::new();
    for prices in [Prices::Narrow, Prices::Wide, Prices::Scattered] {
        for standing in books() {
            shapes.push((name(prices, standing), Shape { standing, prices, markets: 1 }));
        }
    }
    let many = Shape { markets: MARKETS, ..Shape::of(100_000) };
    shapes.push((BenchmarkId::new("markets-10000", many.standing), many));
    shapes
}

/// How long so many commands take, judged by the whole flow: Criterion counts the making of books
/// and would ask for a handful of commands, all of them cold. So the flow always runs to its end, on
/// books made afresh as often as it takes, and the time of one command is multiplied.
fn time(markets: u32, standing: &[Command], flow: &[Command], count: u64) -> Duration {
    let mut sink = Batch::default();
    let (mut taken, mut done) = (Duration::ZERO, 0);
    while done < count {
        let mut engine = stand(markets, standing);
        let begun = Instant::now();
        for command in flow {
            black_box(engine.apply(black_box(command), &mut sink));
        }
        taken += begun.elapsed();
        done += flow.len().max(1) as u64;
    }
    taken.mul_f64(count as f64 / done.max(1) as f64)
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
        for (id, shape) in shapes() {
            if elements > 1 && shape.markets > 1 {
                // Ten orders in a market are no sweep.
                continue;
            }
            if shape.markets > 1 || shape.standing >= LARGE {
                // Fewer books to make afresh.
                group.sample_size(10).measurement_time(Duration::from_millis(100));
            } else {
                group.sample_size(20).measurement_time(Duration::from_secs(1));
            }
            let made = LazyCell::new(|| {
                let (mut flow, standing) = Flow::new(SEED, shape);
                let flow = make(&mut flow, shape.standing);
                (standing, flow)
            });
            group.bench_function(id, |bencher| {
                let (standing, flow) = &*made;
                bencher.iter_custom(|count| time(shape.markets, standing, flow, count));
            });
        }
        group.finish();
    }
}

fn state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    for book in books() {
        let made = LazyCell::new(|| {
            let mut orders = Orders::new(SEED, Shape::of(book));
            let mut standing = orders.open(Phase::Continuous);
            standing.extend((0..book).map(|_| orders.rest()));
            stand(1, &standing)
        });
        let snapshot = LazyCell::new(|| made.snapshot());
        group.throughput(Throughput::Elements(book as u64));
        group.bench_function(BenchmarkId::new("snapshot", book), |bencher| {
            bencher.iter(|| made.snapshot());
        });
        group.bench_function(BenchmarkId::new("digest", book), |bencher| {
            bencher.iter(|| made.digest());
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

/// The close of an epoch in Call: one price for all, and all trades at it.
fn uncross(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("uncross");
    group.throughput(Throughput::Elements(CROSSED as u64));
    group.sample_size(10);
    for prices in [Prices::Narrow, Prices::Wide, Prices::Scattered] {
        let made = LazyCell::new(|| {
            let shape = Shape { prices, ..Shape::of(CROSSED) };
            let mut orders = Orders::new(SEED, shape);
            let mut gathered = orders.open(Phase::Call);
            gathered.extend((0..CROSSED).map(|_| orders.crossed()));
            let close = Action::CloseEpoch { number: EpochNumber(1) };
            (gathered, orders.operate(MarketId(1), close))
        });
        group.bench_function(name(prices, CROSSED), |bencher| {
            let (gathered, close) = &*made;
            let fresh = || (stand(1, gathered), Batch::default());
            let closed = |(mut engine, mut sink): (Engine, Batch)| {
                black_box(engine.apply(black_box(close), &mut sink));
                (engine, sink)
            };
            bencher.iter_batched(fresh, closed, BatchSize::PerIteration);
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

criterion_group!(name = benches; config = short(); targets = commands, state, uncross);
criterion_main!(benches);
