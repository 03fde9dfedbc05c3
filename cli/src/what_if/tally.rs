//! What a flow of orders led to in each market: trades, prices, surplus, and the bills of accounts.

use std::collections::{BTreeMap, HashMap};

use pricetime::persistence::settlement::fee;
use pricetime_engine::{
    AccountId, Event, Header, MarketId, MarketSpec, Notional, OrderId, OrderKind, Outcome, Party,
    Price, Quantity, Side, Sink,
};

/// The results of all markets. Its size is proportional to the accounts and the live orders.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) markets: BTreeMap<MarketId, MarketTally>,
    market: MarketId,
}

/// The results of a market.
#[derive(Debug)]
pub(super) struct MarketTally {
    pub(super) spec: MarketSpec,
    pub(super) totals: Totals,
    pub(super) bills: BTreeMap<AccountId, Bill>,
    /// The kinds of the live orders.
    kinds: HashMap<OrderId, OrderKind>,
}

/// The sums of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// The number of commands that were refused.
    pub(super) refused: u64,
    pub(super) trades: u64,
    /// The number of lots that traded.
    pub(super) volume: u128,
    pub(super) notional: Notional,
    /// The lowest and the highest price.
    pub(super) prices: Option<(Price, Price)>,
    pub(super) last: Option<Price>,
    /// How much less buyers paid than their limits allowed.
    pub(super) buyers: i128,
    /// How much more sellers got than their limits demanded.
    pub(super) sellers: i128,
    /// The fees, less the rebates.
    pub(super) fees: i128,
}

/// What an account has traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) bought: u128,
    pub(super) sold: u128,
    /// What it pays: for what it bought, less what it gets for what it sold, and its fees.
    pub(super) total: i128,
}

impl MarketTally {
    fn new(spec: MarketSpec) -> Self {
        let totals = Totals::default();
        Self { spec, totals, bills: BTreeMap::new(), kinds: HashMap::new() }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Accepted { place, .. } => {
                self.kinds.insert(place.order, place.kind);
            }
            Event::Amended { party, kind, .. } => {
                self.kinds.insert(party.order, *kind);
            }
            Event::Rejected { .. } => self.totals.refused += 1,
            Event::Traded {
                maker,
                taker,
                taker_side,
                price,
                quantity,
                maker_remaining,
                taker_remaining,
                ..
            } => {
                self.totals.trade(*price, *quantity);
                let fees = self.spec.terms.fees;
                let makers = (maker, taker_side.opposite(), fees.maker_ppm);
                for (party, side, ppm) in [makers, (taker, *taker_side, fees.taker_ppm)] {
                    self.party(party, side, ppm, (*price, *quantity));
                }
                for (party, remaining) in [(maker, maker_remaining), (taker, taker_remaining)] {
                    self.ended(party, *remaining);
                }
            }
            Event::Reduced { party, remaining, .. } => self.ended(party, *remaining),
            Event::Cancelled { party, .. } => self.ended(party, Quantity(0)),
            Event::MarketSet(terms) => self.spec.terms = *terms,
            Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }

    /// Adds one side of a trade.
    fn party(&mut self, party: &Party, side: Side, ppm: i32, trade: (Price, Quantity)) {
        let (price, quantity) = trade;
        let (paid, lots) = (price.times(quantity), u128::from(quantity.0));
        let limit = self.kinds.get(&party.order).and_then(|kind| kind.price());
        let (bill, fee) = (self.bills.entry(party.account).or_default(), fee(paid, ppm));
        let surplus = limit.map_or(0, |limit| limit.times(quantity).0 - paid.0);
        match side {
            Side::Buy => {
                bill.bought += lots;
                bill.total += paid.0;
                self.totals.buyers += surplus;
            }
            Side::Sell => {
                bill.sold += lots;
                bill.total -= paid.0;
                self.totals.sellers -= surplus;
            }
        }
        bill.total += fee;
        self.totals.fees += fee;
    }

    /// Forgets an order of which nothing remains.
    fn ended(&mut self, party: &Party, remaining: Quantity) {
        if remaining == Quantity(0) {
            self.kinds.remove(&party.order);
        }
    }
}

impl Totals {
    fn trade(&mut self, price: Price, quantity: Quantity) {
        self.trades += 1;
        self.volume += u128::from(quantity.0);
        self.notional = self.notional.plus(price.times(quantity));
        let (low, high) = self.prices.unwrap_or((price, price));
        self.prices = Some((low.min(price), high.max(price)));
        self.last = Some(price);
    }
}

impl Sink for Tally {
    fn begin(&mut self, header: &Header) {
        self.commands += 1;
        self.market = header.market;
    }

    fn event(&mut self, event: &Event) {
        if let Event::MarketAdded(spec) = event {
            self.markets.insert(self.market, MarketTally::new(*spec));
        } else if let Some(market) = self.markets.get_mut(&self.market) {
            market.event(event);
        }
    }

    fn end(&mut self, _: Outcome) {}
}
