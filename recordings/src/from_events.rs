//! The engine's events as the messages that an exchange would publish.
//!
//! | event | message |
//! |---|---|
//! | `MarketAdded` | [`Listed`](VenueEvent::Listed), and it does not trade yet |
//! | `PhaseChanged` | [`StateChanged`](VenueEvent::StateChanged): Continuous trades, Call quotes, the others halt |
//! | `Accepted`, `Triggered` | [`Added`](VenueEvent::Added) with what comes to rest, after its trades |
//! | `Amended`, in its place | [`Reduced`](VenueEvent::Reduced) by what it shows less |
//! | `Amended`, with a new place | [`Replaced`](VenueEvent::Replaced); if it trades first, [`Deleted`](VenueEvent::Deleted) and [`Added`](VenueEvent::Added) |
//! | `Traded` | [`Executed`](VenueEvent::Executed) of what the maker showed, [`HiddenExecuted`](VenueEvent::HiddenExecuted) of what it hid |
//! | `Traded` in an uncross | [`Executed`](VenueEvent::Executed) of what both show less, and at the end [`Crossed`](VenueEvent::Crossed) with all of it |
//! | `Replenished` | [`Added`](VenueEvent::Added) |
//! | `Reduced` | [`Reduced`](VenueEvent::Reduced) or [`Deleted`](VenueEvent::Deleted) by what it shows less |
//! | `Cancelled` | [`Deleted`](VenueEvent::Deleted), if it was visible |
//!
//! After the messages of a command, the book that they describe is the engine's: every visible order with what it
//! shows, in the same queues. Only an order that shows more after an uncross moves to the end of its queue, because
//! no message can leave it in its place. What has no message is [counted](LeftOut).

mod left_out;
mod market;

use std::mem;

use foldhash::HashMap;
use pricetime_engine::{
    Event, Header, MarketId, MarketSpec, OrderId, Outcome, Party, Phase, Place, Price, Priority,
    Quantity, Sequence, Side, Sink, Timestamp, TradeNumber,
};

use left_out::Counted;
pub use left_out::LeftOut;
use market::{Market, Order};

use crate::error::RecordingError;
use crate::venue::{Cross, InstrumentId, TradingState, VenueEvent, VenueMessage};

#[cfg(doc)]
use crate::venue::Instrument;

/// How orders get their numbers of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderNumbers {
    /// Each order that enters the book gets the next number, from 1 on, also if it enters again.
    Count,
    /// An id below 2^62 is the number. Other orders get numbers from 2^62 on. For commands that were made from a
    /// recording, whose ids are the exchange's numbers.
    Keep,
}

/// The first number that is not kept.
const OWN_NUMBERS: u64 = 1 << 62;

/// A sink that turns the events of an engine into messages. Its memory is proportional to the number of live orders.
///
/// ```
/// use pricetime_engine::{
///     AccountId, Action, Command, Engine, MarketId, MarketSpec, OrderId, Phase, Place, Price, Quantity,
///     Sequence, Side, Timestamp,
/// };
/// use pricetime_recordings::{FromEvents, OrderNumbers, VenueEvent};
///
/// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.01".parse()?, "1".parse()?);
/// let sell = |order, quantity| Place::limit(OrderId(order), Side::Sell, Quantity(quantity), Price(500));
/// let buy = Place::limit(OrderId(3), Side::Buy, Quantity(60), Price(500));
/// let (mut engine, mut messages) = (Engine::new(1), FromEvents::new(OrderNumbers::Count));
/// let mut reported = Vec::new();
/// let actions = [
///     Action::AddMarket(spec),
///     Action::SetPhase(Phase::Continuous),
///     sell(7, 50).into(),
///     sell(9, 50).into(),
///     buy.into(),
/// ];
/// for (number, action) in (1..).zip(actions) {
///     let (time, account) = (Timestamp(number), AccountId(0));
///     let command = Command::new(Sequence(number), time, MarketId(1), account, action);
///     engine.apply(&Command { operator: number < 3, ..command }, &mut messages);
///     reported.extend(messages.drain()?);
/// }
/// let executed = reported.iter().filter_map(|message| match message.event {
///     VenueEvent::Executed { order, quantity, .. } => Some((order, quantity)),
///     _ => None,
/// });
/// assert_eq!(executed.collect::<Vec<_>>(), [(1, Quantity(50)), (2, Quantity(10))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FromEvents {
    numbers: OrderNumbers,
    markets: HashMap<MarketId, Market>,
    /// The market that events were about last, taken out of `markets`. Most commands are for the same one as the
    /// command before.
    current: Option<(MarketId, Market)>,
    /// The number of the last order that got one here.
    last_number: u64,
    /// The number of the last execution.
    last_execution: u64,
    header: Option<(Sequence, Timestamp, MarketId)>,
    /// The order that takes. It enters the book when something else happens.
    taker: Option<Taker>,
    /// The price and the quantity of an uncross that goes on.
    cross: Option<(Price, Quantity)>,
    messages: Vec<VenueMessage>,
    failed: Option<RecordingError>,
    counted: Counted,
}

