//! `pricetime demo`: a made-up energy market on the real core.
//!
//! The [`Traders`] send commands, the engine executes them, the [`Tape`] records events, and [`DemoOutput`]
//! displays them: on a trading screen in a terminal, as lines on a pipe. The wall clock decides when to stop
//! (unless the number of commands is given), when to draw, and what rate is measured. It never enters a
//! command. So the commands, the trades and the digest follow from the seed and the number of commands alone.

mod live;
mod output;
mod random;
mod report;
mod tape;
mod time;
mod traders;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use pricetime_engine::{Book, Command, Engine};
use pricetime_gateway::json::write_command;

use super::screen;
use live::{LiveScreen, MarketState};
use output::DemoOutput;
use report::{Measured, Summary};
use tape::Tape;
use traders::Traders;

/// Commands are generated and then executed in batches of this size. The clock is read once around a batch,
/// so the measured time is that of the core alone.
const BATCH: u64 = 64;

/// Runs a synthetic peer-to-peer energy market and shows its book, trades and epochs.
///
/// Consumers buy, prosumers sell and batteries do both, around a price that follows the sun. They place,
/// amend and cancel limit and market orders, icebergs, stops, IOC, FOK and post-only orders, and orders
/// that last a few epochs. Each epoch trades continuously and then collects orders in a call phase; its
/// gate, an auction at the end, matches those at one price. Time is simulated and runs much faster than the
/// clock.
#[derive(Debug, Args)]
#[command(after_help = "\
In a terminal it has a trading screen: p pauses, ? shows the keys, q ends it before its time. With
--plain or on a pipe it prints lines.

The same --seed and --commands give the same commands, trades and digest on every machine. A run
that --seconds ended prints its number of commands, so it can be repeated.")]
pub(super) struct Demo {
    /// The seed of the market
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How long to run, in seconds of real time
    #[arg(long, default_value_t = 5, value_name = "S", conflicts_with = "commands",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Run for exactly this many commands instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    commands: Option<u64>,
    /// How long an epoch lasts, in simulated seconds
    #[arg(long, default_value_t = 900, value_name = "S",
        value_parser = clap::value_parser!(u64).range(5..=86_400))]
    epoch_seconds: u64,
    /// Print one JSON object per line: every epoch, then the summary
    #[arg(long)]
    json: bool,
    /// Write the commands to a file of JSON lines, as a recording for `replay` and `run`
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print lines instead of a trading screen (the default on a pipe)
    #[arg(long, conflicts_with = "json")]
    plain: bool,
}

impl Demo {
    /// Runs and displays the market, then prints the summary.
    pub(super) fn run(&self) -> io::Result<()> {
        let out = io::stdout();
        if self.json {
            return self.show(DemoOutput::json(out.lock()));
        }
        if self.plain || !screen::is_possible() {
            return self.show(DemoOutput::lines(out.lock()));
        }
        // The panic hook writes to standard output too, so it is not locked here.
        self.show(DemoOutput::screen(LiveScreen::new(self.seed), out))
    }

    fn show(&self, mut output: DemoOutput<impl Write>) -> io::Result<()> {
        output.begin(self.seed)?;
        let mut recording = self.write.as_deref().map(Recording::create).transpose()?;
        let mut market = Market::new(self.seed, self.epoch_seconds);
        let started = Instant::now();
        let limit = Duration::from_secs(self.seconds);
        let mut in_core = Duration::ZERO;
        let mut remaining = self.commands;
        while remaining != Some(0)
            && (remaining.is_some() || started.elapsed() < limit + output.paused())
        {
            let count = remaining.map_or(BATCH, |remaining| remaining.min(BATCH));
            in_core += market.advance(count);
            if let Some(recording) = &mut recording {
                recording.write(&market)?;
            }
            remaining = remaining.map(|remaining| remaining - count);
            output.epochs(&market.engine, &mut market.tape)?;
            if !output.frame(market.state(in_core))? {
                break;
            }
        }
        if let Some(recording) = recording {
            recording.file.into_inner()?.sync_all()?;
        }
        let measured =
            Measured { wall: started.elapsed().saturating_sub(output.paused()), in_core };
        let Market { engine, tape, .. } = &market;
        engine.audit().map_err(io::Error::other)?;
        let summary = Summary::new(self.seed, self.epoch_seconds, engine, tape, &measured)
            .ok_or_else(|| io::Error::other("the market did not open"))?;
        output.end(self.seed, &summary)
    }
}

/// The file of commands that `--write` names.
struct Recording {
    file: BufWriter<File>,
    line: Vec<u8>,
}

impl Recording {
    fn create(path: &Path) -> io::Result<Self> {
        let named = |why| io::Error::other(format!("{}: {why}", path.display()));
        let file = BufWriter::new(File::create(path).map_err(named)?);
        Ok(Self { file, line: Vec::new() })
    }

    /// Writes the commands of the last batch.
    fn write(&mut self, market: &Market) -> io::Result<()> {
        for command in &market.batch {
            let spec = market.engine.market(command.market).map(Book::spec);
            self.line.clear();
            write_command(&mut self.line, command, spec)?;
            self.file.write_all(&self.line)?;
        }
        Ok(())
    }
}

