//! A host that publishes events, and helpers for its tests.

use std::path::Path;

use pricetime::persistence::journal::JournalOptions;
use pricetime::{Host, Options, RedisState, Refused};
use pricetime_engine::Action;
use pricetime_redis::RedisOptions;
use pricetime_redis::stream::Publish;

use super::check::options;
use super::streams::{KEYS, StreamEntry, check, expected, groups, stored_entries};
use crate::load::{self, MARKET};
use crate::wait::until;

/// The options to publish to the server on this port.
#[must_use]
pub fn publishing(port: u16) -> RedisOptions {
    with_publishing(options(port))
}

/// Adds publishing to these options.
#[must_use]
pub fn with_publishing(redis: RedisOptions) -> RedisOptions {
    RedisOptions { publish: Some(Publish::default()), ..redis }
}

/// Sends an action as an operator and waits for the answer.
///
/// # Panics
/// Panics if there is no answer.
pub fn operator(host: &Host, action: Action) {
    load::done(host, load::operator(action));
}

/// Opens a host on this folder, with the market of [`load`].
///
/// # Panics
/// Panics if the host does not open.
#[must_use]
pub fn open(folder: &Path, redis: RedisOptions) -> Host {
    let journal = JournalOptions { segment_bytes: 1 << 15 };
    load::open(Options { redis: Some(redis), journal, ..Options::new(folder) })
}

/// Sends `many` commands, the last of which closes an epoch, and waits for the last.
///
/// # Panics
/// Panics if the host has ended.
pub fn epoch(host: &Host, seed: u64, next: &mut u64, many: u64) {
    for number in *next..*next + many {
        while let Err(Refused::Busy) = host.submit_detached(load::draft(seed, number)) {
            std::thread::yield_now();
        }
    }
    *next += many;
    let number = host.view(MARKET, 0).expect("the market").epoch;
    operator(host, Action::CloseEpoch { number });
}

/// Waits until everything durable is published.
///
/// # Panics
/// Panics if that does not happen.
pub fn wait_until_published(host: &Host) {
    until("the streams catch up", || {
        let events = host.status().redis.events.expect("events are published");
        events.behind == 0 && events.state == RedisState::Connected
    });
}

/// Returns `true` if events cannot be published now.
#[must_use]
pub fn is_degraded(host: &Host) -> bool {
    let events = host.status().redis.events;
    events.is_some_and(|events| matches!(events.state, RedisState::Degraded { .. }))
}

/// Waits until events cannot be published for a reason that contains these words.
///
/// # Panics
/// Panics if that does not happen.
pub fn wait_until_degraded(host: &Host, words: &str) {
    until(words, || {
        let events = host.status().redis.events;
        events.is_some_and(
            |it| matches!(it.state, RedisState::Degraded { why, .. } if why.contains(words)),
        )
    });
}

/// Compares all streams with the journal. Returns the markers of each.
///
/// # Panics
/// Panics if the streams do not match the commands in the journal.
#[must_use]
pub fn check_streams(what: &str, folder: &Path, port: u16) -> [Vec<StreamEntry>; 3] {
    check_streams_at(what, folder, |_| port)
}

/// Like [`check_streams`], with a port for each stream.
///
/// # Panics
/// Panics like [`check_streams`].
#[must_use]
pub fn check_streams_at(
    what: &str,
    folder: &Path,
    port: impl Fn(&str) -> u16,
) -> [Vec<StreamEntry>; 3] {
    let expected = expected(&groups(folder));
    let mut each = KEYS.iter().zip(&expected);
    std::array::from_fn(|_| {
        let (key, expected) = each.next().expect("a stream");
        check(&format!("{what}, {key}"), &stored_entries(port(key), key), expected)
    })
}
