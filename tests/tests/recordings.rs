//! What a naive exchange reports in files of LOBSTER becomes the same book and the same executions again. A
//! damaged file is refused with an error that names the file, the line and the field.
//!
//! `PRICETIME_SEED` is the first seed, and `PRICETIME_TRIALS` how many there are.

use std::collections::{BTreeMap, VecDeque};
use std::io::Cursor;

use pricetime_engine::{Engine, Price, Quantity, Side, Timestamp};
use pricetime_journal::random::Random;
use pricetime_recordings::lobster::{
    BookAgreement, BookLevel, BookReader, BookRow, Learn, Options, Reader, Writer, check_book,
};
use pricetime_recordings::{
    Agreement, Commands, ComparedEngine, InstrumentId, Mode, RecordingError, Source, VenueEvent,
    VenueMessage, VenueReader as _,
};
use pricetime_tests::environment::number;

const SEED: u64 = 1;
const TRIALS: u64 = 8;
/// The steps of a market. Each is one or more messages.
const STEPS: u64 = 400;

/// The orders of one side by price, each price in the order of time.
type Levels = BTreeMap<i64, VecDeque<(u64, u64)>>;

/// An exchange with the simplest book.
struct Exchange {
    random: Random,
    bids: Levels,
    asks: Levels,
    orders: u64,
}

impl Exchange {
    fn new(seed: u64) -> Self {
        let (bids, asks) = (Levels::new(), Levels::new());
        Self { random: Random::new(seed), bids, asks, orders: 0 }
    }

