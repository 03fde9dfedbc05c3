//! One message as bytes.

use super::body::{Body, unreadable};
use super::field::{Field as _, Time};
use super::layout::HEADER;
use crate::error::{Fault, RecordingError};

/// A message of ITCH 5.0, without the length that precedes it in a file.
///
/// ```
/// use pricetime_recordings::itch::{Body, Message};
///
/// let bytes = b"D\0\x0d\0\0\x1f\x1a\xce\xd9\xf0\0\0\0\0\0\0\0\0\x07";
/// let message = Message::decode(bytes)?;
/// let Body::OrderDelete(deleted) = message.body else { panic!("{message:?}") };
/// assert_eq!((message.locate, message.time.nanoseconds()), (13, 34_200_000_000_000));
/// assert_eq!(deleted.order, 7);
///
/// let mut encoded = Vec::new();
/// message.encode(&mut encoded);
/// assert_eq!(encoded, bytes);
/// # Ok::<(), pricetime_recordings::RecordingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number that the stock has today; 0 if the message concerns all stocks.
    pub locate: u16,
    /// A number that only NASDAQ uses.
    pub tracking: u16,
    /// The time.
    pub time: Time,
    /// What only messages of this type have.
    pub body: Body,
}

impl Message {
    /// Decodes a message. Whatever it accepts, [`encode`](Self::encode) turns into the same bytes.
    ///
    /// # Errors
    /// Returns an error if there is no such type, if the type has another length, if the time is not below 24
    /// hours, or if a side, a state or another code that decides what happens is unknown.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordingError> {
        let (Header { kind, locate, tracking, time }, rest) = Header::read(bytes)?;
        let body = Body::read(kind, rest)?;
        Ok(Self { locate, tracking, time: time_of_day(time)?, body })
    }

    /// Appends the bytes of the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.body.kind());
        self.locate.write(out);
        self.tracking.write(out);
        let [_, _, nanoseconds @ ..] = self.time.nanoseconds().to_be_bytes();
        out.extend_from_slice(&nanoseconds);
        self.body.write(out);
    }
}

/// What all messages begin with.
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) locate: u16,
    pub(super) tracking: u16,
    /// The nanoseconds since midnight, which may be too many.
    pub(super) time: u64,
}

impl Header {
    /// Reads the header of a message. Returns the bytes after it too.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), RecordingError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(too_short(bytes));
        };
        let [kind, l0, l1, t0, t1, n0, n1, n2, n3, n4, n5] = *header;
        let (locate, tracking) = (u16::from_be_bytes([l0, l1]), u16::from_be_bytes([t0, t1]));
        let time = u64::from_be_bytes([0, 0, n0, n1, n2, n3, n4, n5]);
        Ok((Self { kind, locate, tracking, time }, rest))
    }
}

#[inline]
pub(super) fn time_of_day(nanoseconds: u64) -> Result<Time, RecordingError> {
    Time::new(nanoseconds).ok_or_else(|| too_late(nanoseconds))
}

#[cold]
fn too_short(bytes: &[u8]) -> RecordingError {
    bytes.first().map_or_else(
        || RecordingError::new("ITCH message", Fault::OutOfRange("above 0")).field("length", b"0"),
        |kind| unreadable(*kind, bytes.len()),
    )
}

#[cold]
fn too_late(nanoseconds: u64) -> RecordingError {
    let fault = Fault::OutOfRange("below 86400000000000 nanoseconds");
    RecordingError::new("ITCH message", fault).field("time", nanoseconds.to_string().as_bytes())
}
