//! Markets that trade continuously.

use pricetime_engine::{
    Action, Command, Fees, Limits, MarketId, MarketSpec, OrderKind, Phase, Place, Price, Pricing,
    Quantity, Side, Step, Symbol, Terms, TimeInForce,
};

use super::command_kind::CommandKind;
use super::generator::{Generator, limit};
use super::live_orders::Order;
use super::path::MIDDLE;
use super::style::{MixCondition, Style};
use super::zipf::Zipf;

/// The time between two commands.
const PAUSE_NS: u64 = 1_000;
/// The range of lots of an order.
const LOTS: (u64, u64) = (10, 1_000);
/// The number of parts of an iceberg.
const PARTS: u64 = 5;

/// The commands of all accounts in such markets.
#[derive(Debug)]
pub(super) struct Trading {
    generator: Generator,
    style: Style,
    zipf: Option<Zipf>,
    /// The number of commands after the opening.
    count: u64,
    /// The current price.
    price: Price,
    /// `true` while a full book is being cancelled.
    is_storm: bool,
}

impl Trading {
    /// Returns the opening and the stream that follows it.
    pub(super) fn begin(seed: u64, style: Style) -> (Vec<Command>, Self) {
        let mut trading = Self {
            generator: Generator::new(seed, style.markets),
            style,
            zipf: (style.markets > 1).then(Zipf::new),
            count: 0,
            price: Price(MIDDLE),
            is_storm: false,
        };
        let mut opening = Vec::with_capacity(style.live_orders + 2 * style.markets as usize);
        for market in 1..=style.markets {
            opening.extend(trading.generator.open(
                market,
                spec(market, style.live_orders),
                Phase::Continuous,
            ));
        }
        opening.extend((0..style.live_orders).map(|_| trading.rest()));
        (opening, trading)
    }

    /// The next command.
    pub(super) fn command(&mut self) -> Command {
        self.price = Price(self.style.path.price(self.count, &mut self.generator.random));
        self.generator.now += PAUSE_NS;
        let command_kind = self.command_kind();
        self.count += 1;
        let picked = self.near();
        match (command_kind, picked) {
            (CommandKind::Cancel, Some(order)) => self.generator.cancel(order),
            (CommandKind::CancelAll, Some(order)) => {
                let all = Action::CancelAll { account: Some(order.account), side: None };
                self.generator.operate(order.market, all)
            }
            (CommandKind::Shrink, Some(order)) => self.generator.shrink(order),
            (CommandKind::Move, Some(order)) => self.reprice(order),
            (CommandKind::Iceberg, _) => self.iceberg(),
            (CommandKind::Stop, _) => self.stop(),
            (CommandKind::Take, _) => self.take(),
            (CommandKind::Sweep, _) => self.sweep(),
            (
                CommandKind::Rest
                | CommandKind::Cancel
                | CommandKind::CancelAll
                | CommandKind::Shrink
                | CommandKind::Move,
                _,
            ) => self.rest(),
        }
    }

    /// The kind of the next command. However long the stream is, the number of orders stays close
    /// to the initial one. If it is off by more than a twentieth, new orders become cancels, or
    /// cancels and sweeps become new orders.
    fn command_kind(&mut self) -> CommandKind {
        let (now, first) = (self.generator.live_orders.count(), self.style.live_orders);
        match self.style.alternate_mix {
            Some((MixCondition::Panic, mix)) if self.style.path.is_panic(self.count) => {
                return self.generator.random.weighted(mix);
            }
            Some((MixCondition::Full, mix)) => {
                self.is_storm = if self.is_storm { now > first / 10 } else { now >= first };
                let mix = if self.is_storm { mix } else { self.style.mix };
                return self.generator.random.weighted(mix);
            }
            Some((MixCondition::Panic, _)) | None => {}
        }
        let command_kind = self.generator.random.weighted(self.style.mix);
        let (adds, removes) = (
            command_kind == CommandKind::Rest,
            matches!(command_kind, CommandKind::Cancel | CommandKind::Sweep),
        );
        if adds && now * 20 > first * 21 {
            CommandKind::Cancel
        } else if removes && now * 20 < first * 19 {
            CommandKind::Rest
        } else {
            command_kind
        }
    }

    fn near(&mut self) -> Option<Order> {
        self.generator.live_orders.near(
            &mut self.generator.random,
            self.price,
            self.style.nearest_of,
        )
    }

    fn market(&mut self) -> MarketId {
        match &self.zipf {
            Some(zipf) => zipf.market(&mut self.generator.random),
            None => MarketId(1),
        }
    }

