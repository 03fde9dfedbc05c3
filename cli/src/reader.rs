//! Shared code of the commands that read a data folder or a recording: the folder option, moments in its
//! history, and replays from a snapshot to a moment.

mod at;
pub(super) mod flow;
mod followed;
mod moment_replay;
mod origin;
mod read_ahead;
mod recorded;
pub(super) mod recording;
mod stop;
mod stored;
mod text;
pub(super) mod venue_ahead;
mod verifier;

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use pricetime_engine::Sequence;
use pricetime_journal::{FolderReader, JournalError, JournalState, RealDisk, SegmentInfo};
use pricetime_terminal::{Paint, Tone, suspend_progress};

pub(super) use at::Moment;
pub(super) use followed::Followed;
pub(super) use moment_replay::MomentReplay;
pub(super) use origin::{Origin, PreparedReplay};
pub(super) use read_ahead::ReadAhead;
pub(super) use recorded::{BadLine, append_exported, command, exported, unreadable};
pub(super) use stop::{Stop, finish};
pub(super) use stored::{ByteHash, StoredFiles, StoredInput};
pub(super) use text::{book, many, outcome, table};
pub(super) use verifier::ReplayVerifier;

pub(super) use pricetime_gateway::{grouped, word};

use super::failure::{Code, Failure};

/// The data folder, and how many markets its engine may hold.
#[derive(Clone, Debug, Args)]
pub(super) struct FolderOptions {
    /// The data folder
    #[arg(long, env = "PRICETIME_FOLDER", default_value = "./data", value_name = "DIR")]
    pub(super) folder: PathBuf,
    #[command(flatten)]
    pub(super) markets: MarketLimit,
}

/// The data folder that a command works on.
#[derive(Clone, Debug, Args)]
pub(super) struct FolderArgument {
    /// The data folder
    #[arg(env = "PRICETIME_FOLDER", default_value = "./data", value_name = "FOLDER")]
    at: PathBuf,
    /// The data folder; overrides FOLDER
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl FolderArgument {
    /// The path of the folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap_or(&self.at)
    }
}

/// The maximum number of markets, unless the command line says otherwise.
pub(super) const MARKETS_MAX: u32 = 10_000;

/// The maximum number of markets of an engine. It decides whether an `add_market` is rejected.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct MarketLimit {
    /// The maximum number of markets that the engine had when the journal was written
    #[arg(long, default_value_t = MARKETS_MAX, value_name = "N", hide_short_help = true)]
    pub(super) markets_max: u32,
}

/// A data folder and the current extent of its journal.
#[derive(Debug)]
pub(super) struct OpenFolder {
    pub(super) reader: FolderReader,
    /// The commands that have snapshots. They are listed before the journal is read, so the journal covers
    /// them even if a process is writing.
    pub(super) snapshots: Vec<Sequence>,
    pub(super) journal: JournalState,
    /// The error in the journal's last file, if it is damaged. The journal then ends before that file.
    pub(super) damaged: Option<String>,
}

impl OpenFolder {
    /// Opens a folder for reading, even if a process has it open.
    pub(super) fn open(folder: &Path) -> Result<Self, Stop> {
        let reader = FolderReader::open(Arc::new(RealDisk), folder)?;
        if reader.is_new() {
            let text = format!("{} is new: nothing has been stored in it", folder.display());
            return Err(Failure::new(Code::Failed, text).into());
        }
        let snapshots = reader.snapshots().list()?;
        match reader.journal() {
            Ok(journal) => {
                note_left_out(journal.left_out());
                Ok(Self { reader, snapshots, journal, damaged: None })
            }
            Err(error @ JournalError::Damaged { .. }) => {
                let damaged = Some(error.to_string());
                let journal = without_last(reader.segments()?).ok_or(error)?;
                Ok(Self { reader, snapshots, journal, damaged })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The result of a command that has read to the journal's end. Returns an error if the last file is
    /// damaged, because then that end is not the real one.
    pub(super) fn check_undamaged(&self) -> Result<(), Failure> {
        match &self.damaged {
            None => Ok(()),
            Some(damaged) => Err(Failure::new(Code::Unsound, damaged.clone())),
        }
    }
}

/// A journal without its last file, which is damaged. The files before it can still be replayed.
pub(super) fn without_last(mut segments: Vec<SegmentInfo>) -> Option<JournalState> {
    let damaged = segments.pop().filter(|_| !segments.is_empty())?;
    let durable = Sequence(damaged.first.0.saturating_sub(1));
    let (last, in_use) = (durable, false);
    let replayable = segments.first()?.first;
    Some(JournalState { replayable, segments, durable, last, in_use, sealed: false, torn: None })
}

/// Prints a note on standard error. A failure to write it is ignored.
pub(super) fn note(text: impl fmt::Display) {
    let name = Paint::err().text(Tone::Warning, "pricetime:");
    let _ = suspend_progress(|| writeln!(io::stderr(), "{name} {text}"));
}

/// Prints how many commands are left out because a process has the folder open, if any are.
pub(super) fn note_left_out(commands: u64) {
    if commands > 0 {
        note(format_args!(
            "a process has the folder open and has not marked its last {commands} commands as durable \
             yet: they are left out"
        ));
    }
}

/// Creates a file for lines; `-` is standard output.
pub(super) fn lines_to(path: &Path) -> Result<BufWriter<Box<dyn Write>>, Stop> {
    if path == Path::new("-") {
        return Ok(BufWriter::new(Box::new(io::stdout())));
    }
    let file = File::create(path)
        .map_err(|error| Failure::failed(format!("cannot create {}: {error}", path.display())))?;
    Ok(BufWriter::with_capacity(1 << 18, Box::new(file)))
}

/// Writes a value as one JSON line.
pub(super) fn json_line(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
