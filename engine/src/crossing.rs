//! The matching loop: a taker against the other side, best price first, then oldest first.

use crate::arena::Handle;
use crate::book::Book;
use crate::command::{OrderKind, SelfTrade};
use crate::event::{Event, Party, Prices, Sink};
use crate::market::{Phase, Pricing};
use crate::quantity::{Price, Quantity, Side};
use crate::reason::CancelReason;
use crate::snapshot::{OrderRecord, Until};

/// A trade that does not have a number yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) maker: Party,
    pub(crate) taker: Party,
    pub(crate) taker_side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
    pub(crate) maker_remaining: Quantity,
    pub(crate) taker_remaining: Quantity,
}

impl Fill {
    /// A trade of a taker whose open quantity is already reduced by it, with a maker whose open
    /// quantity is now `maker_remaining`.
    pub(crate) fn of(
        maker: Party,
        maker_remaining: Quantity,
        taker: &OrderRecord,
        price: Price,
        quantity: Quantity,
    ) -> Self {
        let (taker_side, taker_remaining) = (taker.side, taker.open);
        let taker = taker.party;
        Self { maker, taker, taker_side, price, quantity, maker_remaining, taker_remaining }
    }
}

/// How the matching of a taker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CrossEnd {
    /// The taker was filled, or no order was left that it could reach.
    Exhausted,
    /// The taker met an order of its own account and is cancelled.
    SelfTrade,
}

impl Book {
    /// Enters an order: in Continuous it first takes what it can. The rest of it rests, if it may.
    ///
    /// Most orders meet no other. They are stored straight from registers; only an order that takes
    /// is written to memory as a taker.
    #[inline(always)]
    pub(crate) fn enter<S: Sink>(&mut self, order: &OrderRecord, sink: &mut S) {
        if self.head.phase == Phase::Call || self.rests_at_once(order) {
            self.live_orders.attach(&OrderRecord { shown: order.shown_on_entry(), ..*order });
        } else {
            self.enter_as_taker(*order, sink);
        }
    }

    /// Returns `true` if an order that enters in Continuous meets no other and may rest.
    #[inline(always)]
    pub(crate) fn rests_at_once(&self, order: &OrderRecord) -> bool {
        let Some(limit) = order.kind.price() else { return false };
        let best = self.live_orders.ladder(order.side.opposite()).best();
        !matches!(order.until, Until::Immediate | Until::Filled)
            && best.is_none_or(|best| !order.side.reaches(Some(limit), best.price))
    }

    #[inline(never)]
    pub(crate) fn enter_as_taker<S: Sink>(&mut self, mut order: OrderRecord, sink: &mut S) {
        if self.match_taker(&mut order, sink) {
            order.shown = order.shown_on_entry();
            self.live_orders.attach(&order);
        }
    }

    /// Matches a taker. Returns `true` if a part of it is left that rests.
    fn match_taker<S: Sink>(&mut self, order: &mut OrderRecord, sink: &mut S) -> bool {
        let bound = self.bound(order);
        let needed = match order.until {
            Until::Filled => Some((order.open, CancelReason::FillOrKill)),
            Until::Immediate => {
                order.minimum_quantity.map(|m| (m, CancelReason::ImmediateOrCancel))
            }
            Until::Cancelled | Until::Time(_) | Until::Epoch(_) => None,
        };
        if let Some((quantity, reason)) = needed
            && !self.dry_run.would_trade(&self.live_orders, order, bound, quantity)
        {
            self.cancelled((&*order).into(), reason, sink);
            return false;
        }
        let end = self.cross(order, bound, sink);
        if order.open.is_zero() {
            return false;
        }
        let reason = match (end, order.kind) {
            (CrossEnd::SelfTrade, _) => CancelReason::SelfTrade,
            (CrossEnd::Exhausted, OrderKind::Limit { .. } | OrderKind::StopLimit { .. }) => {
                if order.until != Until::Immediate {
                    return true;
                }
                CancelReason::ImmediateOrCancel
            }
            (CrossEnd::Exhausted, OrderKind::Market | OrderKind::Stop { .. }) => {
                if self.live_orders.ladder(order.side.opposite()).best().is_some() {
                    CancelReason::PriceProtection
                } else {
                    CancelReason::NoLiquidity
                }
            }
        };
        self.cancelled((&*order).into(), reason, sink);
        false
    }

    /// The worst price at which a taker may trade.
    fn bound(&self, order: &OrderRecord) -> Option<Price> {
        order.kind.price().or_else(|| {
            let best = self.live_orders.ladder(order.side.opposite()).best()?.price;
            let ticks = self.head.spec.terms.protection_ticks?;
            Some(match order.side {
                Side::Buy => best.up(ticks),
                Side::Sell => best.down(ticks),
            })
        })
    }

