//! The engine does what the model does, event for event and state for state. Folding the events gives
//! the same state.
//!
//! `PRICETIME_COMMANDS` sets the number of commands, `PRICETIME_SEED` the seed. A failure prints the
//! command that reproduces it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pricetime_engine::{ActionKind, CancelReason, Engine, Reason};
use pricetime_tests::compare;
use pricetime_tests::environment::number;
use pricetime_tests::generate::tally::{EVENTS, Situation, Tally};

/// Defaults for a plain `cargo test`: the number of commands and the seed.
const COMMANDS: u64 = 100_000;
const SEED: u64 = 1;

/// The run in which coverage is measured. Seed and length are fixed, so the result is always the same.
const COVERAGE_SEED: u64 = 7_000;
const COVERAGE_COMMANDS: u64 = 150_000;
const AT_LEAST: u64 = 3;

/// Runs seeds until this many commands are done.
fn walk(seeds: &AtomicU64, commands: &AtomicU64, commands_max: u64) -> Tally {
    let mut tally = Tally::default();
    while commands.load(Ordering::Relaxed) < commands_max {
        let before = tally.commands;
        let seed = seeds.fetch_add(1, Ordering::Relaxed);
        if let Err(failure) = compare::run::<Engine>(seed, usize::MAX, &mut tally) {
            panic!("{failure}");
        }
        commands.fetch_add(tally.commands - before, Ordering::Relaxed);
    }
    tally
}

#[test]
fn engine_matches_the_model_on_random_commands() {
    let commands_max = number("PRICETIME_COMMANDS", COMMANDS);
    let base = number("PRICETIME_SEED", SEED);
    eprintln!("PRICETIME_SEED={base} PRICETIME_COMMANDS={commands_max}");
    // The seeds of neighbouring bases do not overlap.
    let seeds = AtomicU64::new(base.wrapping_shl(20));
    let commands = AtomicU64::new(0);
    thread::scope(|scope| {
        let walkers = [(); 2].map(|()| scope.spawn(|| walk(&seeds, &commands, commands_max)));
        for walker in walkers {
            if let Err(panic) = walker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn random_commands_cover_every_event_and_reason() {
    let seeds = AtomicU64::new(COVERAGE_SEED);
    let tally = walk(&seeds, &AtomicU64::new(0), COVERAGE_COMMANDS);
    let mut missing = Vec::new();
    let mut require = |name: String, count: Option<&u64>| {
        if count.is_none_or(|count| *count < AT_LEAST) {
            missing.push(name);
        }
    };
    for event in EVENTS {
        require(event.to_owned(), tally.events.get(event));
    }
    for reason in CANCEL_REASONS {
        require(format!("{reason:?}"), tally.cancels.get(&reason));
    }
    for (kind, reasons) in REFUSALS {
        require(format!("{kind:?}"), tally.accepted.get(kind));
        for reason in *reasons {
            let count = tally.refusals.get(&(*kind, *reason));
            require(format!("{kind:?} {reason:?}"), count);
        }
    }
    for situation in Situation::ALL {
        require(format!("{situation:?}"), tally.situations.get(situation));
    }
    let late = tally.refused(Reason::OutOfSequence);
    require("OutOfSequence".to_owned(), Some(&late));
    assert!(missing.is_empty(), "never or hardly seen: {missing:?}\n{tally}");
    assert!(tally.live_max >= 300, "no large book: {}", tally.live_max);
}

const CANCEL_REASONS: [CancelReason; 10] = [
    CancelReason::Requested,
    CancelReason::ImmediateOrCancel,
    CancelReason::FillOrKill,
    CancelReason::NoLiquidity,
    CancelReason::SelfTrade,
    CancelReason::Expired,
    CancelReason::EpochEnded,
    CancelReason::PriceProtection,
    CancelReason::MarketClosed,
    CancelReason::SessionEnded,
];

/// The reasons for which each command can be rejected, except `OutOfSequence`, which applies to all.
const REFUSALS: &[(ActionKind, &[Reason])] = &[
    (
        ActionKind::AddMarket,
        &[
            Reason::NotOperator,
            Reason::ZeroMarketId,
            Reason::UsedMarketId,
            Reason::MarketExists,
            Reason::BadSpec,
            Reason::MarketsFull,
        ],
    ),
    (
        ActionKind::SetMarket,
        &[Reason::UnknownMarket, Reason::NotOperator, Reason::BadSpec, Reason::NoChange],
    ),
    (
        ActionKind::RemoveMarket,
        &[Reason::UnknownMarket, Reason::NotOperator, Reason::MarketNotEmpty, Reason::WrongPhase],
    ),
    (
        ActionKind::Place,
        &[
            Reason::UnknownMarket,
            Reason::WrongPhase,
            Reason::AccountBlocked,
            Reason::ZeroQuantity,
            Reason::QuantityTooLarge,
            Reason::PriceOutOfBand,
            Reason::DuplicateOrderId,
            Reason::BadDisplayQuantity,
            Reason::BadMinimumQuantity,
            Reason::BadCombination,
            Reason::AlreadyExpired,
            Reason::WouldTake,
            Reason::BookFull,
            Reason::AccountFull,
        ],
    ),
    (
        ActionKind::Amend,
        &[
            Reason::UnknownMarket,
            Reason::UnknownOrder,
            Reason::NotOwner,
            Reason::WrongPhase,
            Reason::Changed,
            Reason::ZeroQuantity,
            Reason::QuantityTooLarge,
            Reason::PriceOutOfBand,
            Reason::BadDisplayQuantity,
            Reason::BadMinimumQuantity,
            Reason::BadCombination,
            Reason::NoChange,
            Reason::WouldTake,
        ],
    ),
    (ActionKind::Cancel, &[Reason::UnknownMarket, Reason::UnknownOrder, Reason::NotOwner]),
    (ActionKind::CancelAll, &[Reason::UnknownMarket, Reason::NotOperator, Reason::UnknownOrder]),
    (
        ActionKind::CancelSession,
        &[Reason::UnknownMarket, Reason::NotOperator, Reason::UnknownOrder],
    ),
    (ActionKind::SetPhase, &[Reason::UnknownMarket, Reason::NotOperator, Reason::NoChange]),
    (ActionKind::CloseEpoch, &[Reason::UnknownMarket, Reason::NotOperator, Reason::WrongEpoch]),
    (ActionKind::AdvanceTime, &[Reason::UnknownMarket, Reason::NotOperator]),
    (
        ActionKind::BlockAccount,
        &[Reason::UnknownMarket, Reason::NotOperator, Reason::NoChange, Reason::BlockedFull],
    ),
    (ActionKind::UnblockAccount, &[Reason::UnknownMarket, Reason::NotOperator, Reason::NoChange]),
];
