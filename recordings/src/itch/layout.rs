//! The lengths of messages, and how they follow each other in a file.

/// The nanoseconds of a day.
pub(super) const DAY: u64 = 86_400_000_000_000;
/// The decimal places of prices.
pub(super) const PRICE_PLACES: u8 = 4;
/// The length of what all messages begin with: type, locate code, tracking number and time.
pub(super) const HEADER: usize = 11;
/// The number of bytes that [`Framing::of`] needs.
pub(super) const START: usize = 13;

/// Returns the length of a message of a type, or `None` if ITCH 5.0 has no such type.
#[inline]
pub(super) const fn length(kind: u8) -> Option<usize> {
    Some(match kind {
        b'S' | b'W' => 12,
        b'D' | b'B' => 19,
        b'Y' | b'N' => 20,
        b'h' => 21,
        b'X' => 23,
        b'H' => 25,
        b'L' => 26,
        b'K' => 28,
        b'E' => 31,
        b'V' | b'J' | b'U' => 35,
        b'A' | b'C' => 36,
        b'R' => 39,
        b'F' | b'Q' => 40,
        b'P' => 44,
        b'O' => 48,
        b'I' => 50,
        _ => return None,
    })
}

/// How the messages of a file are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Two bytes before each message have its length. NASDAQ's files are like this.
    Lengths,
    /// Nothing separates them: the type decides the length.
    Bare,
}

impl Framing {
    /// Returns the framing of a stream that begins with these bytes, or `None` if it is not ITCH 5.0.
    ///
    /// Without lengths, only a stream that begins with the start of messages is recognised: its type, a time, its
    /// code and another type, and at least one byte that no text has.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        if let [high, low, kind, ..] = *start
            && length(kind) == Some(u16::from_be_bytes([high, low]).into())
        {
            return Some(Self::Lengths);
        }
        let [b'S', _, _, _, _, time @ .., b'O', kind] = start.first_chunk::<START>()? else {
            return None;
        };
        let time = time.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let is_text = start[..START].iter().all(|byte| matches!(byte, b'\t'..=b'\r' | b' '..=b'~'));
        (length(*kind).is_some() && time < DAY && !is_text).then_some(Self::Bare)
    }
}
