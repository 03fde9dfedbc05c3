//! A taker at a price at which orders hide something.
//!
//! It takes part by part, as they come up. What it takes of an order is one trade all the same, so that no
//! command has more trades than there are orders. The parts are not walked through: all rounds but the last
//! are sums.

use crate::arena::Handle;
use crate::command::SelfTrade;
use crate::ladder::Level;
use crate::parts::{Parts, whole_rounds};
use crate::quantity::Quantity;
use crate::snapshot::OrderRecord;
use crate::standing::Standing;

/// An order that a taker meets, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    pub(crate) maker: Handle,
    /// Whether it belongs to the taker's account, and self-trade prevention asks.
    pub(crate) own: bool,
    /// Whether self-trade prevention cancels it.
    pub(crate) goes: bool,
    /// What the taker takes of it in all.
    pub(crate) by: Quantity,
    /// What is left of the part that it shows.
    pub(crate) shown: Quantity,
    /// What has not come up.
    pub(crate) rest: Parts,
    /// Whether a new part of it has come up.
    pub(crate) replenished: bool,
}

/// What a taker meets at one price; kept, so that no room is allocated.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    pub(crate) met: Vec<Met>,
    /// The first of them whose part of the last round the taker did not take whole.
    pub(crate) first: usize,
    /// Whether self-trade prevention stops the taker.
    pub(crate) stops: bool,
}

impl Sweep {
    /// Finds what a taker takes at this price.
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

    /// Goes on when all has been taken that was shown.
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
