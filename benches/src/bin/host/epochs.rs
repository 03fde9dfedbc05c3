//! The effect of closing epochs, and of the snapshots that are then written, on a host.
//!
//! One host runs through alternating phases. In some no epoch closes. In the others an epoch closes
//! as soon as the snapshot of the previous one is written, so that a snapshot is always in
//! progress. Commands arrive in an open loop at a moderate rate. A second thread asks the core for
//! its best level every millisecond. This goes through the core's thread both ways and never
//! through journal or disk, so its time shows how the core is affected.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pricetime::engine::{AccountId, Action, MarketId};
use pricetime::{Draft, Host, Policy};

use crate::drive::{flow, load, submit};
use crate::open_loop::{self, Spread, histogram, record};
use crate::{Bench, Failure, print_line};

/// The number of commands a second.
const RATE: f64 = 50_000.0;
/// The number of phases of each kind.
const ROUNDS: usize = 4;
/// The time between two questions to the core.
const QUERY_INTERVAL: Duration = Duration::from_millis(1);
const MARKET: MarketId = MarketId(1);

impl Bench {
    pub(crate) fn epochs(&self, resting: usize) -> Result<(), Failure> {
        let count = (RATE * self.long.as_secs_f64()) as usize;
        let (opening, commands) = flow(resting, count * 2 * ROUNDS);
        let host = self.open(Policy::Sync)?;
        load(&host, &opening)?;
        let mut epochs = 0;
        let mut phases = [(histogram()?, histogram()?), (histogram()?, histogram()?)];
        for (at, part) in commands.chunks(count).enumerate() {
            let [quiet, closing] = &mut phases;
            let (core, durable) = if at % 2 == 0 { quiet } else { closing };
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| -> Result<(), Failure> {
                let asker = scope.spawn(|| ask(&host, &done));
                let closer = (at % 2 == 1).then(|| scope.spawn(|| close(&host, &done)));
                let run = open_loop::run(&host, part, RATE);
                done.store(true, Ordering::Release);
                core.add(asker.join().map_err(|_| "the asker panicked")??)?;
                if let Some(closer) = closer {
                    epochs += closer.join().map_err(|_| "the closer panicked")??;
                }
                Ok(durable.add(run?.times)?)
            })?;
        }
        let [quiet, closing] = &phases;
        print_line(format_args!(
            "{resting} orders, {RATE} commands a second, {epochs} epochs closed and as many snapshots:"
        ))?;
        for (what, quiet, closing) in
            [("asking the core", &quiet.0, &closing.0), ("submit to durable", &quiet.1, &closing.1)]
        {
            let tail = |times: &Histogram<u64>| times.value_at_quantile(0.999) as f64;
            print_line(format_args!(
                "  {what}: without {}; with {}; p99.9 × {:.2}",
                Spread(quiet),
                Spread(closing),
                tail(closing) / tail(quiet)
            ))?;
        }
        host.close()?;
        self.remove_folder()
    }
}

/// Asks the core at intervals, and returns the times that the answers took.
fn ask(host: &Host, done: &AtomicBool) -> Result<Histogram<u64>, Failure> {
    let mut times = histogram()?;
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(QUERY_INTERVAL);
        let begin = Instant::now();
        host.latest(MARKET, 1)?.wait()?;
        record(&mut times, begin, 1);
    }
    Ok(times)
}

/// Closes epochs, each when the snapshot of the previous one is written. Returns their number.
fn close(host: &Host, done: &AtomicBool) -> Result<usize, Failure> {
    let mut closed = 0;
    while !done.load(Ordering::Acquire) {
        let number = host.view(MARKET, 0).ok_or("the market is gone")?.epoch;
        let action = Action::CloseEpoch { number };
        let (account, operator, request) = (AccountId(0), true, None);
        let draft = Draft { market: MARKET, account, operator, request, action, session: None };
        let group = submit(host, draft)?.wait()?;
        loop {
            let status = host.status();
            if status.snapshot >= group.header.sequence {
                break;
            }
            if let Some(why) = status.snapshot_failure {
                return Err(why.to_string().into());
            }
            if let Some(why) = status.faulty.or(status.stopped.map(|it| it.reason())) {
                return Err(why.into());
            }
            std::thread::sleep(QUERY_INTERVAL);
        }
        closed += 1;
    }
    Ok(closed)
}
