//! The core alone: one thread, in memory, with events collected in a list.
//!
//! Run with `cargo bench -p pricetime-benches`. Times are per command (for a sweep, per order that
//! it takes), in books of 1,000 and of 100,000 resting orders. `PRICETIME_BENCH_LARGE=1` adds
//! 1,000,000, which the gate's single pass (`-- --test`) has no time for. A name without a prefix
//! has narrow prices in one market; `wide` and `scattered` are the [`Prices`] of that name. In
//! `markets-10000`, orders and commands are spread over 10,000 markets. Snapshot, restore, digest
//! and the uncross of 100,000 orders that all cross are measured as a whole.
//!
//! A book is made when the first bench that needs it runs, so a filter skips the others completely.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pricetime_benches::{Batch, Flow, Orders, Prices, Shape, prepare_engine};
use pricetime_engine::{Action, Command, Engine, EpochNumber, MarketId, Phase};

const SEED: u64 = 23;
/// The number of orders that a sweep takes.
const SWEPT: usize = 20;
/// The number of orders in an uncross.
const CROSSED: usize = 100_000;
const MARKETS: u32 = 10_000;
const LARGE: usize = 1_000_000;

/// The numbers of resting orders to measure with.
fn book_sizes() -> Vec<usize> {
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

/// All shapes of books in which commands are measured.
fn shapes() -> Vec<(BenchmarkId, Shape)> {
    let mut shapes = Vec::new();
    for prices in [Prices::Narrow, Prices::Wide, Prices::Scattered] {
        for resting in book_sizes() {
            shapes.push((name(prices, resting), Shape { resting, prices, markets: 1 }));
        }
    }
    let many = Shape { markets: MARKETS, ..Shape::of(100_000) };
    shapes.push((BenchmarkId::new("markets-10000", many.resting), many));
    shapes
}

/// The time that `count` commands take, computed from runs of the whole flow. Criterion's estimate
/// includes the making of books, so it would ask for only a few commands, all of them cold. So the
/// flow always runs to its end, on a new book each time, and the time of one command is multiplied.
fn time(markets: u32, resting: &[Command], flow: &[Command], count: u64) -> Duration {
    let mut sink = Batch::default();
    let (mut elapsed, mut done) = (Duration::ZERO, 0);
    while done < count {
        let mut engine = prepare_engine(markets, resting);
        let started = Instant::now();
        for command in flow {
            black_box(engine.apply(black_box(command), &mut sink));
        }
        elapsed += started.elapsed();
        done += flow.len().max(1) as u64;
    }
    elapsed.mul_f64(count as f64 / done.max(1) as f64)
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
                // Ten orders in a market are too few for a sweep.
                continue;
            }
            if shape.markets > 1 || shape.resting >= LARGE {
                // Fewer books to make.
                group.sample_size(10).measurement_time(Duration::from_millis(100));
            } else {
                group.sample_size(20).measurement_time(Duration::from_secs(1));
            }
            let prepared = LazyCell::new(|| {
                let (mut flow, resting) = Flow::new(SEED, shape);
                let flow = make(&mut flow, shape.resting);
                (resting, flow)
            });
            group.bench_function(id, |bencher| {
                let (resting, flow) = &*prepared;
                bencher.iter_custom(|count| time(shape.markets, resting, flow, count));
            });
        }
        group.finish();
    }
}

fn state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state");
    for book in book_sizes() {
        let prepared = LazyCell::new(|| {
            let mut orders = Orders::new(SEED, Shape::of(book));
            let mut resting = orders.open(Phase::Continuous);
            resting.extend((0..book).map(|_| orders.rest()));
            prepare_engine(1, &resting)
        });
        let snapshot = LazyCell::new(|| prepared.snapshot());
        group.throughput(Throughput::Elements(book as u64));
        group.bench_function(BenchmarkId::new("snapshot", book), |bencher| {
            bencher.iter(|| prepared.snapshot());
        });
        group.bench_function(BenchmarkId::new("digest", book), |bencher| {
            bencher.iter(|| prepared.digest());
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

/// The close of an epoch in Call: the uniform price and all trades at it.
fn uncross(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("uncross");
    group.throughput(Throughput::Elements(CROSSED as u64));
    group.sample_size(10);
    for prices in [Prices::Narrow, Prices::Wide, Prices::Scattered] {
        let prepared = LazyCell::new(|| {
            let shape = Shape { prices, ..Shape::of(CROSSED) };
            let mut orders = Orders::new(SEED, shape);
            let mut orders_in_call = orders.open(Phase::Call);
            orders_in_call.extend((0..CROSSED).map(|_| orders.crossed()));
            let close = Action::CloseEpoch { number: EpochNumber(1) };
            (orders_in_call, orders.operate(MarketId(1), close))
        });
        group.bench_function(name(prices, CROSSED), |bencher| {
            let (orders_in_call, close) = &*prepared;
            let fresh = || (prepare_engine(1, orders_in_call), Batch::default());
            let closed = |(mut engine, mut sink): (Engine, Batch)| {
                black_box(engine.apply(black_box(close), &mut sink));
                (engine, sink)
            };
            bencher.iter_batched(fresh, closed, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Making a book is not timed but takes a while, so samples are few and short.
fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = short(); targets = commands, state, uncross);
criterion_main!(benches);
