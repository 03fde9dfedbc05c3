//! Metrics count the time, bytes, errors and connections that writing to Redis costs.
#![cfg(feature = "servers")]

use pricetime::engine::{Action, EpochNumber};
use pricetime::{Host, Options};
use pricetime_tests::load::{done, operator, spec};
use pricetime_tests::metrics_recorder::MetricsRecorder;
use pricetime_tests::redis::Server;
use pricetime_tests::wait::until;

#[test]
fn redis_writes_bytes_errors_and_connections_are_counted() {
    let recorder = MetricsRecorder::install();
    let (mut server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let options = Options { redis: Some(server.patient_options()), ..Options::new(folder.path()) };
    let host = Host::open(options).expect("a host");
    let say = |action| done(&host, operator(action));
    say(Action::AddMarket(spec()));
    until("the market is written", || {
        recorder.count("pricetime_redis_write_seconds how=whole") == 1
    });
    say(Action::CloseEpoch { number: EpochNumber(1) });
    until("the epoch is written", || {
        recorder.count("pricetime_redis_write_seconds how=changes") == 1
    });
    until("bytes are counted", || recorder.count("pricetime_redis_sent_bytes_total") > 500);
    let memory = || f64::from_bits(recorder.count("pricetime_redis_memory_bytes"));
    until("the server's memory is known", || memory() > 100_000.0);
    assert_eq!(recorder.count("pricetime_redis_errors_total"), 0);
    let made = recorder.count("pricetime_redis_connections_total");
    server.kill();
    until("errors are counted", || recorder.count("pricetime_redis_errors_total") > 0);
    server.restart();
    until("the end of an outage is counted", || {
        recorder.count("pricetime_redis_recoveries_total") == 1
    });
    until("connections are counted", || recorder.count("pricetime_redis_connections_total") > made);
    host.close().expect("a clean shutdown");
}
