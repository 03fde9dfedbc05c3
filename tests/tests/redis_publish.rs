//! Public entries name no account and no order. Channels publish what the streams contain, at most
//! once. A stream keeps as much as it may, and the journal as much as it must. Foreign entries are
//! never taken for the host's own.
#![cfg(feature = "servers")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pricetime::engine::Sequence;
use pricetime::persistence::journal::{FolderReader, JournalOptions, RealDisk};
use pricetime::persistence::redis::RedisOptions;
use pricetime::persistence::redis::stream::Publish;
use pricetime::{Host, OpenError, Options, Policy, Retention};
use pricetime_tests::group_buffer::GroupBuffer;
use pricetime_tests::log::lines_with;
use pricetime_tests::redis::Server;
use pricetime_tests::redis::publishing::{
    check_streams, epoch, is_degraded, open, publishing, wait_until_degraded, wait_until_published,
};
use pricetime_tests::redis::raw::RawConnection;
use pricetime_tests::redis::streams::{KEYS, StreamEntry, check, expected, groups, stored_entries};
use pricetime_tests::wait::until;
use serde_json::Value;

/// The accounts of the load, and the beginning of all its order ids for this seed.
fn private_ids(seed: u64) -> Vec<String> {
    let accounts = (10_u128..15).map(|account| format!("{account:032x}"));
    let orders = std::iter::once(format!("{:016x}", u128::from(seed)));
    let hyphened = |hex: String| match hex.len() {
        32 => format!("{}-{}", &hex[..8], &hex[8..12]) + "-0000-0000-" + &hex[20..],
        _ => format!("{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..]),
    };
    accounts.chain(orders).map(hyphened).collect()
}

#[test]
fn public_entries_name_no_account_or_order() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (seed, mut next) = (0x77aa_55bb_0011_2233, 0);
    let host = open(folder.path(), publishing(server.port));
    for _ in 0..3 {
        epoch(&host, seed, &mut next, 500);
    }
    wait_until_published(&host);
    let _ = check_streams("public", folder.path(), server.port);
    let [trades, orders, epochs] = KEYS.map(|key| stored_entries(server.port, key));
    let names = private_ids(seed);
    let named =
        |entry: &&StreamEntry| names.iter().any(|it| entry.fields.values().any(|v| v.contains(it)));
    assert!(trades.iter().find(named).is_none() && epochs.iter().find(named).is_none());
    assert!(
        orders.iter().filter(|it| !it.is_marker()).all(|it| named(&it)),
        "orders name an account"
    );
    let fields = |entries: &[StreamEntry]| {
        let published = entries.iter().filter(|it| !it.is_marker());
        published.flat_map(|it| it.fields.keys().cloned()).collect::<BTreeSet<_>>()
    };
    let shared = ["event", "market", "symbol", "epoch", "sequence", "timestamp", "history"];
    let trade = ["number", "trade", "price", "quantity", "notional", "taker_side"];
    let of_trade: BTreeSet<String> = shared.iter().chain(&trade).map(ToString::to_string).collect();
    assert_eq!(fields(&trades), of_trade);
    for private in ["order", "account", "reference", "maker", "taker"] {
        assert!(!fields(&epochs).contains(private), "{private}");
    }
    assert!(trades.len() > 200, "{}", trades.len());
}

