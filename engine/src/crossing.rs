//! The matching loop, alone: a taker against the other side, best price first, oldest first.

use crate::arena::Handle;
use crate::book::Book;
use crate::command::{OrderKind, SelfTrade};
use crate::event::{CancelReason, Event, Party, Prices, Sink};
use crate::market::{Phase, Pricing};
use crate::owners::Whose;
use crate::quantity::{Price, Quantity, Side};
use crate::snapshot::{OrderRecord, Until};

/// Room for a dry run, kept so that none is allocated.
#[derive(Debug, Default)]
pub(crate) struct DryRunRoom {
    parts: Vec<Part>,
    own: Vec<Price>,
}

/// A dry run looks at so many orders one by one before it asks which levels it can take as sums.
const WALKED: u32 = if cfg!(any(test, tight)) { 2 } else { 1_000 };

/// The parts of an order that a dry run has still to come to.
#[derive(Clone, Copy, Debug)]
struct Part {
    hidden: Quantity,
    display: Quantity,
    own: bool,
}

impl Part {
    /// How much of it comes up in so many rounds.
    fn after(&self, rounds: u64) -> Quantity {
        Quantity(self.display.0.saturating_mul(rounds)).min(self.hidden)
    }
}

/// A trade before it has a number.
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

/// How a taker's way through the book ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It had nothing left, or nothing was left that it could reach.
    Ended,
    /// It met an order of its own account and goes.
    SelfTrade,
}

/// Whether a taker of this side may trade at `price` when `bound` is its worst.
fn reaches(side: Side, bound: Option<Price>, price: Price) -> bool {
    match (side, bound) {
        (_, None) => true,
        (Side::Buy, Some(bound)) => price <= bound,
        (Side::Sell, Some(bound)) => price >= bound,
    }
}

impl Book {
    /// Lets an order enter: in Continuous it takes what it can first; what may rest of it rests.
    ///
    /// Most orders meet nobody. They go to their place from registers; only one that has work to do
    /// is written down as a taker.
    #[inline(always)]
    pub(crate) fn enter<S: Sink>(&mut self, order: &OrderRecord, sink: &mut S) {
        if self.head.phase == Phase::Call || self.rests_at_once(order) {
            self.attach(&OrderRecord { shown: order.fresh_part(), ..*order });
        } else {
            self.enter_as_taker(*order, sink);
        }
    }

    /// Whether an order that enters in Continuous meets nobody and may rest.
    #[inline(always)]
    pub(crate) fn rests_at_once(&self, order: &OrderRecord) -> bool {
        let Some(limit) = order.kind.price() else { return false };
        let best = self.ladder(order.side.opposite()).best();
        !matches!(order.until, Until::Immediate | Until::Filled)
            && best.is_none_or(|best| !reaches(order.side, Some(limit), best.price))
    }

    #[inline(never)]
    pub(crate) fn enter_as_taker<S: Sink>(&mut self, mut order: OrderRecord, sink: &mut S) {
        if self.work_off(&mut order, sink) {
            order.shown = order.fresh_part();
            self.attach(&order);
        }
    }

    /// Works off a taker. Says whether something of it is left that rests.
    fn work_off<S: Sink>(&mut self, order: &mut OrderRecord, sink: &mut S) -> bool {
        let bound = self.bound(order);
        let needed = match order.until {
            Until::Filled => Some((order.open, CancelReason::FillOrKill)),
            Until::Immediate => {
                order.minimum_quantity.map(|m| (m, CancelReason::ImmediateOrCancel))
            }
            Until::Cancelled | Until::Time(_) | Until::Epoch(_) => None,
        };
        if let Some((quantity, reason)) = needed
            && !self.would_trade(order, bound, quantity)
        {
            self.cancelled((&*order).into(), reason, sink);
            return false;
        }
        let way = self.cross(order, bound, sink);
        if order.open.is_zero() {
            return false;
        }
        let reason = match (way, order.kind) {
            (Way::SelfTrade, _) => CancelReason::SelfTrade,
            (Way::Ended, OrderKind::Limit { .. } | OrderKind::StopLimit { .. }) => {
                if order.until != Until::Immediate {
                    return true;
                }
                CancelReason::ImmediateOrCancel
            }
            (Way::Ended, OrderKind::Market | OrderKind::Stop { .. }) => {
                if self.ladder(order.side.opposite()).best().is_some() {
                    CancelReason::PriceProtection
                } else {
                    CancelReason::NoLiquidity
                }
            }
        };
        self.cancelled((&*order).into(), reason, sink);
        false
    }