/// An order that takes.
#[derive(Debug)]
struct Taker {
    id: OrderId,
    order: Order,
    /// What is still in the book of an order that was amended.
    before: Option<Order>,
}

impl FromEvents {
    /// Begins with an engine without markets.
    #[must_use]
    pub fn new(numbers: OrderNumbers) -> Self {
        Self {
            numbers,
            markets: HashMap::default(),
            current: None,
            last_number: match numbers {
                OrderNumbers::Count => 0,
                OrderNumbers::Keep => OWN_NUMBERS - 1,
            },
            last_execution: 0,
            header: None,
            taker: None,
            cross: None,
            messages: Vec::new(),
            failed: None,
            counted: Counted::default(),
        }
    }

    /// Takes the messages since the last call. Their number is the sequence of their command.
    ///
    /// # Errors
    /// Returns an error if a price does not fit in 64 bits of its decimal places.
    pub fn drain(&mut self) -> Result<std::vec::Drain<'_, VenueMessage>, RecordingError> {
        match self.failed.take() {
            None => Ok(self.messages.drain(..)),
            Some(error) => Err(error),
        }
    }

    /// How often something happened that has no message.
    #[must_use]
    pub const fn left_out(&self, what: LeftOut) -> u64 {
        self.counted.of(what)
    }

    fn emit(&mut self, event: VenueEvent) {
        let Some((sequence, time, market)) = self.header else { return };
        let instrument = InstrumentId(market.0);
        self.messages.push(VenueMessage { time, number: sequence.0, instrument, event });
    }

    /// The market of the open group.
    #[inline]
    fn market(&mut self) -> Option<&mut Market> {
        self.current.as_mut().map(|(_, market)| market)
    }

    /// Makes a market the one of the open group.
    #[cold]
    fn turn_to(&mut self, market: MarketId) {
        if let Some((id, market)) = self.current.take() {
            self.markets.insert(id, market);
        }
        self.current = self.markets.remove(&market).map(|found| (market, found));
    }

    /// A price in the decimal places of the market.
    fn price(&mut self, price: Price) -> Price {
        let Some(market) = self.market() else { return price };
        match market.units(price) {
            Ok(price) => price,
            Err(error) => {
                self.failed.get_or_insert(error);
                price
            }
        }
    }

    /// The number of an order that enters the book.
    fn number(&mut self, id: OrderId) -> u64 {
        let kept = u64::try_from(id.0).ok().filter(|it| (1..OWN_NUMBERS).contains(it));
        match (self.numbers, kept) {
            (OrderNumbers::Keep, Some(number)) => number,
            (OrderNumbers::Keep, None) | (OrderNumbers::Count, _) => {
                self.last_number += 1;
                self.last_number
            }
        }
    }

    /// Ends what goes on over several events: the uncross, and the order that takes.
    #[inline]
    fn settle(&mut self) {
        if let Some((price, quantity)) = self.cross.take() {
            let (price, trade) = (self.price(price), self.execution());
            self.emit(VenueEvent::Crossed { kind: Cross::Unknown, price, quantity, trade });
        }
        if let Some(taker) = self.taker.take() {
            self.rest(taker);
        }
    }

    /// Lets what is left of an order enter the book.
    fn rest(&mut self, Taker { id, mut order, before }: Taker) {
        order.shown = order.display.map_or(order.open, |display| display.min(order.open));
        if let Some(price) = order.price {
            order.number = self.number(id);
            let (price, quantity, side) = (self.price(price), order.shown, order.side);
            self.emit(match before {
                None => {
                    let (order, account) = (order.number, order.account);
                    VenueEvent::Added { order, side, price, quantity, account }
                }
                Some(before) => VenueEvent::Replaced {
                    order: before.number,
                    new_order: order.number,
                    price,
                    quantity,
                    side: Some(side),
                    keeps_priority: false,
                },
            });
        } else {
            self.counted.add(LeftOut::Unpriced);
        }
        if let Some(market) = self.market() {
            market.orders.insert(id, order);
        }
    }

    /// Removes an amended order from the book, because it trades before it enters again.
    fn withdraw(&mut self) {
        if let Some(before) = self.taker.as_mut().and_then(|taker| taker.before.take()) {
            self.delete(&before);
        }
    }

    /// Reports that an order left the book, if it was visible there.
    fn delete(&mut self, order: &Order) {
        if let Some(price) = order.visible() {
            let (price, side, quantity) = (self.price(price), Some(order.side), order.shown);
            let (order, price, quantity) = (order.number, Some(price), Some(quantity));
            self.emit(VenueEvent::Deleted { order, quantity, side, price });
        }
    }

    /// Changes an order, and reports by how much less it shows.
    fn shrink(&mut self, id: OrderId, open: Quantity, shown: Quantity) {
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        let before = mem::replace(order, Order { open, shown, ..*order });
        if open.is_zero() {
            market.orders.remove(&id);
            self.delete(&before);
            return;
        }
        let by = Quantity(before.shown.0.saturating_sub(shown.0));
        match before.visible() {
            Some(price) if !by.is_zero() => {
                let (side, price) = (Some(before.side), Some(self.price(price)));
                let (order, quantity) = (before.number, by);
                self.emit(VenueEvent::Reduced { order, quantity, side, price });
            }
            Some(_) | None => self.counted.add(LeftOut::Unseen),
        }
    }

    fn execution(&mut self) -> Option<std::num::NonZeroU64> {
        self.last_execution += 1;
        std::num::NonZeroU64::new(self.last_execution)
    }

    /// Reports what an order in the book traded. `shown` is what it shows afterwards.
    #[inline]
    fn executed(&mut self, id: OrderId, fill: &Fill) {
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        let before = *order;
        let shown = if fill.cross {
            before.display.map_or(fill.open, |display| display.min(fill.open))
        } else {
            Quantity(before.shown.0.saturating_sub(fill.quantity.0))
        };
        (order.open, order.shown) = (fill.open, shown);
        if fill.open.is_zero() {
            market.orders.remove(&id);
        }
        let price = self.price(fill.price);
        let visible = Quantity(before.shown.0.saturating_sub(shown.0));
        let side = Some(before.side);
        if shown > before.shown {
            self.show_more(id, before, shown);
        } else if before.visible().is_some() && !visible.is_zero() {
            let (order, quantity, trade) = (before.number, visible, self.execution());
            let (price, aggressor, cross) = (Some(price), None, fill.cross);
            self.emit(VenueEvent::Executed {
                order,
                quantity,
                side,
                price,
                trade,
                aggressor,
                cross,
            });
        }
        let hidden = Quantity(fill.quantity.0.saturating_sub(visible.0));
        if !fill.cross && !hidden.is_zero() {
            let (quantity, trade) = (hidden, self.execution());
            self.emit(VenueEvent::HiddenExecuted { side, price, quantity, trade });
        }
    }

    /// Reports that an order shows more after an uncross. The engine leaves it in its place, but no message can.
    fn show_more(&mut self, id: OrderId, before: Order, quantity: Quantity) {
        let Some(price) = before.visible() else { return };
        let (new_order, price, side) = (self.number(id), self.price(price), Some(before.side));
        if let Some(order) = self.market().and_then(|market| market.orders.get_mut(&id)) {
            order.number = new_order;
        }
        let (order, keeps_priority) = (before.number, false);
        let event =
            VenueEvent::Replaced { order, new_order, price, quantity, side, keeps_priority };
        self.emit(event);
        self.counted.add(LeftOut::Place);
    }

    fn accepted(&mut self, order: Order, place: &Place) {
        self.settle();
        if place.display_quantity.is_some() {
            self.counted.add(LeftOut::HiddenPart);
        }
        if place.kind.stop().is_some() {
            self.counted.add(LeftOut::Stop);
            if let Some(market) = self.market() {
                market.orders.insert(place.order, order);
            }
        } else {
            self.taker = Some(Taker { id: place.order, order, before: None });
        }
    }

    fn triggered(&mut self, id: OrderId, priority: Priority) {
        self.settle();
        if let Some(order) = self.market().and_then(|market| market.orders.remove(&id)) {
            let order = Order { waits: false, priority, ..order };
            self.taker = Some(Taker { id, order, before: None });
        }
    }

    fn amended(&mut self, id: OrderId, now: Amended) {
        self.settle();
        let Amended { price, open, shown, priority } = now;
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        if order.waits {
            (order.price, order.open) = (price, open);
            self.counted.add(LeftOut::Unseen);
        } else if order.priority == priority {
            self.shrink(id, open, shown);
        } else {
            let before = *order;
            market.orders.remove(&id);
            let order = Order { price, open, priority, ..before };
            let before = before.visible().map(|_| before);
            self.taker = Some(Taker { id, order, before });
        }
    }

    fn traded(&mut self, maker: &Party, taker: &Party, fill: [Fill; 2]) {
        let [maker_fill, taker_fill] = fill;
        if self.taker.as_ref().is_some_and(|it| it.id == taker.order) {
            self.withdraw();
            self.executed(maker.order, &maker_fill);
            if taker_fill.open.is_zero() {
                self.taker = None;
                self.counted.add(LeftOut::NeverRested);
            } else if let Some(taker) = &mut self.taker {
                taker.order.open = taker_fill.open;
            }
            return;
        }
        let before = self.cross.map_or(0, |(_, quantity)| quantity.0);
        let sum = Quantity(before.saturating_add(maker_fill.quantity.0));
        self.cross = Some((maker_fill.price, sum));
        self.executed(maker.order, &Fill { cross: true, ..maker_fill });
        self.executed(taker.order, &Fill { cross: true, ..taker_fill });
    }

    fn reduced(&mut self, id: OrderId, remaining: Quantity, shown: Quantity) {
        if self.taker.as_ref().is_none_or(|it| it.id != id) {
            self.shrink(id, remaining, shown);
            return;
        }
        self.withdraw();
        if remaining.is_zero() {
            self.taker = None;
            self.counted.add(LeftOut::NeverRested);
        } else if let Some(taker) = &mut self.taker {
            taker.order.open = remaining;
        }
    }

    fn cancelled(&mut self, id: OrderId) {
        if self.taker.as_ref().is_some_and(|it| it.id == id) {
            self.withdraw();
            self.taker = None;
            self.counted.add(LeftOut::NeverRested);
        } else if let Some(order) = self.market().and_then(|market| market.orders.remove(&id)) {
            self.delete(&order);
        }
    }

    fn replenished(&mut self, id: OrderId, now: Amended) {
        let Amended { open, shown, priority, .. } = now;
        let number = self.number(id);
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        *order = Order { number, open, shown, priority, ..*order };
        let order = *order;
        let Some(price) = order.price else { return };
        let (price, side, account) = (self.price(price), order.side, order.account);
        let (order, quantity) = (order.number, shown);
        self.emit(VenueEvent::Added { order, side, price, quantity, account });
    }

    fn listed(&mut self, spec: &MarketSpec) {
        let Some((.., id)) = self.header else { return };
        let market = Market::new(spec);
        self.emit(VenueEvent::Listed(market.instrument));
        self.emit(VenueEvent::StateChanged(TradingState::Halted));
        self.turn_to(id);
        self.current = Some((id, market));
    }
}

