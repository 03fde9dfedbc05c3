//! Valid configurations with random changes. The fuzz target `configuration` runs the same for longer, and
//! also searches the error messages for secrets.

use pricetime_tests::generate::random::Random;

use super::{Config, Layers};

const VALID: &str = r#"
[listen]
tcp = "127.0.0.1:7070"
token = "open sesame"
idle_timeout = "15m"
[redis]
url = "rediss://ann:password@host:6380/3"
verify = "1h"
[settlement]
ledger = "postgres"
url = "postgres://ann:password@host/books?sslmode=require"
locks = ["redis://:password@a"]
deliver = "http://ann:password@host/path"
[lock]
nodes = ["redis://:password@a"]
[[market]]
market = 1
symbol = "SUN"
tick = "0.01"
lot = "1"
quantity_max = "10"
price_min = "-5"
price_max = "5"
"#;

/// Returns the text with a few bytes changed, removed or inserted.
fn corrupted(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.within(1, 4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.within(0, bytes.len() as u64 - 1) as usize;
        match random.within(0, 3) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, b"\"\n=[]{}7 "[random.within(0, 8) as usize]),
            2 => bytes.truncate(at.max(1)),
            _ => bytes[at] = random.within(0, 255) as u8,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn corrupted_configuration_is_refused_with_a_readable_error() {
    let valid = Config::of("FILE", VALID, &Layers::default());
    assert!(valid.is_ok(), "{valid:?}");
    let (mut random, mut refused) = (Random::new(7), 0);
    for _ in 0..3_000 {
        let text = corrupted(VALID, &mut random);
        if let Err(failure) = Config::of("FILE", &text, &Layers::default()) {
            refused += 1;
            assert!(failure.text().starts_with("FILE: "), "{}\nof: {text}", failure.text());
        }
    }
    assert!(refused > 1_000, "{refused} of 3000 are refused");
}
