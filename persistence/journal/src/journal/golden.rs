//! The exact bytes of the journal format. Changing one of them breaks every existing journal.

use pricetime_engine::{AccountId, Action, Command, MarketId, Sequence, Timestamp};

use super::mark::{self, Mark};
use super::record::{self, HEAD, Head, Kind};
use super::segment::Header;
use crate::History;
use crate::codec::golden::bytes;
use crate::codec::{CodecError, decode_command, encode_command};

const HEADER: &str = "
    505249434554494d 0100 0100          # an envelope, format 1, of a segment
    01000000                            # version 1 of the rules
    2400000000000000                    # 36 bytes
    00000000 dd67e509                   # checksum
    000102030405060708090a0b0c0d0e0f    # history
    0500000000000000                    # begins with command 5
    0010000000000000                    # 4096 bytes long
    c82ec7a6                            # salt: the checksum of history and first command
";

const RECORD: &str = "
    ebab9147                            # checksum
    1f0000 01                           # 31 bytes of a command
    0500000000000000                    # command 5
    0400000000000000                    # 4 was durable
    0100000000000000                    # time 1
    02000000                            # market 2
    03000000000000000000000000000000    # account 3
    01                                  # an operator
    00                                  # no request
    0a                                  # AdvanceTime
    00                                  # up to a multiple of 8
";

const MARK: &str = "4a6f96d7 000000 02 0600000000000000 0500000000000000";
const SEAL: &str = "15b37288 000000 03 0600000000000000 0500000000000000";

const PLACED: &str = "
    980acedd                            # checksum
    100000 02                           # 16 bytes of a mark
    0600000000000000                    # command 6 comes next
    0500000000000000                    # 5 is durable
    2002000000000000                    # command 6 will stand at byte 544
    8004000000000000                    # nothing was written behind byte 1152
";

fn header() -> Header {
    let history = History(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100);
    Header { rules: 1, ..Header::new(history, Sequence(5), 4_096) }
}

fn command() -> Command {
    Command {
        sequence: Sequence(5),
        timestamp: Timestamp(1),
        market: MarketId(2),
        account: AccountId(3),
        operator: true,
        request: None,
        action: Action::AdvanceTime,
        session: None,
    }
}

#[test]
fn segment_header_has_the_golden_bytes() {
    let golden = bytes(HEADER);
    assert_eq!(header().to_bytes(), golden);
    assert_eq!(Header::from_bytes(&golden), Ok(header()));
    for cut in 0..golden.len() {
        let error = Header::from_bytes(&golden[..cut]).expect_err("bytes are missing");
        assert!(matches!(error, CodecError::Truncated | CodecError::Length { .. }), "{error}");
    }
}

#[test]
fn records_have_the_golden_bytes() {
    let kinds = [(Kind::Command, RECORD), (Kind::Mark, MARK), (Kind::Seal, SEAL)];
    for (kind, hex) in kinds {
        let (golden, salt) = (bytes(hex), header().salt);
        let next = if kind == Kind::Command { 5 } else { 6 };
        let head = Head { kind, sequence: Sequence(next), durable: Sequence(next - 1) };
        // Behind other bytes, as in the buffer of the writer.
        let mut out = vec![0xff; 8 + HEAD];
        if kind == Kind::Command {
            encode_command(&command(), &mut out);
        }
        record::close(&mut out, 8, salt, head);
        assert_eq!(out[8..], golden);
        let record = record::parse(&golden, salt).expect("it is a record");
        assert_eq!((record.head, record.span), (head, golden.len()));
        if kind == Kind::Command {
            assert_eq!(decode_command(record.head.sequence, record.payload), Ok(command()));
        }
        for cut in 0..golden.len() {
            assert!(record::parse(&golden[..cut], salt).is_none());
        }
        for at in 0..golden.len() * 8 {
            let mut changed = golden.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(record::parse(&changed, salt).is_none(), "bit {at}");
        }
        assert!(record::parse(&golden, salt ^ 1).is_none(), "another segment's salt");
    }
}

#[test]
fn segment_mark_has_the_golden_bytes() {
    let (golden, header) = (bytes(PLACED), header());
    let mark = Mark { durable: Sequence(5), at: 544, written: 1_152 };
    assert_eq!(mark.to_bytes(&header), golden);
    assert_eq!(Mark::parse(&golden, &header), Some(mark));
    for at in 0..golden.len() * 8 {
        let mut changed = golden.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert_eq!(Mark::parse(&changed, &header), None, "bit {at}");
    }
    for (length, limit, place) in [(2_048, 1_920, 1_984), (4_096, 3_968, 4_032)] {
        assert_eq!((mark::limit(length), mark::place(length)), (limit, place));
    }
    // In a long segment, the block of the mark holds nothing else.
    for length in (1 << 16..(1 << 16) + 2 * mark::BLOCK).chain([64 << 20]) {
        let (limit, place) = (mark::limit(length), mark::place(length));
        assert!(
            (limit - 1) / mark::BLOCK < place / mark::BLOCK && place + 40 <= length,
            "{length}"
        );
    }
}
