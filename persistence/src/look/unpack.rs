//! An archive made a data folder again.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use pricetime_engine::Sequence;

use super::archive::{ArchiveError, Packed};
use crate::codec::{CodecError, ENVELOPE_LENGTH, Kind, Newer, open_envelope};
use crate::disk::Disk;
use crate::folder::{self, HISTORY, LOCK, UNFINISHED};
use crate::history::History;

/// How much of a piece is asked for before any of it has been seen: a length that is wrong must not
/// take all the memory.
const STEP: u64 = 1 << 24;

/// A piece that was read: a file, or the end.
enum Piece {
    File { name: String, length: u64, bytes: Vec<u8> },
    End(Packed),
}

/// Unpacks an archive into an empty or new folder. All of it is checked before anything is written,
/// and the folder becomes a data folder with the last step only.
///
/// # Errors
/// Where the archive is damaged, where there is something in the folder, and where the disk refuses.
pub fn unpack(
    from: &mut (impl Read + Seek),
    disk: &dyn Disk,
    folder: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Packed, ArchiveError> {
    let packed = walk(from, |_, _, _| Ok(()))?;
    from.seek(SeekFrom::Start(0))?;
    disk.create_folder(folder)?;
    let names = disk.list(folder)?;
    if let Some(found) = names.into_iter().find(|name| name != LOCK) {
        return Err(ArchiveError::Occupied(found));
    }
    let _locks = folder::lock(disk, folder)?;
    disk.shut(folder)?;
    let own = folder.join(packed.history.to_string());
    for part in [own.clone(), own.join("journal"), own.join("snapshots")] {
        disk.create_folder(&part)?;
    }
    let mut done = 0;
    walk(from, |name, length, bytes| {
        // The name that makes it a data folder comes last, when all else is durable.
        let path = folder.join(if name == HISTORY { UNFINISHED } else { name });
        let mut file = disk.create(&path)?;
        file.preallocate(length)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        done += 1;
        progress(done, packed.files);
        Ok(())
    })?;
    for synced in [&own.join("journal"), &own.join("snapshots"), &own, folder] {
        disk.sync_folder(synced)?;
    }
    disk.rename(&folder.join(UNFINISHED), &folder.join(HISTORY))?;
    disk.sync_folder(folder)?;
    Ok(packed)
}

/// Visits the files of an archive and checks that it is whole.
fn walk(
    from: &mut impl Read,
    mut visit: impl FnMut(&str, u64, &[u8]) -> Result<(), ArchiveError>,
) -> Result<Packed, ArchiveError> {
    let (mut offset, mut files, mut history) = (0, 0, None);
    loop {
        let (piece, span) = read(from, offset)?;
        match piece {
            Piece::File { name, length, bytes } => {
                files += 1;
                let of = whose(&name).ok_or_else(|| ArchiveError::Name(name.clone()))?;
                history = history.or(of);
                if of.is_some() && of != history {
                    return Err(ArchiveError::Name(name));
                }
                visit(&name, length, &bytes)?;
            }
            Piece::End(packed) => {
                let is_last = from.read(&mut [0])? == 0;
                let is_whole = packed.files == files && history == Some(packed.history);
                return if is_last && is_whole {
                    Ok(packed)
                } else {
                    Err(ArchiveError::Cut(offset))
                };
            }
        }
        offset += span;
    }
}

/// Reads a piece, and says how long it is.
fn read(from: &mut impl Read, offset: u64) -> Result<(Piece, u64), ArchiveError> {
    let cut = |error: io::Error| {
        let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
        if is_end { ArchiveError::Cut(offset) } else { ArchiveError::Io(error) }
    };
    let mut bytes = vec![0; ENVELOPE_LENGTH];
    from.read_exact(&mut bytes).map_err(cut)?;
    let stated = bytes.get(16..24).and_then(|field| field.try_into().ok());
    let mut left = u64::from_le_bytes(stated.unwrap_or_default());
    while left > 0 {
        let begun = bytes.len();
        let many = left.min(STEP);
        let read = from.take(many).read_to_end(&mut bytes)?;
        if (bytes.len() - begun) as u64 != many || read == 0 {
            break;
        }
        left -= many;
    }
    let damaged = |what: CodecError| {
        what.newer().map_or(ArchiveError::Damaged { offset, what }, ArchiveError::Newer)
    };
    let envelope = open_envelope(Kind::Archived, &bytes).map_err(damaged)?;
    Newer::rules(envelope.rules_version).map_or(Ok(()), |newer| Err(ArchiveError::Newer(newer)))?;
    let piece = parse(envelope.payload).ok_or_else(|| damaged(CodecError::Cut))?;
    Ok((piece, bytes.len() as u64))
}

fn parse(payload: &[u8]) -> Option<Piece> {
    let (named, rest) = payload.split_first_chunk::<2>()?;
    let named = usize::from(u16::from_le_bytes(*named));
    if named == 0 {
        let (history, rest) = rest.split_first_chunk()?;
        let (through, rest) = rest.split_first_chunk()?;
        let (files, _) = rest.split_first_chunk()?;
        return Some(Piece::End(Packed {
            history: History(u128::from_le_bytes(*history)),
            through: Sequence(u64::from_le_bytes(*through)),
            files: u64::from_le_bytes(*files),
            left_out: 0,
        }));
    }
    let (name, rest) = rest.split_at_checked(named)?;
    let (length, bytes) = rest.split_first_chunk()?;
    let length = u64::from_le_bytes(*length);
    let name = core::str::from_utf8(name).ok()?.to_owned();
    (bytes.len() as u64 <= length).then(|| Piece::File { name, length, bytes: bytes.to_vec() })
}

/// Whose a file is, by its name: no history for the file `history`. `None` for a name that none of
/// our archives has: it could lead out of the folder.
fn whose(name: &str) -> Option<Option<History>> {
    if name == HISTORY {
        return Some(None);
    }
    let mut parts = name.split('/');
    let own = parts.next()?;
    let (part, file) = (parts.next()?, parts.next()?);
    let history: History = own.parse().ok()?;
    let number = match part {
        "journal" => file.strip_suffix(".journal")?,
        "snapshots" => file.strip_suffix(".snapshot")?,
        _ => return None,
    };
    let is_ours = own == history.to_string()
        && parts.next().is_none()
        && number.len() == 20
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then_some(Some(history))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let own = History(7);
        assert_eq!(whose(HISTORY), Some(None));
        assert_eq!(whose(&format!("{own}/journal/{:020}.journal", 1)), Some(Some(own)));
        assert_eq!(whose(&format!("{own}/snapshots/{:020}.snapshot", 9)), Some(Some(own)));
        for bad in [
            "",
            "lock",
            "../history",
            "/etc/passwd",
            &format!("{own}/journal/../{:020}.journal", 1),
            &format!("{own}/journal/1.journal"),
            &format!("{own}/journal/{:020}.snapshot", 1),
            &format!("{own}/other/{:020}.journal", 1),
        ] {
            assert_eq!(whose(bad), None, "{bad}");
        }
    }
}
