//! The envelope: the bytes before everything that is stored as a whole.
//!
//! ```text
//! 0   8  magic "PRICETIM"
//! 8   2  format
//! 10  2  kind
//! 12  4  version of the rules
//! 16  8  length of the payload
//! 24  4  zeros
//! 28  4  CRC32C of bytes 0 to 27 and of the payload
//! 32     payload
//! ```

use super::{CodecError, FORMAT};

/// The length of an envelope in bytes, without the payload.
pub const ENVELOPE_LENGTH: usize = 32;

const MAGIC: [u8; 8] = *b"PRICETIM";
const CHECKED: usize = 28;

/// The kind of content in an envelope. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The header of a segment of the journal.
    Segment = 1,
    /// A local snapshot.
    Snapshot = 2,
    /// A file in an archive of a data folder.
    Archived = 3,
}

/// An envelope that has been opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The version of the engine's rules under which it was written.
    pub rules_version: u32,
    /// The payload.
    pub payload: &'a [u8],
}

/// Puts an envelope around bytes. The first [`ENVELOPE_LENGTH`] of them are reserved for it, and the rest
/// is the payload.
///
/// # Panics
/// Panics if there are fewer bytes than that.
pub fn seal_envelope(kind: Kind, rules_version: u32, bytes: &mut [u8]) {
    let Some((head, payload)) = bytes.split_first_chunk_mut::<ENVELOPE_LENGTH>() else {
        panic!("there is room for the envelope");
    };
    head[..8].copy_from_slice(&MAGIC);
    head[8..10].copy_from_slice(&FORMAT.to_le_bytes());
    head[10..12].copy_from_slice(&(kind as u16).to_le_bytes());
    head[12..16].copy_from_slice(&rules_version.to_le_bytes());
    head[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    head[24..CHECKED].fill(0);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&head[..CHECKED]), payload);
    head[CHECKED..].copy_from_slice(&sum.to_le_bytes());
}

/// The head of an envelope whose payload was not read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    format: u16,
    kind: u16,
    rules_version: u32,
    /// How many bytes the payload has.
    pub(crate) length: u64,
    /// The checksum of the head alone. The caller continues it over the payload.
    pub(crate) checked: u32,
    sum: u32,
}

impl Head {
    /// Decodes a head. No field can be trusted before [`close`](Self::close) has compared the checksum.
    pub(crate) fn parse(head: &[u8; ENVELOPE_LENGTH]) -> Result<Self, CodecError> {
        let (magic, fields) = head.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let [f0, f1, k0, k1, r0, r1, r2, r3, fields @ ..] = fields else {
            return Err(CodecError::Truncated);
        };
        let (length, fields) = fields.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let sum = fields.last_chunk::<4>().ok_or(CodecError::Truncated)?;
        if *magic != MAGIC {
            return Err(CodecError::Magic);
        }
        Ok(Self {
            format: u16::from_le_bytes([*f0, *f1]),
            kind: u16::from_le_bytes([*k0, *k1]),
            rules_version: u32::from_le_bytes([*r0, *r1, *r2, *r3]),
            length: u64::from_le_bytes(*length),
            checked: crc32c::crc32c(&head[..CHECKED]),
            sum: u32::from_le_bytes(*sum),
        })
    }

    /// Returns the version of the rules, given the checksum of head and payload.
    ///
    /// An unknown version in an intact envelope means that another version of the program wrote it. In a
    /// damaged envelope it means nothing. So the checksum is compared first.
    pub(crate) const fn close(self, kind: Kind, sum: u32) -> Result<u32, CodecError> {
        if sum != self.sum {
            return Err(CodecError::Checksum);
        }
        if self.format != FORMAT {
            return Err(CodecError::Format { found: self.format });
        }
        if self.kind != kind as u16 {
            return Err(CodecError::Kind { expected: kind as u16, found: self.kind });
        }
        Ok(self.rules_version)
    }
}

/// Opens an envelope of this kind. Bytes after its payload are ignored.
///
/// # Errors
/// Returns an error if the bytes do not begin with an intact envelope of this kind and of our format.
pub fn open_envelope(kind: Kind, bytes: &[u8]) -> Result<Envelope<'_>, CodecError> {
    let (head, rest) = bytes.split_first_chunk::<ENVELOPE_LENGTH>().ok_or(CodecError::Truncated)?;
    let head = Head::parse(head)?;
    let (stated, present) = (head.length, rest.len() as u64);
    let whole = usize::try_from(stated).ok().and_then(|stated| rest.get(..stated));
    let payload = whole.ok_or(CodecError::Length { stated, present })?;
    let rules_version = head.close(kind, crc32c::crc32c_append(head.checked, payload))?;
    Ok(Envelope { rules_version, payload })
}