/// Collects the messages in all channels of this server, each with its channel.
fn listen(port: u16) -> Arc<Mutex<Vec<(String, Value)>>> {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let mut raw = RawConnection::connect(port).expect("the server answers");
    let _ = raw.ask(&["PSUBSCRIBE", "*"]).expect("an answer");
    let into = Arc::clone(&messages);
    std::thread::spawn(move || {
        loop {
            match raw.receive() {
                Ok(received) if received.len() == 4 => {
                    let message = serde_json::from_str(&received[3]).expect("a message is JSON");
                    into.lock()
                        .expect("the lock is not poisoned")
                        .push((received[2].clone(), message));
                }
                Ok(_) => {}
                // A timeout is no reason to stop; the end of the connection is.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    });
    messages
}

/// An entry in the form of a message.
fn message(entry: &StreamEntry) -> Value {
    let (sequence, number) = entry.id;
    let fields = entry.fields.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    let id = (String::from("id"), Value::from(format!("{sequence}-{number}")));
    Value::Object(fields.chain([id]).collect())
}

#[test]
fn channels_carry_the_same_entries_as_the_streams() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let messages = listen(server.port);
    let (seed, mut next) = (5, 0);
    for _ in 0..3 {
        let host = open(folder.path(), publishing(server.port));
        epoch(&host, seed, &mut next, 300);
        wait_until_published(&host);
        host.close().expect("a clean shutdown");
    }
    let [trades, orders, epochs] = KEYS.map(|key| {
        let entries = stored_entries(server.port, key);
        entries.into_iter().filter(|it| !it.is_marker()).collect::<Vec<_>>()
    });
    let all = |messages: &[(String, Value)], channel: &str| -> Vec<Value> {
        let own = messages.iter().filter(|(name, _)| name == channel);
        own.map(|(_, message)| message.clone()).collect()
    };
    let (public, traded) = (trades.len() + epochs.len(), 2 * trades.len());
    until("every message is received", || {
        messages.lock().expect("the lock is not poisoned").len() == public + orders.len() + traded
    });
    let messages = messages.lock().expect("the lock is not poisoned").clone();
    let market = all(&messages, "pricetime:dev:market:events");
    for (entries, is_trade) in [(&trades, true), (&epochs, false)] {
        let published = market.iter().filter(|it| (it["event"] == "traded") == is_trade);
        assert!(published.eq(entries.iter().map(message).collect::<Vec<_>>().iter()));
    }
    for account in 10_u128..15 {
        let account = format!("00000000-0000-0000-0000-{account:012x}");
        let own: Vec<&StreamEntry> =
            orders.iter().filter(|it| it.field("account") == account).collect();
        let received = all(&messages, &format!("pricetime:dev:orders:{account}"));
        assert_eq!(received, own.iter().map(|it| message(it)).collect::<Vec<_>>());
        let received = all(&messages, &format!("pricetime:dev:trades:{account}"));
        let own = own.into_iter().filter(|it| it.field("event") == "traded");
        assert_eq!(received, own.map(message).collect::<Vec<_>>());
        assert!(!received.is_empty());
    }
}

#[test]
fn alerts_report_failures_to_operators() {
    let (mut server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut next = 0;
    let host = open(folder.path(), publishing(server.port));
    epoch(&host, 1, &mut next, 20);
    wait_until_published(&host);
    server.kill();
    epoch(&host, 1, &mut next, 20);
    until("the host notices", || is_degraded(&host));
    server.restart();
    let messages = listen(server.port);
    until("the alert is received", || {
        let messages = messages.lock().expect("the lock is not poisoned");
        let alerts = messages.iter().filter(|(name, _)| name == "pricetime:dev:system:alerts");
        alerts.into_iter().any(|(_, it)| it["alert"] == "events_well")
    });
}

#[test]
fn alerts_report_a_fenced_market_and_its_end() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let messages = listen(server.port);
    let has_alert = |alert: &str| {
        let messages = messages.lock().expect("the lock is not poisoned");
        let mut alerts = messages.iter().filter(|(name, _)| name == "pricetime:dev:system:alerts");
        alerts.any(|(_, it)| it["alert"] == alert)
    };
    let metadata = "pricetime:dev:{1}:metadata";
    let host = open(folder.path(), publishing(server.port));
    let mut next = 0;
    epoch(&host, 1, &mut next, 20);
    until("the image is there", || server.ask(&["EXISTS", metadata]) == "1");
    let claim = ["term", "900", "writer", "other"];
    let _ = server.ask(&[&["HSET", metadata][..], &claim].concat());
    // The streams are claimed too, and alerts are still published.
    for stream in ["trades", "orders", "epochs"] {
        let published_key = format!("pricetime:dev:published:{{pricetime:dev:stream:{stream}}}");
        let _ = server.ask(&[&["HSET", &published_key][..], &claim].concat());
    }
    epoch(&host, 1, &mut next, 20);
    until("the alerts are received", || has_alert("fenced") && has_alert("events_fenced"));
    let _ = server.ask(&["DEL", metadata]);
    until("the alert is received", || has_alert("unfenced"));
}

#[test]
fn markers_are_logged_at_most_once_a_minute() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    // Uses its own prefix, which distinguishes its log lines from those of other tests.
    let mut redis = publishing(server.port);
    redis.names.prefix = String::from("evicted");
    let lines = || lines_with("a marker says").into_iter().filter(|it| it.contains("evicted:dev"));
    assert_eq!(lines().count(), 0);
    let (host, started, mut next) = (open(folder.path(), redis), Instant::now(), 0);
    for _ in 0..5 {
        epoch(&host, 1, &mut next, 20);
        wait_until_published(&host);
        // Simulates an eviction by the server.
        let _ = server.ask(&["DEL", "evicted:dev:stream:trades"]);
        until("the stream begins again", || {
            server.ask(&["XLEN", "evicted:dev:stream:trades"]) != "0"
        });
    }
    let first = lines().next().expect("a line");
    for stream in ["trades", "orders", "epochs"] {
        assert!(first.contains(&format!("evicted:dev:stream:{stream} from 1 (begun)")), "{first}");
    }
    let minutes = usize::try_from(started.elapsed().as_secs() / 60).expect("a few");
    assert!(lines().count() <= 1 + minutes, "{:?}", lines().collect::<Vec<_>>());
}

fn publishing_up_to(port: u16, keep: u64) -> RedisOptions {
    let publish = Some(Publish { keep, ..Publish::default() });
    RedisOptions { publish, ..publishing(port) }
}

#[test]
fn stream_is_trimmed_to_its_limit_and_rebuilt_to_the_same_length() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut next = 0;
    let host = open(folder.path(), publishing_up_to(server.port, 200));
    for _ in 0..4 {
        epoch(&host, 2, &mut next, 1_000);
    }
    wait_until_published(&host);
    for (key, expected) in KEYS.iter().zip(expected(&groups(folder.path()))) {
        let stored_entries = stored_entries(server.port, key);
        assert!(stored_entries.len() <= 400, "{key}: {}", stored_entries.len());
        let skipped = expected.len() - stored_entries.iter().filter(|it| !it.is_marker()).count();
        let kept: Vec<_> =
            stored_entries.iter().filter(|it| !it.is_marker()).map(|it| it.id).collect();
        assert!(expected[skipped..].iter().map(|it| it.id).eq(kept), "{key}: its end");
    }
    let durable = host.status().durable.0;
    let _ = server.ask(&["DEL", KEYS[0]]);
    until("the stream begins again", || server.ask(&["XLEN", KEYS[0]]) != "0");
    wait_until_published(&host);
    let expected = &expected(&groups(folder.path()))[0];
    let markers = check("anew", &stored_entries(server.port, KEYS[0]), expected);
    assert_eq!(markers[0].field("sequence"), (durable - 199).to_string());
}

/// Checks each stream against the groups in `buffer`. Returns the markers in each.
fn check_all(buffer: &GroupBuffer, what: &str, port: u16) -> Vec<Vec<StreamEntry>> {
    let expected = expected(&buffer.groups());
    let each = KEYS.iter().zip(&expected);
    each.map(|(key, expected)| check(what, &stored_entries(port, key), expected)).collect()
}

/// A host whose journal drops what snapshots do not need.
fn open_truncating(folder: &Path, redis: Option<RedisOptions>, buffer: &GroupBuffer) -> Host {
    let options = Options {
        redis,
        retention: Retention::Snapshots,
        journal: JournalOptions { segment_bytes: 1 << 13 },
        follower: Some(Box::new(buffer.clone())),
        ..Options::new(folder)
    };
    Host::open(options).expect("a host")
}

fn oldest(folder: &Path) -> Sequence {
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder).expect("a folder");
    folder_reader.segments().expect("a journal")[0].first
}

