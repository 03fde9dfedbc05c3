//! Recorded days: the commands of a seed or of a data folder as one list, for tests that replay it.

use std::path::Path;
use std::sync::Arc;

use pricetime_engine::{Command, Engine, Sequence};
use pricetime_journal::{FolderReader, RealDisk};

use crate::generate::{Generator, Step};

/// The commands of a day, and the number of markets of its engine.
#[derive(Clone, Debug)]
pub struct Day {
    /// The number of markets that the engine has to hold.
    pub markets_max: u32,
    /// The commands, in order.
    pub commands: Vec<Command>,
}

/// The day of a seed. The engine only provides the state on which the generator bases its commands.
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

/// The commands of a data folder whose journal still has the first one.
///
/// # Panics
/// Panics if the journal cannot be read.
#[must_use]
pub fn commands(folder: &Path) -> Vec<Command> {
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder).expect("a data folder");
    let last = folder_reader.journal().expect("a journal").last;
    let commands = folder_reader.reader().read(Sequence(1), last).expect("a whole journal");
    commands.map(|command| command.expect("a command")).collect()
}
