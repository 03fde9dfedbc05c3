//! The messages that the engine's events become describe the engine's visible book after every command. Written as
//! ITCH or LOBSTER and read again, they lead to the same book.
//!
//! `PRICETIME_SEED` is the first seed, and `PRICETIME_TRIALS` how many there are.

use std::collections::BTreeMap;
use std::io::Cursor;

use pricetime_engine::{
    Engine, EngineSnapshot, MarketSnapshot, OrderRecord, Price, Quantity, Side, Timestamp,
};
use pricetime_recordings::lobster::{self, Learn, Revealed, check_book};
use pricetime_recordings::{
    CommandSink, Commands, FromEvents, Instrument, InstrumentName, LeftOut, Mode, OrderNumbers,
    Source, VenueEvent, VenueMessage, VenueReader, itch,
};
use pricetime_tests::environment::number;
use pricetime_tests::generate::{Generator, Step};

const SEED: u64 = 1;
const TRIALS: u64 = 20;
/// The most commands of one seed.
const COMMANDS_MAX: usize = 600;
/// What is added to prices, so that most are above zero as ITCH needs them.
const SHIFT: i64 = 1 << 24;

fn seeds() -> impl Iterator<Item = u64> {
    let seed = number("PRICETIME_SEED", SEED);
    seed..seed + number("PRICETIME_TRIALS", TRIALS).min(200)
}

/// The visible orders of a side: price and what is shown, in the order of price and queue.
type Queue = Vec<(i64, u64)>;

/// The visible book of each market, by the number of its instrument.
type Books = BTreeMap<u32, [Queue; 2]>;

fn queues(market: &MarketSnapshot, price: impl Fn(i64) -> i64) -> [Queue; 2] {
    [Side::Buy, Side::Sell].map(|side| {
        let visible = |order: &OrderRecord| Some((price(order.kind.price()?.0), order.shown.0));
        let orders = market.resting.iter().filter(|order| order.side == side);
        let mut queue: Queue = orders.filter_map(visible).collect();
        queue.sort_by_key(|(price, _)| *price);
        queue
    })
}

/// The books of the engine that made the events, in units of their decimal places; `None` if these do not fit.
fn expected(engine: &EngineSnapshot) -> Option<Books> {
    let book = |market: &MarketSnapshot| {
        let tick = market.head.spec.tick;
        let zeros = u32::try_from(tick.exponent).unwrap_or_default();
        let unit = i64::try_from(tick.mantissa).ok()?.checked_mul(10_i64.checked_pow(zeros)?)?;
        let fits = |order: &OrderRecord| {
            order.kind.price().is_none_or(|price| price.0.checked_mul(unit).is_some())
        };
        let all_fit = market.resting.iter().all(fits);
        all_fit.then(|| (market.head.market.0, queues(market, |price| price * unit)))
    };
    engine.markets.iter().map(book).collect()
}

/// What a seed's commands become: the messages of each command, and the book after it.
struct Run {
    commands: Vec<(Vec<VenueMessage>, Books)>,
    left_out: u64,
    /// `true` if an order was moved to the end of its queue that the engine leaves in its place.
    has_moved: bool,
}

/// The books without the order of their queues.
fn sorted(mut books: Books) -> Books {
    books.values_mut().flatten().for_each(|queue| queue.sort_unstable());
    books
}

/// Returns `true` if an order is beyond the limits of the markets of a recording.
fn is_large(message: &VenueMessage) -> bool {
    if let VenueEvent::Added { quantity, price, .. }
    | VenueEvent::Replaced { quantity, price, .. } = message.event
    {
        quantity.0 > 1 << 33 || price.0.unsigned_abs() > 1 << 61
    } else {
        false
    }
}

