use pricetime_engine::Timestamp;

use super::{Options, Reader, Writer};
use crate::source::Source;
use crate::venue::{InstrumentId, VenueEvent, VenueMessage, VenueReader as _};

mod book;
mod reading;
mod writing;

const ALL_TYPES: &str = "\
34200.004241176,1,16113575,18,5853300,1
34200.1,1,16120456,100,5859100,-1
34200.25,2,16120456,40,5859100,-1
34201,4,16113575,10,5853300,1
34201.000000001,5,0,100,5856600,-1
34202,3,16120456,60,5859100,-1
34203,3,999,60,5859100,-1
34204,7,0,0,-1,-1
34205,7,0,0,0,-1
34206,7,0,0,1,-1
57600.5,6,-1,321,5857200,-1
";

fn source(name: &str, text: &str) -> Source {
    Source::of(name, std::io::Cursor::new(text.to_owned())).unwrap()
}

fn reader(text: &str) -> Reader {
    let midnight = Timestamp(1_000);
    let options = Options { midnight, ..Options::default() };
    Reader::new(source("day/AAPL_2012-06-21_message_10.csv", text), options)
}

/// The messages, and the faults of the lines that could not be read.
fn read(mut reader: Reader) -> (Vec<VenueMessage>, Vec<String>) {
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, faults),
            Err(error) => {
                assert!(error.details().file.contains("AAPL"), "{error:?}");
                faults.push(error.to_string());
            }
        }
    }
}

/// A file that begins while orders rest: 200 at 5859400, 300 at 5859500, 20 at 5853200, and a bid of 70 at 5853000
/// that the first row is too short to show.
const MESSAGES: &str = "\
34200,1,1,18,5853300,1
34201,4,900,150,5859400,-1
34202,4,1,8,5853300,1
34203,2,901,10,5853200,1
34204,3,1,10,5853300,1
34205,3,902,50,5859400,-1
";

const ROWS: &str = "\
5859400,200,5853300,18,5859500,300,5853200,20
5859400,50,5853300,18,5859500,300,5853200,20
5859400,50,5853300,10,5859500,300,5853200,20
5859400,50,5853300,10,5859500,300,5853200,10
5859400,50,5853200,10,5859500,300,5853000,70
5859500,300,5853200,10,9999999999,0,5853000,70
";

#[test]
fn message_file_survives_a_round_trip() {
    let (messages, faults) = read(reader(ALL_TYPES));
    assert_eq!(faults, Vec::<String>::new());
    let VenueEvent::Listed(instrument) = messages[0].event else { panic!("{:?}", messages[0]) };
    assert_eq!((instrument.name.as_bytes(), instrument.price_places), (b"AAPL".as_slice(), 4));
    assert_eq!(messages[1].time, Timestamp(34_200_004_241_176 + 1_000));
    assert_eq!((messages[1].number, messages[11].number), (1, 11));
    let mut writer = Writer::new(Vec::new(), "out.csv", InstrumentId(1), Timestamp(1_000));
    for message in &messages {
        writer.write(message).unwrap();
    }
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), ALL_TYPES);
}

#[test]
fn no_damage_to_a_file_makes_the_reader_or_the_writer_panic() {
    let mut random = 1_u64;
    let mut below = |bound: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % bound
    };
    for _ in 0..3_000 {
        let mut bytes = [ALL_TYPES, MESSAGES].concat().into_bytes();
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes[at] = b"0123456789-.,\n\r\0x"[below(17)],
                1 => bytes.truncate(at + 1),
                _ => bytes.extend_from_within(at..),
            }
        }
        let source = Source::of("AAPL.csv", std::io::Cursor::new(bytes)).unwrap();
        let (messages, _) = read(Reader::new(source, Options::default()));
        let mut writer = Writer::new(Vec::new(), "out.csv", InstrumentId(1), Timestamp(0));
        for message in &messages {
            let _ = writer.write(message);
        }
    }
}
