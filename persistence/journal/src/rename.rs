//! Renames a file without replacing another one.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Renames a file on the same file system.
///
/// # Errors
/// Returns [`io::ErrorKind::AlreadyExists`] if something has the new name, a symbolic link included.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems, such as NFS, do not support this flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn rename_never_replaces_a_file_or_a_symbolic_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let [new, old, link] = ["new", "old", "link"].map(|name| folder.path().join(name));
        fs::write(&new, "new").expect("written");
        fs::write(&old, "old").expect("written");
        symlink("nowhere", &link).expect("a link");
        for taken in [&old, &link] {
            let error = rename_new(&new, taken).expect_err("the name is taken");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&old).expect("read"), "old");
        let free = folder.path().join("free");
        rename_new(&new, &free).expect("the name is free");
        assert_eq!(fs::read_to_string(free).expect("read"), "new");
        assert!(!fs::exists(&new).expect("an answer"));
    }
}