    /// The worst price that a taker may trade at.
    fn bound(&self, order: &OrderRecord) -> Option<Price> {
        order.kind.price().or_else(|| {
            let best = self.ladder(order.side.opposite()).best()?.price;
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
    ) -> Way {
        while !taker.open.is_zero()
            && let Some(best) = self.ladder(taker.side.opposite()).best()
            && reaches(taker.side, bound, best.price)
        {
            let (maker, price) = (best.head, best.price);
            let own = taker.self_trade != SelfTrade::None
                && self.arena.order(maker).account == taker.party.account;
            if !own {
                self.trade(taker, maker, price, sink);
                continue;
            }
            match taker.self_trade {
                SelfTrade::None | SelfTrade::CancelTaker => return Way::SelfTrade,
                SelfTrade::CancelMaker => self.cancel_order(maker, CancelReason::SelfTrade, sink),
                SelfTrade::CancelBoth => {
                    self.cancel_order(maker, CancelReason::SelfTrade, sink);
                    return Way::SelfTrade;
                }
                SelfTrade::Decrement => self.decrement(taker, maker, sink),
            }
        }
        Way::Ended
    }

    /// Trades the taker with the first order of the best level.
    fn trade<S: Sink>(
        &mut self,
        taker: &mut OrderRecord,
        maker: Handle,
        level: Price,
        sink: &mut S,
    ) {
        let order = self.arena.order(maker);
        let (party, maker_open) = (order.party(), self.arena.open(maker));
        let quantity = taker.open.min(order.shown);
        let price = match (self.head.spec.pricing, taker.kind.price()) {
            (Pricing::Midpoint, Some(limit)) => midpoint(level, limit),
            (Pricing::Midpoint, None) | (Pricing::Maker, _) => level,
        };
        taker.open = taker.open.minus(quantity);
        let fill = Fill {
            maker: party,
            taker: taker.party,
            taker_side: taker.side,
            price,
            quantity,
            maker_remaining: maker_open.minus(quantity),
            taker_remaining: taker.open,
        };
        self.traded(fill, sink);
        self.consume(maker, quantity, sink);
    }

    /// Counts a trade and tells of it.
    pub(crate) fn traded<S: Sink>(&mut self, fill: Fill, sink: &mut S) {
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
        let (high, low) = self.range.unwrap_or((price, price));
        self.range = Some((high.max(price), low.min(price)));
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

    /// Shrinks the taker and the order of its own account that it met.
    fn decrement<S: Sink>(&mut self, taker: &mut OrderRecord, maker: Handle, sink: &mut S) {
        let order = self.arena.order(maker);
        let by = taker.open.min(order.shown);
        sink.event(&Event::Reduced {
            party: order.party(),
            by,
            remaining: self.arena.open(maker).minus(by),
            shown: order.shown.minus(by),
        });
        taker.open = taker.open.minus(by);
        sink.event(&Event::Reduced {
            party: taker.party,
            by,
            remaining: taker.open,
            shown: taker.fresh_part(),
        });
        self.consume(maker, by, sink);
    }

    /// Takes `quantity` off what a resting order shows. Used up, it shows its next part at the tail,
    /// or is gone.
    fn consume<S: Sink>(&mut self, maker: Handle, quantity: Quantity, sink: &mut S) {
        let shown = self.arena.order(maker).shown.minus(quantity);
        let hidden = self.arena.hidden(maker);
        if !shown.is_zero() {
            self.resize(maker, shown, hidden);
            return;
        }
        if hidden.is_zero() {
            self.remove(maker);
            return;
        }
        let mut record = self.detach(maker);
        record.open = hidden;
        record.shown = record.fresh_part();
        record.priority = self.take_priority();
        self.attach(&record);
        sink.event(&Event::Replenished {
            party: record.party,
            remaining: record.open,
            shown: record.shown,
            priority: record.priority,
        });
    }

    /// Whether the very matching that this taker faces would trade at least `needed` of it.
    pub(crate) fn would_trade(
        &mut self,
        taker: &OrderRecord,
        bound: Option<Price>,
        needed: Quantity,
    ) -> bool {
        let mut room = core::mem::take(&mut self.dry_run);
        let mut run = DryRun { left: taker.open, needed };
        // Only an order of its own account makes a taker meet more than a level's sum.
        let walks = taker.self_trade != SelfTrade::None;
        let (mut walked, mut known) = (0_u32, false);
        for (level, open) in self.ladder(taker.side.opposite()).open_levels() {
            if run.is_over() || !reaches(taker.side, bound, level.price) {
                break;
            }
            if walks && !known && walked >= WALKED {
                self.own_prices(taker, &mut room.own);
                known = true;
            }
            if !walks || (known && room.own.binary_search(&level.price).is_err()) {
                run.meet(open);
                continue;
            }
            walked = walked.saturating_add(level.orders);
            if !self.run_through(&mut run, taker, level, &mut room.parts) {
                break;
            }
        }
        room.parts.clear();
        room.own.clear();
        self.dry_run = room;
        run.needed.is_zero()
    }

    /// The prices at which the taker's account has orders on the other side, ascending.
    fn own_prices(&self, taker: &OrderRecord, prices: &mut Vec<Price>) {
        let ladder = self.ladder(taker.side.opposite());
        let own = self.orders_with(Whose::Account(taker.party.account)).filter_map(|(_, order)| {
            let meets = order.side != taker.side && order.level().is_some();
            meets.then(|| ladder.price(order))
        });
        prices.extend(own);
        prices.sort_unstable();
    }

    /// Takes a dry run through one level, part by part as they would come up. Says whether the taker
    /// goes on behind it.
    fn run_through(
        &self,
        run: &mut DryRun,
        taker: &OrderRecord,
        level: &crate::ladder::Level,
        parts: &mut Vec<Part>,
    ) -> bool {
        parts.clear();
        for handle in self.ladder(taker.side.opposite()).queue(&self.arena, level) {
            let order = self.arena.order(handle);
            let own = order.account == taker.party.account;
            match taker.self_trade {
                SelfTrade::CancelMaker if own => continue,
                SelfTrade::CancelTaker | SelfTrade::CancelBoth if own => return false,
                SelfTrade::None
                | SelfTrade::CancelTaker
                | SelfTrade::CancelMaker
                | SelfTrade::CancelBoth
                | SelfTrade::Decrement => {}
            }
            run.step(order.shown, own);
            if run.is_over() {
                return false;
            }
            let hidden = self.arena.hidden(handle);
            if !hidden.is_zero() {
                let display = self.arena.display(handle).unwrap_or(hidden);
                parts.push(Part { hidden, display, own });
            }
        }
        // The hidden parts come up behind all that stood there, in the same order, round by round.
        // All rounds but the last are sums: only in the last does it matter which part comes first.
        let rounds = run.rounds(parts);
        for part in &mut *parts {
            let sum = part.after(rounds);
            run.step(sum, part.own);
            part.hidden = part.hidden.minus(sum);
        }
        for part in &*parts {
            run.step(part.after(1), part.own);
        }
        !run.is_over()
    }
}

/// What is left of a taker in a dry run, and how much of it has still to trade.
struct DryRun {
    left: Quantity,
    needed: Quantity,
}

impl DryRun {
    const fn is_over(&self) -> bool {
        self.left.is_zero() || self.needed.is_zero()
    }

    fn meet(&mut self, quantity: Quantity) {
        let traded = self.left.min(quantity);
        self.left = self.left.minus(traded);
        self.needed = self.needed.minus(traded.min(self.needed));
    }

    /// How many whole rounds of these parts it takes without being over, up to the last but one.
    fn rounds(&self, parts: &[Part]) -> u64 {
        let goes_on = |rounds: u64| {
            let (mut own, mut others) = (Quantity::ZERO, Quantity::ZERO);
            for part in parts {
                let sum = if part.own { &mut own } else { &mut others };
                *sum = sum.plus(part.after(rounds));
            }
            own.plus(others) < self.left && others < self.needed
        };
        let all = |part: &Part| part.hidden.0.div_ceil(part.display.0.max(1));
        let (mut low, mut high) = (0, parts.iter().map(all).max().unwrap_or(0));
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if goes_on(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Meets a part: an own one shrinks the taker without a trade.
    fn step(&mut self, quantity: Quantity, own: bool) {
        if own {
            self.left = self.left.minus(self.left.min(quantity));
        } else {
            self.meet(quantity);
        }
    }
}

/// Halfway from the maker's price to the taker's limit, the half tick dropped toward the maker.
fn midpoint(maker: Price, limit: Price) -> Price {
    let way = i128::from(limit.0).wrapping_sub(i128::from(maker.0)).wrapping_div(2);
    let price = i128::from(maker.0).wrapping_add(way);
    // Between two prices there are only prices.
    Price(i64::try_from(price).unwrap_or(maker.0))
}
