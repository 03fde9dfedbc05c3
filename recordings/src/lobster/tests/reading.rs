//! What message files contain.

use std::num::NonZeroU64;

use super::{read, reader};
use crate::lobster::row::{parse, parse_plain};
use crate::venue::{VenueEvent, VenueMessage};

#[test]
fn real_variants_of_lines_are_read() {
    let text =
        "1.5,1,1,2,3,1,null\r\n2.000000000001,1,2,2,3,1,UBSS\r\n3,1,3,2,3,1,\n4,3,2,2,3,1,UBSS\n";
    let (messages, faults) = read(reader(text));
    assert_eq!(faults, Vec::<String>::new());
    let account = |it: &VenueMessage| {
        if let VenueEvent::Added { account, .. } = it.event { account } else { None }
    };
    let found: Vec<_> = messages.iter().skip(1).map(|it| (it.time.0, account(it))).collect();
    let ubss = NonZeroU64::new(0x5542_5353);
    let [first, second, third, fourth] = [1.5, 2.0, 3.0, 4.0].map(|at| (at * 1e9) as u64 + 1_000);
    assert_eq!(found, [(first, None), (second, ubss), (third, None), (fourth, None)]);
}

#[test]
fn fast_parser_agrees_with_the_slow_one() {
    let mut random = 1_u64;
    let mut below = |bound: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut fast = 0;
    for _ in 0..20_000 {
        let digits = |below: &mut dyn FnMut(u64) -> u64, most: u64| {
            let count = 1 + below(most);
            (0..count).map(|_| char::from(b'0' + below(10) as u8)).collect::<String>()
        };
        let numbers = [5, 10, 1, 18, 10, 11].map(|most| digits(&mut below, most));
        let [seconds, fraction, kind, order, size, price] = numbers;
        let side = ["1", "-1", "0"][below(3) as usize];
        let end = ["\n", "\r\n", ",null\n", ",null\r\n", ",UBSS\n", ",\n"][below(6) as usize];
        let mut line =
            format!("{seconds}.{fraction},{kind},{order},{size},{price},{side}{end}").into_bytes();
        if below(4) == 0 {
            let at = below(line.len() as u64) as usize;
            line[at] = b"0123456789-.,\n\r\0x"[below(17) as usize];
        }
        let whole = [&line[..], b"34200,1,1,1,1,1\n"].concat();
        let Some(plain) = parse_plain(&whole) else { continue };
        fast += 1;
        let text = whole[..plain.length].strip_suffix(b"\n").unwrap();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let shown = text.escape_ascii().to_string();
        assert!(!text.contains(&b'\n'), "{shown}");
        assert_eq!(
            parse(text).map_err(|_| shown.clone()),
            Ok((plain.time, plain.event)),
            "{shown}"
        );
    }
    assert!(fast > 1_000, "{fast}");
    assert!(parse_plain(b"34200.004241176,1,16113575,18,5853300,1\n34200.1,").is_some());
}

#[test]
fn faulty_line_is_reported_and_the_next_one_read() {
    for (line, expected) in [
        ("34200.5,1,7,100,5853300", "has 5 columns instead of 6"),
        ("34200.5,1,7,100,5853300,1,null,", "has 8 columns instead of 6"),
        ("", "has 1 column instead of 6"),
        ("x,1,7,100,5853300,1", "time \"x\" is not a decimal number"),
        ("-1,1,7,100,5853300,1", "time \"-1\" is not a decimal number"),
        ("86400,1,7,100,5853300,1", "time \"86400\" is not below 86400 seconds"),
        ("86399.9999999996,1,7,1,1,1", "time \"86399.9999999996\" is not below 86400 seconds"),
        ("1,0,7,100,5853300,1", "type \"0\" is not one of 1 to 7"),
        ("1,8,7,100,5853300,1", "type \"8\" is not one of 1 to 7"),
        ("1,12,7,100,5853300,1", "type \"12\" is not one of 1 to 7"),
        ("1,1,-7,100,5853300,1", "order id \"-7\" is not a whole number"),
        ("1,1,7,0,5853300,1", "size \"0\" is not above 0"),
        ("1,2,7,1e2,5853300,1", "size \"1e2\" is not a whole number"),
        ("1,3,7,100,585.33,1", "price \"585.33\" is not a whole number"),
        ("1,4,7,100,5853300,0", "direction \"0\" is not one of 1 and -1"),
        ("1,1,7,4294967296,1,1", "size \"4294967296\" is not below 4294967296"),
        ("1,1,7,1,9999999999,1", "price \"9999999999\" is not between -9999999998 and 9999999998"),
        (
            "1,1,7,1,1,1,UB SS",
            "attribution \"UB SS\" is not one of null and ids of up to eight letters and digits",
        ),
        ("1,7,0,0,2,-1", "price \"2\" is not one of -1, 0 and 1, which a message of type 7 has"),
        ("1,1,\x1b[31m\",100,5853300,1", "order id \"\\x1b[31m\\\"\" is not a whole number"),
        (
            "1,1,7,1000000000000000000000000000000000000000000,5853300,1",
            "size \"1000000000000000000000000000000000000000…\" is not a number that fits in 64 bits",
        ),
    ] {
        let text = format!("34200,1,1,1,1,1\n{line}\r\n34201,1,2,1,1,1\n");
        let (messages, faults) = read(reader(&text));
        let place = "day/AAPL_2012-06-21_message_10.csv: line 2, byte 16:";
        assert_eq!(faults, [format!("{place} {expected}")]);
        // The listing, and two lines.
        assert_eq!(messages.len(), 3, "{line}");
        assert_eq!(messages[2].number, 3);
    }
}

#[test]
fn file_that_ends_within_a_line_is_incomplete() {
    let whole = "34200,1,1,1,1,1\n34201,1,2,1,1,1";
    assert_eq!(read(reader(whole)).1, Vec::<String>::new());
    let (messages, faults) = read(reader(&whole[..whole.len() - 3]));
    assert_eq!(messages.len(), 2);
    assert_eq!(
        faults,
        [
            "day/AAPL_2012-06-21_message_10.csv: line 2, byte 16: the file ends in the middle of a message; \
          is it still being written, or was it copied only in part?"
        ]
    );
}

#[test]
fn first_line_of_another_format_ends_the_file_with_a_hint() {
    for (text, expected) in [
        (
            "time,symbol,side\n1,A,buy\n",
            "has 3 columns instead of 6, so this is not a LOBSTER message file; it looks like CSV with a header",
        ),
        (
            "{\"place\":{}}\n{}\n",
            "has 1 column instead of 6, so this is not a LOBSTER message file; it looks like JSON lines",
        ),
        (
            "5859400,200,5853300,18\n5859400,200,5853300,18\n",
            "has 4 columns instead of 6, so this is not a LOBSTER message file; it looks like a LOBSTER order-book file",
        ),
        (
            "\0\u{c}S\0\0\0\n",
            "has 1 column instead of 6, so this is not a LOBSTER message file; it looks like NASDAQ TotalView-ITCH 5.0",
        ),
        ("a\nb\n", "has 1 column instead of 6, so this is not a LOBSTER message file"),
    ] {
        let (messages, faults) = read(reader(text));
        let place = "day/AAPL_2012-06-21_message_10.csv: line 1, byte 0:";
        assert_eq!(faults, [format!("{place} {expected}")]);
        assert_eq!(messages, []);
    }
}
