//! Executes arbitrary bytes as commands. The engine, the model and the image of the events must
//! agree after each command.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_engine::Engine;
use pricetime_fuzz::{Bytes, MARKETS_MAX};
use pricetime_tests::compare::Trial;
use pricetime_tests::generate::Step;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let restores = bytes.word();
    let mut trial = Trial::<Engine>::new(MARKETS_MAX);
    for (at, command) in bytes.commands().into_iter().enumerate() {
        // Each bit of the word decides about every 64th command.
        let restore = (restores >> (at % 64) & 1 == 1).then_some(Step::Restore);
        for step in restore.into_iter().chain([Step::Apply(command)]) {
            if let Err(difference) = trial.step(&step, &mut |_, _, _| {}) {
                panic!("{difference}");
            }
        }
    }
});
