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

mod events;
mod left_out;
mod market;
mod orders;

use std::num::NonZeroU64;

use foldhash::HashMap;
use pricetime_engine::{MarketId, OrderId, Price, Quantity, Sequence, Timestamp};

use left_out::Counted;
pub use left_out::LeftOut;
use market::{Market, Taker};

use crate::error::RecordingError;
use crate::venue::{InstrumentId, VenueEvent, VenueMessage};

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
///     let (time, account) = (Timestamp(number), AccountId(number.into()));
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

    /// The number of the next execution.
    fn execution(&mut self) -> Option<NonZeroU64> {
        self.last_execution += 1;
        NonZeroU64::new(self.last_execution)
    }
}