/// What an order traded.
#[derive(Clone, Copy)]
struct Fill {
    price: Price,
    quantity: Quantity,
    /// What is open afterwards.
    open: Quantity,
    cross: bool,
}

/// How an order is from now on.
struct Amended {
    price: Option<Price>,
    open: Quantity,
    shown: Quantity,
    priority: Priority,
}

impl Sink for FromEvents {
    #[inline]
    fn begin(&mut self, header: &Header) {
        self.header = Some((header.sequence, header.timestamp, header.market));
        if self.current.as_ref().is_none_or(|(id, _)| *id != header.market) {
            self.turn_to(header.market);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Accepted { account, place, priority } => {
                self.accepted(Order::of(*account, place, *priority), place);
            }
            Event::Traded {
                maker,
                taker,
                price,
                quantity,
                maker_remaining,
                taker_remaining,
                number: TradeNumber(_),
                taker_side: Side::Buy | Side::Sell,
            } => {
                let (price, quantity) = (*price, *quantity);
                let fill = |open: &Quantity| Fill { price, quantity, open: *open, cross: false };
                self.traded(maker, taker, [maker_remaining, taker_remaining].map(fill));
            }
            Event::Reduced { party, remaining, shown, .. } => {
                self.reduced(party.order, *remaining, *shown);
            }
            Event::Amended { party, kind, remaining, shown, priority } => {
                let (price, open) = (kind.price(), *remaining);
                let now = Amended { price, open, shown: *shown, priority: *priority };
                self.amended(party.order, now);
            }
            Event::Cancelled { party, .. } => self.cancelled(party.order),
            Event::Triggered { party, priority } => self.triggered(party.order, *priority),
            Event::Replenished { party, remaining, shown, priority } => {
                let (price, open) = (None, *remaining);
                let now = Amended { price, open, shown: *shown, priority: *priority };
                self.replenished(party.order, now);
            }
            Event::PhaseChanged { to, .. } => {
                self.settle();
                self.emit(VenueEvent::StateChanged(match to {
                    Phase::Continuous => TradingState::Trading,
                    Phase::Call => TradingState::Quoting,
                    Phase::Halted | Phase::Closed => TradingState::Halted,
                }));
            }
            Event::EpochClosed(_) => {
                self.settle();
                self.counted.add(LeftOut::Epoch);
            }
            Event::MarketAdded(spec) => self.listed(spec),
            Event::MarketRemoved => self.current = None,
            Event::MarketSet(_) | Event::AccountBlocked(_) | Event::AccountUnblocked(_) => {
                self.counted.add(LeftOut::Rule);
            }
            Event::Rejected { .. } | Event::Duplicate { .. } => {
                self.counted.add(LeftOut::NotExecuted);
            }
        }
    }

    fn end(&mut self, _: Outcome) {
        self.settle();
    }
}
