//! The records of an event that trades, joined so that each execution is reported once.
//!
//! An exchange first reports trades: T with the order that hit others, and after it an F for each order that rested.
//! Then it reports how the book changed: a C or an M for each of these orders, and an A for what is left of the
//! first one. Messages about this event come in the order in which it happened:
//!
//! 1. The cancels of orders that did not trade: an exchange cancels resting orders to prevent a self-trade. An order
//!    that rested before it hit others leaves the book too.
//! 2. The executions of each aggressor, and what is left of it.
//! 3. All other changes of the book.

use std::num::NonZeroU64;

use foldhash::HashMap;
use pricetime_engine::Quantity;

use super::record::{Action, Record};
use crate::venue::{Cross, VenueEvent};

/// Joins the records of events. It keeps nothing from one event to the next but its memory.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    orders: HashMap<u64, Role>,
}

/// What an order does in an event.
#[derive(Clone, Copy, Debug, Default)]
struct Role {
    /// `true` if it rested and another order hit it.
    filled: bool,
    /// `true` if it has an M.
    modified: bool,
    /// The quantity of its Cs that no execution explains yet.
    cancelled: u64,
    /// The index of its first A or M, which is what rests of an aggressor.
    rest: Option<usize>,
    /// The index of its last T.
    last_trade: Option<usize>,
}

impl Role {
    const fn is_aggressor(&self) -> bool {
        self.last_trade.is_some() && !self.filled
    }

    /// Returns `true` if the C with this index comes before the executions.
    fn leaves_first(&self, at: usize) -> bool {
        !self.filled && self.rest.is_none_or(|rest| at < rest)
    }

    /// Returns `true` if the A or M with this index is what rests of an aggressor.
    fn is_rest(&self, at: usize) -> bool {
        self.is_aggressor() && self.rest == Some(at)
    }
}

/// A T whose Fs follow.
#[derive(Clone, Copy)]
struct Trade<'a> {
    at: usize,
    record: &'a Record,
    /// The quantity that no F explains yet.
    left: u64,
    cross: bool,
}

/// Returns `true` if an F is about the order that hit others. An order that rested before it did so has one.
fn is_own(fill: &Record, trade: Option<&Record>) -> bool {
    trade.is_some_and(|it| it.order == fill.order && it.side == fill.side && it.side.is_some())
}

impl Joiner {
    /// Reports what happened in an event, with the number of the record that says it.
    pub(super) fn join(&mut self, records: &[Record], report: &mut impl FnMut(u64, VenueEvent)) {
        self.find_roles(records);
        self.leave_first(records, report);
        let mut trade: Option<Trade<'_>> = None;
        for (at, record) in records.iter().enumerate() {
            if record.action == Action::Trade {
                self.end_trade(trade, records, report);
                let next = records.get(at + 1);
                let filled = next.is_some_and(|it| it.action == Action::Fill);
                let cross = filled && record.side.is_none();
                trade = Some(Trade { at, record, left: record.quantity.0, cross });
                if cross && let Some(price) = record.price {
                    let (kind, quantity) = (Cross::Unknown, record.quantity);
                    let crossed = VenueEvent::Crossed { kind, price, quantity, trade: None };
                    report(record.number, crossed);
                }
            } else if record.action == Action::Fill {
                self.fill(record, trade.as_mut(), report);
            }
        }
        self.end_trade(trade, records, report);
        self.change_last(records, report);
    }

    fn find_roles(&mut self, records: &[Record]) {
        self.orders.clear();
        let mut trade = None;
        for (at, record) in records.iter().enumerate() {
            let role = self.orders.entry(record.order).or_default();
            match record.action {
                Action::Trade => {
                    trade = Some(record);
                    // Some exchanges do not tell the number.
                    role.last_trade = Some(at).filter(|_| record.order != 0);
                }
                Action::Fill => role.filled |= !is_own(record, trade),
                Action::Cancel => role.cancelled += record.quantity.0,
                Action::Add | Action::Modify => {
                    role.modified |= record.action == Action::Modify;
                    role.rest = role.rest.or(Some(at));
                }
                Action::Clear | Action::None => {}
            }
        }
    }

