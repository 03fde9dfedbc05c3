//! The files of a data folder by the names that an archive gives them.

use core::fmt;

use pricetime_engine::Sequence;

use crate::folder::HISTORY;
use crate::history::History;

/// A file of a data folder. An archive holds them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ArchivedFile {
    /// The file of the journal that begins with this command.
    Journal(History, Sequence),
    /// The snapshot of this command.
    Snapshot(History, Sequence),
    /// The file `history`.
    History,
}

impl ArchivedFile {
    /// Parses a name. Returns `None` if we never write such a name, because it could lead out of the
    /// folder.
    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        let name = core::str::from_utf8(name).ok()?;
        if name == HISTORY {
            return Some(Self::History);
        }
        let mut parts = name.split('/');
        let own = parts.next()?.parse().ok()?;
        let (part, file) = (parts.next()?, parts.next()?);
        let number = |suffix| file.strip_suffix(suffix)?.parse().ok().map(Sequence);
        let archived_file = match part {
            "journal" => Self::Journal(own, number(".journal")?),
            "snapshots" => Self::Snapshot(own, number(".snapshot")?),
            _ => return None,
        };
        // A name is accepted only as we write it.
        (archived_file.to_string() == name).then_some(archived_file)
    }

    /// The history of the file. The file `history` states its own.
    pub(super) const fn history(self) -> Option<History> {
        match self {
            Self::Journal(own, _) | Self::Snapshot(own, _) => Some(own),
            Self::History => None,
        }
    }
}

impl fmt::Display for ArchivedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(own, first) => write!(f, "{own}/journal/{:020}.journal", first.0),
            Self::Snapshot(own, of) => write!(f, "{own}/snapshots/{:020}.snapshot", of.0),
            Self::History => f.write_str(HISTORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_name_never_leads_out_of_the_folder() {
        let (own, number) = (History(7), Sequence(9));
        for archived_file in [
            ArchivedFile::Journal(own, number),
            ArchivedFile::Snapshot(own, number),
            ArchivedFile::History,
        ] {
            assert_eq!(
                ArchivedFile::parse(archived_file.to_string().as_bytes()),
                Some(archived_file)
            );
        }
        for bad in [
            "",
            "lock",
            "../history",
            "/etc/passwd",
            &format!("{own}/journal/../{:020}.journal", 1),
            &format!("{own}/journal/1.journal"),
            &format!("{own}/journal/+{:019}.journal", 1),
            &format!("{own}/journal/{:020}.journal/", 1),
            &format!("{own}/journal/{:020}.snapshot", 1),
            &format!("{own}/other/{:020}.journal", 1),
            &format!("{own}/journal/99999999999999999999.journal"),
            &format!("{{{own}}}/journal/{:020}.journal", 1),
        ] {
            assert_eq!(ArchivedFile::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(ArchivedFile::parse(b"\xff"), None);
    }
}