    fn side(&mut self, side: Side) -> &mut Levels {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Calls `report` with each message of a step, after the book has changed.
    fn step(&mut self, report: &mut dyn FnMut(VenueEvent, &BookRow)) {
        let side = if self.random.chance(50) { Side::Buy } else { Side::Sell };
        let order = self.some_order(side).filter(|_| self.random.chance(50));
        match order {
            None => self.enter(side, report),
            Some((at, place, order, open)) => {
                let price = Price(at);
                let part = self.random.within(1, open);
                let quantity = Quantity(part);
                let level = self.side(side).get_mut(&at).expect("the level of an order");
                let (side, price) = (Some(side), Some(price));
                if part < open {
                    level[place].1 -= part;
                    report(VenueEvent::Reduced { order, quantity, side, price }, &self.row());
                } else {
                    level.remove(place);
                    self.bids.retain(|_, level| !level.is_empty());
                    self.asks.retain(|_, level| !level.is_empty());
                    let quantity = Some(quantity);
                    report(VenueEvent::Deleted { order, quantity, side, price }, &self.row());
                }
            }
        }
    }

    /// The price of an order, its place there, its number and its quantity.
    fn some_order(&mut self, side: Side) -> Option<(i64, usize, u64, u64)> {
        let all: Vec<_> =
            self.side(side).iter().map(|(price, level)| (*price, level.clone())).collect();
        let (price, level) = all.get(self.random.below(all.len() as u64) as usize)?;
        let place = self.random.below(level.len() as u64) as usize;
        let (order, open) = level[place];
        Some((*price, place, order, open))
    }

    /// An order that trades as far as it can, and then rests.
    fn enter(&mut self, side: Side, report: &mut dyn FnMut(VenueEvent, &BookRow)) {
        let limit = 1_000 + self.random.around(if side == Side::Buy { -6 } else { 6 }, 10);
        let mut open = self.random.within(1, 300);
        self.orders += 1;
        let order = self.orders;
        while open > 0 {
            let opposite = self.side(side.opposite());
            let best = match side {
                Side::Buy => opposite.first_entry().filter(|it| *it.key() <= limit),
                Side::Sell => opposite.last_entry().filter(|it| *it.key() >= limit),
            };
            let Some(mut best) = best else { break };
            let price = Some(Price(*best.key()));
            let (maker, maker_open) = best.get_mut().front_mut().expect("no level is empty");
            let (order, traded) = (*maker, open.min(*maker_open));
            (open, *maker_open) = (open - traded, *maker_open - traded);
            if *maker_open == 0 {
                best.get_mut().pop_front();
            }
            if best.get().is_empty() {
                best.remove();
            }
            let (quantity, side) = (Quantity(traded), Some(side.opposite()));
            let (trade, aggressor, cross) = (None, None, false);
            let executed =
                VenueEvent::Executed { order, quantity, side, price, trade, aggressor, cross };
            report(executed, &self.row());
        }
        if open > 0 {
            self.side(side).entry(limit).or_default().push_back((order, open));
            let (price, quantity) = (Price(limit), Quantity(open));
            let added = VenueEvent::Added { order, side, price, quantity, account: None };
            report(added, &self.row());
        }
    }

    /// The whole book.
    fn row(&self) -> BookRow {
        let level = |(price, level): (&i64, &VecDeque<(u64, u64)>)| BookLevel {
            price: Price(*price),
            quantity: Quantity(level.iter().map(|(_, open)| open).sum()),
        };
        let (asks, bids) = (self.asks.iter().map(level), self.bids.iter().rev().map(level));
        BookRow { levels: 1_000, asks: asks.collect(), bids: bids.collect() }
    }
}

/// The files of a market that show this many levels: the messages and the rows.
fn files(seed: u64, levels: usize) -> (Vec<u8>, Vec<u8>) {
    let mut exchange = Exchange::new(seed);
    let instrument = InstrumentId(1);
    let (mut messages, mut rows) =
        (Writer::new(Vec::new(), "m.csv", instrument, Timestamp(0)), Vec::new());
    let mut before = exchange.row();
    for step in 0..STEPS {
        let time = Timestamp(34_200_000_000_000 + step * 1_234_567);
        exchange.step(&mut |event, whole| {
            let [shown, mut row] = [&before, whole].map(|it| {
                let cut = |levels: &[BookLevel], most: usize| {
                    levels.iter().take(most).copied().collect::<Vec<_>>()
                };
                BookRow { levels, asks: cut(&it.asks, levels), bids: cut(&it.bids, levels) }
            });
            before = whole.clone();
            // A message whose effect no row shows is not in the file.
            if shown != row {
                row.levels = levels;
                let message = VenueMessage { time, number: step, instrument, event };
                messages.write(&message).expect("memory");
                row.write(&mut rows).expect("memory");
            }
        });
    }
    (messages.finish().expect("memory"), rows)
}

fn source(name: &str, bytes: &[u8]) -> Source {
    Source::of(name, Cursor::new(bytes.to_vec())).expect("it is not empty")
}

fn reconstructed(messages: &[u8], rows: &[u8]) -> Result<BookAgreement, RecordingError> {
    let (messages, rows) = (source("m.csv", messages), source("b.csv", rows));
    let how = (Options::default(), Learn::EveryRow);
    check_book(messages, rows, how, 1, &mut Engine::new(1))
}

fn rematched(messages: &[u8], rows: &[u8]) -> Agreement {
    let rows = BookReader::new(source("b.csv", rows));
    let mut reader = Reader::new(source("m.csv", messages), Options::default());
    reader = reader.with_book(rows, Learn::EveryRow);
    let mut commands = Commands::new(Mode::Rematch);
    let mut compared = ComparedEngine::new(Engine::new(1), Agreement::new(1));
    while let Some(message) = reader.next().expect("it was written") {
        commands.apply(&message, &mut compared);
    }
    commands.finish(&mut compared);
    compared.agreement
}

fn seeds() -> impl Iterator<Item = u64> {
    let seed = number("PRICETIME_SEED", SEED);
    seed..seed + number("PRICETIME_TRIALS", TRIALS).min(25)
}

#[test]
fn every_row_agrees_however_many_levels_the_files_show() {
    for seed in seeds() {
        for levels in [1, 2, 3, 5, 1_000] {
            let (messages, rows) = files(seed, levels);
            let agreement = reconstructed(&messages, &rows).expect("it was written");
            assert!(agreement.rows > 50, "PRICETIME_SEED={seed}, {levels} levels");
            let first = agreement.differences().first();
            assert_eq!(first, None, "PRICETIME_SEED={seed}, {levels} levels");
            assert_eq!(agreement.agreed, agreement.rows);
        }
    }
}

/// Files with few levels hide which orders come and go behind them. Each execution tells enough about them.
#[test]
fn every_execution_agrees_however_many_levels_the_files_show() {
    for seed in seeds() {
        for levels in [1, 2, 3, 5, 1_000] {
            let (messages, rows) = files(seed, levels);
            let found = rematched(&messages, &rows);
            assert!(found.executions > 10, "PRICETIME_SEED={seed}, {levels} levels");
            let first = found.differences().first();
            assert_eq!(first, None, "PRICETIME_SEED={seed}, {levels} levels");
            assert_eq!((found.agreed, found.unexpected), (found.executions, 0));
        }
    }
}

#[test]
fn damaged_field_is_refused_with_its_file_line_and_name() {
    let (messages, rows) = files(SEED, 2);
    let (messages, rows) = (String::from_utf8(messages), String::from_utf8(rows));
    let (messages, rows) = (messages.expect("text"), rows.expect("text"));
    let fields = ["time", "type", "order id", "size", "price", "direction"];
    let book_fields = ["ask price", "ask size", "bid price", "bid size"];
    let book_fields: Vec<_> = book_fields.iter().cycle().take(8).copied().collect();
    for (file, text, fields) in
        [("m.csv", &messages, fields.as_slice()), ("b.csv", &rows, &book_fields)]
    {
        for (column, field) in fields.iter().enumerate() {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            // A line whose sides have two levels.
            let number = lines.iter().rposition(|line| !line.contains("9999999999")).expect("one");
            let mut columns: Vec<_> = lines[number].split(',').collect();
            columns[column] = "?";
            lines[number] = columns.join(",");
            let damaged = format!("{}\n", lines.join("\n"));
            let (messages, rows) =
                if file == "m.csv" { (&damaged, &rows) } else { (&messages, &damaged) };
            let error = reconstructed(messages.as_bytes(), rows.as_bytes()).expect_err("damaged");
            let text = error.to_string();
            let start = format!("{file}: line {}, byte ", number + 1);
            assert!(
                text.starts_with(&start) && text.contains(&format!(": {field} \"?\" is ")),
                "{text}"
            );
            assert!(error.is_in_one_message());
        }
    }
}

#[test]
fn no_damage_makes_a_reader_panic() {
    for seed in seeds() {
        let mut random = Random::new(seed);
        let (mut messages, mut rows) = files(seed, 2);
        for _ in 0..20 {
            let file = if random.chance(50) { &mut messages } else { &mut rows };
            let at = random.below(file.len() as u64) as usize;
            match random.below(4) {
                0 => file.truncate(at.max(1)),
                1 => file.insert(at, b"\n,-.0"[random.below(5) as usize]),
                _ => file[at] = random.bits() as u8,
            }
            if let Err(error) = reconstructed(&messages, &rows) {
                let text = error.to_string();
                assert!(text.starts_with("m.csv: ") || text.starts_with("b.csv: "), "{text}");
            }
        }
    }
}
