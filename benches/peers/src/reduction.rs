//! The conversion of a workload's commands to limit orders and cancels.

use std::collections::HashMap;

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, OrderId, OrderKind, Outcome, Place, Price, Quantity,
    TimeInForce,
};

use crate::adapters::pricetime::{MARKET, order_id, stamp};
use crate::flow::{Order, Side, Step};

/// Follows the book of the reduced flow, because it is not that of the workload: icebergs show all
/// they have, and stops are left out.
#[derive(Debug)]
pub(crate) struct Reduction {
    engine: Engine,
    pub(crate) market: Vec<Command>,
    pub(crate) steps: Vec<Step>,
    /// The number of each order, and its account, by the id that the workload gave it.
    numbers: HashMap<OrderId, (u64, AccountId)>,
    orders: u64,
    sequence: u64,
}

/// The id and the account of an order of the workload.
type Owned = (OrderId, AccountId);

impl Default for Reduction {
    fn default() -> Self {
        Self {
            engine: Engine::new(1),
            market: Vec::new(),
            steps: Vec::new(),
            numbers: HashMap::new(),
            orders: 0,
            sequence: 0,
        }
    }
}

impl Reduction {
    /// Adds what a command of the workload becomes, which may be nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the workloads send nothing else")]
    pub(crate) fn add(&mut self, command: &Command) {
        match command.action {
            Action::AddMarket(_) | Action::SetPhase(_) => {
                self.engine.apply(command, &mut ());
                self.market.push(*command);
                self.sequence = command.sequence.0;
            }
            Action::Place(place) => self.place(&place, command.account),
            Action::Amend(amend) => self.amend(&amend),
            Action::Cancel { order } => self.cancel(order),
            Action::CancelAll { account: Some(account), .. } => self.cancel_all(account),
            _ => {}
        }
    }

    /// Returns two orders that take all that rests.
    pub(crate) fn close(&mut self) -> Vec<Step> {
        let ended = self.steps.len();
        for side in [Side::Buy, Side::Sell] {
            self.take(side, None, Quantity(u64::MAX), (OrderId(u128::MAX), AccountId(0)));
        }
        self.steps.split_off(ended)
    }

    fn place(&mut self, place: &Place, account: AccountId) {
        let (side, quantity, owned) = (side(place.side), place.quantity, (place.order, account));
        match (place.kind, place.time_in_force) {
            (OrderKind::Limit { price }, TimeInForce::ImmediateOrCancel) => {
                self.take(side, Some(price), quantity, owned);
            }
            (OrderKind::Limit { price }, _) => self.rest(side, price, quantity, owned),
            (OrderKind::Market, _) => self.take(side, None, quantity, owned),
            (OrderKind::Stop { .. } | OrderKind::StopLimit { .. }, _) => {}
        }
    }

    fn rest(&mut self, side: Side, price: Price, quantity: Quantity, owned: Owned) {
        let (Ok(price), quantity) = (u64::try_from(price.0), quantity.0) else { return };
        let order = Order { id: self.orders, side, price, quantity };
        if self.push(Step::Place(order)) {
            self.numbers.insert(owned.0, (self.orders, owned.1));
            self.orders += 1;
        }
    }

    /// Takes at most what the book has up to this price, so that nothing is left to rest.
    fn take(&mut self, side: Side, limit: Option<Price>, quantity: Quantity, owned: Owned) {
        let (taker, book) = (side.ours(), self.engine.market(MARKET));
        let (mut worst, mut taken) = (None, 0);
        for level in book.into_iter().flat_map(|book| book.levels(taker.opposite())) {
            let is_worse = limit.is_some_and(|limit| match side {
                Side::Buy => level.price > limit,
                Side::Sell => level.price < limit,
            });
            if is_worse || taken >= quantity.0 {
                break;
            }
            (worst, taken) = (Some(level.price), taken + level.quantity.0);
        }
        if let Some(price) = worst {
            self.rest(side, price, Quantity(taken.min(quantity.0)), owned);
        }
    }

    /// Cancels the order and places it again, as is usual without amends.
    fn amend(&mut self, amend: &Amend) {
        let Some((number, account)) = self.numbers.get(&amend.order).copied() else { return };
        let book = self.engine.market(MARKET);
        let Some(view) = book.and_then(|book| book.order(order_id(number))) else { return };
        let Some(price) = amend.price.or(view.record.kind.price()) else { return };
        self.cancel(amend.order);
        let quantity = amend.quantity.unwrap_or(view.record.open);
        self.rest(side(view.record.side), price, quantity, (amend.order, account));
    }

    fn cancel(&mut self, id: OrderId) {
        if let Some((number, _)) = self.numbers.remove(&id) {
            self.push(Step::Cancel(number));
        }
    }

    fn cancel_all(&mut self, account: AccountId) {
        let owned = self.numbers.iter().filter(|(_, (_, owner))| *owner == account);
        let mut owned: Vec<(u64, OrderId)> =
            owned.map(|(id, (number, _))| (*number, *id)).collect();
        owned.sort_unstable();
        owned.into_iter().for_each(|(_, id)| self.cancel(id));
    }

    /// Adds a step if the book accepts it.
    fn push(&mut self, step: Step) -> bool {
        self.sequence += 1;
        let accepted =
            self.engine.apply(&stamp(self.sequence, &step), &mut ()) == Outcome::Accepted;
        if accepted {
            self.steps.push(step);
        }
        accepted
    }
}

const fn side(side: pricetime_engine::Side) -> Side {
    match side {
        pricetime_engine::Side::Buy => Side::Buy,
        pricetime_engine::Side::Sell => Side::Sell,
    }
}
