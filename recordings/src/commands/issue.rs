//! Commands with their sequence numbers.

use std::num::NonZeroU64;

use pricetime_engine::{
    AccountId, Action, Amend, Command, MarketId, OrderId, OrderKind, Place, Quantity, SelfTrade,
    Sequence, TimeInForce, Timestamp,
};

use super::sink::CommandSink;
use crate::venue_book::{Change, VenueOrder};

/// Where and when commands happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    pub(super) market: MarketId,
}

/// Numbers commands.
#[derive(Debug)]
pub(super) struct Issue {
    last: u64,
    /// `true` if the engine may have filled orders differently. A reduction must not enlarge such an order.
    may_differ: bool,
}

impl Issue {
    /// Starts with command number 1.
    pub(super) const fn new(may_differ: bool) -> Self {
        Self { last: 0, may_differ }
    }

    /// The next command, of an account.
    #[inline]
    pub(super) const fn command(
        &mut self,
        at: Moment,
        account: AccountId,
        action: Action,
    ) -> Command {
        self.last += 1;
        // The constructors of the engine would copy the action several times.
        Command {
            sequence: Sequence(self.last),
            timestamp: at.time,
            market: at.market,
            account,
            operator: false,
            request: None,
            session: None,
            action,
        }
    }

    /// The next command, of an operator.
    pub(super) fn operator(&mut self, at: Moment, action: Action) -> Command {
        Command { operator: true, ..self.command(at, AccountId(0), action) }
    }

    /// Gives the number of the last command to the next one.
    pub(super) fn take_back(&mut self) {
        self.last -= 1;
    }

    /// Sends the commands that make the same change.
    #[inline]
    pub(super) fn follow(&mut self, at: Moment, change: Change, sink: &mut impl CommandSink) {
        match change {
            // A reduction by nothing would be refused.
            Change::None | Change::Unknown | Change::Shrunk { by: Quantity::ZERO, .. } => {}
            Change::Placed { order, now } => sink.command(&self.place(at, order, now)),
            Change::Shrunk { order, before, by } => {
                let action = self.shrink(order, before.open, by);
                sink.command(&self.command(at, account(before.account), action));
            }
            Change::Moved { order, before, new_order, now, keeps_priority } => {
                let owner = account(before.account);
                if order == new_order && before.side == now.side {
                    let amend = Amend::new(order).price(now.price).quantity(now.open);
                    let amend = if keeps_priority { amend } else { amend.requeue() };
                    sink.command(&self.command(at, owner, amend.into()));
                } else {
                    sink.command(&self.command(at, owner, Action::Cancel { order }));
                    sink.command(&self.place(at, new_order, now));
                }
            }
            Change::Cleared => {
                let all = Action::CancelAll { account: None, side: None };
                sink.command(&self.operator(at, all));
            }
        }
    }

    /// What takes a quantity from an order without a change of its place.
    fn shrink(&self, order: OrderId, open: Quantity, by: Quantity) -> Action {
        if by == open {
            return Action::Cancel { order };
        }
        Action::Amend(Amend {
            order,
            price: None,
            quantity: Some(open.minus(by)),
            stop_price: None,
            if_open: self.may_differ.then_some(open),
            requeue: false,
        })
    }

    #[inline]
    fn place(&mut self, at: Moment, order: OrderId, now: VenueOrder) -> Command {
        let place = Place {
            order,
            reference: 0,
            side: now.side,
            kind: OrderKind::Limit { price: now.price },
            quantity: now.open,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        };
        self.command(at, account(now.account), Action::Place(place))
    }
}

/// The account of an order. All orders of unknown owners have account 0.
pub(super) fn account(account: Option<NonZeroU64>) -> AccountId {
    AccountId(account.map_or(0, |it| u128::from(it.get())))
}