/// Runs epochs until a newer snapshot is kept, this many times.
fn snapshots(host: &Host, next: &mut u64, many: u32) {
    for _ in 0..many {
        let before = host.status().snapshot;
        epoch(host, 3, next, 300);
        until("a snapshot is kept", || host.status().snapshot > before);
    }
}

#[test]
fn journal_keeps_exactly_the_unpublished_commands() {
    let (mut server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (buffer, mut next) = (GroupBuffer::default(), 0);
    // Creates a folder with a market.
    drop(open(folder.path(), publishing(server.port)));
    *buffer.groups() = groups(folder.path());
    let host = open_truncating(folder.path(), Some(publishing(server.port)), &buffer);
    snapshots(&host, &mut next, 2);
    wait_until_published(&host);
    let published = host.status().redis.events.expect("published").through;
    server.kill();
    // The journal learns what it may drop after a snapshot while the next two epochs are written.
    snapshots(&host, &mut next, 7);
    assert!(oldest(folder.path()) <= published, "unpublished commands are kept");
    // The end of the process does not drop it, and neither does a process that never reaches Redis.
    host.close().expect("a clean shutdown");
    let host = open_truncating(folder.path(), Some(publishing(server.port)), &buffer);
    snapshots(&host, &mut next, 3);
    assert!(oldest(folder.path()) <= published, "unpublished commands are kept");
    server.restart();
    wait_until_published(&host);
    let markers = check_all(&buffer, "after an outage", server.port);
    assert!(markers.iter().all(|it| it.len() == 1), "{markers:?}");
    until("published commands are dropped", || {
        snapshots(&host, &mut next, 1);
        oldest(folder.path()) > published
    });
    wait_until_published(&host);
    host.close().expect("a clean shutdown");
    // Publishes nothing for a while. What has left the journal cannot be published, and a marker says so.
    let host = open_truncating(folder.path(), None, &buffer);
    let unpublished = host.status().durable;
    until("unneeded commands are dropped", || {
        snapshots(&host, &mut next, 1);
        oldest(folder.path()) > unpublished
    });
    host.close().expect("a clean shutdown");
    let host = open_truncating(folder.path(), Some(publishing(server.port)), &buffer);
    epoch(&host, 3, &mut next, 100);
    wait_until_published(&host);
    for markers in check_all(&buffer, "after a gap", server.port) {
        let reasons: Vec<_> = markers.iter().map(|it| it.field("reason")).collect();
        assert!(reasons.last() == Some(&"gap"), "{markers:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(done.expect("cp").success());
}

#[test]
fn journal_older_than_the_stream_publishes_nothing() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (older, mut next) = (tempfile::tempdir().expect("a folder"), 0);
    let host = open(folder.path(), publishing(server.port));
    epoch(&host, 1, &mut next, 200);
    host.close().expect("a clean shutdown");
    copy(folder.path(), older.path());
    let host = open(folder.path(), publishing(server.port));
    epoch(&host, 1, &mut next, 200);
    wait_until_published(&host);
    host.close().expect("a clean shutdown");
    let before = KEYS.map(|key| stored_entries(server.port, key));
    // Simulates an operator who restores an older copy.
    let host = open(older.path(), publishing(server.port));
    epoch(&host, 9, &mut next, 500);
    wait_until_degraded(&host, "the journal ended with");
    assert_eq!(KEYS.map(|key| stored_entries(server.port, key)), before, "it is unchanged");
    let _ = server.ask(&[&["DEL"][..], &KEYS].concat());
    wait_until_published(&host);
    let markers = check_streams("anew", older.path(), server.port);
    assert!(markers.iter().all(|it| it.len() == 1), "{markers:?}");
}

/// Deletes the images, because a new folder cannot be opened beside them.
fn without_images(server: &Server) {
    for key in server.ask(&["KEYS", "pricetime:dev:*"]).lines() {
        if !key.contains("stream") {
            let _ = server.ask(&["DEL", key]);
        }
    }
}

#[test]
fn stream_of_another_history_is_not_continued() {
    let (server, mut next) = (Server::start(), 0);
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let host = open(one.path(), publishing(server.port));
    epoch(&host, 1, &mut next, 200);
    wait_until_published(&host);
    host.close().expect("a clean shutdown");
    without_images(&server);
    let before = KEYS.map(|key| stored_entries(server.port, key));
    let host = open(two.path(), publishing(server.port));
    epoch(&host, 1, &mut next, 500);
    wait_until_degraded(&host, "of history");
    assert_eq!(KEYS.map(|key| stored_entries(server.port, key)), before, "it is unchanged");
    let _ = server.ask(&[&["DEL"][..], &KEYS].concat());
    wait_until_published(&host);
    let _ = check_streams("anew", two.path(), server.port);
}

#[test]
fn new_history_continues_above_the_published_sequence() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (buffer, mut next) = (GroupBuffer::default(), 0);
    drop(open(folder.path(), publishing(server.port)));
    let host = open_truncating(folder.path(), Some(publishing(server.port)), &buffer);
    snapshots(&host, &mut next, 3);
    wait_until_published(&host);
    let (published, old) = (host.status().durable, host.start().history.clone());
    host.close().expect("a clean shutdown");
    // Simulates a disk that has lost the journal and the newest snapshot.
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder.path()).expect("a folder");
    std::fs::remove_dir_all(folder_reader.journal_folder()).expect("the journal");
    let kept = folder_reader.snapshots().list().expect("snapshots");
    let newest = folder_reader.snapshots().path(*kept.last().expect("one"));
    std::fs::remove_file(newest).expect("the newest snapshot");
    let buffer = GroupBuffer::default();
    let options = Options {
        redis: Some(publishing(server.port)),
        accept_loss: true,
        follower: Some(Box::new(buffer.clone())),
        ..Options::new(folder.path())
    };
    let host = Host::open(options).expect("a host");
    assert_eq!(host.start().lost.as_ref(), Some(&old));
    epoch(&host, 4, &mut next, 100);
    wait_until_published(&host);
    for (key, expected) in KEYS.iter().zip(&expected(&buffer.groups())) {
        let entries = stored_entries(server.port, key);
        let fresh = entries.iter().position(|it| it.field("reason") == "history");
        let (before, after) = entries.split_at(fresh.expect("a marker"));
        assert!(before.iter().all(|it| it.id.0 <= published.0 && it.field("history") == old));
        let markers = check("the new history", after, expected);
        assert_eq!((markers.len(), markers[0].field("before")), (1, old.as_str()));
        assert_eq!(markers[0].field("sequence"), (published.0 + 1).to_string());
    }
    // No number is published for two different things.
    let [trades, _, epochs] = KEYS.map(|key| stored_entries(server.port, key));
    let numbers = |entries: &[StreamEntry], event: &str| {
        let of = entries.iter().filter(|it| !it.is_marker() && it.field("event") == event);
        of.map(|it| it.field("number").parse().expect("a number")).collect::<Vec<u64>>()
    };
    for numbers in [numbers(&trades, "traded"), numbers(&epochs, "epoch_closed")] {
        assert!(numbers.len() > 3 && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}

#[test]
fn only_the_later_of_two_processes_with_copied_folders_publishes() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (other, mut next) = (tempfile::tempdir().expect("a folder"), 0);
    let host = open(folder.path(), publishing(server.port));
    epoch(&host, 1, &mut next, 100);
    host.close().expect("a clean shutdown");
    copy(folder.path(), other.path());
    let older = open(folder.path(), publishing(server.port));
    wait_until_published(&older);
    let newer = open(other.path(), publishing(server.port));
    wait_until_published(&newer);
    epoch(&older, 2, &mut next, 200);
    wait_until_degraded(&older, "another process");
    epoch(&newer, 3, &mut next, 300);
    wait_until_published(&newer);
    epoch(&older, 4, &mut next, 300);
    let markers = check_streams("the newer one", other.path(), server.port);
    assert!(markers.iter().all(|it| it.len() == 1), "{markers:?}");
    assert!(older.status().stopped.is_none());
}

#[test]
fn nothing_is_published_without_a_journal() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let options = Options {
        redis: Some(publishing(server.port)),
        policy: Policy::None,
        ..Options::new(folder.path())
    };
    assert!(matches!(Host::open(options), Err(OpenError::NoJournal)));
}
