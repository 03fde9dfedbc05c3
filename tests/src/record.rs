//! Recorded days: the commands of a seed as one list, for tests that replay it.

use pricetime_engine::{Command, Engine};

use crate::generate::{Generator, Step};

/// A day's commands, and how many markets its engine holds.
#[derive(Clone, Debug)]
pub struct Day {
    /// How many markets the engine needs to hold.
    pub markets_max: u32,
    /// The commands, in order.
    pub commands: Vec<Command>,
}

/// The day of a seed. The engine only shows the generator what there is to aim at.
#[must_use]
pub fn day(seed: u64) -> Day {
    let mut generator = Generator::new(seed);
    let markets_max = generator.profile().markets_max;
    let mut engine = Engine::new(markets_max);
    let mut commands = Vec::new();
    while let Some(step) = generator.step(&engine.snapshot()) {
        let fresh = match step {
            Step::Apply(command) => vec![command],
            Step::Batch(batch) => batch,
            Step::Restore => Vec::new(),
        };
        for command in &fresh {
            engine.apply(command, &mut ());
        }
        commands.extend(fresh);
    }
    Day { markets_max, commands }
}
