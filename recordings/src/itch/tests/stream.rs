//! A seeded day of an exchange, and a naive book.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use pricetime_engine::{Price, Quantity, Side, Timestamp};

use crate::venue::{
    Cross, DayPart, Instrument, InstrumentId, InstrumentName, TradingState, VenueEvent,
    VenueMessage,
};

const STOCKS: u32 = 4;

/// The orders of all stocks, in a map.
#[derive(Default)]
pub(super) struct Naive(BTreeMap<u64, (Side, Price, Quantity)>);

impl Naive {
    pub(super) fn apply(&mut self, message: &VenueMessage) {
        match message.event {
            VenueEvent::Added { order, side, price, quantity, .. } => {
                assert_eq!(self.0.insert(order, (side, price, quantity)), None);
            }
            VenueEvent::Replaced { order, new_order, price, quantity, .. } => {
                if let Some((side, ..)) = self.0.remove(&order) {
                    self.0.insert(new_order, (side, price, quantity));
                }
            }
            VenueEvent::Deleted { order, .. } => {
                self.0.remove(&order);
            }
            VenueEvent::Reduced { order, quantity, .. }
            | VenueEvent::Executed { order, quantity, .. } => {
                let Some((.., open)) = self.0.get_mut(&order) else { return };
                *open = open.minus(quantity);
                if open.is_zero() {
                    self.0.remove(&order);
                }
            }
            VenueEvent::Listed(_)
            | VenueEvent::DayPart(_)
            | VenueEvent::StateChanged(_)
            | VenueEvent::Rested { .. }
            | VenueEvent::Vanished { .. }
            | VenueEvent::HiddenExecuted { .. }
            | VenueEvent::Crossed { .. }
            | VenueEvent::TradeBroken { .. }
            | VenueEvent::Cleared => {}
        }
    }

    /// The orders sorted by number.
    pub(super) fn orders(&self) -> Vec<(u64, Side, Price, Quantity)> {
        self.0.iter().map(|(order, (side, price, open))| (*order, *side, *price, *open)).collect()
    }
}

/// Messages that ITCH can hold, of four stocks.
pub(super) struct Stream {
    random: fastrand::Rng,
    naive: Naive,
    /// The stock of each order that was ever added.
    stocks: BTreeMap<u64, InstrumentId>,
    messages: u64,
    time: u64,
    last_order: u64,
}

impl Stream {
    pub(super) fn new(seed: u64) -> Self {
        let (random, naive, stocks) =
            (fastrand::Rng::with_seed(seed), Naive::default(), BTreeMap::new());
        Self { random, naive, stocks, messages: 0, time: super::NINE, last_order: 1 << 33 }
    }

    pub(super) fn next(&mut self) -> VenueMessage {
        self.messages += 1;
        let number = self.messages;
        self.time += self.random.u64(..5_000_000) * self.random.u64(..2);
        let (instrument, event) = match u32::try_from(number).unwrap() {
            1 => (0, VenueEvent::DayPart(DayPart::MessagesBegin)),
            listed if listed <= 1 + STOCKS => {
                let name = InstrumentName::new(format!("STK{}", listed - 1).as_bytes());
                let listing = Instrument { name, price_places: 4, round_lot: 100 };
                (listed - 1, VenueEvent::Listed(listing))
            }
            100 => (0, VenueEvent::DayPart(DayPart::SystemOpens)),
            200 => (0, VenueEvent::DayPart(DayPart::MarketOpens)),
            _ => self.event(),
        };
        let instrument = InstrumentId(instrument);
        let message = VenueMessage { time: Timestamp(self.time), number, instrument, event };
        self.naive.apply(&message);
        message
    }

    fn event(&mut self) -> (u32, VenueEvent) {
        let stock = 1 + self.random.u32(..STOCKS);
        let price = self.price(stock, Side::Buy);
        let quantity = Quantity(self.random.u64(1..900));
        let trade = NonZeroU64::new(self.messages);
        match self.random.u8(..100) {
            0..40 => (stock, self.add(stock)),
            40..95 => self.change(),
            95 => {
                let state = [TradingState::Halted, TradingState::Paused, TradingState::Quoting];
                let state = state.get(self.random.usize(..6)).copied();
                (stock, VenueEvent::StateChanged(state.unwrap_or(TradingState::Trading)))
            }
            96 => {
                let trade = NonZeroU64::new(1 + self.random.u64(..self.messages)).unwrap();
                (stock, VenueEvent::TradeBroken { trade })
            }
            97 => {
                let kinds = [Cross::Opening, Cross::Closing, Cross::Halt, Cross::Unknown];
                let kind = kinds[self.random.usize(..4)];
                (stock, VenueEvent::Crossed { kind, price, quantity, trade })
            }
            _ => {
                let side = self.random.bool().then_some(Side::Sell);
                (stock, VenueEvent::HiddenExecuted { side, price, quantity, trade })
            }
        }
    }

    /// A price of a side: bids and asks meet seldom.
    fn price(&mut self, stock: u32, side: Side) -> Price {
        let from = if side == Side::Buy { 0 } else { 7 };
        Price(i64::from(stock) * 1_000_000 + (from + self.random.i64(0..8)) * 100)
    }

    fn new_order(&mut self, stock: u32) -> u64 {
        self.last_order += self.random.u64(1..9);
        self.stocks.insert(self.last_order, InstrumentId(stock));
        self.last_order
    }

    fn add(&mut self, stock: u32) -> VenueEvent {
        let side = if self.random.bool() { Side::Buy } else { Side::Sell };
        let (price, quantity) = (self.price(stock, side), Quantity(self.random.u64(1..900)));
        let mpid = u32::from_be_bytes(*b"LEHM");
        let account = NonZeroU64::new(mpid.into()).filter(|_| self.random.u8(..5) == 0);
        VenueEvent::Added { order: self.new_order(stock), side, price, quantity, account }
    }

    /// A message about a random order that was ever added, or was there before.
    fn change(&mut self) -> (u32, VenueEvent) {
        let (side, price) = (None, None);
        let from = self.random.u64(1 << 33..=self.last_order);
        let live = self.naive.0.range(from..).next().map(|(order, it)| (*order, *it));
        let earlier = (1 << 33) - self.random.u64(1..9);
        let (order, (of, own, open)) = live
            .filter(|_| self.random.u8(..50) > 0)
            .unwrap_or((earlier, (Side::Buy, Price(0), Quantity(50))));
        let stock = self.stocks.get(&order).map_or(1, |it| it.0);
        let part = Quantity(self.random.u64(1..=open.0));
        let known = self.naive.0.contains_key(&order);
        let event = match self.random.u8(..10) {
            // A reduction to nothing is a deletion.
            0..2 if part < open => VenueEvent::Reduced { order, quantity: part, side, price },
            0..5 => VenueEvent::Deleted { order, quantity: None, side, price },
            5 => {
                let (price, quantity) = (self.price(stock, of), Quantity(self.random.u64(1..900)));
                let new_order = self.new_order(stock);
                VenueEvent::Replaced {
                    order,
                    new_order,
                    price,
                    quantity,
                    side,
                    keeps_priority: false,
                }
            }
            kind => {
                let cross = known && kind == 6;
                let other = Price(own.0 + 50);
                let price = (known && kind < 8).then_some(other);
                let (trade, aggressor) = (NonZeroU64::new(self.messages), None);
                VenueEvent::Executed { order, quantity: part, side, price, trade, aggressor, cross }
            }
        };
        (stock, event)
    }
}
