//! A host with honest commands and one other client.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pricetime::{Draft, Host, Options};

use super::super::host::Scratch;
use super::super::load;
use super::super::machine::CoreTime;
use super::super::report::{HonestFigures, Latency, Sent};
use super::super::runs::Runs;
use super::client::PacedClient;
use super::market::{HONEST, HONEST_ORDERS, opening, plain};
use super::step::Step;
use crate::failure::Failure;

/// Commands a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) honest: u32,
    pub(super) client: u32,
}

/// A host and the results of its rounds.
pub(super) struct Rounds {
    host: Host,
    // A field after `host`, so that the host closes before its folder is removed.
    _scratch: Scratch,
    honest: Box<dyn Iterator<Item = Draft>>,
    sent: Sent,
    times: Vec<Latency>,
    cores: CoreTime,
    client: PacedClient,
}

impl Rounds {
    /// Creates a host with a book, in a folder of this name.
    pub(super) fn new(
        folder: &Path,
        name: &str,
        orders: usize,
        seed: u64,
    ) -> Result<Self, Failure> {
        let scratch = Scratch::new(folder, name)?;
        let host = Host::open(Options::new(scratch.0.join("data"))).map_err(Failure::failed)?;
        load::closed(&host, &[opening(seed, orders)], Duration::MAX)?;
        Ok(Self {
            host,
            _scratch: scratch,
            honest: Box::new(plain(seed, HONEST, HONEST_ORDERS)),
            sent: Sent::default(),
            times: Vec::new(),
            cores: CoreTime::default(),
            client: PacedClient::default(),
        })
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    /// Sends this many honest commands while the client, if there is one, takes its steps.
    pub(super) fn round(
        &mut self,
        commands: usize,
        rates: Rates,
        step: Option<&mut Step>,
    ) -> Result<(), Failure> {
        let drafts: Vec<_> = self.honest.by_ref().take(commands).collect();
        let (host, client, stop) = (&self.host, &mut self.client, &AtomicBool::new(false));
        let before = CoreTime::now();
        let (load, refused) = thread::scope(|scope| {
            let beside =
                step.map(|step| scope.spawn(move || client.round(host, step, rates.client, stop)));
            let honest = load::open(host, &drafts, rates.honest.into(), Duration::MAX);
            stop.store(true, Ordering::Release);
            if let Some(beside) = beside {
                beside.join().map_err(|_| Failure::failed("the other client panicked"))??;
            }
            honest
        })?;
        self.cores.add_since(before);
        self.sent.sent += drafts.len();
        self.sent.refused += refused;
        self.times.push(load.latency);
        Ok(())
    }

    /// For each round, how many times its p99 fits in a second.
    pub(super) fn rates(&self) -> Runs {
        Runs::new(self.times.iter().map(|it| 1e9 / it.p99_ns.max(1) as f64).collect())
    }

    /// Closes the host and returns the results of the rounds.
    pub(super) fn end(self) -> Result<HonestFigures, Failure> {
        let median = |of: fn(&Latency) -> u64| {
            Runs::new(self.times.iter().map(|it| of(it) as f64).collect()).median as u64
        };
        let figures = HonestFigures {
            honest: self.sent,
            p50_ns: median(|it| it.p50_ns),
            p99_ns: median(|it| it.p99_ns),
            max_ns: self.times.iter().map(|it| it.max_ns).max().unwrap_or(0),
            client: self.client.sent,
            client_rate: self.client.rate(),
            stolen_percent: self.cores.stolen_percent(),
        };
        self.host.close().map_err(Failure::failed)?;
        Ok(figures)
    }
}
