//! One replay: a core, its sink, and the output files.

use std::io::{BufWriter, Write};
use std::path::Path;

use pricetime_engine::{
    Command, Engine, EngineSnapshot, EpochNumber, Fees, Group, Limits, MarketId, MarketSpec, Price,
    Pricing, Quantity, Sequence, Step, Symbol, Terms,
};
use pricetime_gateway::json::{Answer, Done};

use super::super::failure::{Code, Failure};
use super::super::reader::{
    ByteHash, Moment, ReplayVerifier, Stop, append_exported, json_line, lines_to,
};
use super::pace::Pacer;
use super::sink::ReplaySink;
use super::watch::Watch;

type Lines = BufWriter<Box<dyn Write>>;

/// A replay in progress.
pub(super) struct Run {
    pub(super) engine: Engine,
    pub(super) sink: ReplaySink,
    pub(super) verifier: Option<ReplayVerifier>,
    pub(super) until: Option<Moment>,
    is_reached: bool,
    pub(super) watch: Watch,
    /// The hash of the commands as JSON lines, if they are hashed.
    pub(super) command_hash: Option<ByteHash>,
    events: Option<Lines>,
    commands: Option<Lines>,
    /// The line of a command.
    line: Vec<u8>,
    /// The spec used for a market that does not exist; the groups of such a market hold no price.
    placeholder_spec: MarketSpec,
}

impl Run {
    /// A replay that begins with this state and ends at that moment.
    pub(super) fn new(engine: Engine, until: Option<Moment>) -> Result<Self, Failure> {
        if let Some(Moment::Sequence(until)) = until
            && until <= engine.last_sequence()
        {
            let text = match engine.last_sequence() {
                Sequence(0) => String::from("--until 0: the first command is number 1"),
                at => format!("--until {until}: the stored journal begins after command {at}"),
            };
            return Err(Failure::new(Code::Usage, text));
        }
        Ok(Self {
            engine,
            sink: ReplaySink::default(),
            verifier: None,
            until,
            is_reached: matches!(until, None | Some(Moment::Time(_))),
            watch: Watch::default(),
            command_hash: None,
            events: None,
            commands: None,
            line: Vec::new(),
            placeholder_spec: new_placeholder_spec()?,
        })
    }

    /// Sets the outputs for events and commands.
    pub(super) fn write_to(
        &mut self,
        events: Option<&Path>,
        commands: Option<&Path>,
    ) -> Result<(), Stop> {
        self.events = events.map(lines_to).transpose()?;
        self.commands = commands.map(lines_to).transpose()?;
        if self.events.is_some() {
            self.sink.group = Some(Group::default());
        }
        Ok(())
    }

    /// Builds an image from the events and compares everything with what is stored.
    pub(super) fn verify_with(&mut self, verifier: ReplayVerifier, base: Option<&EngineSnapshot>) {
        self.sink.image = Some(ReplayVerifier::image(base));
        self.verifier = Some(verifier);
    }

    /// Returns `true` if the replay has reached the moment at which it ends.
    pub(super) const fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// The spec of a market.
    pub(super) fn spec(&self, market: MarketId) -> Option<&MarketSpec> {
        Some(self.engine.market(market)?.spec())
    }

    /// Executes a command when its time has come. Returns `true` if the replay continues.
    #[inline]
    pub(super) fn execute(&mut self, command: &Command, pace: &mut Pacer) -> Result<bool, Stop> {
        if let Some(Moment::Time(until)) = self.until
            && command.timestamp > until
        {
            return Ok(false);
        }
        if let Some(remaining) = pace.remaining(command.timestamp) {
            // Flush before waiting, so that a reader sees everything up to now.
            self.flush()?;
            Pacer::wait(remaining);
        }
        if self.commands.is_some() || self.command_hash.is_some() {
            self.write_command(command)?;
        }
        // Removing a market also removes its spec, and adding one creates it. So the spec is read before
        // the command, or else after it.
        let before = self.events.is_some().then(|| self.spec(command.market).copied());
        match &mut self.watch.measured {
            None => {
                self.engine.apply(command, &mut self.sink);
            }
            Some(measured) => measured.apply(&mut self.engine, command, &mut self.sink),
        }
        if let Some(closed) = self.sink.closed {
            self.mark(command.sequence, closed);
        }
        if let Some(before) = before {
            self.write_group(command.market, before)?;
        }
        if let Some(verifier) = &mut self.verifier
            && verifier.next() == Some(command.sequence)
        {
            verifier.compare(&self.engine);
        }
        Ok(!self.is_end(command.sequence))
    }

    /// Keeps the digest of a market that has closed an epoch.
    fn mark(&mut self, command: Sequence, closed: (MarketId, EpochNumber)) {
        if let Some(marks) = &mut self.watch.marks
            && let Some(book) = self.engine.market(closed.0)
        {
            marks.add(command, closed, book.digest());
        }
    }

    #[inline]
    fn is_end(&mut self, sequence: Sequence) -> bool {
        let is_end = match self.until {
            None | Some(Moment::Time(_)) => false,
            Some(Moment::Sequence(until)) => sequence >= until,
            Some(until @ Moment::Epoch(..)) => {
                self.sink.closed.is_some_and(|(market, epoch)| until.is_close(market, epoch))
            }
        };
        self.is_reached |= is_end;
        is_end
    }

    fn write_command(&mut self, command: &Command) -> Result<(), Stop> {
        self.line.clear();
        append_exported(&mut self.line, command, &self.engine)?;
        if let Some(out) = &mut self.commands {
            out.write_all(&self.line)?;
        }
        if let Some(hash) = &mut self.command_hash {
            hash.write_all(&self.line)?;
        }
        Ok(())
    }

    fn write_group(&mut self, market: MarketId, before: Option<MarketSpec>) -> Result<(), Stop> {
        let spec = before.or_else(|| self.spec(market).copied()).unwrap_or(self.placeholder_spec);
        if let (Some(out), Some(group)) = (&mut self.events, &self.sink.group) {
            json_line(out, &Answer::Done(Done::of_group(group, &spec)))?;
        }
        Ok(())
    }

    /// Flushes the buffered lines.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        for out in [&mut self.events, &mut self.commands].into_iter().flatten() {
            out.flush()?;
        }
        Ok(())
    }
}

fn new_placeholder_spec() -> Result<MarketSpec, Failure> {
    Ok(MarketSpec {
        symbol: Symbol::new("-").map_err(Failure::failed)?,
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(0),
            price_max: Price(0),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    })
}
