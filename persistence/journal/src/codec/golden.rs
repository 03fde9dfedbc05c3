//! The exact bytes of everything that is stored. Changing one of them breaks every existing journal.

mod commands;
mod snapshots;

use super::{CodecError, Kind, open_envelope, seal_envelope};

/// Parses hexadecimal digits. Whitespace is ignored, and so is everything after a `#`.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let lines = hex.lines().filter_map(|line| line.split('#').next());
    let digits: Vec<u32> = lines
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).expect("a digit"))
        .collect();
    assert!(digits.len().is_multiple_of(2), "{hex}");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("a byte")).collect()
}

/// Checks each value of a table against its bytes. The patterns form an exhaustive match, so a variant
/// without bytes does not compile.
macro_rules! table {
    ($name:ty, $check:path: $($pattern:pat = $value:expr => $hex:literal),* $(,)?) => {{
        let _ = |value: &$name| match value {
            $($pattern => (),)*
        };
        $(
            let value: $name = $value;
            assert!(matches!(value, $pattern), "{value:?}");
            $check(value, $hex);
        )*
    }};
}

use table;

const ENVELOPE: &str = "
    50 52 49 43 45 54 49 4d     # PRICETIM
    0100                        # format 1
    0200                        # a snapshot
    03000000                    # version 3 of the rules
    0300000000000000            # 3 bytes
    00000000
    71cf42a6                    # their checksum and that of the above
    61 62 63                    # abc
";

#[test]
fn envelope_has_the_golden_bytes() {
    let golden = bytes(ENVELOPE);
    let mut sealed = [&[0; 32][..], b"abc"].concat();
    seal_envelope(Kind::Snapshot, 3, &mut sealed);
    assert_eq!(sealed, golden);
    let envelope = open_envelope(Kind::Snapshot, &golden).expect("it is an envelope");
    assert_eq!((envelope.rules_version, envelope.payload), (3, &b"abc"[..]));
}

#[test]
fn truncated_or_changed_envelope_is_refused() {
    let golden = bytes(ENVELOPE);
    let open = |bytes: &[u8]| open_envelope(Kind::Snapshot, bytes).map(|_| ());
    for cut in 0..golden.len() {
        let present = cut.saturating_sub(32) as u64;
        let error = if cut < 32 {
            CodecError::Truncated
        } else {
            CodecError::Length { stated: 3, present }
        };
        assert_eq!(open(&golden[..cut]), Err(error));
    }
    for at in 0..golden.len() {
        for bit in 0..8 {
            let mut changed = golden.clone();
            changed[at] ^= 1 << bit;
            let error = open(&changed).expect_err("one bit differs");
            let named = match at {
                0..8 => error == CodecError::Magic,
                16..24 => matches!(error, CodecError::Length { .. } | CodecError::Checksum),
                _ => error == CodecError::Checksum,
            };
            assert!(named, "byte {at}: {error}");
        }
    }
}

#[test]
fn envelope_of_another_format_or_kind_is_refused_with_its_number() {
    let mut other = bytes(ENVELOPE);
    seal_envelope(Kind::Segment, 3, &mut other);
    let kind = CodecError::Kind { expected: 2, found: 1 };
    assert_eq!(open_envelope(Kind::Snapshot, &other).map(|_| ()), Err(kind));
    other[8] = 2;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&other[..28]), b"abc");
    other[28..32].copy_from_slice(&sum.to_le_bytes());
    let format = CodecError::Format { found: 2 };
    assert_eq!(open_envelope(Kind::Snapshot, &other).map(|_| ()), Err(format));
}
