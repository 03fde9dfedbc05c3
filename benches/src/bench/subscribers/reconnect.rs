//! How long acknowledgements stop while all subscribers reconnect.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pricetime::engine::{
    AccountId, Action, Command, OrderId, OrderKind, Place, Price, Quantity, SelfTrade, Side,
    TimeInForce,
};
use pricetime::{AccountFeed, Draft, Host, Options, Ticket};

use super::super::host::Scratch;
use super::super::load;
use super::super::progress::Progress;
use super::super::report::Measured;
use super::super::runs::Runs;
use super::{MARKET, Subscribers, account, figure, subscribe};
use crate::failure::Failure;

/// The number of commands in flight.
const WINDOW: usize = 1_024;
/// The number of prices of resting orders, far below those of the workload.
const PRICES: u64 = 1_000;

/// What the submitter has observed.
#[derive(Debug, Default)]
struct SubmitterState {
    /// The number of acknowledged commands.
    acknowledged: AtomicU64,
    /// The longest time between two acknowledgements since a watch began, in nanoseconds.
    longest: AtomicU64,
    stop: AtomicBool,
}

impl SubmitterState {
    /// Runs `work`, and also returns the longest time between two acknowledgements while it runs,
    /// in milliseconds.
    fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, f64) {
        self.wait();
        self.longest.store(0, Ordering::Release);
        let done = work();
        // A wait that has not ended yet counts as well.
        self.wait();
        (done, self.longest.load(Ordering::Acquire) as f64 / 1e6)
    }

    /// Waits for the next acknowledgement, unless the submitter has ended.
    fn wait(&self) {
        let before = self.acknowledged.load(Ordering::Acquire);
        while self.acknowledged.load(Ordering::Acquire) == before
            && !self.stop.load(Ordering::Acquire)
        {
            thread::sleep(Duration::from_micros(100));
        }
    }
}

/// A resting order that nothing trades with.
fn bid(account: AccountId, order: u128) -> Draft {
    let place = Place {
        order: OrderId(order),
        reference: 0,
        side: Side::Buy,
        kind: OrderKind::Limit { price: Price(1 + (order as u64 % PRICES).cast_signed()) },
        quantity: Quantity(1),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    };
    let action = Action::Place(place);
    Draft { market: MARKET, account, operator: false, request: None, action, session: None }
}

/// Subscribes all at once, with one thread for each core, while a submitter continues.
pub(super) fn measure(
    bench: &Subscribers,
    opening: &[Command],
    progress: &Progress,
) -> Result<Vec<Measured>, Failure> {
    progress.now("a market with many orders");
    let scratch = Scratch::new(&bench.folder, "host")?;
    let host = Host::open(Options::new(scratch.0.join("data"))).map_err(Failure::failed)?;
    load::closed(&host, &load::distribute(opening, 1), Duration::MAX)?;
    let owner = |number: usize| account(number % bench.subscribers);
    let resting: Vec<_> = (0..bench.orders).map(|it| bid(owner(it), it as u128)).collect();
    load::closed(&host, &[resting], Duration::MAX)?;
    let state = SubmitterState::default();
    let waits = thread::scope(|scope| {
        let submitter = scope.spawn(|| submit(&host, account(bench.subscribers), &state));
        let waits = runs(bench, &host, &state, progress);
        state.stop.store(true, Ordering::Release);
        submitter.join().map_err(|_| Failure::failed("the submitter panicked"))??;
        waits
    })?;
    host.close().map_err(Failure::failed)?;
    let Waits { alone, reconnect, digest, took } = waits;
    let count = bench.subscribers;
    let what = |what: &str| format!("the longest time between two acknowledgements, {what}");
    let again = format!("while {count} subscribe at once");
    let rates = took.iter().map(|ms| 1e3 * count as f64 / ms).collect();
    let median = Runs::new(took).median;
    let all = format!("until all {count} have subscribed again");
    Ok(vec![
        longest("wait-alone", alone, what("alone")),
        longest("wait-reconnect", reconnect, what(&again)),
        longest("wait-digest", digest, what("while the state's digest is computed")),
        figure("reconnect", rates, median, (all, "ms")),
    ])
}

