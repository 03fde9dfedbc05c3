//! A new data folder that holds the commands as its journal.

use std::path::Path;

use pricetime_engine::Command;
use pricetime_journal::{Folder, Journal, Recovery, RecoveryError, RecoveryOptions};

use super::super::failure::Failure;
use super::super::reader::Stop;
use super::file::Names;

/// The bytes after which the journal is written.
const BATCH: usize = 1 << 20;

/// A data folder that is being written.
#[derive(Debug)]
pub(super) struct NewFolder {
    journal: Journal,
    /// Locked until the journal is complete.
    folder: Folder,
}

impl NewFolder {
    /// Creates the folder and adds its names.
    pub(super) fn create(
        to: &Path,
        markets_max: u32,
        names: &mut Vec<Names>,
    ) -> Result<Self, Stop> {
        let new = Names::of(to, false)?;
        let mut folder = Folder::open(new.partial())?;
        names.push(new);
        let options = RecoveryOptions::default();
        let recovered = Recovery::open(&mut folder, markets_max, &options)
            .and_then(|recovery| recovery.replay(&mut (), |_| ()))
            .map_err(failed)?;
        Ok(Self { journal: recovered.journal, folder })
    }

    /// Appends the next command.
    pub(super) fn append(&mut self, command: &Command) -> Result<(), Stop> {
        self.journal.append(command)?;
        if self.journal.pending_bytes() >= BATCH {
            self.journal.write()?;
        }
        Ok(())
    }

    /// Writes and syncs what is left.
    pub(super) fn end(self) -> Result<(), Stop> {
        let Self { journal, folder } = self;
        journal.seal()?;
        drop(folder);
        Ok(())
    }
}

fn failed(error: RecoveryError) -> Stop {
    match error {
        RecoveryError::Folder(error) => error.into(),
        RecoveryError::Journal(error) => error.into(),
        RecoveryError::Snapshot(error) => error.into(),
        error @ (RecoveryError::Lost { .. }
        | RecoveryError::Gap { .. }
        | RecoveryError::Broken { .. }
        | RecoveryError::Digest { .. }
        | RecoveryError::NotNew(_)) => Failure::failed(error).into(),
    }
}
