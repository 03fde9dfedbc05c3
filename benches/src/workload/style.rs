//! What makes one workload differ from another.

use super::Workload;
use super::deed::{ALL_SORTS, Mix, PANIC, QUOTES, REFILL, STORM, SWEEPS};
use super::path::Path;

/// What a continuous market is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// How many orders stand, all markets together.
    pub(super) standing: usize,
    /// How many ticks from the price the farthest new order is.
    pub(super) width: u64,
    /// Whoever cancels or amends picks the order that is nearest to the price of so many.
    pub(super) nearest_of: usize,
    /// How many accounts there are.
    pub(super) accounts: u64,
    pub(super) markets: u32,
    pub(super) path: Path,
    /// What is done most of the time.
    pub(super) mix: Mix,
    /// What is done at other times, and when.
    pub(super) other: Option<(When, Mix)>,
}

/// When something else is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// While the price falls.
    Panic,
    /// From when the book is full until a tenth of it is left.
    Full,
}

const PLAIN: Style = Style {
    standing: 20_000,
    width: 500,
    nearest_of: 1,
    accounts: 1_000,
    markets: 1,
    path: Path::Still,
    mix: ALL_SORTS,
    other: None,
};

/// Fewer orders and farther apart, or the moving price would find no end of them and nothing else
/// would happen.
const SWINGING: Style = Style { standing: 2_000, width: 2_000, ..PLAIN };

/// The style of a workload.
pub(super) fn of(workload: Workload) -> Style {
    match workload {
        Workload::Static => {
            Style { standing: 40_000, width: 45, nearest_of: 3, mix: QUOTES, ..PLAIN }
        }
        Workload::Normal | Workload::Epochs => Style { path: Path::Stray(0), ..PLAIN },
        Workload::Swing25 => Style { path: Path::Swing(25), ..SWINGING },
        Workload::Swing40 => Style { path: Path::Swing(40), ..SWINGING },
        Workload::Crash => Style { path: Path::Crash, other: Some((When::Panic, PANIC)), ..PLAIN },
        Workload::CancelStorm => {
            Style { standing: 50_000, mix: REFILL, other: Some((When::Full, STORM)), ..PLAIN }
        }
        Workload::SweepStorm => Style { standing: 2_000, width: 1_000, mix: SWEEPS, ..PLAIN },
        Workload::Markets => Style {
            standing: 100_000,
            width: 50,
            accounts: 10_000,
            markets: workload.markets(),
            ..PLAIN
        },
    }
}
