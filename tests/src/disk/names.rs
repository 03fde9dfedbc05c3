//! The names on a disk: the visible and the durable ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::generate::random::Random;

/// What a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    /// The file with this index.
    File(usize),
}

#[derive(Debug, Default)]
pub(super) struct Names {
    visible: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
}

fn missing<T>() -> io::Result<T> {
    Err(io::ErrorKind::NotFound.into())
}

/// Returns `true` if this folder is the root, which always exists.
fn is_root(folder: &Path) -> bool {
    folder.parent().is_none() || folder.as_os_str().is_empty()
}

impl Names {
    pub(super) fn find(&self, path: &Path) -> Option<Entry> {
        self.visible.get(path).copied()
    }

    pub(super) fn files<'a>(
        &'a self,
        below: &'a Path,
    ) -> impl Iterator<Item = (&'a PathBuf, usize)> + 'a {
        self.visible.iter().filter_map(move |(path, entry)| match entry {
            Entry::File(file) if path.starts_with(below) => Some((path, *file)),
            Entry::File(_) | Entry::Folder => None,
        })
    }

    pub(super) fn create_folder(&mut self, folder: &Path) {
        for part in folder.ancestors().filter(|part| !is_root(part)) {
            self.visible.entry(part.to_owned()).or_insert(Entry::Folder);
        }
    }

    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.check(folder)?;
        let inside = self.visible.keys().filter(|path| path.parent() == Some(folder));
        let name = |path: &PathBuf| path.file_name()?.to_str().map(str::to_owned);
        Ok(inside.filter_map(name).collect())
    }

    pub(super) fn create(&mut self, path: &Path, file: usize) -> io::Result<()> {
        self.check(path.parent().unwrap_or(path))?;
        self.visible.insert(path.to_owned(), Entry::File(file));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let Some(entry) = self.visible.remove(from) else {
            return missing();
        };
        self.visible.insert(to.to_owned(), entry);
        Ok(())
    }

    /// Renames a folder and its content durably.
    pub(super) fn move_folder(&mut self, from: &Path, to: &Path) {
        for names in [&mut self.visible, &mut self.durable] {
            let all = std::mem::take(names);
            names.extend(all.into_iter().map(|(path, entry)| match path.strip_prefix(from) {
                Ok(rest) if rest.as_os_str().is_empty() => (to.to_owned(), entry),
                Ok(rest) => (to.join(rest), entry),
                Err(_) => (path, entry),
            }));
        }
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.visible.remove(path).map_or_else(missing, |_| Ok(()))
    }

    pub(super) fn sync(&mut self, folder: &Path) -> io::Result<()> {
        self.check(folder)?;
        for path in self.changed() {
            if path.parent() == Some(folder) {
                self.make_durable(&path);
            }
        }
        Ok(())
    }

    /// Makes some changes durable; after that, only durable names are visible.
    pub(super) fn power_cut(&mut self, random: &mut Random) {
        let percent = random.pick([0, 50, 100]);
        for path in self.changed() {
            if random.chance(percent) {
                self.make_durable(&path);
            }
        }
        // The content of a lost folder is lost with it.
        let durable_names: BTreeSet<_> = self.durable.keys().cloned().collect();
        self.durable.retain(|path, _| {
            path.ancestors().all(|part| is_root(part) || durable_names.contains(part))
        });
        self.visible.clone_from(&self.durable);
    }

    fn check(&self, folder: &Path) -> io::Result<()> {
        let exists = is_root(folder) || self.find(folder) == Some(Entry::Folder);
        if exists { Ok(()) } else { missing() }
    }

    fn changed(&self) -> Vec<PathBuf> {
        let all: BTreeSet<_> = self.visible.keys().chain(self.durable.keys()).collect();
        let differs = |path: &&&PathBuf| self.visible.get(**path) != self.durable.get(**path);
        all.iter().filter(differs).map(|path| (*path).clone()).collect()
    }

    fn make_durable(&mut self, path: &Path) {
        match self.visible.get(path) {
            Some(entry) => self.durable.insert(path.to_owned(), *entry),
            None => self.durable.remove(path),
        };
    }
}
