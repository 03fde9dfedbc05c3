//! What the screen shows, as text and numbers.

use std::time::Duration;

use pricetime_engine::{Phase, Side};

/// Everything on the screen at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// The command and its source.
    pub(crate) title: String,
    /// The time of the market.
    pub(crate) clock: String,
    /// Every market, by number.
    pub(crate) tabs: Vec<Tab>,
    /// The market that is shown.
    pub(crate) market: Option<Market>,
    /// What stands in place of a market if there is none.
    pub(crate) empty: &'static str,
    pub(crate) figures: Vec<Figure>,
    pub(crate) notice: Option<Notice>,
}

/// A market that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tab {
    pub(crate) market: u32,
    pub(crate) symbol: String,
}

/// One market.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) number: u32,
    pub(crate) symbol: String,
    pub(crate) phase: Phase,
    pub(crate) epoch: u64,
    pub(crate) last_price: Option<String>,
    /// The difference of the best prices.
    pub(crate) spread: Option<String>,
    /// What the close of the epoch would trade now. Only in a call phase.
    pub(crate) call: Option<Call>,
    /// Best first.
    pub(crate) bids: Vec<LevelRow>,
    /// Best first.
    pub(crate) asks: Vec<LevelRow>,
    /// How many levels each side has, including those that are not in the lists.
    pub(crate) levels: [usize; 2],
    /// Newest first.
    pub(crate) trades: Vec<TradeRow>,
    /// The current epoch until now, if it is known.
    pub(crate) running: Option<EpochRow>,
    /// Closed epochs, newest first.
    pub(crate) epochs: Vec<EpochRow>,
    /// When the current epoch closes, if it is known.
    pub(crate) countdown: Option<Countdown>,
}

/// A price level.
#[derive(Clone, Debug)]
pub(crate) struct LevelRow {
    pub(crate) price: String,
    pub(crate) quantity: String,
    pub(crate) orders: u32,
    /// The quantity as a number, for the length of the bar.
    pub(crate) weight: f64,
}

/// A trade.
#[derive(Clone, Debug)]
pub(crate) struct TradeRow {
    pub(crate) time: String,
    pub(crate) taker_side: Side,
    pub(crate) price: String,
    pub(crate) quantity: String,
}

/// An epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct EpochRow {
    pub(crate) number: u64,
    pub(crate) begin: Option<String>,
    /// The open, high, low and close. `None` if nothing traded.
    pub(crate) prices: Option<[String; 4]>,
    pub(crate) volume: String,
    pub(crate) trades: u64,
    /// The uniform price at its end, or the one that it would have now.
    pub(crate) gate: Option<String>,
}

/// What the close of an epoch would trade.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// Nothing.
    Nothing,
    /// This volume at this price, and what is left over of one side.
    Uncross { price: String, volume: String, surplus: String },
}

/// The time until an epoch closes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Countdown {
    pub(crate) left: Duration,
    /// The length of the epoch.
    pub(crate) whole: Duration,
}

/// A figure of the source: a value, and what it counts.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) value: String,
    pub(crate) name: &'static str,
}

impl Figure {
    pub(crate) fn new(value: impl Into<String>, name: &'static str) -> Self {
        Self { value: value.into(), name }
    }
}

/// A sentence that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Good to know.
    Note(String),
    /// Something is wrong.
    Fault(String),
}
