//! Matching of a taker at a price at which orders have hidden parts.
//!
//! The taker takes part by part, as the parts come up. All that it takes of one order is still one
//! trade, so that no command has more trades than there are orders. The parts are not visited one
//! by one: all rounds but the last are computed as sums.

use crate::arena::Handle;
use crate::command::SelfTrade;
use crate::ladder::Level;
use crate::parts::{Parts, whole_rounds};
use crate::quantity::Quantity;
use crate::snapshot::OrderRecord;
use crate::standing::Standing;

/// An order that a taker meets, and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    pub(crate) maker: Handle,
    /// `true` if it belongs to the taker's account and a self-trade mode is set.
    pub(crate) own: bool,
    /// `true` if self-trade prevention cancels it.
    pub(crate) goes: bool,
    /// The total quantity that the taker takes of it.
    pub(crate) by: Quantity,
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
    pub(crate) met: Vec<Met>,
    /// The first order whose part of the last round the taker did not take completely.
    pub(crate) first: usize,
    /// `true` if self-trade prevention stops the taker.
    pub(crate) stops: bool,
}

impl Sweep {
    /// Computes what a taker takes at this price.
    pub(crate) fn run(&mut self, standing: &Standing, taker: &OrderRecord, level: &Level) {
        self.met.clear();
        (self.first, self.stops) = (0, false);
        let mut left = taker.open;
        for maker in standing.queue(taker.side.opposite(), level) {
            if left.is_zero() || self.stops {
                return;
            }
            let order = standing.order(maker);
            let own = taker.self_trade != SelfTrade::None && order.account == taker.party.account;
            self.stops =
                own && matches!(taker.self_trade, SelfTrade::CancelTaker | SelfTrade::CancelBoth);
            if own && taker.self_trade == SelfTrade::CancelTaker {
                return;
            }
            let goes =
                own && matches!(taker.self_trade, SelfTrade::CancelMaker | SelfTrade::CancelBoth);
            let by = if goes { Quantity::ZERO } else { left.min(order.shown) };
            left = left.minus(by);
            let rest = standing.parts(maker);
            let shown = order.shown.minus(by);
            self.met.push(Met { maker, own, goes, by, shown, rest, replenished: false });
        }
        if !left.is_zero() && !self.stops {
            self.run_through_parts(left);
        }
    }

    /// Continues after everything that was shown has been taken.
    fn run_through_parts(&mut self, mut left: Quantity) {
        let hides = |met: &Met| !met.goes && !met.rest.hidden.is_zero();
        let parts = || self.met.iter().filter(|met| hides(met)).map(|met| &met.rest);
        let sum = |rounds| parts().fold(Quantity::ZERO, |sum, parts| sum.plus(parts.after(rounds)));
        let rounds = whole_rounds(parts(), |rounds| sum(rounds) < left);
        let mut first = None;
        for met in self.met.iter_mut().filter(|met| hides(met)) {
            let by = met.rest.after(rounds);
            left = left.minus(by);
            met.by = met.by.plus(by);
            met.rest.hidden = met.rest.hidden.minus(by);
        }
        for (at, met) in self.met.iter_mut().enumerate().filter(|(_, met)| hides(met)) {
            let part = met.rest.after(1);
            let by = left.min(part);
            left = left.minus(by);
            met.by = met.by.plus(by);
            met.rest.hidden = met.rest.hidden.minus(part);
            met.shown = part.minus(by);
            met.replenished = true;
            if !met.shown.is_zero() && first.is_none() {
                first = Some(at);
            }
        }
        self.first = first.unwrap_or(0);
    }
}
