//! The journal of a data folder, read on while its owner writes it.

use std::time::{Duration, Instant};

use pricetime_engine::{Command, Sequence};
use pricetime_journal::{Commands, FolderReader, JournalError, JournalState};

/// The time between two looks at the folder.
const PAUSE: Duration = Duration::from_secs(1);
/// A look reads the journal's last file. If it takes long, the pause is this many times as long.
const PAUSE_FACTOR: u32 = 20;

/// A journal that is followed.
#[derive(Debug)]
pub(in super::super) struct Followed {
    pub(in super::super) reader: FolderReader,
    /// The journal as it was found at the last look.
    pub(in super::super) journal: JournalState,
    /// The last command that was read, and the last one that can be read before the next look.
    last: Sequence,
    through: Sequence,
    /// The place in the journal, unless an error lost it.
    commands: Option<Commands>,
    /// The time of the next look.
    pub(in super::super) due: Instant,
}

impl Followed {
    /// Follows a journal from the command after this one.
    pub(in super::super) fn after(
        last: Sequence,
        reader: FolderReader,
        journal: JournalState,
    ) -> Self {
        let through = journal.through();
        Self { reader, journal, last, through, commands: None, due: Instant::now() + PAUSE }
    }

    /// Looks how far the journal extends now.
    pub(in super::super) fn look(&mut self) -> Result<(), JournalError> {
        let started = Instant::now();
        let journal = self.reader.journal();
        self.due = Instant::now() + PAUSE.max(started.elapsed() * PAUSE_FACTOR);
        self.journal = journal?;
        self.through = self.journal.through();
        if let Some(commands) = &mut self.commands {
            commands.extend(self.through);
        }
        Ok(())
    }

    /// The next command that was there at the last look. After an error there is none until the next look.
    pub(in super::super) fn next(&mut self) -> Result<Option<Command>, JournalError> {
        if self.last >= self.through {
            return Ok(None);
        }
        let read = self.read();
        match &read {
            Ok(command) => self.last = command.as_ref().map_or(self.through, |it| it.sequence),
            Err(_) => (self.commands, self.through) = (None, self.last),
        }
        read
    }

    fn read(&mut self) -> Result<Option<Command>, JournalError> {
        if self.commands.is_none() {
            let from = Sequence(self.last.0.saturating_add(1));
            self.commands = Some(self.reader.reader().read(from, self.through)?);
        }
        self.commands.as_mut().and_then(Commands::next).transpose()
    }
}
