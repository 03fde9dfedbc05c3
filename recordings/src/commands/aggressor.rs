//! The order that hit others, inferred from their executions.

use std::num::NonZeroU64;

use pricetime_engine::{AccountId, Action, OrderId, Place, Price, Quantity, SelfTrade, Side};

use super::issue::{Issue, Moment};
use super::sink::{CommandSink, Execution};

/// The number of executions after which an aggressor's order is sent without waiting for more, so that the
/// memory does not depend on the recording.
const EXECUTIONS_MAX: usize = 1024;
/// The id of the first order whose id the exchange does not tell.
const INFERRED: u128 = 2 << 64;

/// An aggressor of whom more executions may follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aggressor {
    pub(super) at: Moment,
    pub(super) side: Side,
    /// The exchange's number of the order, if it is known and free.
    pub(super) order: Option<NonZeroU64>,
    /// The worst limit price that it has hit.
    pub(super) worst: Price,
    /// The quantity that has traded.
    pub(super) quantity: Quantity,
}

/// What rests of an aggressor's order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    pub(super) order: OrderId,
    pub(super) price: Price,
    pub(super) quantity: Quantity,
    pub(super) account: AccountId,
}

/// Collects the executions of one aggressor.
#[derive(Debug, Default)]
pub(super) struct Pending {
    aggressor: Option<Aggressor>,
    executions: Vec<Execution>,
    /// The orders that the exchange filled completely, with their accounts.
    filled: Vec<(OrderId, AccountId)>,
    /// The number of orders with an inferred id.
    inferred: u64,
}

impl Pending {
    /// Returns `true` if an aggressor waits for more executions.
    #[inline]
    pub(super) const fn is_open(&self) -> bool {
        self.aggressor.is_some()
    }

    /// Returns `true` if an aggressor waits who acted at this time in this market.
    pub(super) fn is_at(&self, at: Moment) -> bool {
        self.aggressor.is_some_and(|it| it.at == at)
    }

    /// Returns `true` if the aggressor may have executed orders at a price.
    pub(super) fn has_reached(&self, side: Side, price: Price) -> bool {
        self.aggressor.is_some_and(|it| match it.side {
            Side::Buy => side == Side::Sell && price <= it.worst,
            Side::Sell => side == Side::Buy && price >= it.worst,
        })
    }

    /// Returns `true` if the next execution can be of the same aggressor.
    pub(super) fn continues(&self, next: &Aggressor) -> bool {
        self.executions.len() < EXECUTIONS_MAX
            && self.aggressor.is_some_and(|it| {
                it.at == next.at && it.side == next.side && it.order == next.order
            })
    }

    /// Returns `true` if an order that enters is the rest of the aggressor's.
    pub(super) fn is_rest(&self, at: Moment, order: u64, side: Side, price: Price) -> bool {
        self.aggressor.is_some_and(|it| {
            let reaches = match side {
                Side::Buy => price >= it.worst,
                Side::Sell => price <= it.worst,
            };
            let same = it.order.is_none_or(|known| known.get() == order);
            same && reaches && it.at == at && it.side == side
        })
    }

    /// Adds an execution of an order that rested, and says whether it is filled.
    pub(super) fn add(
        &mut self,
        next: Aggressor,
        execution: Execution,
        filled: Option<(OrderId, AccountId)>,
    ) {
        let all = self.aggressor.get_or_insert(Aggressor { quantity: Quantity::ZERO, ..next });
        all.worst = match all.side {
            Side::Buy => all.worst.max(next.worst),
            Side::Sell => all.worst.min(next.worst),
        };
        all.quantity = Quantity(all.quantity.0.saturating_add(next.quantity.0));
        self.executions.push(execution);
        self.filled.extend(filled);
    }

    /// Sends the aggressor's order, and the cancels of the orders that the exchange has filled.
    pub(super) fn send(
        &mut self,
        issue: &mut Issue,
        rest: Option<Rest>,
        sink: &mut impl CommandSink,
    ) {
        let Some(Aggressor { at, side, order, worst, quantity }) = self.aggressor.take() else {
            return;
        };
        let (account, place) = match rest {
            Some(rest) => {
                let whole = Quantity(quantity.0.saturating_add(rest.quantity.0));
                (rest.account, Place::limit(rest.order, side, whole, rest.price))
            }
            None => {
                let id = order.map_or_else(|| self.infer(), |it| OrderId(u128::from(it.get())));
                (AccountId(0), Place::limit(id, side, quantity, worst).ioc())
            }
        };
        let place = Action::from(place.self_trade(SelfTrade::None));
        sink.aggressor(&issue.command(at, account, place), &self.executions);
        for (order, owner) in &self.filled {
            let cancel = Action::Cancel { order: *order };
            if !sink.leftover(&issue.command(at, *owner, cancel)) {
                issue.take_back();
            }
        }
        self.executions.clear();
        self.filled.clear();
    }

    fn infer(&mut self) -> OrderId {
        let id = OrderId(INFERRED | u128::from(self.inferred));
        self.inferred += 1;
        id
    }
}
