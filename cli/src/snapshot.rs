//! `pricetime snapshot`: writes a snapshot, so that the next start replays nothing.

use std::io::{self, Write as _};
use std::sync::Arc;

use clap::Args;
use pricetime_journal::{Folder, FolderReader, RealDisk, RecoveryError, RecoveryOptions, recover};
use pricetime_terminal::Progress;
use serde::Serialize;

use super::failure::{Code, Failure};
use super::reader::{self, FolderArgument, MarketLimit, Stop};

/// Writes a snapshot of the end of the journal.
///
/// The next start loads it instead of replaying. A process that shuts down in order writes a snapshot
/// itself; use this command after one was killed, or before you copy a folder. The folder must not be in
/// use. No earlier snapshot is deleted, and the journal stays whole.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime snapshot                   of the folder ./data, or $PRICETIME_FOLDER
  pricetime snapshot /srv/market/data  of another folder")]
pub(super) struct Snapshot {
    #[command(flatten)]
    folder_argument: FolderArgument,
    /// Print the result as one JSON line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    markets: MarketLimit,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Saved { file: String, sequence: u64, digest: String, replayed: u64 },
}

impl Snapshot {
    /// Writes the snapshot and prints its path.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(self.save())
    }

    fn save(&self) -> Result<(), Stop> {
        // Opening an empty folder turns it into a data folder. A mistyped path must not create one.
        let reader = FolderReader::open(Arc::new(RealDisk), self.folder_argument.folder())?;
        if reader.is_new() {
            let text = format!(
                "{} is new: there is nothing to save",
                self.folder_argument.folder().display()
            );
            return Err(Failure::new(Code::Failed, text).into());
        }
        let mut folder = Folder::open(self.folder_argument.folder())?;
        // The process that runs here decides which snapshots to keep.
        let options = RecoveryOptions { snapshots_keep: usize::MAX, ..RecoveryOptions::default() };
        let progress = Progress::count("replaying", "commands", Some(0));
        let recovered = recover(&mut folder, self.markets.markets_max, &options, &mut (), |at| {
            progress.set(at.replayed, at.of);
        });
        drop(progress);
        let mut recovered = recovered.map_err(failure)?;
        for damaged in &recovered.damaged {
            reader::note(format_args!("skipped: {damaged}"));
        }
        let state = recovered.engine.snapshot();
        let sequence = recovered.snapshots.save(&state)?;
        recovered.journal.seal()?;
        let file = recovered.snapshots.path(sequence).display().to_string();
        let digest = format!("{:032x}", recovered.engine.digest());
        let mut out = io::stdout().lock();
        if self.json {
            let (sequence, replayed) = (sequence.0, recovered.replayed);
            reader::json_line(&mut out, &Output::Saved { file, sequence, digest, replayed })?;
        } else {
            writeln!(out, "file       {file}")?;
            writeln!(out, "digest     {digest} at command {sequence}")?;
        }
        Ok(())
    }
}

/// The error for a failed recovery.
fn failure(error: RecoveryError) -> Stop {
    match error {
        RecoveryError::Folder(error) => error.into(),
        RecoveryError::Journal(error) => error.into(),
        RecoveryError::Snapshot(error) => error.into(),
        RecoveryError::NotNew(_) => Failure::failed(error).into(),
        RecoveryError::Lost { .. }
        | RecoveryError::Gap { .. }
        | RecoveryError::Broken { .. }
        | RecoveryError::Digest { .. } => Failure::new(Code::Unsound, error.to_string()).into(),
    }
}
