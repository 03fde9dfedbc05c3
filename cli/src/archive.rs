//! `pricetime archive`: packs a data folder into one file, and unpacks it.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use pricetime_journal::{
    ArchiveError, FolderReader, Packed, RealDisk, private, rename_new, unpack,
};
use pricetime_terminal::Progress;
use serde::Serialize;

use super::failure::{Code, Failure};
use super::reader::{self, Stop, grouped};

/// Packs a data folder into one file, or unpacks such a file.
///
/// The archive holds the journal and the snapshots of the current history, with a checksum for every part.
/// Packing checks every record, so damage is reported and not copied. It changes nothing in the folder. If
/// a process has the folder open, commands that are not durable yet are left out, and their number is
/// reported. If the process has ended or was killed, nothing is left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime archive ./data monday.pricetime            pack, even while a market runs there
  pricetime archive monday.pricetime                   pack the folder ./data or $PRICETIME_FOLDER
  pricetime archive --restore monday.pricetime ./copy  unpack into a new or empty folder
  pricetime verify ./copy                              check the copy

The copy has the same history. Run a market in only one of the two folders: otherwise both use the
same numbers for different commands. Existing files are never overwritten. If unpacking fails,
what it has written is removed. Only its owner may read an archive.")]
pub(super) struct Archive {
    /// The data folder to pack; with --restore, the archive
    from: PathBuf,
    /// The archive to write; with --restore, the folder to unpack into
    to: Option<PathBuf>,
    /// The data folder, if only the archive is given
    #[arg(long, env = "PRICETIME_FOLDER", default_value = "./data", value_name = "DIR")]
    folder: PathBuf,
    /// Unpack an archive
    #[arg(long)]
    restore: bool,
    /// Print the result as one JSON line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Packed(Body),
    Unpacked(Body),
}

#[derive(Debug, Serialize)]
struct Body {
    to: String,
    history: String,
    sequence: u64,
    files: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u64>,
}

impl Archive {
    /// Packs or unpacks, and prints the result.
    pub(super) fn run(&self) -> Result<(), Failure> {
        reader::finish(if self.restore { self.unpack() } else { self.pack() })
    }

    /// The source and the target path.
    fn source_and_target(&self) -> (&Path, &Path) {
        match &self.to {
            Some(to) => (&self.from, to),
            None if self.restore => (&self.from, &self.folder),
            None => (&self.folder, &self.from),
        }
    }

    fn pack(&self) -> Result<(), Stop> {
        let (from, to) = self.source_and_target();
        let reader = FolderReader::open(Arc::new(RealDisk), from)?;
        if to.symlink_metadata().is_ok() {
            return Err(name_taken(to).into());
        }
        // The file gets its final name when it is complete.
        let mut unfinished = to.as_os_str().to_owned();
        unfinished.push(".tmp");
        let unfinished = PathBuf::from(unfinished);
        let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        let file = private::create_new(&unfinished).map_err(|error| {
            if is_taken(&error) { unfinished_exists(&unfinished) } else { at(&unfinished, &error) }
        })?;
        let packed = write(&reader, file, &unfinished).and_then(|packed| {
            rename_new(&unfinished, to)
                .map_err(|error| if is_taken(&error) { name_taken(to) } else { at(to, &error) })?;
            sync_name(to).map_err(|error| at(to, &error))?;
            Ok(packed)
        });
        if packed.is_err() {
            // If the file cannot be removed, it only wastes disk space.
            let _ = fs::remove_file(&unfinished);
        }
        let packed = packed?;
        reader::note_left_out(packed.left_out);
        let bytes = fs::metadata(to).map_or(0, |found| found.len());
        self.print(&packed, bytes)
    }

