//! Ids: whole numbers of up to 128 bits or UUIDs, numbers of sessions, and symbols.

use std::io::Write as _;
use std::num::NonZeroU32;

use pricetime_engine::{SessionId, Symbol};

use crate::error::Fault;
use crate::number::{append, unsigned};

#[cold]
fn bad_id() -> Fault {
    Fault::NotNumber("a whole number or a UUID")
}

/// The groups of digits of a UUID, with a hyphen after each but the last.
const GROUPS: [std::ops::Range<usize>; 5] = [0..8, 9..13, 14..18, 19..23, 24..36];
const UUID_LENGTH: usize = 36;

/// Parses an id.
#[inline]
pub(super) fn parse(text: &[u8]) -> Result<u128, Fault> {
    if text.len() == UUID_LENGTH && text[8] == b'-' {
        return uuid(text).ok_or_else(bad_id);
    }
    if let Ok(number) = unsigned(text) {
        return Ok(number.into());
    }
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(bad_id());
    }
    let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or(Fault::OutOfRange("a number that fits in 128 bits"))
}

fn uuid(text: &[u8]) -> Option<u128> {
    let mut number = 0;
    for group in GROUPS {
        if text.get(group.end).is_some_and(|b| *b != b'-') {
            return None;
        }
        let mut part = 0;
        for byte in &text[group.clone()] {
            part = part << 4 | u64::from(char::from(*byte).to_digit(16)?);
        }
        number = number << (4 * group.len()) | u128::from(part);
    }
    Some(number)
}

/// Parses the number of a session.
pub(super) fn session(text: &[u8]) -> Result<SessionId, Fault> {
    let number = u32::try_from(unsigned(text)?).ok().and_then(NonZeroU32::new);
    number.map(SessionId).ok_or(Fault::OutOfRange("a number from 1 to 4294967295"))
}

/// Parses a symbol.
pub(super) fn symbol(text: &[u8]) -> Result<Symbol, Fault> {
    let symbol = str::from_utf8(text).ok().and_then(|text| Symbol::new(text).ok());
    symbol.ok_or(Fault::OutOfRange("1 to 24 of the characters A-Z a-z 0-9 - _ . /"))
}

/// Writes an id: as a UUID if it does not fit in 64 bits.
pub(crate) fn write(id: u128, text: &mut Vec<u8>) {
    let _ = match u64::try_from(id) {
        Ok(id) => return append(text, id),
        // Writing to a vector cannot fail.
        Err(_) => write!(
            text,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            id >> 80 & 0xffff,
            id >> 64 & 0xffff,
            id >> 48 & 0xffff,
            id & 0xffff_ffff_ffff
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_a_number_or_a_uuid() {
        for (text, expected) in [
            ("0", Some(0)),
            ("18446744073709551616", Some(1 << 64)),
            ("340282366920938463463374607431768211455", Some(u128::MAX)),
            ("340282366920938463463374607431768211456", None),
            ("00000000-0000-0000-0000-00000000000a", Some(10)),
            (
                "01934D7C-9d1f-7abc-8def-0123456789ab",
                Some(0x0193_4d7c_9d1f_7abc_8def_0123_4567_89ab),
            ),
            ("00000000-0000-0000-0000-00000000000g", None),
            ("00000000+0000-0000-0000-00000000000a", None),
            ("0000000000000000000000000000000a", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()).ok(), expected, "{text}");
        }
        for id in [0, 7, u64::MAX.into(), 1 << 64, u128::MAX] {
            let mut text = Vec::new();
            write(id, &mut text);
            assert_eq!(parse(&text).ok(), Some(id));
        }
    }
}
