//! Parses arbitrary bytes as an address of Redis or PostgreSQL. It is refused with an error, or
//! parsed correctly. No secret in it is ever shown, and the memory it takes is proportional to its
//! length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{SECRET, assert_no_secret, checked_error, with_memory_limit};
use pricetime_redis::{Address, RedisOptions, Server};
use pricetime_settlement::ledger::postgres::PostgresOptions;

fn redis(address: &str) {
    match with_memory_limit(address.len(), 64, || RedisOptions::parse(address)) {
        Ok(options) => {
            let elsewhere = format!("{:?} {:?}", options.server, options.user);
            if !elsewhere.contains(SECRET) {
                assert_no_secret(&format!("{options:?}"), address);
            }
        }
        Err(refused) => {
            assert_no_secret(&refused.to_string(), address);
            assert!(checked_error(&refused).starts_with("the address of Redis "), "{refused}");
        }
    }
}

/// Percent-encodes everything except letters, digits and `-._~`.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode_byte =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    text.bytes().map(encode_byte).collect()
}

/// Checks that a good address of Redis is parsed correctly, and that a changed one shows no secret.
fn check_almost_valid_redis(bytes: &mut Bytes<'_>) {
    let user: String = (0..bytes.byte() % 8).map(|_| char::from(bytes.byte())).collect();
    let password = format!("{SECRET}{}", char::from(bytes.byte()));
    let database = i64::from(bytes.byte());
    let (host, port) =
        (bytes.pick(&["host", "10.0.0.1", "::1"]), bytes.pick(&[1_u16, 6_379, u16::MAX]));
    let place =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let tls = bytes.once_in(2);
    let scheme = if tls { "rediss" } else { "redis" };
    let credentials = format!("{}:{}", encoded(&user), encoded(&password));
    let address = format!("{scheme}://{credentials}@{place}/{database}");
    let options = RedisOptions::parse(&address).expect("a valid address");
    assert_eq!(options.server, Server::Single(Address { host: host.to_owned(), port }));
    assert_eq!(options.user, Some(user).filter(|user| !user.is_empty()));
    assert_eq!((options.password.as_ref(), options.database), (Some(&password), database));
    assert_eq!(options.tls.is_some(), tls);
    assert_no_secret(&format!("{options:?}"), &address);
    let plain = format!("{scheme}://ann:{SECRET}@{place}/{database}");
    redis(&bytes.corrupt_text(&plain));
}

fn postgres(address: &str, schema: &str) {
    match with_memory_limit(address.len() + schema.len(), 64, || {
        PostgresOptions::parse(address, schema)
    }) {
        Ok(options) => assert_eq!(options.schema, schema),
        Err(refused) => {
            assert_no_secret(&refused.to_string(), address);
            checked_error(&refused);
        }
    }
}

fn check_almost_valid_postgres(bytes: &mut Bytes<'_>) {
    let (port, database) = (bytes.pick(&[1_u16, 5_432]), bytes.pick(&["books", "a"]));
    let good = match bytes.byte() % 3 {
        0 => format!("postgres://ann:{SECRET}@host:{port}/{database}?sslmode=require"),
        1 => format!("host=host port={port} user=ann password={SECRET} dbname={database}"),
        _ => format!(
            "host=host port={port} user=ann password='{SECRET}' dbname={database} sslmode=require"
        ),
    };
    let schema = bytes.pick(&["pricetime", "", "\0", "a\"b"]);
    if let Ok(options) = PostgresOptions::parse(&good, schema) {
        let shown = format!("{options:?}");
        assert_no_secret(&shown, &good);
        assert!(shown.contains(&format!("host:{port}/{database}")), "{shown}");
    }
    postgres(&bytes.corrupt_text(&good), schema);
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.byte() % 4 {
        0 => redis(&bytes.text()),
        1 => check_almost_valid_redis(&mut bytes),
        2 => postgres(&bytes.text(), "pricetime"),
        _ => check_almost_valid_postgres(&mut bytes),
    }
});
