//! The parameters of each workload.

use super::Workload;
use super::command_kind::{MIXED, Mix, PANIC, QUOTES, REFILL, STORM, SWEEPS};
use super::path::Path;

/// The parameters of continuous markets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// The number of live orders in all markets together.
    pub(super) live_orders: usize,
    /// The distance of the farthest new order from the price, in ticks.
    pub(super) width: u64,
    /// Cancels and amends pick the order nearest to the price out of this many.
    pub(super) nearest_of: usize,
    /// The number of accounts.
    pub(super) accounts: u64,
    pub(super) markets: u32,
    pub(super) path: Path,
    /// The commands that are sent most of the time.
    pub(super) mix: Mix,
    /// The commands that are sent at other times, and when.
    pub(super) alternate_mix: Option<(MixCondition, Mix)>,
}

/// When the other mix is used.
#[derive(Clone, Copy, Debug)]
pub(super) enum MixCondition {
    /// While the price falls or stays down.
    Panic,
    /// From the time when the book is full until a tenth of it is left.
    Full,
}

/// The number of orders of an account when there are very many.
const ORDERS_PER_ACCOUNT: u64 = 20;

const PLAIN: Style = Style {
    live_orders: 20_000,
    width: 500,
    nearest_of: 1,
    accounts: 1_000,
    markets: 1,
    path: Path::Still,
    mix: MIXED,
    alternate_mix: None,
};

/// Fewer orders, and farther apart. With more of them, the moving price would take orders all the
/// time and nothing else would happen.
const SWINGING: Style = Style { live_orders: 2_000, width: 2_000, ..PLAIN };

impl Style {
    /// The same with another number of orders. The number of accounts grows with it, so that no account reaches
    /// its limit.
    pub(super) fn with_orders(self, live_orders: usize) -> Self {
        let accounts = self.accounts.max(live_orders as u64 / ORDERS_PER_ACCOUNT);
        Self { live_orders, accounts, ..self }
    }
}

/// The style of a workload; `None` if its markets do not trade continuously.
pub(super) fn of(workload: Workload) -> Option<Style> {
    Some(match workload {
        Workload::Static => {
            Style { live_orders: 40_000, width: 45, nearest_of: 3, mix: QUOTES, ..PLAIN }
        }
        Workload::Normal => Style { path: Path::Drift(0), ..PLAIN },
        Workload::Epochs => return None,
        Workload::Swing25 => Style { path: Path::Swing(25), ..SWINGING },
        Workload::Swing40 => Style { path: Path::Swing(40), ..SWINGING },
        Workload::Crash => {
            Style { path: Path::Crash, alternate_mix: Some((MixCondition::Panic, PANIC)), ..PLAIN }
        }
        Workload::CancelStorm => Style {
            live_orders: 50_000,
            mix: REFILL,
            alternate_mix: Some((MixCondition::Full, STORM)),
            ..PLAIN
        },
        Workload::SweepStorm => Style { live_orders: 2_000, width: 1_000, mix: SWEEPS, ..PLAIN },
        Workload::Markets => Style {
            live_orders: 100_000,
            width: 50,
            accounts: 10_000,
            markets: workload.markets(),
            ..PLAIN
        },
    })
}
