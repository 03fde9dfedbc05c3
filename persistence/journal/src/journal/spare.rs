//! Creates segments: first a file without a name, which then gets a header, the first mark and its name.

use std::path::{Path, PathBuf};

use super::mark::{self, Mark};
use super::segment::{self, Header, Segment};
use super::{JournalError, io_error};
use crate::disk::{Disk, DiskFile};

const UNFINISHED: &str = ".journal.tmp";

/// Removes unfinished segments, which a crash left before they got a name.
pub(super) fn remove_unfinished(disk: &dyn Disk, folder: &Path) -> Result<(), JournalError> {
    let names = disk.list(folder).map_err(io_error("list", folder))?;
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        let path = folder.join(name);
        disk.remove(&path).map_err(io_error("remove", &path))?;
    }
    Ok(())
}

/// The file of a future segment. Its disk space is reserved, but it has no header and no name yet.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl Spare {
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        length: u64,
    ) -> Result<Self, JournalError> {
        let path = folder.join(format!("next{UNFINISHED}"));
        let mut file = disk.create(&path).map_err(io_error("create", &path))?;
        if let Err(full) = file.preallocate(length) {
            // This frees what was allocated before the disk was full. If the file cannot be removed now,
            // the next open removes it.
            drop(file);
            drop(disk.remove(&path));
            return Err(io_error("allocate space for", &path)(full));
        }
        Ok(Self { path, file })
    }

    /// Makes the file a segment. The segment and its name are durable when this returns.
    pub(super) fn finish(
        self,
        disk: &dyn Disk,
        folder: &Path,
        header: Header,
    ) -> Result<Segment, JournalError> {
        let Self { path: unfinished, mut file } = self;
        let path = segment::path(folder, header.first);
        file.write_at(0, &header.to_bytes()).map_err(io_error("write", &unfinished))?;
        let mark = Mark::first(&header).to_bytes(&header);
        file.write_at(mark::place(header.length), &mark).map_err(io_error("mark", &unfinished))?;
        file.sync().map_err(io_error("sync", &unfinished))?;
        disk.rename(&unfinished, &path).map_err(io_error("rename", &unfinished))?;
        disk.sync_folder(folder).map_err(io_error("sync", folder))?;
        Ok(Segment { header, path, file })
    }
}
