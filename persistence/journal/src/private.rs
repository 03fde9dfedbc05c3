//! Creates files and folders that only their owner may read, because they hold accounts, orders and
//! balances.

use std::fs::{DirBuilder, File, OpenOptions, create_dir_all};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Creates a folder with mode 0700, and missing folders above it with the usual mode. An existing
/// folder keeps its mode.
///
/// # Errors
/// Returns the error of the file system.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        created => created,
    }
}

/// Options that create files with mode 0600.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Creates an empty file with mode 0600, or empties an existing one.
///
/// # Errors
/// Returns the error of the file system.
pub fn create(path: &Path) -> io::Result<File> {
    options().read(true).write(true).create(true).truncate(true).open(path)
}

/// Creates an empty file with mode 0600.
///
/// # Errors
/// Returns [`io::ErrorKind::AlreadyExists`] if something has the name, a symbolic link included, and any
/// other error of the file system.
pub fn create_new(path: &Path) -> io::Result<File> {
    options().read(true).write(true).create_new(true).open(path)
}

/// Writes a whole file with mode 0600.
///
/// # Errors
/// Returns the error of the file system.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create(path)?.write_all(bytes)
}
