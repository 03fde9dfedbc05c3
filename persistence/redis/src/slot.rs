//! The slot of a key in a cluster.

/// The number of slots in a cluster.
const SLOTS: u16 = 16_384;

/// The slot of a key: the CRC16 (XMODEM) of the text between the first opening brace and the next closing
/// one. If there is no such text or it is empty, the whole key counts.
pub(super) fn of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let mut crc = 0_u16;
    for byte in hashed.bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x1021;
            }
        }
    }
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn slots_match_those_of_the_servers() {
        // As `CLUSTER KEYSLOT` answers.
        assert_eq!(of("123456789"), 0x31c3);
        assert_eq!(of("foo"), 12_182);
        assert_eq!(of("a{foo}b"), of("foo"));
        assert_eq!(of("{}foo"), of("{}foo"));
        assert_ne!(of("{}foo"), of("foo"));
        assert_eq!(of("pricetime:dev:{7}:bids"), of("7"));
    }
}