fn run(seed: u64, numbers: OrderNumbers) -> Run {
    let mut generator = Generator::new(seed);
    let mut engine = Engine::new(generator.profile().markets_max);
    let mut messages = FromEvents::new(numbers);
    let mut commands = Vec::new();
    'all: while commands.len() < COMMANDS_MAX
        && let Some(step) = generator.step(&engine.snapshot())
    {
        let batch = match step {
            Step::Apply(command) => vec![command],
            Step::Batch(batch) => batch,
            Step::Restore => continue,
        };
        for command in batch {
            engine.apply(&command, &mut messages);
            let Some(books) = expected(&engine.snapshot()) else { break 'all };
            let Ok(messages) = messages.drain() else { break 'all };
            let messages: Vec<_> = messages.collect();
            if messages.iter().any(is_large) {
                break 'all;
            }
            commands.push((messages, books));
        }
    }
    let left_out = LeftOut::ALL.iter().map(|what| messages.left_out(*what)).sum();
    Run { commands, left_out, has_moved: messages.left_out(LeftOut::Place) > 0 }
}

/// An engine that follows messages.
struct Follower {
    commands: Commands,
    engine: Applied,
    /// The instruments in the order of their listing, which gives their markets their ids.
    listed: Vec<u32>,
}

struct Applied(Engine);

impl CommandSink for Applied {
    fn command(&mut self, command: &pricetime_engine::Command) {
        self.0.apply(command, &mut ());
    }
}

impl Follower {
    fn new() -> Self {
        let commands = Commands::new(Mode::Reconstruct);
        Self { commands, engine: Applied(Engine::new(10_000)), listed: Vec::new() }
    }

    fn apply(&mut self, message: &VenueMessage) {
        if let VenueEvent::Listed(_) = message.event
            && !self.listed.contains(&message.instrument.0)
        {
            self.listed.push(message.instrument.0);
        }
        self.commands.apply(message, &mut self.engine);
    }

    /// The books, without the markets that have been removed.
    fn books(&self, like: &Books) -> Books {
        let snapshot = self.engine.0.snapshot();
        let of = |market: &MarketSnapshot| {
            let instrument = self.listed[market.head.market.0 as usize - 1];
            (instrument, queues(market, |price| price))
        };
        let books = snapshot.markets.iter().map(of);
        let gone = |(id, book): &(u32, [Queue; 2])| {
            like.contains_key(id) || book.iter().any(|queue| !queue.is_empty())
        };
        books.filter(gone).collect()
    }
}

#[test]
fn messages_describe_the_visible_book_after_every_command() {
    for seed in seeds() {
        for numbers in [OrderNumbers::Count, OrderNumbers::Keep] {
            let run = run(seed, numbers);
            let mut follower = Follower::new();
            for (at, (messages, books)) in run.commands.iter().enumerate() {
                messages.iter().for_each(|message| follower.apply(message));
                let (mut found, mut books) = (follower.books(books), books.clone());
                if run.has_moved {
                    (found, books) = (sorted(found), sorted(books));
                }
                assert_eq!(found, books, "PRICETIME_SEED={seed}, {numbers:?}, {messages:?}, {at}");
            }
            let counts = follower.commands.counts();
            assert_eq!((counts.unknown_orders, counts.excessive), (0, 0), "PRICETIME_SEED={seed}");
            assert!(run.left_out > 0 || run.commands.len() < 50, "PRICETIME_SEED={seed}");
        }
    }
}

/// The same message with values that fit into the formats, or `None` if they are too large.
fn fitting(message: &VenueMessage) -> Option<VenueMessage> {
    let price = |price: Price| {
        let shifted = price.0.checked_add(SHIFT)?;
        (0..i64::from(u32::MAX)).contains(&shifted).then_some(Price(shifted))
    };
    let small = |quantity: Quantity| (quantity.0 <= u32::MAX.into()).then_some(quantity);
    let mut event = message.event;
    match &mut event {
        VenueEvent::Listed(Instrument { name, price_places, .. }) => {
            *price_places = 4;
            *name = InstrumentName::new(format!("M{}", message.instrument).as_bytes());
        }
        VenueEvent::Added { price: at, quantity, .. }
        | VenueEvent::Replaced { price: at, quantity, .. }
        | VenueEvent::HiddenExecuted { price: at, quantity, .. } => {
            (*at, *quantity) = (price(*at)?, small(*quantity)?);
        }
        VenueEvent::Crossed { price: at, quantity, .. } => {
            (*at, *quantity) = (price(*at)?, small(*quantity)?);
        }
        VenueEvent::Reduced { price: Some(at), quantity, .. }
        | VenueEvent::Executed { price: Some(at), quantity, .. } => {
            (*at, *quantity) = (price(*at)?, small(*quantity)?);
        }
        VenueEvent::Deleted { price: Some(at), .. } => *at = price(*at)?,
        VenueEvent::StateChanged(_) => {}
        VenueEvent::Reduced { .. }
        | VenueEvent::Executed { .. }
        | VenueEvent::Deleted { .. }
        | VenueEvent::DayPart(_)
        | VenueEvent::Rested { .. }
        | VenueEvent::Vanished { .. }
        | VenueEvent::TradeBroken { .. }
        | VenueEvent::Cleared => panic!("{event:?} does not come from events"),
    }
    Some(VenueMessage { time: Timestamp(message.number.min(1_000_000)), event, ..*message })
}

/// The messages and books of a seed, up to the first command that does not fit.
fn fitting_commands(seed: u64) -> Vec<(Vec<VenueMessage>, Books)> {
    let shifted = |books: &Books| {
        let mut books = books.clone();
        books.values_mut().flatten().flatten().for_each(|(price, _)| *price += SHIFT);
        books
    };
    let run = run(seed, OrderNumbers::Count);
    if run.has_moved {
        return Vec::new();
    }
    let all = run.commands.iter().map_while(|(messages, books)| {
        let fitting: Option<Vec<_>> = messages.iter().map(fitting).collect();
        Some((fitting?, shifted(books)))
    });
    all.collect()
}

fn source(name: &str, bytes: Vec<u8>) -> Source {
    Source::of(name, Cursor::new(bytes)).expect("it is not empty")
}

#[test]
fn itch_of_commands_leads_to_their_book_after_every_command() {
    let mut compared = 0;
    for seed in seeds() {
        let commands = fitting_commands(seed);
        let mut writer = itch::Writer::new(Vec::new(), "x", Timestamp(0));
        for (messages, _) in &commands {
            messages.iter().for_each(|message| writer.write(message).expect("it fits"));
        }
        let bytes = writer.finish().expect("memory");
        if bytes.is_empty() {
            continue;
        }
        let mut reader = itch::Reader::new(source("x", bytes), itch::Options::default());
        let mut follower = Follower::new();
        // Locate codes are in the order of listing, and so are the instruments.
        let mut listed = Vec::new();
        let mut next = move || reader.next().expect("it was written");
        let mut waiting = next();
        for (messages, books) in &commands {
            for message in messages {
                if let VenueEvent::Listed(_) = message.event {
                    listed.push(message.instrument.0);
                }
            }
            let last = messages.last().map(|message| message.time);
            while let Some(message) = waiting.filter(|it| Some(it.time) <= last) {
                follower.apply(&message);
                waiting = next();
            }
            let named = |(id, book): (&u32, &[Queue; 2])| {
                let locate = listed.iter().position(|it| it == id).expect("it is listed");
                (locate as u32 + 1, book.clone())
            };
            let books: Books = books.iter().map(named).collect();
            if last.is_some() {
                assert_eq!(follower.books(&books), books, "PRICETIME_SEED={seed}, {messages:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn lobster_files_of_commands_agree_with_each_other_in_every_row() {
    let mut rows = 0;
    for seed in seeds() {
        let commands = fitting_commands(seed);
        let first = commands.iter().flat_map(|(messages, _)| messages).next();
        let Some(instrument) = first.map(|message| message.instrument) else { continue };
        for levels in [1, 3, 50] {
            let writer = lobster::Writer::new(Vec::new(), "m", instrument, Timestamp(0));
            let mut writer = writer.with_book(Vec::new(), "b", levels);
            let mut expected = [Queue::new(), Queue::new()];
            for (messages, books) in &commands {
                messages.iter().for_each(|message| writer.write(message).expect("it fits"));
                expected = books.get(&instrument.0).cloned().unwrap_or_default();
            }
            let (messages, book) = writer.finish_both().expect("memory");
            let book = book.expect("it was asked for");
            if messages.is_empty() {
                continue;
            }
            let mut engine = Engine::new(1);
            let how = (lobster::Options::default(), Learn::EveryRow);
            let (messages, book) = (source("m", messages), source("b", book));
            let agreement = check_book(messages, book, how, 1, &mut engine).expect("written");
            assert_eq!(agreement.differences().first(), None, "PRICETIME_SEED={seed}, {levels}");
            assert_eq!(agreement.agreed, agreement.rows);
            let Revealed { more, less, .. } = agreement.revealed;
            assert_eq!((more, less), (0, 0), "PRICETIME_SEED={seed}: a message is missing");
            rows += agreement.rows;
            let snapshot = engine.snapshot();
            let found = snapshot.markets.first().map(|market| queues(market, |price| price));
            assert_eq!(found.unwrap_or_default(), expected, "PRICETIME_SEED={seed}");
        }
    }
    assert!(rows > 100, "{rows}");
}
