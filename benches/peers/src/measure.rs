//! Timed runs, in turn.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::{Adapter, Engine, Fill, Flow, Reports};

/// What an engine reported in a run. It is computed while the clock runs, so that every engine's
/// fills are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of commands that it refused.
    pub refused: u64,
    /// The number of fills.
    pub fills: u64,
    /// The quantity that traded.
    pub quantity: u64,
    /// A value that depends on all fields of all fills, and on their order.
    pub digest: u64,
}

impl Tally {
    fn add(&mut self, fill: Fill) {
        self.fills += 1;
        self.quantity = self.quantity.wrapping_add(fill.quantity);
        let orders = fill.taker.rotate_left(32) ^ fill.maker;
        self.digest = self.digest.rotate_left(7).wrapping_add(orders ^ fill.price.rotate_left(16));
    }

    /// Returns `true` if an engine that reports this much agrees with ours.
    fn agrees(&self, ours: &Self, reports: Reports) -> bool {
        match reports {
            Reports::Fills => self == ours,
            Reports::Quantities => (self.refused, self.quantity) == (ours.refused, ours.quantity),
        }
    }
}

/// A timed run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The CPU time of the timed commands. No engine needs another thread, and so other programs on
    /// the machine count less than they would in the time on the wall.
    pub elapsed: Duration,
    /// What the engine reported.
    pub tally: Tally,
}

/// An engine with its times by round.
pub type Timed = (Engine, Vec<Duration>);

/// Executes the opening, and then the timed commands under the clock.
pub(crate) fn run<A: Adapter>(flow: &Flow) -> Run {
    let (mut engine, commands) = (A::open(flow), A::convert(flow));
    let (opening, commands) = commands.split_at(flow.opening);
    for command in opening {
        engine.apply(command, &mut |_| {});
    }
    let mut tally = Tally::default();
    let commands = &commands[..flow.timed()];
    let start = thread_time();
    for command in commands {
        let accepted = engine.apply(black_box(command), &mut |fill| tally.add(fill));
        tally.refused += u64::from(!accepted);
    }
    let elapsed = thread_time().saturating_sub(start);
    Run { elapsed, tally }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Runs each engine once in each round, ours among them as the first. The round begins with
/// another engine each time. Returns the number of fills, and the times of each engine by round.
///
/// # Errors
///
/// Returns the name of an engine that did not report in a timed run what ours did.
pub fn measure(
    engines: &[Engine],
    flow: &Flow,
    rounds: usize,
    mut progress: impl FnMut(usize),
) -> Result<(u64, Vec<Timed>), String> {
    let ours = (Engine::OURS.run)(flow).tally;
    let mut times: Vec<_> = engines.iter().map(|it| (*it, Vec::new())).collect();
    for round in 0..rounds {
        progress(round);
        for at in (0..engines.len()).map(|at| (at + round) % engines.len()) {
            let run = (engines[at].run)(flow);
            if !run.tally.agrees(&ours, engines[at].reports) {
                return Err(format!(
                    "{}: a timed run differs from ours: {:?} instead of {ours:?}",
                    engines[at].name, run.tally,
                ));
            }
            times[at].1.push(run.elapsed);
        }
    }
    Ok((ours.fills, times))
}
