//! Reports of epochs and of the whole run, for lines and for JSON. Prices and quantities are exact
//! decimals, written as text.

use std::fmt;
use std::time::Duration;

use pricetime_engine::{Engine, MarketSpec, Price, Quantity};
use serde::Serialize;

use super::tape::{Epoch, Tape};
use super::time::Utc;
use super::traders::MARKET;

/// The wall-clock measurements of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) wall: Duration,
    pub(super) in_core: Duration,
}

/// A closed epoch.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "epoch")]
pub(super) struct EpochReport {
    number: u64,
    begin: String,
    open: Option<String>,
    high: Option<String>,
    low: Option<String>,
    close: Option<String>,
    volume: String,
    notional: String,
    trades: u64,
    accepted: u64,
    cancelled: u64,
    clearing_price: Option<String>,
    clearing_volume: Option<String>,
    best_bid: Option<String>,
    best_ask: Option<String>,
    resting: u32,
    waiting: u32,
    last_sequence: u64,
}

impl EpochReport {
    /// The report of an epoch of this market.
    pub(super) fn new(spec: &MarketSpec, epoch: &Epoch) -> Self {
        let summary = &epoch.summary;
        let turnover = &summary.turnover;
        let show = |price: Price| spec.show_price(price);
        let volume = Quantity(u64::try_from(turnover.volume).unwrap_or(u64::MAX));
        Self {
            number: summary.number.0,
            begin: Utc::of(epoch.begin).to_string(),
            open: turnover.prices.map(|p| show(p.open)),
            high: turnover.prices.map(|p| show(p.high)),
            low: turnover.prices.map(|p| show(p.low)),
            close: turnover.prices.map(|p| show(p.close)),
            volume: spec.show_quantity(volume),
            notional: spec.show_notional(turnover.notional),
            trades: turnover.trades,
            accepted: summary.accepted,
            cancelled: summary.cancelled,
            clearing_price: summary.clearing.map(|c| show(c.price)),
            clearing_volume: summary.clearing.map(|c| spec.show_quantity(c.volume)),
            best_bid: summary.bids.best.map(show),
            best_ask: summary.asks.best.map(show),
            resting: summary.bids.resting + summary.asks.resting,
            waiting: summary.bids.waiting + summary.asks.waiting,
            last_sequence: summary.last_sequence.0,
        }
    }
}

/// The columns of [`EpochReport`]'s line.
pub(super) const EPOCH_COLUMNS: &str =
    "epoch  begins          open    high     low   close        kWh  trades    gate";

impl fmt::Display for EpochReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |price: &Option<String>| price.clone().unwrap_or_else(|| "-".to_owned());
        let (open, high, low) = (cell(&self.open), cell(&self.high), cell(&self.low));
        let (close, gate) = (cell(&self.close), cell(&self.clearing_price));
        // A compact label for the epoch: year, month, day, hour and minute as digits.
        let begin: String = self.begin.chars().filter(char::is_ascii_digit).take(12).collect();
        let Self { number, volume, trades, .. } = self;
        write!(
            f,
            "{number:>5}  {begin} {open:>7} {high:>7} {low:>7} {close:>7} {volume:>10} {trades:>7} {gate:>7}"
        )
    }
}

/// The totals of a run. All but `measured` follows from the seed, the length of the epochs and the number
/// of commands.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "summary")]
pub(super) struct Summary {
    seed: u64,
    epoch_seconds: u64,
    commands: u64,
    simulated_until: String,
    epochs: u64,
    trades: u64,
    volume: String,
    notional: String,
    accepted: u64,
    amended: u64,
    cancelled: u64,
    refused: u64,
    stops_elected: u64,
    icebergs_replenished: u64,
    live_orders: u32,
    digest: String,
    measured: Rates,
}

#[derive(Debug, Serialize)]
struct Rates {
    wall_ms: u128,
    core_ms: u128,
    core_commands_per_second: u128,
}

impl Summary {
    /// The summary of a finished run, or `None` if the market never opened.
    pub(super) fn new(
        seed: u64,
        epoch_seconds: u64,
        engine: &Engine,
        tape: &Tape,
        measured: &Measured,
    ) -> Option<Self> {
        let market = engine.market(MARKET)?;
        let totals = &tape.totals;
        Some(Self {
            seed,
            epoch_seconds,
            commands: totals.commands,
            simulated_until: Utc::of(engine.last_timestamp()).to_string(),
            epochs: totals.epochs,
            trades: totals.trades,
            volume: market.spec().show_quantity(totals.volume),
            notional: market.spec().show_notional(totals.notional),
            accepted: totals.accepted,
            amended: totals.amended,
            cancelled: totals.cancelled,
            refused: totals.refused,
            stops_elected: totals.elected,
            icebergs_replenished: totals.replenished,
            live_orders: market.live(),
            digest: format!("{:032x}", engine.digest()),
            measured: Rates {
                wall_ms: measured.wall.as_millis(),
                core_ms: measured.in_core.as_millis(),
                core_commands_per_second: rate(totals.commands, measured.in_core),
            },
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, epoch_seconds, commands, volume, notional, digest, .. } = self;
        let count = |number: u64| grouped(u128::from(number));
        writeln!(f, "commands   {}, simulated until {}", count(*commands), self.simulated_until)?;
        writeln!(f, "trades     {}: {volume} kWh for {notional}", count(self.trades))?;
        writeln!(f, "epochs     {} closed", count(self.epochs))?;
        let (amended, cancelled) = (count(self.amended), count(self.cancelled));
        let (accepted, refused) = (count(self.accepted), count(self.refused));
        writeln!(f, "orders     {accepted} accepted, {amended} amended, {cancelled} cancelled")?;
        writeln!(
            f,
            "           {refused} commands refused, most because their order had just ended"
        )?;
        let (elected, shown) = (count(self.stops_elected), count(self.icebergs_replenished));
        writeln!(f, "           {elected} stops elected, {shown} iceberg parts shown")?;
        writeln!(f, "book       {} live orders, every invariant holds", self.live_orders)?;
        let Rates { wall_ms, core_ms, core_commands_per_second } = &self.measured;
        let rate = grouped(*core_commands_per_second);
        writeln!(f, "core       {rate} commands/s: {core_ms} ms of the run's {wall_ms} ms,")?;
        writeln!(f, "           one thread, in memory, events collected, nothing made durable")?;
        writeln!(f, "digest     {digest}")?;
        write!(f, "again      pricetime demo --seed {seed} --commands {commands}")?;
        if *epoch_seconds != 900 {
            write!(f, " --epoch-seconds {epoch_seconds}")?;
        }
        Ok(())
    }
}

/// The rate per second.
pub(super) fn rate(count: u64, time: Duration) -> u128 {
    let per_second = u128::from(count) * 1_000_000_000;
    per_second.checked_div(time.as_nanos()).unwrap_or(0)
}

/// Formats a number with thousands separators.
pub(super) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_separated() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
