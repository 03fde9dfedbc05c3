//! A folder created from an external state holds that state or is still new, whatever fails on the
//! disk. Sequence numbers continue above those of the state. An existing folder is never replaced.

use std::path::Path;
use std::sync::Arc;

use pricetime_engine::{Engine, EngineSnapshot, Sequence};
use pricetime_journal::{
    Folder, History, JournalOptions, Recovered, Recovery, RecoveryError, RecoveryOptions,
};
use pricetime_tests::disk::{Fault, FaultyDisk};
use pricetime_tests::record::day;

const OPTIONS: RecoveryOptions = RecoveryOptions {
    journal: JournalOptions { segment_bytes: 1 << 16 },
    snapshots_keep: 2,
    accept_loss: false,
};

fn state(seed: u64) -> (u32, EngineSnapshot, u128) {
    let day = day(seed);
    let mut engine = Engine::new(day.markets_max);
    for command in day.commands.iter().take(500) {
        engine.apply(command, &mut ());
    }
    (day.markets_max, engine.snapshot(), engine.digest())
}

/// Creates the folder from the state if it is new, and opens it otherwise. Also returns whether it was new.
fn open(
    disk: &FaultyDisk,
    markets_max: u32,
    state: &EngineSnapshot,
) -> Result<(bool, Recovered), RecoveryError> {
    let mut folder = Folder::open_on(Arc::new(disk.clone()), Path::new("/srv"), History::fresh())?;
    let new = folder.is_new();
    let begun = if new {
        Recovery::begin_from(&mut folder, markets_max, state.clone(), &OPTIONS)?
    } else {
        Recovery::open(&mut folder, markets_max, &OPTIONS)?
    };
    Ok((new, begun.replay(&mut (), |_| ())?))
}

#[test]
fn crash_leaves_the_given_state_or_a_new_folder() {
    let (markets_max, state, digest) = state(7);
    let (mut made, mut left_new) = (0, 0);
    for calls in 0..60 {
        for (at, fault) in (0..).zip(Fault::ALL) {
            let disk = FaultyDisk::new(calls * 4 + at);
            disk.fail_after(calls, fault);
            let first = open(&disk, markets_max, &state).is_ok();
            disk.power_cycle();
            let (new, recovered) = open(&disk, markets_max, &state).expect("the disk works");
            assert!(!(first && new), "{calls} {fault:?}: the created folder is gone");
            assert_eq!(recovered.engine.digest(), digest, "{calls} {fault:?}");
            let last = state.last_sequence;
            assert_eq!((recovered.base, recovered.lost), (last, None));
            assert_eq!(recovered.journal.oldest(), Sequence(last.0 + 1));
            (made, left_new) = (made + u32::from(!new), left_new + u32::from(new));
        }
    }
    assert!(made > 0 && left_new > 0, "{made} {left_new}");
}

#[test]
fn existing_state_is_kept_and_an_invalid_state_is_refused() {
    let (markets_max, state, digest) = state(8);
    let disk = FaultyDisk::new(1);
    let shared_disk = Arc::new(disk.clone());
    let mut folder =
        Folder::open_on(shared_disk, Path::new("/srv"), History::fresh()).expect("the disk works");
    let broken = EngineSnapshot { rules_version: 0, ..state.clone() };
    let refused = Recovery::begin_from(&mut folder, markets_max, broken, &OPTIONS);
    assert!(matches!(refused, Err(RecoveryError::Broken { .. })), "{refused:?}");
    assert!(folder.is_new());
    Recovery::begin_from(&mut folder, markets_max, state.clone(), &OPTIONS).expect("a sound state");
    let refused = Recovery::begin_from(&mut folder, markets_max, state.clone(), &OPTIONS);
    assert!(matches!(refused, Err(RecoveryError::NotNew(_))), "{refused:?}");
    drop(folder);
    let (new, recovered) = open(&disk, markets_max, &state).expect("the disk works");
    assert_eq!((new, recovered.engine.digest()), (false, digest));
}
