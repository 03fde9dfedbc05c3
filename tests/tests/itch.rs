//! A day of an exchange, written as ITCH and read again, has the same messages and the same book.
//!
//! `PRICETIME_SEED` is the first seed, and `PRICETIME_TRIALS` how many there are.

use std::io::Cursor;

use pricetime_engine::Engine;
use pricetime_recordings::itch::{Options, Reader};
use pricetime_recordings::{
    Agreement, Commands, ComparedEngine, DayPart, Mode, Source, VenueEvent, VenueMessage,
    VenueReader as _,
};
use pricetime_tests::environment::number;
use pricetime_tests::itch::{NaiveBook, file};

const SEED: u64 = 1;
const TRIALS: u64 = 4;
const MESSAGES: usize = 5_000;

/// The days, with their seeds: as they were, and as they are read again.
fn days() -> impl Iterator<Item = (u64, Vec<VenueMessage>, Vec<VenueMessage>)> {
    let seed = number("PRICETIME_SEED", SEED);
    let seeds = seed..seed + number("PRICETIME_TRIALS", TRIALS).min(25);
    seeds.map(|seed| {
        let (bytes, expected) = file(seed, MESSAGES);
        let source = Source::of("day.itch", Cursor::new(bytes)).expect("it is not empty");
        let mut reader = Reader::new(source, Options::default());
        let read = std::iter::from_fn(|| reader.next().expect("it was written"));
        (seed, expected, read.collect())
    })
}

#[test]
fn written_messages_are_read_again() {
    for (seed, expected, read) in days() {
        let (last, read) = read.split_last().expect("the end of messages");
        assert_eq!(last.event, VenueEvent::DayPart(DayPart::MessagesEnd));
        assert_eq!(read.len(), expected.len());
        for (read, expected) in read.iter().zip(&expected) {
            let [read, expected] = [read, expected].map(|it| (it.time, it.instrument, it.event));
            assert_eq!(read, expected, "PRICETIME_SEED={seed}");
        }
    }
}

#[test]
fn reconstructed_book_equals_a_naive_book() {
    for (seed, expected, read) in days() {
        let mut naive = NaiveBook::default();
        expected.iter().for_each(|message| naive.apply(message));
        let mut commands = Commands::new(Mode::Reconstruct);
        let mut compared = ComparedEngine::new(Engine::new(9), Agreement::default());
        read.iter().for_each(|message| commands.apply(message, &mut compared));
        assert_eq!((compared.refused, commands.counts().unlisted), (0, 0), "PRICETIME_SEED={seed}");
        let mut live = Vec::new();
        for book in compared.engine.markets() {
            live.extend(book.snapshot().resting.iter().map(|it| {
                let number = u64::try_from(it.party.order.0).expect("a number of the exchange");
                (number, it.side, it.kind.price().unwrap_or_default(), it.open)
            }));
        }
        live.sort_unstable();
        assert!(live.len() > 20, "{} orders, PRICETIME_SEED={seed}", live.len());
        assert_eq!(live, naive.orders(), "PRICETIME_SEED={seed}");
    }
}
