//! The promise: what the way to Redis costs can be counted from outside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use pricetime::engine::{AccountId, Action, EpochNumber};
use pricetime::{Draft, Host, Options};
use pricetime_tests::load::{self, MARKET};
use pricetime_tests::patience::until;
use pricetime_tests::redis::Server;

#[derive(Clone, Default)]
struct Ear(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

/// Counts how often something was recorded.
struct Times(Arc<AtomicU64>);

impl HistogramFn for Times {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Ear {
    fn heard(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AtomicU64>>> {
        self.0.lock().expect("nobody failed")
    }

    fn of(&self, key: &Key) -> Arc<AtomicU64> {
        let mut name = key.name().to_owned();
        key.labels().for_each(|label| name += &format!(" {}={}", label.key(), label.value()));
        Arc::clone(self.heard().entry(name).or_default())
    }

    fn count(&self, name: &str) -> u64 {
        self.heard().get(name).map_or(0, |number| number.load(Ordering::SeqCst))
    }
}

impl Recorder for Ear {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Times(self.of(key))))
    }
}

#[test]
fn what_the_way_to_redis_costs_is_counted() {
    let ear = Ear::default();
    metrics::set_global_recorder(ear.clone()).expect("the only recorder");
    let (mut server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let options = Options { redis: Some(server.patient()), ..Options::new(folder.path()) };
    let host = Host::open(options).expect("a host");
    let say = |action| {
        let (account, operator) = (AccountId(1), true);
        let draft =
            Draft { market: MARKET, account, operator, request: None, action, session: None };
        host.submit(draft).expect("room").wait().expect("an answer");
    };
    say(Action::AddMarket(load::spec()));
    until("the market is written", || ear.count("pricetime_redis_write_seconds how=whole") == 1);
    say(Action::CloseEpoch { number: EpochNumber(1) });
    until("the epoch is written", || ear.count("pricetime_redis_write_seconds how=changes") == 1);
    until("bytes are counted", || ear.count("pricetime_redis_sent_bytes_total") > 500);
    let memory = || f64::from_bits(ear.count("pricetime_redis_memory_bytes"));
    until("the server says what it holds", || memory() > 100_000.0);
    assert_eq!(ear.count("pricetime_redis_errors_total"), 0);
    let made = ear.count("pricetime_redis_connections_total");
    server.kill();
    until("errors are counted", || ear.count("pricetime_redis_errors_total") > 0);
    server.again();
    until("the end of an outage is", || ear.count("pricetime_redis_recoveries_total") == 1);
    until("so are connections", || ear.count("pricetime_redis_connections_total") > made);
    host.close().expect("a clean end");
}
