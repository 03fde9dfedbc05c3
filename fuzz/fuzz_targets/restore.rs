//! Restores arbitrary bytes as a snapshot. It is refused with the name of an invariant. Or it
//! restores to a sound engine that returns the same snapshot and continues like any other copy of
//! it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_engine::{Engine, Group};
use pricetime_fuzz::{Bytes, MARKETS_MAX};

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let snapshot = bytes.snapshot();
    let mut engine = Engine::new(MARKETS_MAX);
    if let Err(broken) = engine.restore(&snapshot) {
        assert!(!broken.invariant.is_empty());
        assert_eq!(engine.snapshot(), Engine::new(MARKETS_MAX).snapshot(), "{broken}");
        return;
    }
    assert_eq!(engine.audit(), Ok(()));
    assert_eq!(engine.snapshot(), snapshot);
    assert_eq!(engine.digest(), snapshot.digest());
    let mut copy = Engine::new(MARKETS_MAX);
    copy.restore(&snapshot).expect("it restored before");
    let (mut groups, mut copy_groups): (Vec<Group>, Vec<Group>) = (Vec::new(), Vec::new());
    for command in bytes.commands_after(&snapshot) {
        engine.apply(&command, &mut groups);
        copy.apply(&command, &mut copy_groups);
        assert_eq!(engine.audit(), Ok(()));
    }
    assert_eq!(groups, copy_groups);
    assert_eq!(engine.digest(), copy.digest());
});
