//! Corrects a guess about hidden orders that a message proves wrong.
//!
//! While a price is out of view, orders come and go there without a message. When it comes into view again, the row
//! says how much rests there, but not whose it is. [`Window`](super::window::Window) guesses. A message that takes
//! something from an order tells more: the order is there, has at least this quantity, and, if it was executed, no
//! older one is left at its price.

use foldhash::HashMap;
use pricetime_engine::{Price, Quantity, Side};

use crate::venue::VenueEvent;

/// An order at the price of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    /// The exchange's number; `None` if it is what rests without a message.
    pub(super) number: Option<u64>,
    pub(super) open: Quantity,
    /// Its place in the queue, which is lower for an order that is executed earlier.
    pub(super) place: u64,
    /// `true` if the price was in view ever since the order entered, so that it cannot have left without a message.
    pub(super) certain: bool,
}

/// What a message takes from the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    order: u64,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) quantity: Quantity,
    why: Why,
}

/// Why an order shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Reduced,
    /// Nothing of it is left.
    Deleted,
    /// It was the first one at its price.
    Executed,
}

impl Left {
    pub(super) fn of(event: &VenueEvent) -> Option<Self> {
        let (order, quantity, side, price, why) = match *event {
            VenueEvent::Reduced { order, quantity, side, price } => {
                (order, quantity, side, price, Why::Reduced)
            }
            VenueEvent::Executed { order, quantity, side, price, .. } => {
                (order, quantity, side, price, Why::Executed)
            }
            VenueEvent::Deleted { order, quantity, side, price } => {
                (order, quantity?, side, price, Why::Deleted)
            }
            VenueEvent::Listed(_)
            | VenueEvent::DayPart(_)
            | VenueEvent::StateChanged(_)
            | VenueEvent::Rested { .. }
            | VenueEvent::Vanished { .. }
            | VenueEvent::Added { .. }
            | VenueEvent::Replaced { .. }
            | VenueEvent::HiddenExecuted { .. }
            | VenueEvent::Crossed { .. }
            | VenueEvent::TradeBroken { .. }
            | VenueEvent::Cleared => return None,
        };
        Some(Self { order, side: side?, price: price?, quantity, why })
    }

    /// Adds to `out` what makes the orders at this price agree with the message. Their total stays the same. `here`
    /// has them sorted by number, and behind them what rests without a message.
    pub(super) fn correct(self, here: &[Resting], out: &mut Vec<VenueEvent>) {
        let own = here.iter().find(|it| it.number == Some(self.order));
        let is_passed_over = |it: &Resting| self.is_passed_over(it, own);
        match self.stands_for_it(own, here) {
            Some(it) if it.number.is_some() => {
                // What rests without a message cannot be told apart, so all of it goes or nothing.
                let unreported = here.iter().any(|it| it.number.is_none() && is_passed_over(it));
                let goes = |it: &Resting| it.number.map_or(unreported, |_| is_passed_over(it));
                let mut gone = whole(here, goes);
                if self.why == Why::Deleted && it.open > self.quantity {
                    gone.push((it.number, it.open.minus(self.quantity)));
                }
                self.replace(&gone, out);
            }
            Some(it)
                if !here.iter().any(|other| is_passed_over(other) || self.is_ahead(other, it)) => {}
            _ => {
                let is_own = |it: &Resting| it.number.is_none_or(|number| number == self.order);
                let goes = |it: &Resting| is_own(it) || is_passed_over(it);
                let mut gone = whole(here, goes);
                self.take_missing(here, goes, &mut gone);
                self.replace(&gone, out);
                self.requeue(here, &gone, out);
            }
        }
    }

    /// Returns `true` if an order would have been executed earlier than this one, so that it is no longer here.
    fn is_passed_over(&self, it: &Resting, own: Option<&Resting>) -> bool {
        let is_older = it.number.map_or_else(
            || own.is_some_and(|own| it.place < own.place),
            |number| number < self.order,
        );
        self.why == Why::Executed && is_older && !it.certain
    }

    /// The order that the quantity can be taken from as it is.
    fn stands_for_it<'a>(
        &self,
        own: Option<&'a Resting>,
        here: &'a [Resting],
    ) -> Option<&'a Resting> {
        let is_enough = |it: &&Resting| it.open >= self.quantity;
        if own.is_some() {
            return own.filter(is_enough);
        }
        let mut unreported = here.iter().filter(|it| it.number.is_none());
        match self.why {
            Why::Executed => unreported.next().filter(is_enough),
            Why::Reduced | Why::Deleted => unreported.find(is_enough),
        }
    }

    /// Returns `true` if a newer order is ahead of what stands for the executed one.
    fn is_ahead(&self, other: &Resting, it: &Resting) -> bool {
        let is_newer = other.number.is_some_and(|number| number > self.order);
        self.why == Why::Executed && is_newer && other.place < it.place
    }

    /// If what goes is not enough, takes the rest from the newest orders, first from those that are not certain.
    fn take_missing(
        &self,
        here: &[Resting],
        goes: impl Fn(&Resting) -> bool,
        gone: &mut Vec<(Option<u64>, Quantity)>,
    ) {
        let mut missing = less(self.quantity, sum(gone));
        for certain in [false, true] {
            for it in here.iter().rev().filter(|it| it.certain == certain && !goes(it)) {
                let taken = missing.min(it.open);
                if !taken.is_zero() {
                    gone.push((it.number, taken));
                    missing = less(missing, taken);
                }
            }
        }
    }

    /// Takes quantities away and lets their sum rest behind the other orders.
    fn replace(&self, gone: &[(Option<u64>, Quantity)], out: &mut Vec<VenueEvent>) {
        let Self { side, price, .. } = *self;
        let vanished = |(order, quantity)| VenueEvent::Vanished { order, side, price, quantity };
        out.extend(gone.iter().copied().map(vanished));
        let quantity = sum(gone);
        if !quantity.is_zero() {
            out.push(VenueEvent::Rested { order: None, side, price, quantity });
        }
    }

    /// Moves what is left of the newer orders behind the one that was executed.
    fn requeue(
        &self,
        here: &[Resting],
        gone: &[(Option<u64>, Quantity)],
        out: &mut Vec<VenueEvent>,
    ) {
        if self.why != Why::Executed {
            return;
        }
        let Self { order, side, price, .. } = *self;
        let gone: HashMap<_, _> = gone.iter().copied().collect();
        for it in here.iter().filter(|it| it.number.is_some_and(|number| number > order)) {
            let quantity = less(it.open, gone.get(&it.number).copied().unwrap_or_default());
            if !quantity.is_zero() {
                out.push(VenueEvent::Rested { order: it.number, side, price, quantity });
            }
        }
    }
}

/// The orders that go, the last one first, with all that is open of them.
fn whole(here: &[Resting], goes: impl Fn(&Resting) -> bool) -> Vec<(Option<u64>, Quantity)> {
    here.iter().rev().filter(|it| goes(it)).map(|it| (it.number, it.open)).collect()
}

fn sum(of: &[(Option<u64>, Quantity)]) -> Quantity {
    Quantity(of.iter().fold(0, |sum, it| sum.saturating_add(it.1.0)))
}

/// The difference, or zero if it is negative.
const fn less(Quantity(of): Quantity, Quantity(by): Quantity) -> Quantity {
    Quantity(of.saturating_sub(by))
}
