//! `pricetime what-if`: the same orders under other rules.

mod report;
mod rules;
mod tally;

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use clap::Args;
use pricetime_engine::{Command, Engine, Fees, Phase, Pricing, SelfTrade, Sequence};
use pricetime_journal::keyed_engine;
use pricetime_terminal::SuspendingWriter;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::failure::{Code, Failure};
use super::reader::flow::{self, FlowSink, FlowStart};
use super::reader::recording::RecordingOptions;
use super::reader::{self, MarketLimit, Stop, grouped, note};
use report::Report;
use rules::{Closes, OtherRules, close, next_sequence};
use tally::Tally;

/// The most epochs that close between two commands: a year of epochs of half a minute.
const CLOSES_MAX: u32 = 1 << 20;

/// Replays the same orders under other rules, and compares what comes of them.
///
/// Two engines run side by side: one as it was recorded, one with the rules that are given. Volume, prices,
/// surplus, fees and the bill of each account are compared. Traders would have acted differently under
/// other rules; here they send what they sent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime what-if ./data --pricing midpoint          every trade halfway between the two limits
  pricetime what-if day.jsonl --fees 0,500             makers pay nothing, takers 0.05 %
  pricetime what-if day.jsonl --phase call --epochs-every 15m
                                                       an auction every quarter of an hour instead
  pricetime what-if day.csv --self-trade cancel_maker --json

The surplus of buyers is what they paid less than their limit prices allowed, and that of sellers is what they
got more than theirs demanded. An order without a limit price has none. A bill is what an account pays for what
it bought, less what it gets for what it sold, and its fees; it is negative if the account gets more.
In a call, post-only orders become plain ones, and an order that had to trade at once (IOC, FOK) waits for
one auction.

Exit codes: 0 compared; 3 the recording is damaged; 4 compared, but some lines were refused.")]
pub(super) struct WhatIf {
    /// A data folder whose journal begins with command 1, files of commands (JSON lines or CSV), or the day of
    /// an exchange
    #[arg(env = "PRICETIME_FOLDER", default_value = "./data", value_name = "FOLDER|FILE")]
    from: Vec<PathBuf>,
    /// How trades in Continuous are priced: maker or midpoint
    #[arg(long, value_name = "PRICING", value_parser = word::<Pricing>)]
    pricing: Option<Pricing>,
    /// How orders are matched: continuous, or call, which trades when an epoch closes
    #[arg(long, value_name = "PHASE", value_parser = phase)]
    phase: Option<Phase>,
    /// The fees of makers and takers in millionths of what is paid; negative for a rebate
    #[arg(long, value_name = "MAKER,TAKER", value_parser = fees, allow_hyphen_values = true)]
    fees: Option<Fees>,
    /// What an order does when it meets one of its own account: none, cancel_taker, cancel_maker,
    /// cancel_both or decrement
    #[arg(long, value_name = "RULE", value_parser = word::<SelfTrade>)]
    self_trade: Option<SelfTrade>,
    /// Close the epochs at multiples of this length since 1970, like 15m, instead of when they closed
    #[arg(long, value_name = "LENGTH", value_parser = epoch_length)]
    epochs_every: Option<u64>,
    /// How many markets, and how many accounts of each, to show: those with the most trades, and the largest
    /// changes
    #[arg(long, default_value_t = 10, value_name = "N")]
    top: usize,
    /// Print JSON lines, with all markets and accounts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    markets: MarketLimit,
}

impl WhatIf {
    /// Runs both flows and prints the comparison.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let rules = OtherRules {
            pricing: self.pricing,
            phase: self.phase,
            fees: self.fees,
            self_trade: self.self_trade,
            epoch_length: self.epochs_every,
        };
        if rules.is_empty() {
            let text = "name a rule that is different: --pricing, --phase, --fees, --self-trade or \
                        --epochs-every";
            return Err(Failure::new(Code::Usage, text));
        }
        reader::finish(self.compare(rules))
    }

    fn compare(&self, rules: OtherRules) -> Result<(), Stop> {
        let mut pair = Pair::new(rules);
        let end = flow::each(&self.from, &self.recording, self.markets.markets_max, &mut pair)?;
        pair.finish();
        if pair.is_without_auction() {
            note("no epoch closes, so nothing trades in a call: give --epochs-every, such as 15m");
        }
        let mut out = BufWriter::new(SuspendingWriter(io::stdout().lock()));
        let report = Report::of(&pair);
        if self.json {
            report.json(&mut out)?;
        } else {
            report.text(&mut out, self.top)?;
        }
        out.flush()?;
        Ok(end.result()?)
    }
}

/// One of the two engines, and what its commands led to.
struct Flow {
    engine: Engine,
    tally: Tally,
}