    fn side(&mut self) -> Side {
        if self.generator.random.chance(50) { Side::Buy } else { Side::Sell }
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(self.generator.random.within(LOTS.0, LOTS.1))
    }

    /// A price at which an order would rest if the book were around the current price. It is near
    /// the current price more often than far from it.
    fn limit(&mut self, side: Side) -> Price {
        let (random, width) = (&mut self.generator.random, self.style.width);
        let distance = random.below(width) * random.below(width) / width;
        match side {
            Side::Buy => self.price.down(1 + distance),
            Side::Sell => self.price.up(distance),
        }
    }

    fn place(&mut self, market: MarketId, place: Place) -> Command {
        let account = self.generator.random.within(1, self.style.accounts);
        self.generator.place(market, account, place)
    }

    fn order(&mut self) -> Place {
        let side = self.side();
        let (price, quantity) = (self.limit(side), self.quantity());
        limit(side, price, quantity)
    }

    fn rest(&mut self) -> Command {
        let (market, order) = (self.market(), self.order());
        self.place(market, order)
    }

    fn iceberg(&mut self) -> Command {
        let (market, order) = (self.market(), self.order());
        let display_quantity = Some(Quantity(order.quantity.0.div_ceil(PARTS)));
        self.place(market, Place { display_quantity, ..order })
    }

    /// A stop at a price beyond most orders.
    fn stop(&mut self) -> Command {
        let (market, order) = (self.market(), self.order());
        let (width, side) = (self.style.width, order.side);
        let distance = self.generator.random.within(width / 4, 4 * width);
        let stop = match side {
            Side::Buy => self.price.up(distance),
            Side::Sell => self.price.down(distance),
        };
        let kind = OrderKind::StopLimit { stop, price: beyond(stop, side, width) };
        self.place(market, Place { kind, ..order })
    }

    fn reprice(&mut self, order: Order) -> Command {
        if order.price.is_none() {
            return self.generator.shrink(order);
        }
        let price = self.limit(order.side);
        self.generator.reprice(order, price)
    }

    fn take(&mut self) -> Command {
        let (market, order) = (self.market(), self.order());
        let quantity = Quantity(2 * order.quantity.0);
        let taker = Place { kind: OrderKind::Market, quantity, ..order };
        self.place(market, Place { time_in_force: TimeInForce::ImmediateOrCancel, ..taker })
    }

    /// Takes from 10 to 40 levels completely. During a crash all sweeps sell.
    fn sweep(&mut self) -> Command {
        let panic = self.style.path.is_panic(self.count);
        let side = if panic { Side::Sell } else { self.side() };
        let (market, levels) = (self.market(), self.generator.random.within(10, 40));
        let (mut price, mut quantity) = (self.price, 0);
        let book = self.generator.engine.market(market);
        let opposite_levels = book.into_iter().flat_map(|book| book.levels(side.opposite()));
        for level in opposite_levels.take(levels as usize) {
            price = level.price;
            quantity += level.quantity.0;
        }
        let order = limit(side, price, Quantity(quantity.max(1)));
        self.place(market, Place { time_in_force: TimeInForce::ImmediateOrCancel, ..order })
    }
}

/// A price that is worse by `ticks` for an order on this side.
const fn beyond(price: Price, side: Side, ticks: u64) -> Price {
    match side {
        Side::Buy => price.up(ticks),
        Side::Sell => price.down(ticks),
    }
}

/// The spec of a market that can hold this many orders, and twice as many for a while.
fn spec(market: u32, live_orders: usize) -> MarketSpec {
    let limits = Limits::default();
    let orders_max = u32::try_from(2 * live_orders).unwrap_or(u32::MAX).max(limits.orders_max);
    MarketSpec {
        symbol: Symbol::new(&format!("LOAD-{market}")).expect("a symbol"),
        tick: Step { mantissa: 1, exponent: -2 },
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(
            (1 << 40).min((MarketSpec::LOTS_MAX / u128::from(orders_max)) as u64),
        ),
        limits: Limits { orders_max, ..limits },
        terms: Terms {
            price_min: Price(1),
            price_max: Price(10 * MIDDLE),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::spec;

    #[test]
    fn market_can_hold_any_number_of_orders() {
        for orders in [1, 100_000, 1_000_000, 10_000_000] {
            let spec = spec(1, orders);
            assert_eq!(spec.broken(), None, "{orders}");
            assert!(spec.limits.orders_max as usize >= 2 * orders, "{orders}");
        }
    }
}
