//! Any bytes as commands: the engine, the model and the fold of the events agree after each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_engine::Engine;
use pricetime_fuzz::{Bytes, MARKETS_MAX};
use pricetime_tests::compare::Trial;
use pricetime_tests::generate::Step;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let mut trial = Trial::<Engine>::new(MARKETS_MAX);
    for command in bytes.commands() {
        let step = if bytes.once_in(32) { Step::Restore } else { Step::Apply(command) };
        if let Err(difference) = trial.step(&step, &mut |_, _, _| {}) {
            panic!("{difference}");
        }
    }
});