/// A figure of the longest of these times.
fn longest(name: &str, times: Vec<f64>, what: String) -> Measured {
    let value = times.iter().copied().fold(0.0, f64::max);
    let rates = times.into_iter().map(|ms| 1e3 / ms.max(1e-9)).collect();
    figure(name, rates, value, (what, "ms"))
}

/// The longest waits of each run, and the time until all had subscribed, in milliseconds.
#[derive(Default)]
struct Waits {
    alone: Vec<f64>,
    reconnect: Vec<f64>,
    digest: Vec<f64>,
    took: Vec<f64>,
}

fn runs(
    bench: &Subscribers,
    host: &Host,
    state: &SubmitterState,
    progress: &Progress,
) -> Result<Waits, Failure> {
    let mut waits = Waits::default();
    let mut feeds = all(host, Vec::new(), bench.subscribers)?;
    for _ in 0..bench.runs {
        progress.now("all subscribers reconnect at once");
        let started = Instant::now();
        let ((again, took), wait) = state.watch(|| {
            let again = all(host, std::mem::take(&mut feeds), bench.subscribers);
            (again, started.elapsed())
        });
        feeds = again?;
        waits.reconnect.push(wait);
        waits.took.push(took.as_secs_f64() * 1e3);
        let ((), wait) = state.watch(|| thread::sleep(took));
        waits.alone.push(wait);
        let (_, wait) = state.watch(|| host.digest());
        waits.digest.push(wait);
        progress.done();
    }
    Ok(waits)
}

/// Drops these subscriptions and subscribes to every account, with one thread for each core.
fn all(
    host: &Host,
    mut before: Vec<Vec<AccountFeed>>,
    subscribers: usize,
) -> Result<Vec<Vec<AccountFeed>>, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    before.resize_with(cores, Vec::new);
    thread::scope(|scope| {
        let one = |(core, before): (usize, Vec<AccountFeed>)| {
            scope.spawn(move || {
                drop(before);
                let own = (core..subscribers).step_by(cores);
                own.map(|number| subscribe(host, account(number))).collect::<Result<Vec<_>, _>>()
            })
        };
        let threads: Vec<_> = before.into_iter().enumerate().map(one).collect();
        let panicked = |_| Failure::failed("a subscriber panicked");
        threads.into_iter().map(|thread| thread.join().map_err(panicked)?).collect()
    })
}

/// Places orders and cancels them until `state.stop` is set. The size of the book stays the same.
fn submit(host: &Host, account: AccountId, state: &SubmitterState) -> Result<(), Failure> {
    let done = submit_until_stopped(host, account, state);
    state.stop.store(true, Ordering::Release);
    done
}

fn submit_until_stopped(
    host: &Host,
    account: AccountId,
    state: &SubmitterState,
) -> Result<(), Failure> {
    let mut waiting: VecDeque<Ticket> = VecDeque::with_capacity(WINDOW);
    let mut last = Instant::now();
    for number in 0_u64.. {
        if state.stop.load(Ordering::Acquire) {
            break;
        }
        if waiting.len() == WINDOW
            && let Some(first) = waiting.pop_front()
        {
            drop(first.wait().map_err(Failure::failed)?);
            let now = Instant::now();
            let wait = u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX);
            last = now;
            state.longest.fetch_max(wait, Ordering::AcqRel);
            state.acknowledged.fetch_add(1, Ordering::AcqRel);
        }
        let order = u128::from(u64::MAX) + u128::from(number / 2);
        let place = bid(account, order);
        let cancel = Action::Cancel { order: OrderId(order) };
        let draft = if number % 2 == 0 { place } else { Draft { action: cancel, ..place } };
        waiting.push_back(load::submit(host, &draft)?);
    }
    Ok(())
}
