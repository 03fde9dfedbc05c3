//! Matching of a taker at a price at which orders have hidden parts.
//!
//! The taker takes part by part, as the parts come up. All that it takes of one order is still one
//! trade, so that no command has more trades than there are orders. The parts are not visited one
//! by one: all rounds but the last are computed as sums.

use crate::arena::Handle;
use crate::command::SelfTrade;
use crate::ladder::Level;
use crate::live_orders::LiveOrders;
use crate::parts::{Parts, whole_rounds};
use crate::quantity::Quantity;
use crate::snapshot::OrderRecord;

/// An order that a taker meets, and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetOrder {
    pub(crate) maker: Handle,
    /// `true` if it belongs to the taker's account and a self-trade mode is set.
    pub(crate) is_own: bool,
    /// `true` if self-trade prevention cancels it.
    pub(crate) is_cancelled: bool,
    /// The total quantity that the taker takes of it.
    pub(crate) taken: Quantity,
    /// What is left of the part that it shows.
    pub(crate) shown: Quantity,
    /// The parts that have not come up.
    pub(crate) rest: Parts,
    /// `true` if a new part of it has come up.
    pub(crate) replenished: bool,
}

/// The orders that a taker meets at one price. The buffer is kept to avoid allocations.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    pub(crate) met: Vec<MetOrder>,
    /// The first order whose part of the last round the taker did not take completely.
    pub(crate) first_remaining: usize,
    /// `true` if self-trade prevention stops the taker.
    pub(crate) is_stopped: bool,
}

impl Sweep {
    /// Computes what a taker takes at this price.
    pub(crate) fn run(&mut self, live_orders: &LiveOrders, taker: &OrderRecord, level: &Level) {
        self.met.clear();
        (self.first_remaining, self.is_stopped) = (0, false);
        let mut left = taker.open;
        for maker in live_orders.queue(taker.side.opposite(), level) {
            if left.is_zero() || self.is_stopped {
                return;
            }
            let order = live_orders.order(maker);
            let is_own =
                taker.self_trade != SelfTrade::None && order.account == taker.party.account;
            self.is_stopped = is_own
                && matches!(taker.self_trade, SelfTrade::CancelTaker | SelfTrade::CancelBoth);
            if is_own && taker.self_trade == SelfTrade::CancelTaker {
                return;
            }
            let is_cancelled = is_own
                && matches!(taker.self_trade, SelfTrade::CancelMaker | SelfTrade::CancelBoth);
            let taken = if is_cancelled { Quantity::ZERO } else { left.min(order.shown) };
            left = left.minus(taken);
            let rest = live_orders.parts(maker);
            let shown = order.shown.minus(taken);
            self.met.push(MetOrder {
                maker,
                is_own,
                is_cancelled,
                taken,
                shown,
                rest,
                replenished: false,
            });
        }
        if !left.is_zero() && !self.is_stopped {
            self.take_hidden_parts(left);
        }
    }

    /// Continues after everything that was shown has been taken.
    fn take_hidden_parts(&mut self, mut left: Quantity) {
        let has_hidden = |met: &MetOrder| !met.is_cancelled && !met.rest.hidden.is_zero();
        let parts = || self.met.iter().filter(|met| has_hidden(met)).map(|met| &met.rest);
        let sum = |rounds| parts().fold(Quantity::ZERO, |sum, parts| sum.plus(parts.after(rounds)));
        let rounds = whole_rounds(parts(), |rounds| sum(rounds) < left);
        let mut first_remaining = None;
        for met in self.met.iter_mut().filter(|met| has_hidden(met)) {
            let taken = met.rest.after(rounds);
            left = left.minus(taken);
            met.taken = met.taken.plus(taken);
            met.rest.hidden = met.rest.hidden.minus(taken);
        }
        for (at, met) in self.met.iter_mut().enumerate().filter(|(_, met)| has_hidden(met)) {
            let part = met.rest.after(1);
            let taken = left.min(part);
            left = left.minus(taken);
            met.taken = met.taken.plus(taken);
            met.rest.hidden = met.rest.hidden.minus(part);
            met.shown = part.minus(taken);
            met.replenished = true;
            if !met.shown.is_zero() && first_remaining.is_none() {
                first_remaining = Some(at);
            }
        }
        self.first_remaining = first_remaining.unwrap_or(0);
    }
}
