//! Markets that trade continuously.

use pricetime_engine::{
    Action, Command, Fees, Limits, MarketId, MarketSpec, OrderKind, Phase, Place, Price, Pricing,
    Quantity, Side, Step, Symbol, Terms, TimeInForce,
};

use super::deed::Deed;
use super::desk::{Desk, limit};
use super::path::MIDDLE;
use super::standing::Order;
use super::style::{Style, When};
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
    desk: Desk,
    style: Style,
    zipf: Option<Zipf>,
    /// The number of commands after the opening.
    count: u64,
    /// The current price.
    price: Price,
    /// `true` while a full book is being cancelled.
    storm: bool,
}

impl Trading {
    /// Returns the opening and the stream that follows it.
    pub(super) fn begin(seed: u64, style: Style) -> (Vec<Command>, Self) {
        let mut trading = Self {
            desk: Desk::new(seed, style.markets),
            style,
            zipf: (style.markets > 1).then(Zipf::new),
            count: 0,
            price: Price(MIDDLE),
            storm: false,
        };
        let mut opening = Vec::with_capacity(style.standing + 2 * style.markets as usize);
        for market in 1..=style.markets {
            opening.extend(trading.desk.open(market, spec(market), Phase::Continuous));
        }
        opening.extend((0..style.standing).map(|_| trading.rest()));
        (opening, trading)
    }

    /// The next command.
    pub(super) fn command(&mut self) -> Command {
        self.price = Price(self.style.path.price(self.count, &mut self.desk.random));
        self.desk.now += PAUSE_NS;
        let deed = self.deed();
        self.count += 1;
        let picked = self.near();
        match (deed, picked) {
            (Deed::Cancel, Some(order)) => self.desk.cancel(order),
            (Deed::CancelAll, Some(order)) => {
                let all = Action::CancelAll { account: Some(order.account), side: None };
                self.desk.operate(order.market, all)
            }
            (Deed::Shrink, Some(order)) => self.desk.shrink(order),
            (Deed::Move, Some(order)) => self.reprice(order),
            (Deed::Iceberg, _) => self.iceberg(),
            (Deed::Stop, _) => self.stop(),
            (Deed::Take, _) => self.take(),
            (Deed::Sweep, _) => self.sweep(),
            (Deed::Rest | Deed::Cancel | Deed::CancelAll | Deed::Shrink | Deed::Move, _) => {
                self.rest()
            }
        }
    }

    /// The kind of the next command. However long the stream is, the number of orders stays close
    /// to the initial one. If it is off by more than a twentieth, new orders become cancels, or
    /// cancels and sweeps become new orders.
    fn deed(&mut self) -> Deed {
        let (now, first) = (self.desk.standing.count(), self.style.standing);
        match self.style.other {
            Some((When::Panic, mix)) if self.style.path.is_panic(self.count) => {
                return self.desk.random.weighted(mix);
            }
            Some((When::Full, mix)) => {
                self.storm = if self.storm { now > first / 10 } else { now >= first };
                let mix = if self.storm { mix } else { self.style.mix };
                return self.desk.random.weighted(mix);
            }
            Some((When::Panic, _)) | None => {}
        }
        let deed = self.desk.random.weighted(self.style.mix);
        let (comes, goes) = (deed == Deed::Rest, matches!(deed, Deed::Cancel | Deed::Sweep));
        if comes && now * 20 > first * 21 {
            Deed::Cancel
        } else if goes && now * 20 < first * 19 {
            Deed::Rest
        } else {
            deed
        }
    }

    fn near(&mut self) -> Option<Order> {
        self.desk.standing.near(&mut self.desk.random, self.price, self.style.nearest_of)
    }

    fn market(&mut self) -> MarketId {
        match &self.zipf {
            Some(zipf) => zipf.market(&mut self.desk.random),
            None => MarketId(1),
        }
    }

    fn side(&mut self) -> Side {
        if self.desk.random.chance(50) { Side::Buy } else { Side::Sell }
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(self.desk.random.within(LOTS.0, LOTS.1))
    }

    /// A price at which an order would rest if the book were around the current price. It is near
    /// the current price more often than far from it.
    fn limit(&mut self, side: Side) -> Price {
        let (random, width) = (&mut self.desk.random, self.style.width);
        let away = random.below(width) * random.below(width) / width;
        match side {
            Side::Buy => self.price.down(1 + away),
            Side::Sell => self.price.up(away),
        }
    }

    fn place(&mut self, market: MarketId, place: Place) -> Command {
        let account = self.desk.random.within(1, self.style.accounts);
        self.desk.place(market, account, place)
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
        let away = self.desk.random.within(width / 4, 4 * width);
        let stop = match side {
            Side::Buy => self.price.up(away),
            Side::Sell => self.price.down(away),
        };
        let kind = OrderKind::StopLimit { stop, price: beyond(stop, side, width) };
        self.place(market, Place { kind, ..order })
    }

    fn reprice(&mut self, order: Order) -> Command {
        if order.price.is_none() {
            return self.desk.shrink(order);
        }
        let price = self.limit(order.side);
        self.desk.reprice(order, price)
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
        let (market, levels) = (self.market(), self.desk.random.within(10, 40));
        let (mut price, mut quantity) = (self.price, 0);
        let book = self.desk.engine.market(market);
        let there = book.into_iter().flat_map(|book| book.levels(side.opposite()));
        for level in there.take(levels as usize) {
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

fn spec(market: u32) -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new(&format!("LOAD-{market}")).expect("a symbol"),
        tick: Step { mantissa: 1, exponent: -2 },
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1 << 40),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(1),
            price_max: Price(10 * MIDDLE),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}
