//! The uncross of a book in Call: the uniform price and its trades.

use crate::arena::Handle;
use crate::auction::{Call, MarketOrders, clearing};
use crate::book::Book;
use crate::crossing::Fill;
use crate::event::{Clearing, Sink};
use crate::market::Phase;
use crate::quantity::{Price, Quantity, Side};

impl Book {
    /// The price and volume that an uncross would have now. Returns `None` if the market is not in
    /// Call or nothing can trade.
    #[must_use]
    pub fn indicative(&self) -> Option<Clearing> {
        self.call()?.indicative
    }

    /// What an uncross would do now. Returns `None` if the market is not in Call. The cost grows
    /// with the number of levels.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        if self.head.phase != Phase::Call {
            return None;
        }
        let waiting = |side| {
            let ladder = self.live_orders.ladder(side);
            MarketOrders { orders: ladder.unpriced().orders, quantity: ladder.unpriced_open() }
        };
        let (bids, asks) = (waiting(Side::Buy), waiting(Side::Sell));
        Some(Call::of(self.open_levels(), bids, asks, self.head.reference()))
    }

    /// The levels of both sides with their open quantities, hidden parts included.
    fn open_levels(&self) -> impl Iterator<Item = (Side, Price, Quantity)> {
        let of = |side| {
            let levels = self.live_orders.ladder(side).open_levels();
            levels.map(move |(_, level, open)| (side, level.price, open))
        };
        of(Side::Buy).chain(of(Side::Sell))
    }

    /// Trades everything that can trade at the uniform price.
    pub(crate) fn uncross<S: Sink>(&mut self, sink: &mut S) -> Option<Clearing> {
        let mut price_points = core::mem::take(&mut self.price_points);
        let unpriced = |side| self.live_orders.ladder(side).unpriced_open();
        let unpriced = (unpriced(Side::Buy), unpriced(Side::Sell));
        let clearing =
            clearing(&mut price_points, self.open_levels(), unpriced, self.head.reference());
        self.price_points = price_points;
        let price = clearing?.price;
        while let (Some(bid), Some(ask)) =
            (self.front(Side::Buy, price), self.front(Side::Sell, price))
        {
            self.pair(bid, ask, price, sink);
        }
        clearing
    }

    /// The first order of a side that trades at this price.
    fn front(&self, side: Side, price: Price) -> Option<Handle> {
        let ladder = self.live_orders.ladder(side);
        if ladder.unpriced().orders != 0 {
            return Some(ladder.unpriced().head);
        }
        let best = ladder.best()?;
        let trades = match side {
            Side::Buy => best.price >= price,
            Side::Sell => best.price <= price,
        };
        trades.then_some(best.head)
    }

    /// Trades two orders with each other, by the smaller of their open quantities.
    fn pair<S: Sink>(&mut self, bid: Handle, ask: Handle, price: Price, sink: &mut S) {
        let (buyer, seller) = (self.live_orders.order(bid), self.live_orders.order(ask));
        let (wanted, offered) = (self.live_orders.open(bid), self.live_orders.open(ask));
        let quantity = wanted.min(offered);
        let bought = (buyer.party(), wanted.minus(quantity));
        let sold = (seller.party(), offered.minus(quantity));
        let (maker, taker, taker_side) = if buyer.priority < seller.priority {
            (bought, sold, Side::Sell)
        } else {
            (sold, bought, Side::Buy)
        };
        let fill = Fill {
            maker: maker.0,
            taker: taker.0,
            taker_side,
            price,
            quantity,
            maker_remaining: maker.1,
            taker_remaining: taker.1,
        };
        self.record_trade(fill, sink);
        self.shrink(bid, bought.1);
        self.shrink(ask, sold.1);
    }

    /// Reduces a resting order to `open` at its place, and computes its shown part again.
    fn shrink(&mut self, handle: Handle, open: Quantity) {
        if open.is_zero() {
            self.live_orders.remove(handle);
            return;
        }
        let shown = self.live_orders.display(handle).map_or(open, |display| display.min(open));
        self.live_orders.resize(handle, shown, open.minus(shown));
    }
}
