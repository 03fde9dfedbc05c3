//! Named streams of commands, for measurements and tests.
//!
//! A stream follows from its name and its seed alone. It has the same commands on every machine and
//! in every build, so that two measurements are of the same work. Its first commands, the opening,
//! add the markets and place the initial orders. The commands after that never end. A stream runs
//! an engine of its own and so knows which orders are live. It cancels, amends and takes only
//! those.
//!
//! ```
//! use pricetime::engine::Engine;
//! use pricetime_benches::workload::Workload;
//!
//! let (opening, flow) = Workload::Normal.begin(7);
//! let mut engine = Engine::new(Workload::Normal.markets());
//! for command in opening.into_iter().chain(flow.take(1_000)) {
//!     engine.apply(&command, &mut ());
//! }
//! ```

mod command_kind;
mod epochs;
mod generator;
mod live_orders;
mod path;
mod style;
mod trading;
mod zipf;

use std::fmt;
use std::str::FromStr;

use pricetime_engine::Command;

use epochs::Epochs;
use style::Style;
use trading::Trading;

/// The streams by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Workload {
    /// A deep book whose price does not move.
    Static,
    /// A price that drifts and returns, with a mix of all commands.
    Normal,
    /// A price that swings by 25 %.
    Swing25,
    /// A price that swings by 40 %.
    Swing40,
    /// A price that falls quickly and far, and returns.
    Crash,
    /// Many small accounts with few orders, and an auction every 15 minutes.
    Epochs,
    /// Nearly all orders are cancelled and then placed again.
    CancelStorm,
    /// Takers that use up many levels each.
    SweepStorm,
    /// 10,000 markets, of which a few are busy.
    Markets,
}

/// No workload has this name. The error text lists the names that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWorkload(String);

/// The endless commands of a workload.
#[derive(Debug)]
pub struct Flow(Kind);

#[derive(Debug)]
enum Kind {
    Trading(Trading),
    Epochs(Epochs),
}

impl Workload {
    /// All workloads.
    pub const ALL: [Self; 9] = [
        Self::Static,
        Self::Normal,
        Self::Swing25,
        Self::Swing40,
        Self::Crash,
        Self::Epochs,
        Self::CancelStorm,
        Self::SweepStorm,
        Self::Markets,
    ];

    /// The workload's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Normal => "normal",
            Self::Swing25 => "swing-25",
            Self::Swing40 => "swing-40",
            Self::Crash => "crash",
            Self::Epochs => "epochs",
            Self::CancelStorm => "cancel-storm",
            Self::SweepStorm => "sweep-storm",
            Self::Markets => "markets",
        }
    }

    /// A description in one line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Static => {
                "40,000 orders on 90 levels that stay: add, cancel and amend near the best"
            }
            Self::Normal => {
                "a price that drifts away and comes back: add, cancel, modify, take, some stops"
            }
            Self::Swing25 => "the price swings by 25 % both ways, so levels come and go",
            Self::Swing40 => "the same by 40 %",
            Self::Crash => "at times the price falls by 30 % within a moment and recovers",
            Self::Epochs => {
                "an energy market: 5,000 accounts, few orders each, an auction each quarter"
            }
            Self::CancelStorm => {
                "50,000 orders, nearly all cancelled in a storm, then placed \
                                  again"
            }
            Self::SweepStorm => {
                "takers that use up 10 to 40 levels each, and orders that refill them"
            }
            Self::Markets => "10,000 markets, each as busy as its rank implies (Zipf)",
        }
    }

    /// The number of markets that it uses. An engine must be able to hold this many.
    #[must_use]
    pub const fn markets(self) -> u32 {
        match self {
            Self::Markets => zipf::MARKETS,
            Self::Static
            | Self::Normal
            | Self::Swing25
            | Self::Swing40
            | Self::Crash
            | Self::Epochs
            | Self::CancelStorm
            | Self::SweepStorm => 1,
        }
    }

    /// Returns the commands that add the markets and fill them, and the commands that follow.
    #[must_use]
    pub fn begin(self, seed: u64) -> (Vec<Command>, Flow) {
        match style::of(self) {
            Some(style) => Flow::trading(seed, style),
            None => {
                let (opening, epochs) = Epochs::begin(seed);
                (opening, Flow(Kind::Epochs(epochs)))
            }
        }
    }

    /// Like [`begin`](Self::begin), but the opening places this many orders instead of the workload's own
    /// number. Returns `None` for [`Workload::Epochs`], whose opening places none.
    #[must_use]
    pub fn begin_with_orders(self, seed: u64, orders: usize) -> Option<(Vec<Command>, Flow)> {
        style::of(self).map(|style| Flow::trading(seed, style.with_orders(orders)))
    }
}

impl Flow {
    fn trading(seed: u64, style: Style) -> (Vec<Command>, Self) {
        let (opening, trading) = Trading::begin(seed, style);
        (opening, Self(Kind::Trading(trading)))
    }
}

impl Iterator for Flow {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        Some(match &mut self.0 {
            Kind::Trading(trading) => trading.command(),
            Kind::Epochs(epochs) => epochs.command(),
        })
    }
}

impl FromStr for Workload {
    type Err = UnknownWorkload;

    fn from_str(text: &str) -> Result<Self, UnknownWorkload> {
        let named = Self::ALL.into_iter().find(|workload| workload.name() == text);
        named.ok_or_else(|| UnknownWorkload(text.to_owned()))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for UnknownWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Workload::ALL.map(Workload::name).join(", ");
        write!(f, "unknown workload {:?}; known workloads: {known}", self.0)
    }
}

impl std::error::Error for UnknownWorkload {}