/// The core, between the traders that send commands and the tape that records events.
struct Market {
    traders: Traders,
    engine: Engine,
    tape: Tape,
    batch: Vec<Command>,
}

impl Market {
    fn new(seed: u64, epoch_seconds: u64) -> Self {
        Self {
            traders: Traders::new(seed, epoch_seconds),
            engine: Engine::new(1),
            tape: Tape::default(),
            batch: Vec::new(),
        }
    }

    /// The market as it is now.
    fn state(&self, in_core: Duration) -> MarketState<'_> {
        MarketState { engine: &self.engine, tape: &self.tape, gate: self.traders.gate(), in_core }
    }

    /// Executes `count` more commands and returns the time that the core took.
    fn advance(&mut self, count: u64) -> Duration {
        self.batch.clear();
        self.batch.extend((0..count).map(|_| self.traders.command()));
        let started = Instant::now();
        for command in &self.batch {
            self.engine.apply(command, &mut self.tape.unread);
        }
        let taken = started.elapsed();
        self.tape.read(|header, event| self.traders.on_event(header, event));
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::rc::Rc;

    use super::{BATCH, Demo, DemoOutput, Market};

    const DEMO: Demo = Demo {
        seed: 7,
        seconds: 1,
        commands: Some(60_000),
        epoch_seconds: 20,
        json: false,
        write: None,
        plain: false,
    };

    /// The text that the demo writes to this output.
    fn shown(output: fn(Page) -> DemoOutput<Page>) -> String {
        let page = Page::default();
        DEMO.show(output(page.clone())).expect("a page accepts every write");
        String::from_utf8(page.0.take()).expect("text")
    }

    /// A writer that keeps everything written to it.
    #[derive(Clone, Default)]
    struct Page(Rc<RefCell<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn digest(seed: u64, batches: &[u64]) -> u128 {
        let mut market = Market::new(seed, 60);
        for count in batches {
            market.advance(*count);
        }
        market.engine.audit().expect("every invariant holds");
        market.engine.digest()
    }

    #[test]
    fn same_seed_and_command_count_give_the_same_output() {
        let batches = [BATCH; 300];
        assert_eq!(digest(7, &batches), digest(7, &batches));
        assert_ne!(digest(7, &batches), digest(8, &batches));
        assert_ne!(digest(7, &batches), digest(7, &batches[1..]));
    }

    #[test]
    fn demo_market_trades_elects_stops_and_uncrosses() {
        let mut market = Market::new(3, 20);
        for _ in 0..1_600 {
            market.advance(BATCH);
        }
        let totals = &market.tape.totals;
        assert!(totals.trades > 5_000, "{totals:?}");
        assert!(totals.epochs > 5, "{totals:?}");
        assert!(totals.elected > 10 && totals.replenished > 10, "{totals:?}");
        assert!(totals.refused * 20 < totals.commands, "{totals:?}");
        let mut epochs = market.tape.epochs.iter();
        assert!(epochs.any(|epoch| epoch.summary.clearing.is_some()));
        let history = &market.tape.history;
        assert!(history.epochs.iter().any(|epoch| epoch.gate.is_some()), "{history:?}");
    }

    #[test]
    fn json_output_is_one_object_per_epoch_and_a_summary() {
        let text = shown(DemoOutput::json);
        let objects: Result<Vec<serde_json::Value>, _> =
            text.lines().map(serde_json::from_str).collect();
        let objects = objects.expect("every line is JSON");
        let (summary, epochs) = objects.split_last().expect("a summary");
        assert_eq!(summary["type"], "summary");
        assert_eq!(summary["commands"], 60_000);
        assert_eq!(summary["epochs"], epochs.len());
        assert_eq!(summary["digest"].as_str().map(str::len), Some(32));
        assert!(epochs.len() > 2);
        for (epoch, number) in epochs.iter().zip(1..) {
            assert_eq!(epoch["type"], "epoch");
            assert_eq!(epoch["number"], number);
            let close = epoch["close"].as_str().expect("a decimal as text");
            assert_eq!(close.split('.').nth(1).map(str::len), Some(4), "{close}");
        }
    }

    #[test]
    fn plain_output_is_one_line_per_epoch_and_a_summary() {
        let text = shown(DemoOutput::lines);
        assert!(!text.contains('\x1b'));
        assert!(text.lines().all(|line| line.len() < 80), "{text}");
        assert!(
            text.ends_with(
                "again      pricetime demo --seed 7 --commands 60000 --epoch-seconds 20\n"
            )
        );
    }

    /// A reader that closes the pipe after this many bytes.
    struct ClosedPipe(usize);

    impl Write for ClosedPipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            self.0 = self.0.checked_sub(bytes.len()).ok_or_else(gone)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn broken_pipe_ends_the_demo_without_an_error() {
        for bytes in [0, 100, 500, 1_000] {
            for output in [DemoOutput::json, DemoOutput::lines] {
                let error = DEMO.show(output(ClosedPipe(bytes))).expect_err("a broken pipe");
                assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            }
        }
    }
}