/// The flow as it was recorded, and the flow under other rules.
struct Pair {
    rules: OtherRules,
    recorded: Flow,
    other: Flow,
    closes: Option<Closes>,
}

impl Pair {
    fn new(rules: OtherRules) -> Self {
        let flow = || Flow { engine: keyed_engine(0), tally: Tally::default() };
        let closes = rules.epoch_length.map(Closes::every);
        Self { rules, recorded: flow(), other: flow(), closes }
    }

    /// Closes the epochs that end at or before the time of this command.
    fn close_epochs(&mut self, command: &Command) -> Result<(), Failure> {
        let Some(closes) = &mut self.closes else { return Ok(()) };
        let mut count = 0_u32;
        while let Some(time) = closes.due(command.timestamp) {
            if !self.other.close_all(time) {
                closes.skip_to(command.timestamp);
            }
            count += 1;
            if count == CLOSES_MAX {
                let text = format!(
                    "before command {} more than {} epochs close while orders rest: are the times of the \
                     recording right? Otherwise give longer epochs",
                    command.sequence,
                    grouped(CLOSES_MAX.into())
                );
                return Err(Failure::failed(text));
            }
        }
        Ok(())
    }

    /// Closes the last epochs.
    fn finish(&mut self) {
        if let Some(time) = self.closes.as_ref().and_then(Closes::last) {
            self.other.close_all(time);
        }
    }

    /// Returns `true` if everything waits for an auction that never comes.
    fn is_without_auction(&self) -> bool {
        let mut markets = self.other.tally.markets.values();
        self.rules.phase == Some(Phase::Call)
            && self.closes.is_none()
            && markets.all(|market| market.totals.trades == 0)
    }
}

impl Flow {
    /// Closes the epoch of every market that has live orders. Returns `false` if none has.
    fn close_all(&mut self, time: pricetime_engine::Timestamp) -> bool {
        let live = self.engine.markets().filter(|book| book.live() > 0);
        let live: Vec<_> = live.map(|book| (book.market(), book.head().epoch)).collect();
        for (market, number) in &live {
            let command = close(&self.engine, *market, *number, time);
            self.engine.apply(&command, &mut self.tally);
        }
        !live.is_empty()
    }
}

impl FlowStart for Pair {
    fn start(&mut self, engine: Engine) -> Result<(), Stop> {
        let after = engine.last_sequence();
        if after > Sequence(0) {
            let text = format!(
                "the journal begins after command {after}, with markets that already have their rules: \
                 name a recording that begins with command 1"
            );
            return Err(Failure::failed(text).into());
        }
        self.other.engine = keyed_engine(engine.markets_max());
        self.recorded.engine = engine;
        Ok(())
    }
}

impl FlowSink for Pair {
    fn engine(&self) -> &Engine {
        &self.recorded.engine
    }

    fn execute(&mut self, command: &Command) -> Result<bool, Stop> {
        self.recorded.engine.apply(command, &mut self.recorded.tally);
        self.close_epochs(command)?;
        if let Some(action) = self.rules.action(command.action) {
            let sequence = next_sequence(&self.other.engine);
            let command = Command { sequence, action, ..*command };
            self.other.engine.apply(&command, &mut self.other.tally);
        }
        Ok(true)
    }
}

/// Parses a word as JSON lines have it.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, WordError> {
    T::deserialize(StrDeserializer::new(text))
}

fn phase(text: &str) -> Result<Phase, String> {
    match word(text) {
        Ok(phase @ (Phase::Call | Phase::Continuous)) => Ok(phase),
        Ok(Phase::Closed | Phase::Halted) | Err(_) => {
            Err(String::from("it is neither call nor continuous"))
        }
    }
}

fn fees(text: &str) -> Result<Fees, String> {
    const MOST: i32 = 1_000_000;
    let ppm = |text: &str| {
        let ppm = text.trim().parse().ok().filter(|ppm| (-MOST..=MOST).contains(ppm));
        ppm.ok_or_else(|| format!("{text:?} is not a whole number from -1000000 to 1000000"))
    };
    let (maker, taker) = text.split_once(',').ok_or("two fees are needed, such as 100,250")?;
    Ok(Fees { maker_ppm: ppm(maker)?, taker_ppm: ppm(taker)? })
}

fn epoch_length(text: &str) -> Result<u64, String> {
    const DAY: u64 = 86_400_000_000_000;
    const SECOND: u64 = 1_000_000_000;
    let length = humantime::parse_duration(text)
        .map_err(|why| format!("{why}; give a length like 15m or 90s"))?;
    let length = u64::try_from(length.as_nanos()).ok();
    length
        .filter(|length| (SECOND..=DAY).contains(length))
        .ok_or_else(|| String::from("an epoch is from 1s to 1day long"))
}
