//! Decodes arbitrary bytes as a command and as a snapshot. They are refused, or they are exactly
//! the encoding of what they decode to. Neither takes more memory than a small multiple of their
//! length.
#![no_main]

use core::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use pricetime_engine::Sequence;
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::with_memory_limit;
use pricetime_journal::codec::{
    COMMAND_MAX, CodecError, decode_command, decode_snapshot, encode_command, encode_snapshot,
};

/// Decodes these bytes, and checks that the value encodes to the same bytes.
fn decoded<T: Debug>(
    bytes: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, CodecError>,
    encode: impl FnOnce(&T, &mut Vec<u8>),
) -> Option<T> {
    match with_memory_limit(bytes.len(), 8, || decode(bytes)) {
        Ok(value) => {
            let mut again = Vec::new();
            encode(&value, &mut again);
            assert_eq!(again, bytes, "{value:?}");
            Some(value)
        }
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            None
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let sequence = Sequence(1);
    let command =
        |bytes: &[u8]| decoded(bytes, |bytes| decode_command(sequence, bytes), encode_command);
    let snapshot = |bytes: &[u8]| {
        decoded(bytes, decode_snapshot, |value, out| {
            encode_snapshot(value, out).expect("it was decoded");
        })
    };
    command(data);
    snapshot(data);

    // Then as valid encodings, changed in some places.
    let mut bytes = Bytes(data);
    let good = bytes.snapshot();
    let mut encoded = Vec::new();
    encode_snapshot(&good, &mut encoded).expect("the snapshot of an engine");
    assert_eq!(snapshot(&encoded), Some(good));
    bytes.corrupt(&mut encoded);
    snapshot(&encoded);
    for mut good in bytes.commands().into_iter().take(8) {
        good.sequence = sequence;
        encoded.clear();
        encode_command(&good, &mut encoded);
        assert!(encoded.len() <= COMMAND_MAX);
        assert_eq!(command(&encoded), Some(good));
        bytes.corrupt(&mut encoded);
        command(&encoded);
    }
});
