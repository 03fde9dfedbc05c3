//! `pricetime redis restore`: creates a data folder from the image.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use pricetime::persistence::journal::{Folder, Recovery, RecoveryError, RecoveryOptions};
use pricetime::persistence::redis::stream::published_after;
use pricetime::persistence::redis::{AllImages, Trades, read_all_images_with};
use pricetime_terminal::Progress;
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, note};
use super::{Out, ServerArgs, no_image, read_failure};

/// Creates a new data folder from the image, under a new history. Everything after the image is lost.
#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    args: ServerArgs,
    /// The new folder; it must be missing or empty
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Restored {
        folder: String,
        history: String,
        of: String,
        sequence: u64,
        markets: usize,
        digest: String,
    },
}

impl Restore {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let config = self.args.config()?;
        let (mut link, options) = self.args.link()?;
        let progress = Progress::count("reading the image", "markets", Some(0));
        let whole =
            read_all_images_with(&mut link, &options.names, |done, of| progress.set(done, of));
        drop(progress);
        let whole = whole.map_err(|error| read_failure(&error))?;
        let AllImages { history: of, mut state, unwritten, trades } =
            whole.ok_or_else(|| no_image(&options))?;
        for market in unwritten {
            note(format_args!(
                "market {market}: it was claimed but never written, and is left out"
            ));
        }
        let trades: usize = trades.values().map(Trades::len).sum();
        if trades > 0 {
            note(format_args!("{trades} trades of history {of} stay in Redis"));
        }
        let mut folder = Folder::open(&self.folder)?;
        if folder.is_new() {
            folder.set_origin(&of)?;
        }
        if options.publish.is_some() {
            let published = published_after(&mut link, &options.names, &state);
            let published = published.map_err(|error| read_failure(&error.into()))?;
            for market in published.raise(&mut state) {
                note(format_args!(
                    "market {market}: its numbers in the streams are impossible; it continues with \
                     its own, so trades and epochs may be published under numbers already used"
                ));
            }
        }
        let (markets, sequence) = (state.markets.len(), state.last_sequence.0);
        let recovery_options = RecoveryOptions::default();
        let recovery =
            Recovery::begin_from(&mut folder, config.markets_max, state, &recovery_options);
        let recovered = recovery.and_then(|it| it.replay(&mut (), |_| ())).map_err(failure)?;
        let sealed = recovered.journal.seal();
        sealed.map_err(|error| failure(error.into()))?;
        let output = Output::Restored {
            folder: self.folder.display().to_string(),
            history: recovered.history.to_string(),
            of,
            sequence,
            markets,
            digest: format!("{:032x}", recovered.engine.digest()),
        };
        if self.args.json {
            return Ok(json_line(out, &output)?);
        }
        let Output::Restored { folder, history, of, digest, .. } = &output;
        writeln!(out, "folder     {folder}")?;
        writeln!(out, "history    {history}, made from {of}")?;
        Ok(writeln!(out, "digest     {digest} at command {sequence}, {markets} markets")?)
    }
}

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
