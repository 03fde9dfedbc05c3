//! Markets to add and terms to set: valid ones, and some that violate exactly one limit.

use pricetime_engine::{
    Action, EngineSnapshot, Fees, Limits, MarketId, MarketSpec, Price, Quantity, Step, Symbol,
    Terms,
};

use super::profile::Theme;
use super::{Draft, Generator};

impl Generator {
    pub(super) fn add_market(&mut self, seen: &EngineSnapshot) -> Draft {
        let known = self.random.any(&seen.markets).map(|m| m.head.spec.symbol);
        let mut spec = self.spec();
        if let Some(symbol) = known.filter(|_| self.random.chance(10)) {
            spec.symbol = symbol;
        }
        if self.random.chance(15) {
            self.violate_limit(&mut spec);
        }
        let last = seen.last_market.0;
        let away = self.random.weighted(&[(90, 1), (4, 2), (3, 0), (1, u32::MAX)]);
        let market = if self.random.once_in(50) { 0 } else { last.wrapping_add(away) };
        Draft {
            market: MarketId(market),
            account: self.account(),
            operator: self.random.chance(96),
            action: Action::AddMarket(spec),
        }
    }

    fn spec(&mut self) -> MarketSpec {
        self.symbols += 1;
        let symbol = Symbol::new(&format!("M-{}", self.symbols));
        let limits = Limits {
            orders_max: self.profile.orders_max,
            orders_per_account_max: self.account_max(),
            requests_max: self.random.pick([0, 1, 2, 4, 8, 64]),
            blocked_max: self.random.pick([0, 1, 2, 4]),
            parts_max: self.random.pick([1, 3, 8, 8, 20, 1_000]),
        };
        let quantity_max = Quantity(self.profile.orders.quantity_max * self.random.pick([1, 2, 9]));
        let mut spec = MarketSpec {
            symbol: symbol.expect("an M and digits are a symbol"),
            tick: Step {
                mantissa: self.random.pick([1, 5, Step::MANTISSA_MAX]),
                exponent: self.random.pick([-28, -2, 0, 28]),
            },
            lot: Step::ONE,
            pricing: self.profile.pricing,
            quantity_max,
            limits,
            terms: self.terms(quantity_max),
        };
        if self.has_theme(Theme::Extremes) {
            self.stretch(&mut spec);
        }
        spec
    }

    /// Terms around the current prices, mostly within the limits.
    pub(super) fn terms(&mut self, quantity_max: Quantity) -> Terms {
        let distribution = self.profile.prices;
        let far = self.random.pick([
            distribution.spread,
            distribution.spread * 3,
            distribution.far_spread,
        ]);
        let below =
            self.random.within(distribution.spread / 2 + 1, far.max(distribution.spread) + 1);
        let above =
            self.random.within(distribution.spread / 2 + 1, far.max(distribution.spread) + 1);
        let mut low = self.centre.saturating_sub_unsigned(below);
        let mut high = self.centre.saturating_add_unsigned(above);
        if self.has_theme(Theme::Extremes) && self.random.chance(70) {
            let most = highest_price_for(quantity_max);
            (low, high) = self.random.pick([
                (-most, most),
                (most.saturating_sub(9), most),
                (-most, (-most).saturating_add(9)),
            ]);
        }
        if self.random.chance(3) {
            // A band with a single price.
            (low, high) = (high, high);
        }
        let spread = distribution.spread;
        let inside = self.random.around(self.centre, spread).clamp(low, high);
        let reference = self.random.maybe(70, |_| Price(inside));
        let mut terms = Terms {
            price_min: Price(low),
            price_max: Price(high),
            protection_ticks: self.random.maybe(40, |r| r.below(spread + 1)),
            reference,
            fees: Fees {
                maker_ppm: self.random.pick([0, -100, 1_000_000, -1_000_000]),
                taker_ppm: self.random.pick([0, 250]),
            },
        };
        if self.random.chance(6) {
            self.violate_terms(&mut terms);
        }
        if self.random.once_in(40) {
            terms.protection_ticks = Some(self.random.edge());
        }
        terms
    }

    /// Often a limit that no account reaches, else one that some accounts do.
    fn account_max(&mut self) -> u32 {
        let most = self.profile.orders_max;
        self.random.pick([Limits::COUNT_MAX, most, most / 2, most / 4 + 1, 3]).max(1)
    }

    fn violate_terms(&mut self, terms: &mut Terms) {
        match self.random.below(6) {
            0 => terms.price_min = Price(terms.price_max.0.saturating_add(1)),
            1 => terms.reference = Some(Price(terms.price_max.0.saturating_add(1))),
            2 => terms.reference = Some(Price(terms.price_min.0.saturating_sub(1))),
            3 => terms.fees.maker_ppm = self.random.pick([1_000_001, -1_000_001, i32::MIN]),
            4 => terms.fees.taker_ppm = self.random.pick([1_000_001, -1_000_001, i32::MAX]),
            // The full range of prices; it is too large for quantities above 2^31.
            _ => (terms.price_min, terms.price_max) = (Price(i64::MIN), Price(i64::MAX)),
        }
    }

    /// Violates one limit, or sets a value to exactly the limit.
    fn violate_limit(&mut self, spec: &mut MarketSpec) {
        let count = self.random.pick([Limits::COUNT_MAX, Limits::COUNT_MAX + 1, u32::MAX]);
        match self.random.below(14) {
            0 => spec.tick.mantissa = self.random.pick([0, Step::MANTISSA_MAX + 1]),
            1 => spec.lot.exponent = self.random.pick([-29, 29, i8::MIN, i8::MAX]),
            2 => spec.quantity_max = Quantity::ZERO,
            3 => spec.limits.orders_max = 0,
            4 => spec.limits.parts_max = 0,
            5 => spec.limits.orders_max = count,
            6 => spec.limits.requests_max = count,
            7 => spec.limits.blocked_max = count,
            8 => self.stretch(spec),
            9 => {
                self.stretch(spec);
                spec.quantity_max = Quantity(spec.quantity_max.0.saturating_add(1));
            }
            10 => spec.quantity_max = Quantity(self.random.edge()),
            11 => spec.limits.orders_per_account_max = 0,
            12 => spec.limits.orders_per_account_max = count,
            _ => self.violate_terms(&mut spec.terms),
        }
    }

    /// The largest quantities for the prices, or the most extreme prices for the quantities.
    fn stretch(&mut self, spec: &mut MarketSpec) {
        let orders_max = spec.limits.orders_max.max(1);
        let by_orders = (1_u64 << 63) / u64::from(orders_max);
        let bits = self.random.pick([31, 31, 40, 60, 63]);
        spec.quantity_max = Quantity(by_orders.min(1 << bits));
        let most = highest_price_for(spec.quantity_max);
        let low = if most == i64::MAX { i64::MIN } else { -most };
        (spec.terms.price_min, spec.terms.price_max) = self.random.pick([
            (Price(low), Price(most)),
            (Price(low), Price(most)),
            (Price(most.saturating_sub(9)), Price(most)),
            (Price(low), Price(low.saturating_add(9))),
        ]);
        let (low, high) = (spec.terms.price_min.0, spec.terms.price_max.0);
        spec.terms.reference = spec.terms.reference.map(|p| Price(p.0.clamp(low, high)));
    }
}

/// The highest price at which an order of this quantity is allowed.
fn highest_price_for(quantity_max: Quantity) -> i64 {
    let most = (1_i128 << 94) / i128::from(quantity_max.0.max(1));
    i64::try_from(most).unwrap_or(i64::MAX)
}
