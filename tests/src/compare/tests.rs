//! Tests that differences are found and shrunk. The subject is the model with one fault.

use pricetime_engine::{
    Action, Clearing, Command, EngineSnapshot, Event, Group, MarketId, Price, Quantity, Side,
};

use super::{Subject, run};
use crate::Core;
use crate::generate::Step;
use crate::generate::tally::Tally;
use crate::model::Model;

/// No fault.
const NO_FAULT: u8 = 0;
/// The event for an iceberg's next part has a wrong priority.
const EVENT: u8 = 1;
/// The last of three waiting stops is missing from the state.
const STATE: u8 = 2;
/// Amends that ask for a requeue panic.
const PANIC: u8 = 3;
/// Trades have a wrong price after a restore.
const RESTORE: u8 = 4;
/// The best level is missing from the bids.
const LEVELS: u8 = 5;

/// The model with a fault.
struct Faulty<const FAULT: u8> {
    model: Model,
    restored: bool,
}

impl<const FAULT: u8> Core for Faulty<FAULT> {
    fn apply(&mut self, command: &Command) -> Group {
        if let Action::Amend(amend) = command.action {
            assert!(FAULT != PANIC || !amend.requeue, "a panic on purpose");
        }
        let mut group = self.model.apply(command);
        for event in &mut group.events {
            if let Event::Replenished { priority, .. } = event
                && FAULT == EVENT
            {
                priority.0 += 1;
            }
            if let Event::Traded { price, .. } = event
                && FAULT == RESTORE
                && self.restored
            {
                price.0 += 1;
            }
        }
        group
    }

    fn snapshot(&self) -> EngineSnapshot {
        let mut state = self.model.snapshot();
        for market in &mut state.markets {
            if FAULT == STATE && market.waiting.len() >= 3 {
                market.waiting.pop();
            }
        }
        state
    }
}

impl<const FAULT: u8> Subject for Faulty<FAULT> {
    fn new(markets_max: u32) -> Self {
        Self { model: Model::new(markets_max), restored: false }
    }

    fn restored(&self, _: u32, _: &EngineSnapshot) -> Result<Self, String> {
        Ok(Self { model: self.model.clone(), restored: true })
    }

    fn levels(&self, market: MarketId, side: Side) -> Vec<(Price, Quantity, u32)> {
        let mut levels = self.model.levels(market, side);
        if FAULT == LEVELS && side == Side::Buy && !levels.is_empty() {
            levels.remove(0);
        }
        levels
    }

    fn indicative(&self, market: MarketId) -> Option<Clearing> {
        self.model.indicative(market)
    }
}

/// The shrunk steps of the first run that shows the fault, and the difference.
fn find_fault<const FAULT: u8>() -> (Vec<Step>, String) {
    let mut tally = Tally::default();
    let failure = (1..60).find_map(|seed| run::<Faulty<FAULT>>(seed, 2_000, &mut tally).err());
    let failure = failure.expect("a fault is found");
    let text = failure.to_string();
    assert!(text.starts_with("cargo run --profile ci -p pricetime-tests --bin walk -- --seed "));
    assert!(failure.steps.len() <= 12, "{text}");
    (failure.steps, failure.shrunk)
}

#[test]
fn the_model_agrees_with_itself() {
    let mut tally = Tally::default();
    for seed in 1..6 {
        let outcome = run::<Faulty<NO_FAULT>>(seed, 1_000, &mut tally);
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

#[test]
fn wrong_event_is_found() {
    let (_, shrunk) = find_fault::<EVENT>();
    assert!(shrunk.contains("Replenished"), "{shrunk}");
}

#[test]
fn wrong_state_is_found() {
    let (steps, shrunk) = find_fault::<STATE>();
    assert!(shrunk.contains("waiting stop"), "{shrunk}");
    // The market, its phase, three stops and a comparison.
    assert!(steps.len() <= 6, "{steps:?}");
}

#[test]
fn panic_counts_as_a_difference() {
    let (steps, shrunk) = find_fault::<PANIC>();
    assert!(shrunk.contains("a panic on purpose"), "{shrunk}");
    assert_eq!(steps.len(), 1, "{steps:?}");
}

#[test]
fn incomplete_restore_is_found() {
    let (steps, _) = find_fault::<RESTORE>();
    assert!(steps.contains(&Step::Restore), "{steps:?}");
}

#[test]
fn wrong_levels_are_found() {
    let (_, shrunk) = find_fault::<LEVELS>();
    assert!(shrunk.contains("levels of Buy"), "{shrunk}");
}
