//! A reader that polls the image and checks every state that it finds.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pricetime_engine::{MarketId, MarketSnapshot};
use pricetime_redis::{
    Address, KeyNames, Link, ReadError, RedisOptions, Server as ServerAddress, read_image,
};

/// How long the writer waits for an answer. On a busy machine an answer can be late without a fault, so no
/// test may draw conclusions from a late answer.
pub const TIMEOUT: Duration = Duration::from_millis(600);
/// A longer limit, for a server that waits for its disk each time.
pub const LONG_TIMEOUT: Duration = Duration::from_secs(2);

/// The options to connect to a server on this port.
///
/// # Panics
/// Never panics.
#[must_use]
pub fn options(port: u16) -> RedisOptions {
    let server = ServerAddress::Single(Address { host: String::from("127.0.0.1"), port });
    let parsed = RedisOptions::parse("redis://127.0.0.1").expect("an address");
    RedisOptions { server, connect: TIMEOUT, control: TIMEOUT, bulk: LONG_TIMEOUT, ..parsed }
}

/// The state that the readers and the test share.
#[derive(Debug, Default)]
pub struct ImageCheck {
    /// All states that were written, or were about to be.
    states: Mutex<HashMap<u128, MarketSnapshot>>,
    /// Whether a key was changed by hand and is not repaired yet.
    pub tampered: AtomicBool,
    /// Whether the readers should stop.
    pub stop: AtomicBool,
}

impl ImageCheck {
    /// Adds the states that are written next.
    ///
    /// # Panics
    /// Panics if another thread has panicked.
    pub fn expect(&self, states: &[MarketSnapshot]) {
        let mut known = self.states.lock().expect("the lock is not poisoned");
        known.extend(states.iter().map(|state| (state.digest(), state.clone())));
    }

    /// Polls the server until the test is over. Returns how often it found a state.
    ///
    /// # Panics
    /// Panics if it finds a state that never existed, or damage without tampering.
    pub fn poll(&self, port: u16) -> u32 {
        self.poll_at(options(port))
    }

    /// Like [`ImageCheck::poll`], with these options.
    ///
    /// # Panics
    /// Panics if it finds a state that never existed, or damage without tampering.
    pub fn poll_at(&self, options: RedisOptions) -> u32 {
        let mut link = Link::new(options);
        let mut found = 0;
        while !self.stop.load(Ordering::SeqCst) {
            for market in 1..4 {
                let keys = KeyNames::default().of(MarketId(market));
                let tampered = self.tampered.load(Ordering::SeqCst);
                match read_image(&mut link, &keys) {
                    Ok(None) | Err(ReadError::Redis(_) | ReadError::KeepsChanging) => {}
                    Ok(Some(image)) => {
                        let known = self
                            .states
                            .lock()
                            .expect("the lock is not poisoned")
                            .get(&image.digest)
                            .cloned();
                        assert_eq!(Some(image.state), known, "a state that never existed");
                        found += 1;
                    }
                    Err(error) => {
                        let tampered = tampered || self.tampered.load(Ordering::SeqCst);
                        assert!(tampered, "unexpected without tampering: {error}");
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        found
    }
}
