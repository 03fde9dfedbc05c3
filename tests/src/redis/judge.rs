//! Who reads the image all the time, and knows what may stand there.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pricetime_engine::{MarketId, MarketSnapshot};
use pricetime_redis::{
    Address, KeyNames, Link, ReadError, RedisOptions, Server as Where, read_image,
};

/// How long an answer may take before the writer gives up. If the machine is busy that happens without
/// a fault, so nothing may be concluded from a late answer.
pub const PATIENCE: Duration = Duration::from_millis(600);
/// And a long one, of a server that waits for its disk each time.
pub const LONG_PATIENCE: Duration = Duration::from_secs(2);

/// How to reach a server on this port.
///
/// # Panics
/// Never.
#[must_use]
pub fn options(port: u16) -> RedisOptions {
    let server = Where::Single(Address { host: String::from("127.0.0.1"), port });
    let parsed = RedisOptions::parse("redis://127.0.0.1").expect("an address");
    RedisOptions { server, connect: PATIENCE, control: PATIENCE, bulk: LONG_PATIENCE, ..parsed }
}

/// What those who read are told and tell.
#[derive(Debug, Default)]
pub struct Judge {
    /// All states that were or were to be written.
    states: Mutex<HashMap<u128, MarketSnapshot>>,
    /// Whether somebody did by hand what nobody should, and it is not mended yet.
    pub tampered: AtomicBool,
    /// Whether it is over.
    pub over: AtomicBool,
}

impl Judge {
    /// These are written next.
    ///
    /// # Panics
    /// Where another thread did.
    pub fn expect(&self, states: &[MarketSnapshot]) {
        let mut known = self.states.lock().expect("nobody failed");
        known.extend(states.iter().map(|state| (state.digest(), state.clone())));
    }

    /// Reads until it is over, from the server itself. How often it found a state.
    ///
    /// # Panics
    /// Where it finds what never was, or damage where nobody tampered.
    pub fn poll(&self, port: u16) -> u32 {
        self.poll_at(options(port))
    }

    /// The same from these servers.
    ///
    /// # Panics
    /// Where it finds what never was, or damage where nobody tampered.
    pub fn poll_at(&self, options: RedisOptions) -> u32 {
        let mut link = Link::new(options);
        let mut found = 0;
        while !self.over.load(Ordering::SeqCst) {
            for market in 1..4 {
                let keys = KeyNames::default().of(MarketId(market));
                let tampered = self.tampered.load(Ordering::SeqCst);
                match read_image(&mut link, &keys) {
                    Ok(None) | Err(ReadError::Redis(_) | ReadError::Moving) => {}
                    Ok(Some(image)) => {
                        let known =
                            self.states.lock().expect("nobody failed").get(&image.digest).cloned();
                        assert_eq!(Some(image.state), known, "a state that never was");
                        found += 1;
                    }
                    Err(error) => {
                        let tampered = tampered || self.tampered.load(Ordering::SeqCst);
                        assert!(tampered, "nobody tampered, and yet: {error}");
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        found
    }
}
