//! Replays the commands of a journal.

use std::ops::ControlFlow;

use pricetime_engine::{Command, Engine, Sequence, Sink};

use crate::folder_reader::FolderReader;
use crate::journal::{Commands, JournalError};

/// An engine, and the journal commands that it replays.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use std::path::Path;
/// use std::sync::Arc;
///
/// use pricetime_engine::{Engine, Group};
/// use pricetime_journal::{JournalError, FolderReader, RealDisk, Replay};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder_reader = FolderReader::open(Arc::new(RealDisk), Path::new("./data"))?;
/// let mut replay = Replay::of(&folder_reader, Engine::new(16), folder_reader.journal()?.through())?;
/// let mut trades = 0;
/// replay.run::<_, JournalError>(&mut Group::default(), |_, _, group| {
///     trades += group.trades().count();
///     Ok(ControlFlow::Continue(()))
/// })?;
/// println!("{trades} trades, the state has digest {:032x}", replay.engine.digest());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Replay<C = Commands> {
    /// The engine, in the state after the last replayed command.
    pub engine: Engine,
    /// The commands that are left to replay.
    pub commands: C,
}

impl Replay {
    /// Creates a replay that begins after the last command of this engine and ends with the command
    /// `through`, which must be durable.
    ///
    /// # Errors
    /// Returns an error if the journal no longer has the first command, or if it cannot be read.
    pub fn of(
        folder_reader: &FolderReader,
        engine: Engine,
        through: Sequence,
    ) -> Result<Self, JournalError> {
        let from = Sequence(engine.last_sequence().0.saturating_add(1));
        Ok(Self { commands: folder_reader.reader().read(from, through)?, engine })
    }
}

impl<C: Iterator<Item = Result<Command, JournalError>>> Replay<C> {
    /// Applies one command after another until none is left or `each` breaks. The events go to `sink`.
    /// `each` receives the engine after the command, the command and the sink.
    ///
    /// # Errors
    /// Returns an error if the next command cannot be read or is damaged, or if `each` returns one.
    pub fn run<S: Sink, E: From<JournalError>>(
        &mut self,
        sink: &mut S,
        mut each: impl FnMut(&Engine, &Command, &mut S) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        for command in self.commands.by_ref() {
            let command = command?;
            self.engine.apply(&command, sink);
            if each(&self.engine, &command, sink)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
