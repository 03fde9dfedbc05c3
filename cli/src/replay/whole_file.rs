//! Files that appear under their name when they are complete.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use super::super::failure::{Code, Failure};

/// A file that is written beside its target and renamed when it is complete.
#[derive(Debug)]
pub(super) struct WholeFile {
    to: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    is_complete: bool,
}

impl WholeFile {
    /// Creates the unfinished file, so that a target that cannot be written fails before the replay. `option`
    /// names the target.
    pub(super) fn create(option: &str, to: &Path) -> Result<Self, Failure> {
        let refused =
            |why: &str| Failure::new(Code::Usage, format!("{option} {}: {why}", to.display()));
        if to == Path::new("-") {
            return Err(refused("it is written as a whole, so name a file"));
        }
        let to = match fs::metadata(to) {
            Ok(found) if !found.is_file() => return Err(refused("this is not a regular file")),
            // The file that a symbolic link names is replaced, not the link.
            Ok(_) => fs::canonicalize(to).map_err(|error| failed(to, &error))?,
            Err(_) => to.to_owned(),
        };
        let Some(name) = to.file_name() else { return Err(refused("this does not name a file")) };
        let mut unfinished = OsString::from(name);
        unfinished.push(format!(".{}.tmp", process::id()));
        let unfinished = to.with_file_name(unfinished);
        let file = File::create_new(&unfinished).map_err(|error| failed(&to, &error))?;
        Ok(Self { to, unfinished, file: BufWriter::new(file), is_complete: false })
    }

    /// Writes the file and gives it its name.
    pub(super) fn complete(
        mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let done = write(&mut self.file)
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.unfinished, &self.to));
        self.is_complete = done.is_ok();
        done.map_err(|error| failed(&self.to, &error))
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.is_complete {
            // If it cannot be removed, it only wastes disk space.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}
