//! Orders to place and to amend, chosen with regard to the book.

use pricetime_engine::{
    AccountId, Amend, MarketSnapshot, OrderId, OrderKind, OrderRecord, Phase, Place, Price,
    Quantity, Side, TimeInForce, Timestamp,
};

use super::profile::{KindName, Theme, TimeName};
use super::{Generator, account, live};

impl Generator {
    pub(super) fn place(&mut self, market: &MarketSnapshot) -> Place {
        let distribution = self.profile.orders.clone();
        let side = self.random.pick([Side::Buy, Side::Sell]);
        let kind = self.kind(market, side);
        let quantity = self.quantity(market);
        let is_mistake = self.random.chance(2);
        let rests = market.head.phase == Phase::Call && !is_mistake;
        let time_in_force = self.time_in_force(market, rests);
        let is_immediate =
            matches!(time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        let limit = matches!(kind, OrderKind::Limit { .. });
        let may_hide = kind.price().is_some() && !is_immediate;
        let may_post = limit && !is_immediate && !rests;
        let ioc = time_in_force == TimeInForce::ImmediateOrCancel;
        let percent = |allowed: bool, percent: u64| if allowed { percent } else { 1 };
        let display = percent(may_hide, distribution.display_percent);
        let minimum = percent(ioc, distribution.minimum_percent);
        let post_only = percent(may_post, distribution.post_only_percent);
        Place {
            order: self.new_order_id(market),
            reference: self.random.below(1_000),
            side,
            kind,
            quantity,
            time_in_force,
            post_only: self.random.chance(post_only),
            minimum_quantity: self.random.chance(minimum).then(|| self.part(quantity, 1)),
            display_quantity: self.random.chance(display).then(|| self.part(quantity, 4)),
            self_trade: self.random.weighted(&distribution.self_trades),
        }
    }

    /// An amend, and the account that sends it.
    pub(super) fn amend(&mut self, market: &MarketSnapshot) -> (AccountId, Amend) {
        let (account, order) = self.target(market);
        let mut amend = Amend {
            order,
            price: None,
            quantity: None,
            stop_price: None,
            if_open: None,
            requeue: self.random.chance(6),
        };
        let Some(record) = live(market).find(|record| record.party.order == order) else {
            amend.quantity = Some(self.quantity(market));
            return (account, amend);
        };
        let open = record.open;
        match self.random.below(10) {
            0..4 => amend.quantity = Some(Quantity(self.random.within(1, open.0))),
            4 => amend.quantity = Some(self.quantity(market)),
            5..8 => amend.price = Some(self.price(market, record.side)),
            8 => {
                amend.price = Some(self.price(market, record.side));
                amend.quantity = Some(self.quantity(market));
            }
            _ => amend.price = record.kind.price(),
        }
        self.adjust_to_order(market, record, &mut amend);
        let right = self.random.maybe(15, |_| open);
        let wrong = self.random.maybe(4, |r| r.pick([open.0.saturating_add(1), open.0 - 1, 0]));
        amend.if_open = wrong.map(Quantity).or(right);
        (account, amend)
    }

    /// Removes what does not apply to the order, and may give a stop another stop price.
    fn adjust_to_order(
        &mut self,
        market: &MarketSnapshot,
        record: &OrderRecord,
        amend: &mut Amend,
    ) {
        if record.kind.price().is_none() && self.random.chance(90) {
            amend.price = None;
        }
        let waits = record.kind.stop().is_some();
        if self.random.chance(if waits { 60 } else { 1 }) {
            amend.stop_price = Some(self.stop(market, record.side));
        }
    }

    /// An order to act on and the account that does: mostly a live order and its owner.
    pub(super) fn target(&mut self, market: &MarketSnapshot) -> (AccountId, OrderId) {
        let count = market.resting.len() + market.waiting.len();
        let at = self.random.below(count as u64) as usize;
        let live = live(market).nth(at).filter(|_| self.random.chance(92));
        let Some(record) = live else {
            return (self.account(), self.order_id());
        };
        let other_account = self.random.maybe(5, |r| r.below(6));
        let owner = record.party.account;
        (other_account.map_or(owner, account), record.party.order)
    }

    /// An id that mostly no live order has.
    fn new_order_id(&mut self, market: &MarketSnapshot) -> OrderId {
        let tries = self.random.pick([1, 8, 8, 8]);
        let mut order = self.order_id();
        for _ in 1..tries {
            if live(market).all(|record| record.party.order != order) {
                break;
            }
            order = self.order_id();
        }
        order
    }

    fn order_id(&mut self) -> OrderId {
        let number = u128::from(self.random.below(self.profile.order_ids));
        OrderId(number << (number % 4 * 40))
    }

    fn kind(&mut self, market: &MarketSnapshot, side: Side) -> OrderKind {
        match self.random.weighted(&self.profile.orders.kinds) {
            KindName::Limit => OrderKind::Limit { price: self.price(market, side) },
            KindName::Market => OrderKind::Market,
            KindName::Stop => OrderKind::Stop { stop: self.stop(market, side) },
            KindName::StopLimit => OrderKind::StopLimit {
                stop: self.stop(market, side),
                price: self.price(market, side),
            },
        }
    }

    fn time_in_force(&mut self, market: &MarketSnapshot, rests: bool) -> TimeInForce {
        let now = self.clock;
        let epoch = market.head.epoch.0;
        match self.random.weighted(&self.profile.orders.times) {
            TimeName::GoodTillCancel => TimeInForce::GoodTillCancel,
            TimeName::ImmediateOrCancel | TimeName::FillOrKill if rests => {
                TimeInForce::GoodTillCancel
            }
            TimeName::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
            TimeName::FillOrKill => TimeInForce::FillOrKill,
            TimeName::GoodTillDate => {
                TimeInForce::GoodTillDate(Timestamp(match self.random.below(40) {
                    0 => now,
                    1 => now.saturating_sub(1),
                    2 => u64::MAX,
                    _ => now.saturating_add(self.random.within(1, 200)),
                }))
            }
            TimeName::ForEpochs => TimeInForce::ForEpochs(match self.random.below(40) {
                0 => 0,
                1 => u64::MAX,
                2 => (u64::MAX - epoch).saturating_add(1),
                3 => (u64::MAX - epoch).saturating_add(2),
                _ => self.random.within(1, 4),
            }),
        }
    }

    pub(super) fn quantity(&mut self, market: &MarketSnapshot) -> Quantity {
        let most = market.head.spec.quantity_max.0;
        let usual = self.profile.orders.quantity_max.min(most);
        let huge = self.has_theme(Theme::Extremes) && self.random.chance(40);
        let sweeps = if self.has_theme(Theme::Stops) { 25 } else { 9 };
        Quantity(match self.random.below(100) {
            0 => 0,
            1 => most.saturating_add(1),
            2 => self.random.pick([most, u64::MAX]),
            // More than a level contains.
            at if 2 < at && at < sweeps => self.random.within(1, usual.saturating_mul(8).min(most)),
            _ if huge => most - self.random.below(most.min(3)),
            _ => self.random.within(1, usual),
        })
    }

    /// A part of a quantity: at most one `share`-th of it, rarely zero or more than the whole.
    fn part(&mut self, quantity: Quantity, share: u64) -> Quantity {
        Quantity(match self.random.below(40) {
            0 => 0,
            1 => quantity.0.saturating_add(1),
            2 => quantity.0,
            _ => self.random.within(1, (quantity.0 / share).saturating_add(1)),
        })
    }

    /// The current price: the last price, or the middle of the seed's prices.
    fn middle(&mut self, market: &MarketSnapshot) -> i64 {
        let distribution = self.profile.prices;
        if self.random.chance(distribution.drift_percent) {
            self.centre = self.random.around(self.centre, distribution.far_spread);
        }
        let last = market.head.last_price.filter(|_| self.random.chance(40));
        let terms = &market.head.spec.terms;
        last.map_or(self.centre, |price| price.0).clamp(terms.price_min.0, terms.price_max.0)
    }

    /// A limit price, mostly one that does not cross the book.
    pub(super) fn price(&mut self, market: &MarketSnapshot, side: Side) -> Price {
        let distribution = self.profile.prices;
        let middle = self.middle(market);
        let away = self.random.below(distribution.spread + 1);
        let known = self.random.any(&market.resting).and_then(|r| r.kind.price());
        let price = match (self.random.below(100), known) {
            (0..12, Some(known)) => self.random.around(known.0, 1),
            _ if self.has_theme(Theme::Extremes) && self.random.chance(20) => {
                self.random.edge() as i64
            }
            _ if self.random.chance(distribution.far_percent) => {
                self.random.around(middle, distribution.far_spread)
            }
            _ if self.random.chance(self.profile.orders.crossing_percent) => {
                self.random.around(middle, distribution.spread)
            }
            _ => match side {
                Side::Buy => middle.saturating_sub_unsigned(away),
                Side::Sell => middle.saturating_add_unsigned(away + 1),
            },
        };
        self.in_band(market, price)
    }

    /// A stop price, mostly one at which the stop waits.
    fn stop(&mut self, market: &MarketSnapshot, side: Side) -> Price {
        let spread = self.profile.prices.spread;
        let middle = self.middle(market);
        let away = self.random.below(spread + 1);
        let stop = match side {
            // In Call a stop waits for a trade, whatever the last price was.
            _ if market.head.phase == Phase::Call => self.random.around(middle, spread),
            _ if self.random.chance(20) => self.random.around(middle, spread),
            Side::Buy => middle.saturating_add_unsigned(away + 1),
            Side::Sell => middle.saturating_sub_unsigned(away + 1),
        };
        self.in_band(market, stop)
    }

    fn in_band(&mut self, market: &MarketSnapshot, price: i64) -> Price {
        let terms = &market.head.spec.terms;
        let (low, high) = (terms.price_min.0, terms.price_max.0);
        Price(match self.random.below(150) {
            0 => price,
            1 => self.random.pick([low, high]),
            2 => self.random.pick([low.saturating_sub(1), high.saturating_add(1)]),
            _ => price.clamp(low, high),
        })
    }
}
