//! ITCH files by seed: messages of every type, and a day of an exchange with a naive book.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use pricetime_engine::{Price, Quantity, Side, Timestamp};
use pricetime_journal::random::Random;
use pricetime_recordings::itch::Writer;
use pricetime_recordings::{
    Cross, DayPart, Instrument, InstrumentId, InstrumentName, TradingState, VenueEvent,
    VenueMessage,
};

/// The type of every message, and its length.
pub const TYPES: [(u8, usize); 23] = [
    (b'S', 12),
    (b'R', 39),
    (b'H', 25),
    (b'Y', 20),
    (b'L', 26),
    (b'V', 35),
    (b'W', 12),
    (b'K', 28),
    (b'J', 35),
    (b'h', 21),
    (b'A', 36),
    (b'F', 40),
    (b'E', 31),
    (b'C', 36),
    (b'X', 23),
    (b'D', 19),
    (b'U', 35),
    (b'P', 44),
    (b'Q', 40),
    (b'B', 19),
    (b'I', 50),
    (b'N', 20),
    (b'O', 48),
];

const DAY: u64 = 86_400_000_000_000;
const NINE: u64 = 9 * 3_600_000_000_000;
const STOCKS: u32 = 4;

/// A message of random bytes, with a time within the day and codes that exist.
pub fn random_message((kind, length): (u8, usize), bits: &mut impl FnMut() -> u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|_| bits() as u8).collect();
    bytes[0] = kind;
    bytes[5..11].copy_from_slice(&(bits() % DAY).to_be_bytes()[2..]);
    let (at, codes) = match kind {
        b'S' => (11, b"OSQME".as_slice()),
        b'H' => (19, b"HPQT".as_slice()),
        b'h' => (20, b"HT".as_slice()),
        b'A' | b'F' | b'P' => (19, b"BS".as_slice()),
        b'C' => (31, b"YN".as_slice()),
        b'Q' => (39, b"OCHI".as_slice()),
        _ => return bytes,
    };
    bytes[at] = codes[(bits() % codes.len() as u64) as usize];
    bytes
}

/// Messages as a file: each after its length.
#[must_use]
pub fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let framed = |message: &Vec<u8>| [&(message.len() as u16).to_be_bytes(), &message[..]].concat();
    messages.iter().flat_map(framed).collect()
}

/// A file with so many messages of this seed's day, and the messages.
///
/// # Panics
/// Panics if the writer refuses one of them.
#[must_use]
pub fn file(seed: u64, messages: usize) -> (Vec<u8>, Vec<VenueMessage>) {
    let mut day = Day::new(seed);
    let mut writer = Writer::new(Vec::new(), "day.itch", Timestamp(0));
    let mut next = || {
        let message = day.next_message();
        writer.write(&message).expect("ITCH can hold it");
        message
    };
    let messages = (0..messages).map(|_| next()).collect();
    (writer.finish().expect("memory"), messages)
}

/// The orders of all stocks, in a map.
#[derive(Debug, Default)]
pub struct NaiveBook(BTreeMap<u64, (Side, Price, Quantity)>);

impl NaiveBook {
    /// Changes the book as a message says.
    ///
    /// # Panics
    /// Panics if a message adds an order that is live.
    pub fn apply(&mut self, message: &VenueMessage) {
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
    #[must_use]
    pub fn orders(&self) -> Vec<(u64, Side, Price, Quantity)> {
        self.0.iter().map(|(order, (side, price, open))| (*order, *side, *price, *open)).collect()
    }
}

/// Messages that ITCH can hold, of four stocks.
#[derive(Debug)]
pub struct Day {
    random: Random,
    naive: NaiveBook,
    /// The stock of each order that was ever added.
    stocks: BTreeMap<u64, InstrumentId>,
    messages: u64,
    time: u64,
    last_order: u64,
}

impl Day {
    /// Begins the day of a seed at nine o'clock.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (random, naive, stocks) = (Random::new(seed), NaiveBook::default(), BTreeMap::new());
        Self { random, naive, stocks, messages: 0, time: NINE, last_order: 1 << 33 }
    }

    /// The next message. The first ones list the stocks.
    pub fn next_message(&mut self) -> VenueMessage {
        self.messages += 1;
        let number = self.messages;
        self.time += self.random.below(5_000_000) * self.random.below(2);
        let (instrument, event) = match number as u32 {
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
        let stock = 1 + self.random.below(STOCKS.into()) as u32;
        let price = self.price(stock, Side::Buy);
        let quantity = Quantity(self.random.within(1, 899));
        let trade = NonZeroU64::new(self.messages);
        match self.random.below(100) {
            0..40 => (stock, self.add(stock)),
            40..95 => self.change(),
            95 => {
                let state = self.random.weighted(&[
                    (1, TradingState::Halted),
                    (1, TradingState::Paused),
                    (1, TradingState::Quoting),
                    (3, TradingState::Trading),
                ]);
                (stock, VenueEvent::StateChanged(state))
            }
            96 => {
                let trade = NonZeroU64::MIN.saturating_add(self.random.below(self.messages));
                (stock, VenueEvent::TradeBroken { trade })
            }
            97 => {
                let kinds = [Cross::Opening, Cross::Closing, Cross::Halt, Cross::Unknown];
                let kind = self.random.pick(kinds);
                (stock, VenueEvent::Crossed { kind, price, quantity, trade })
            }
            _ => {
                let side = self.random.chance(50).then_some(Side::Sell);
                (stock, VenueEvent::HiddenExecuted { side, price, quantity, trade })
            }
        }
    }

    /// A price of a side: bids and asks meet seldom.
    fn price(&mut self, stock: u32, side: Side) -> Price {
        let from = if side == Side::Buy { 0 } else { 7 };
        Price(i64::from(stock) * 1_000_000 + (from + self.random.below(8).cast_signed()) * 100)
    }

    fn new_order(&mut self, stock: u32) -> u64 {
        self.last_order += self.random.within(1, 8);
        self.stocks.insert(self.last_order, InstrumentId(stock));
        self.last_order
    }

    fn add(&mut self, stock: u32) -> VenueEvent {
        let side = if self.random.chance(50) { Side::Buy } else { Side::Sell };
        let (price, quantity) = (self.price(stock, side), Quantity(self.random.within(1, 899)));
        let mpid = u32::from_be_bytes(*b"LEHM");
        let account = NonZeroU64::new(mpid.into()).filter(|_| self.random.once_in(5));
        VenueEvent::Added { order: self.new_order(stock), side, price, quantity, account }
    }

    /// A message about a random order that was ever added, or was there before.
    fn change(&mut self) -> (u32, VenueEvent) {
        let (side, price) = (None, None);
        let from = self.random.within(1 << 33, self.last_order);
        let live = self.naive.0.range(from..).next().map(|(order, it)| (*order, *it));
        let earlier = (1 << 33) - self.random.within(1, 8);
        let (order, (of, own, open)) = live
            .filter(|_| !self.random.once_in(50))
            .unwrap_or((earlier, (Side::Buy, Price(0), Quantity(50))));
        let stock = self.stocks.get(&order).map_or(1, |it| it.0);
        let part = Quantity(self.random.within(1, open.0));
        let known = self.naive.0.contains_key(&order);
        let event = match self.random.below(10) {
            // A reduction to nothing is a deletion.
            0..2 if part < open => VenueEvent::Reduced { order, quantity: part, side, price },
            0..5 => VenueEvent::Deleted { order, quantity: None, side, price },
            5 => {
                let (price, quantity) =
                    (self.price(stock, of), Quantity(self.random.within(1, 899)));
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