    fn unpack(&self) -> Result<(), Stop> {
        let (archive, folder) = self.source_and_target();
        let file = File::open(archive).map_err(|error| at(archive, &error))?;
        let bytes = file.metadata().map_or(0, |found| found.len());
        let progress = Progress::count("unpacking", "files", Some(0));
        let mut from = BufReader::with_capacity(1 << 20, file);
        let packed = unpack(&mut from, &RealDisk, folder, |done, of| progress.set(done, of));
        drop(progress);
        let packed = packed.map_err(|error| match error {
            ArchiveError::Io(error) => {
                let (from, to) = (archive.display(), folder.display());
                Failure::failed(format!("cannot unpack {from} into {to}: {error}")).into()
            }
            error @ (ArchiveError::Journal(_)
            | ArchiveError::Snapshot(_)
            | ArchiveError::Lost { .. }
            | ArchiveError::Empty
            | ArchiveError::NewerVersion(_)
            | ArchiveError::Damaged { .. }
            | ArchiveError::Truncated(_)
            | ArchiveError::File { .. }
            | ArchiveError::TooLong { .. }
            | ArchiveError::NoSpace { .. }
            | ArchiveError::NotCleanedUp { .. }
            | ArchiveError::Occupied(_)) => failure(error, archive),
        })?;
        self.print(&packed, bytes)
    }

    fn print(&self, packed: &Packed, bytes: u64) -> Result<(), Stop> {
        let (_, to) = self.source_and_target();
        let to = to.display().to_string();
        let Packed { history, through, files, left_out } = *packed;
        let mut out = io::stdout().lock();
        if self.json {
            let history = history.to_string();
            let left_out = (!self.restore).then_some(left_out);
            let body = Body { to, history, sequence: through.0, files, bytes, left_out };
            let output = if self.restore { Output::Unpacked(body) } else { Output::Packed(body) };
            return Ok(reader::json_line(&mut out, &output)?);
        }
        let done = if self.restore { "unpacked" } else { "packed" };
        writeln!(
            out,
            "{done} history {history} up to command {through}: {files} files, {} bytes, in {to}",
            grouped(bytes)
        )?;
        Ok(())
    }
}

fn write(reader: &FolderReader, file: File, to: &Path) -> Result<Packed, Stop> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let progress = Progress::count("packing", "files", Some(0));
    let packed = reader.pack(&mut out, |done, of| progress.set(done, of));
    drop(progress);
    let packed = packed.map_err(|error| failure(error, to))?;
    out.get_ref().sync_all().map_err(|error| at(to, &error))?;
    Ok(packed)
}

/// Syncs the parent directory, which makes the name of a file durable.
fn sync_name(path: &Path) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

/// The error if the archive's name is already in use.
fn name_taken(path: &Path) -> Failure {
    let text = format!("{} already exists: name a new file", path.display());
    Failure::new(Code::Usage, text)
}

/// The error if the name of the unfinished archive is already in use.
fn unfinished_exists(path: &Path) -> Failure {
    let text = format!(
        "{} already exists: another process is writing this archive, or one was killed while \
         writing it; in that case remove the file",
        path.display()
    );
    Failure::new(Code::Usage, text)
}

fn at(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}

fn failure(error: ArchiveError, path: &Path) -> Stop {
    match error {
        ArchiveError::Journal(error) => error.into(),
        ArchiveError::Snapshot(error) => error.into(),
        ArchiveError::Io(error) => at(path, &error).into(),
        ArchiveError::NewerVersion(_)
        | ArchiveError::NoSpace { .. }
        | ArchiveError::NotCleanedUp { .. } => {
            Failure::failed(format!("{}: {error}", path.display())).into()
        }
        ArchiveError::Empty | ArchiveError::Occupied(_) | ArchiveError::TooLong { .. } => {
            Failure::new(Code::Failed, error.to_string()).into()
        }
        ArchiveError::Damaged { .. }
        | ArchiveError::Lost { .. }
        | ArchiveError::Truncated(_)
        | ArchiveError::File { .. } => {
            Failure::new(Code::Unsound, format!("{}: {error}", path.display())).into()
        }
    }
}