    fn cross<S: Sink>(
        &mut self,
        taker: &mut OrderRecord,
        bound: Option<Price>,
        sink: &mut S,
    ) -> CrossEnd {
        while !taker.open.is_zero()
            && let Some(best) = self.live_orders.ladder(taker.side.opposite()).best()
            && taker.side.reaches(bound, best.price)
        {
            let (maker, price) = (best.head, best.price);
            if self.live_orders.ladder(taker.side.opposite()).best_has_hidden() {
                if !self.sweep(taker, sink) {
                    return CrossEnd::SelfTrade;
                }
                continue;
            }
            let own = taker.self_trade != SelfTrade::None
                && self.live_orders.order(maker).account == taker.party.account;
            if !own {
                self.trade(taker, maker, price, sink);
                continue;
            }
            match taker.self_trade {
                SelfTrade::None | SelfTrade::CancelTaker => return CrossEnd::SelfTrade,
                SelfTrade::CancelMaker => self.cancel_order(maker, CancelReason::SelfTrade, sink),
                SelfTrade::CancelBoth => {
                    self.cancel_order(maker, CancelReason::SelfTrade, sink);
                    return CrossEnd::SelfTrade;
                }
                SelfTrade::Decrement => self.decrement(taker, maker, sink),
            }
        }
        CrossEnd::Exhausted
    }

    /// Trades the taker with the first order of the best level. That order hides nothing.
    fn trade<S: Sink>(
        &mut self,
        taker: &mut OrderRecord,
        maker: Handle,
        level: Price,
        sink: &mut S,
    ) {
        let order = self.live_orders.order(maker);
        let (party, shown) = (order.party(), order.shown);
        let quantity = taker.open.min(shown);
        let left = shown.minus(quantity);
        let price = self.price(level, taker);
        taker.open = taker.open.minus(quantity);
        self.record_trade(Fill::of(party, left, taker, price, quantity), sink);
        self.reduce_plain(maker, left);
    }

    /// The price at which a taker trades with the orders of this level.
    pub(crate) fn price(&self, level: Price, taker: &OrderRecord) -> Price {
        match (self.head.spec.pricing, taker.kind.price()) {
            (Pricing::Midpoint, Some(limit)) => midpoint(level, limit),
            (Pricing::Midpoint, None) | (Pricing::Maker, _) => level,
        }
    }

    /// Counts a trade and emits its event.
    pub(crate) fn record_trade<S: Sink>(&mut self, fill: Fill, sink: &mut S) {
        let Fill { price, quantity, .. } = fill;
        let head = &mut self.head;
        head.last_price = Some(price);
        head.last_trade = head.last_trade.next();
        let turnover = &mut head.turnover;
        let before = turnover.prices.unwrap_or(Prices {
            open: price,
            high: price,
            low: price,
            close: price,
        });
        turnover.prices = Some(Prices {
            open: before.open,
            high: before.high.max(price),
            low: before.low.min(price),
            close: price,
        });
        turnover.volume = turnover.volume.saturating_add(u128::from(quantity.0));
        turnover.notional = turnover.notional.plus(price.times(quantity));
        turnover.trades = turnover.trades.saturating_add(1);
        let (high, low) = self.traded_range.unwrap_or((price, price));
        self.traded_range = Some((high.max(price), low.min(price)));
        sink.event(&Event::Traded {
            number: head.last_trade,
            maker: fill.maker,
            taker: fill.taker,
            taker_side: fill.taker_side,
            price,
            quantity,
            maker_remaining: fill.maker_remaining,
            taker_remaining: fill.taker_remaining,
        });
    }

    /// Reduces the taker and the order of its own account that it met. That order hides nothing.
    fn decrement<S: Sink>(&mut self, taker: &mut OrderRecord, maker: Handle, sink: &mut S) {
        let order = self.live_orders.order(maker);
        let (party, shown) = (order.party(), order.shown);
        let by = taker.open.min(shown);
        let left = shown.minus(by);
        taker.open = taker.open.minus(by);
        self.emit_reduced((party, left, left), taker, by, sink);
        self.reduce_plain(maker, left);
    }

    /// Emits the events of an order and a taker that were reduced without a trade. `remaining` and
    /// `shown` are the order's quantities afterwards.
    pub(crate) fn emit_reduced<S: Sink>(
        &mut self,
        (party, remaining, shown): (Party, Quantity, Quantity),
        taker: &OrderRecord,
        by: Quantity,
        sink: &mut S,
    ) {
        sink.event(&Event::Reduced { party, by, remaining, shown });
        let (party, remaining, shown) = (taker.party, taker.open, taker.shown_on_entry());
        sink.event(&Event::Reduced { party, by, remaining, shown });
    }

    /// Reduces an order that hides nothing to `left`, at its place, or removes it if `left` is
    /// zero.
    fn reduce_plain(&mut self, maker: Handle, left: Quantity) {
        if left.is_zero() {
            self.live_orders.remove(maker);
        } else {
            self.live_orders.resize(maker, left, Quantity::ZERO);
        }
    }
}

/// Halfway from the maker's price to the taker's limit, rounded toward the maker's.
fn midpoint(maker: Price, limit: Price) -> Price {
    let half = i128::from(limit.0).wrapping_sub(i128::from(maker.0)).wrapping_div(2);
    let price = i128::from(maker.0).wrapping_add(half);
    // A price between two valid prices is valid.
    Price(i64::try_from(price).unwrap_or(maker.0))
}
