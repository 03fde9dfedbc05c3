//! The cost of each feature: the same flow with and without it, in turns.
//!
//! `cargo run --profile dist -p pricetime-benches --bin features -- [--orders N] [--commands N]
//! [--rounds N] [--only NAME]`
//!
//! Each row is the mixed flow with one change. The figure is the median over the rounds. The ratio
//! is the median of the ratios to the plain flow of the same round.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use clap::Parser;
use pricetime_benches::{Batch, Flow, Shape, prepare_engine};
use pricetime_engine::{
    AccountId, Action, Command, OrderId, OrderKind, Place, Price, Quantity, RequestId, TimeInForce,
    Timestamp,
};

/// Prints the cost of each feature per command.
#[derive(Parser)]
struct Arguments {
    /// Number of resting orders at the start.
    #[arg(long, default_value_t = 10_000)]
    orders: usize,
    /// Number of timed commands.
    #[arg(long, default_value_t = 200_000)]
    commands: usize,
    /// Number of times that each row is timed.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Only this row (and the plain one).
    #[arg(long)]
    only: Option<String>,
}

/// A feature: its name, and the change to each command.
type Feature = (&'static str, fn(&mut Command));

const FEATURES: [Feature; 9] = [
    ("plain", |_| ()),
    ("no window of requests", |it| {
        if let Action::AddMarket(spec) = &mut it.action {
            spec.limits.requests_max = 0;
        }
    }),
    ("request ids", |it| it.request = Some(RequestId(u128::from(it.sequence.0)))),
    ("good till date", |it| {
        change_resting(it, |place| {
            place.time_in_force = TimeInForce::GoodTillDate(Timestamp(u64::MAX))
        });
    }),
    ("for so many epochs", |it| {
        change_resting(it, |place| place.time_in_force = TimeInForce::ForEpochs(1_000));
    }),
    ("icebergs", |it| {
        change_resting(it, |place| {
            place.display_quantity = Some(Quantity(place.quantity.0.div_ceil(2)))
        });
    }),
    ("accounts of their own", |it| it.account = AccountId(u128::from(it.sequence.0))),
    ("price protection", |it| {
        if let Action::AddMarket(spec) = &mut it.action {
            spec.terms.protection_ticks = Some(1_000_000);
        }
    }),
    ("1,000 stops that wait", |_| ()),
];

/// Changes orders that rest.
fn change_resting(command: &mut Command, change: impl FnOnce(&mut Place)) {
    if let Action::Place(place) = &mut command.action
        && place.time_in_force == TimeInForce::GoodTillCancel
    {
        change(place);
    }
}

/// Replaces the last thousand of the initial orders by stops that are never elected.
fn with_stops(resting: &mut [Command]) {
    let from = resting.len().saturating_sub(1_000);
    for command in resting.get_mut(from..).unwrap_or_default() {
        change_resting(command, |place| {
            place.kind = OrderKind::Stop {
                stop: Price(match place.side {
                    pricetime_engine::Side::Buy => 1_999_000,
                    pricetime_engine::Side::Sell => 1_000,
                }),
            };
            place.order = OrderId(place.order.0 | 1 << 100);
        });
    }
}

fn nanoseconds(resting: &[Command], flow: &[Command]) -> f64 {
    let mut engine = prepare_engine(1, resting);
    let mut sink = Batch::default();
    let started = Instant::now();
    for command in flow {
        black_box(engine.apply(black_box(command), &mut sink));
    }
    started.elapsed().as_nanos() as f64 / flow.len().max(1) as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> io::Result<()> {
    let Arguments { orders, commands, rounds, only } = Arguments::parse();
    let (mut flow, resting) = Flow::new(23, Shape::of(orders));
    let flow = flow.mixed(commands);
    let wanted =
        |(name, _): &&Feature| only.as_deref().is_none_or(|only| only == *name || *name == "plain");
    let flows: Vec<_> = FEATURES
        .iter()
        .filter(wanted)
        .map(|(name, change)| {
            let (mut resting, mut flow) = (resting.clone(), flow.clone());
            if name.ends_with("wait") {
                with_stops(&mut resting);
            }
            resting.iter_mut().chain(&mut flow).for_each(change);
            (*name, resting, flow, Vec::new(), Vec::new())
        })
        .collect();
    let mut rows = flows;
    for _ in 0..rounds.max(1) {
        let mut plain = f64::NAN;
        for (name, resting, flow, figures, ratios) in &mut rows {
            let figure = nanoseconds(resting, flow);
            if *name == "plain" {
                plain = figure;
            }
            figures.push(figure);
            ratios.push(figure / plain);
        }
    }
    let mut out = io::stdout().lock();
    for (name, _, _, figures, ratios) in rows {
        writeln!(out, "{name:<24} {:>7.1} ns  {:>6.3}", median(figures), median(ratios))?;
    }
    Ok(())
}
