//! The follower that reports durable commands: one log line per epoch, and the events file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use pricetime::Follower;
use pricetime::engine::{Event, Header, MarketHead, MarketId, MarketSpec, Outcome};
use pricetime::persistence::journal::private;
use pricetime_gateway::json::{Answer, Done, EpochLine};
use tracing::{error, info};

use super::super::failure::Failure;

/// Writes epochs to the log and events to the events file.
#[derive(Debug, Default)]
pub(super) struct EventLogger {
    specs: BTreeMap<MarketId, MarketSpec>,
    events: Option<(PathBuf, BufWriter<File>)>,
    /// Whether a crash may take back what has been written.
    is_volatile: bool,
}

impl EventLogger {
    /// Creates the follower. If `events` names a file, events are appended to it.
    pub(super) fn new(events: Option<&Path>, durable: bool) -> Result<Self, Failure> {
        let is_volatile = !durable;
        let Some(path) = events else { return Ok(Self { is_volatile, ..Self::default() }) };
        // The file names accounts and their orders, so other users must not read it.
        let file = private::options().create(true).append(true).open(path);
        let file = file.map_err(|why| Failure::failed(format!("{}: {why}", path.display())))?;
        let events = Some((path.to_owned(), BufWriter::with_capacity(1 << 16, file)));
        Ok(Self { events, is_volatile, ..Self::default() })
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let Some((path, file)) = &mut self.events else { return };
        if let Err(why) = write(file) {
            // Matching continues. A replay writes the events that are missing from the file.
            error!("{}: {why}; no more events are written there", path.display());
            self.events = None;
        }
    }
}

impl Follower for EventLogger {
    fn start(&mut self, markets: &[MarketHead]) {
        self.specs.extend(markets.iter().map(|head| (head.market, head.spec)));
    }

    fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        for event in events {
            if let Event::MarketAdded(spec) = event {
                self.specs.insert(header.market, *spec);
            }
        }
        // A command for a market that never existed is reported without decimals.
        let spec = self
            .specs
            .get(&header.market)
            .copied()
            .unwrap_or_else(pricetime_gateway::placeholder_spec);
        for event in events {
            if let Event::EpochClosed(summary) = event {
                log_epoch(header.market, &EpochLine::of(summary, &spec), &spec);
            }
        }
        if self.events.is_some() {
            let done = Done::of(header, events, outcome, &spec);
            let line = Answer::Done(Done { durable: !self.is_volatile, ..done });
            self.write(|file| {
                serde_json::to_writer(&mut *file, &line)?;
                file.write_all(b"\n")
            });
        }
    }

    fn pause(&mut self) {
        self.write(BufWriter::flush);
    }
}

fn log_epoch(market: MarketId, epoch: &EpochLine, spec: &MarketSpec) {
    let EpochLine { number, trades, volume, notional, clearing, close, bids, asks, .. } = epoch;
    let price = clearing.as_ref().map(|clearing| &clearing.price).or(close.as_ref());
    info!(
        market = market.0,
        symbol = spec.symbol.as_str(),
        epoch = number,
        trades,
        volume = volume.as_str(),
        notional = notional.as_str(),
        price = price.map(pricetime_gateway::json::Amount::as_str),
        bids = bids.resting,
        asks = asks.resting,
        "epoch closed"
    );
}