    fn role(&self, record: &Record) -> Role {
        self.orders.get(&record.order).copied().unwrap_or_default()
    }

    fn leave_first(&self, records: &[Record], report: &mut impl FnMut(u64, VenueEvent)) {
        for (at, record) in records.iter().enumerate() {
            let (role, order) = (self.role(record), record.order);
            if record.action == Action::Cancel && role.leaves_first(at) {
                record.event().into_iter().for_each(|event| report(record.number, event));
            } else if record.action == Action::Modify && role.is_rest(at) {
                let (quantity, side) = (None, record.side);
                report(record.number, VenueEvent::Deleted { order, quantity, side, price: None });
            }
        }
    }

    fn fill(
        &mut self,
        record: &Record,
        trade: Option<&mut Trade<'_>>,
        report: &mut impl FnMut(u64, VenueEvent),
    ) {
        let Record { order, side, quantity, .. } = *record;
        let hit = trade.as_ref().map(|it| (it.record, it.cross));
        let (Some(price), false) = (record.price, is_own(record, hit.map(|(it, _)| it))) else {
            return;
        };
        let aggressor = hit.filter(|(it, _)| self.role(it).is_aggressor());
        let aggressor = aggressor.and_then(|(it, _)| NonZeroU64::new(it.order));
        let role = self.orders.entry(order).or_default();
        // The quantity that the book showed. An iceberg can trade more.
        let shown = if role.modified { quantity.0 } else { quantity.0.min(role.cancelled) };
        role.cancelled = role.cancelled.saturating_sub(shown);
        if shown > 0 {
            report(
                record.number,
                VenueEvent::Executed {
                    order,
                    quantity: Quantity(shown),
                    side,
                    price: Some(price),
                    trade: None,
                    aggressor,
                    cross: hit.is_some_and(|(_, cross)| cross),
                },
            );
        }
        if shown < quantity.0 {
            let quantity = Quantity(quantity.0 - shown);
            report(
                record.number,
                VenueEvent::HiddenExecuted { side, price, quantity, trade: None },
            );
        }
        if let Some(trade) = trade {
            trade.left = trade.left.saturating_sub(quantity.0);
        }
    }

    /// Reports what no F explains, and what rests of the aggressor after its last T.
    fn end_trade(
        &self,
        trade: Option<Trade<'_>>,
        records: &[Record],
        report: &mut impl FnMut(u64, VenueEvent),
    ) {
        let Some(Trade { at, record, left, cross }) = trade else { return };
        if let (Some(price), false, 1..) = (record.price, cross, left) {
            let (side, quantity) = (record.side.map(|it| it.opposite()), Quantity(left));
            report(
                record.number,
                VenueEvent::HiddenExecuted { side, price, quantity, trade: None },
            );
        }
        let role = self.role(record);
        if !role.is_aggressor() || role.last_trade != Some(at) {
            return;
        }
        let Some(rest) = role.rest.and_then(|at| records.get(at)) else { return };
        if let (Some(side), Some(price)) = (rest.side.or(record.side), rest.price) {
            let (order, quantity) = (rest.order, rest.quantity);
            report(rest.number, VenueEvent::Added { order, side, price, quantity, account: None });
        }
    }

    fn change_last(&mut self, records: &[Record], report: &mut impl FnMut(u64, VenueEvent)) {
        for (at, record) in records.iter().enumerate() {
            let role = self.orders.entry(record.order).or_default();
            let mut record = *record;
            match record.action {
                Action::Add | Action::Modify if role.is_rest(at) => continue,
                Action::Cancel if role.leaves_first(at) => continue,
                Action::Cancel if role.filled && !role.modified => {
                    record.quantity = record.quantity.min(Quantity(role.cancelled));
                    role.cancelled -= record.quantity.0;
                    if record.quantity.is_zero() {
                        continue;
                    }
                }
                Action::Add | Action::Modify | Action::Cancel => {}
                Action::Clear | Action::Trade | Action::Fill | Action::None => continue,
            }
            record.event().into_iter().for_each(|event| report(record.number, event));
        }
    }
}
