//! Once it is warm, the core allocates nothing, whatever it executes.

use std::hint::black_box;

use allocation_counter::measure;
use pricetime_engine::{Action, Command, Engine, Sequence, Timestamp};
use pricetime_tests::record::day;

/// Commands stamped at or above this are left out: they leave no numbers to repeat the day with.
const NUMBER_MAX: u64 = 1 << 62;

/// The repeatable commands of a day, stamped to follow the engine's last command. Markets are neither
/// removed nor added a second time, because only that may allocate.
fn repeatable_commands(commands: &[Command], engine: &Engine) -> Vec<Command> {
    let (first, time) = (engine.last_sequence().0 == 0, engine.last_timestamp().0);
    let repeatable = commands.iter().filter(|command| {
        let adds = matches!(command.action, Action::AddMarket(_));
        let removes = matches!(command.action, Action::RemoveMarket);
        let near = command.sequence.0 < NUMBER_MAX && command.timestamp.0 < NUMBER_MAX;
        near && !removes && (first || !adds)
    });
    let stamped = repeatable.zip(engine.last_sequence().0 + 1..).map(|(command, sequence)| {
        let timestamp = if first { command.timestamp } else { Timestamp(time + sequence) };
        Command { sequence: Sequence(sequence), timestamp, ..*command }
    });
    stamped.collect()
}

#[test]
fn warm_core_allocates_nothing() {
    let mut done = 0;
    for seed in 300..340 {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        for _ in 0..10 {
            for command in repeatable_commands(&day.commands, &engine) {
                engine.apply(&command, &mut ());
            }
        }
        let commands = repeatable_commands(&day.commands, &engine);
        let counted = measure(|| {
            for command in &commands {
                engine.apply(command, &mut ());
            }
        });
        assert_eq!(counted.count_total, 0, "seed {seed}: {counted:?}");
        done += commands.len();
    }
    assert!(done > 10_000, "only {done} commands");
}

#[test]
fn reserved_capacity_avoids_allocation_and_changes_no_result() {
    let day = day(301);
    let mut plain = Engine::new(day.markets_max);
    let mut roomy = Engine::new(day.markets_max);
    for command in &day.commands {
        plain.apply(command, &mut ());
        roomy.apply(command, &mut ());
        roomy.reserve(command.market, 500);
    }
    assert_eq!(roomy.audit(), Ok(()));
    assert_eq!(roomy.digest(), plain.digest());
    assert_eq!(roomy.snapshot(), plain.snapshot());
    let markets: Vec<_> = roomy.markets().map(pricetime_engine::Book::market).collect();
    assert!(!markets.is_empty());
    let counted = measure(|| markets.iter().for_each(|market| roomy.reserve(*market, 500)));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn allocation_counter_counts_an_allocation() {
    assert_eq!(measure(|| drop(black_box(Box::new(7_u64)))).count_total, 1);
}
