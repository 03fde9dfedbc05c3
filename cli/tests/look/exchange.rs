//! Tests of `pricetime replay` on ITCH and Databento files: compressed, damaged, and with their own options.

use std::fs;
use std::io::Write as _;

use pricetime_engine::{Price, Quantity, Side, Timestamp};
use pricetime_recordings::itch::Writer;
use pricetime_recordings::{Instrument, InstrumentId, InstrumentName, VenueEvent, VenueMessage};
use pricetime_tests::databento::{self, LAST, Mbo, definition_file, mbo};
use tempfile::TempDir;

use crate::program::{RunResult, run};

/// Two asks of AAPL and an order that takes one of them and a part of the other; one bid of MSFT.
fn itch() -> Vec<u8> {
    let listed = |name: &[u8]| {
        let name = InstrumentName::new(name);
        VenueEvent::Listed(Instrument { name, price_places: 4, round_lot: 100 })
    };
    let added = |order, side, price| {
        let (price, quantity) = (Price(price), Quantity(100));
        VenueEvent::Added { order, side, price, quantity, account: None }
    };
    let executed = |order, quantity| VenueEvent::Executed {
        order,
        quantity: Quantity(quantity),
        side: None,
        price: None,
        trade: None,
        aggressor: None,
        cross: false,
    };
    let events = [
        (1, listed(b"AAPL")),
        (2, listed(b"MSFT")),
        (1, added(7, Side::Sell, 5_853_300)),
        (1, added(8, Side::Sell, 5_853_400)),
        (2, added(9, Side::Buy, 300_000)),
        (1, executed(7, 100)),
        (1, executed(8, 50)),
    ];
    let mut writer = Writer::new(Vec::new(), "day.itch", Timestamp(0));
    for (number, (instrument, event)) in (1..).zip(events) {
        let (time, instrument) = (Timestamp(34_200_000_000_000), InstrumentId(instrument));
        writer.write(&VenueMessage { time, number, instrument, event }).expect("a message");
    }
    writer.finish().expect("memory")
}

/// Two asks, and an order that takes one of them and a part of the other.
fn databento() -> Vec<u8> {
    let trade = [
        mbo(b"TB", 9, 11, 150, 0),
        mbo(b"FA", 1, 10, 100, 0),
        mbo(b"FA", 2, 11, 50, 0),
        mbo(b"CA", 1, 10, 100, 0),
        mbo(b"CA", 2, 11, 50, LAST),
    ];
    let asks = [mbo(b"AA", 1, 10, 100, LAST), mbo(b"AA", 2, 11, 100, LAST)];
    let trade = trade.map(|record| Mbo { time: 6, ..record });
    databento::file(&[asks.as_slice(), &trade].concat())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("memory");
    gzip.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

/// A file with these bytes, whose name says nothing about the format.
fn file(bytes: &[u8]) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("day");
    fs::write(&path, bytes).expect("written");
    let path = path.to_str().expect("text").to_owned();
    (folder, path)
}

fn replayed(done: &RunResult) -> serde_json::Value {
    done.lines()[0]["replayed"].clone()
}

/// Asserts what both modes report of a file with two executions. Returns the digest of each mode.
fn assert_both_modes(bytes: &[u8], format: &str) -> [String; 2] {
    let (_folder, day) = file(bytes);
    let words = [format, "mode rematch", "2 of 2 executions", "100.00 %"];
    run(["replay", &day]).assert_prints(0, &words);
    let rematched = run(["replay", &day, "--json"]).assert_success();
    assert_eq!(replayed(&rematched)["trades"], 2);
    let mode = ["replay", &day, "--mode", "reconstruct", "--json"];
    let reconstructed = run(mode).assert_success();
    let report = replayed(&reconstructed);
    assert_eq!((&report["trades"], &report["rejected"]), (&0.into(), &serde_json::json!({})));
    [rematched.digest(), reconstructed.digest()]
}

#[test]
fn plain_and_compressed_files_give_the_same_books_in_both_modes() {
    for (bytes, format) in [(itch(), "ITCH 5.0"), (databento(), "Databento")] {
        let expected = assert_both_modes(&bytes, format);
        for compressed in [gzip(&bytes), zstd(&bytes)] {
            assert_eq!(assert_both_modes(&compressed, format), expected);
        }
    }
}

#[test]
fn stocks_of_an_itch_file_can_be_chosen() {
    let (_folder, day) = file(&itch());
    let traded = replayed(&run(["replay", &day, "--stock", "AAPL", "--json"]).assert_success());
    assert_eq!(traded["recording"]["agreement"]["agreed"], 2);
    let idle = run(["replay", &day, "--stock", "MSFT"]);
    idle.assert_prints(0, &["no execution could be compared"]);
    let both = ["replay", &day, "--stock", "AAPL", "--stock", "MSFT", "--json"];
    let [all, both] = [&["replay", &day, "--json"][..], &both].map(run);
    assert_eq!(all.assert_success().digest(), both.assert_success().digest());
    run(["replay", &day, "--stock", "aapl"])
        .assert_prints(1, &["stock aapl is not in the recording", "capital letters"]);
    let (_other, day) = file(&databento());
    run(["replay", &day, "--stock", "ESH4"]).assert_prints(2, &["--stock is only for ITCH"]);
}

#[test]
fn definitions_of_a_databento_file_give_its_name_and_tick() {
    let (_folder, day) = file(&databento());
    let (_other, definitions) = file(&definition_file(3, 250_000_000));
    let commands = |with: &[&str]| {
        let arguments = [&["replay", &day, "--commands", "-"], with].concat();
        run(arguments).assert_success().out
    };
    let (plain, defined) = (commands(&[]), commands(&["--with", &definitions]));
    assert!(plain.contains("\"ESH4\"") && plain.contains("\"0.000000001\""), "{plain}");
    assert!(defined.contains("\"ESM4\"") && defined.contains("\"0.01\""), "{defined}");
    run(["replay", &day, "--with", &day])
        .assert_prints(3, &["schema \"mbo\" is not supported; definition can be read"]);
}

#[test]
fn faulty_message_ends_the_replay_unless_it_is_lenient() {
    // The last message before the end of messages has shares of zero, and the last record an unknown action.
    let (mut shares, mut action) = (itch(), databento());
    let at = shares.len() - 14 - 12;
    shares[at..at + 4].fill(0);
    let at = action.len() - 56 + 38;
    action[at] = b'?';
    for (bytes, words) in
        [(shares, ["record 8, byte", "shares \"0\""]), (action, ["record 7, byte", "action \"?\""])]
    {
        let (_folder, day) = file(&bytes);
        let done = run(["replay", &day, "--json"]).assert_prints(3, &words);
        assert!(replayed(&done)["commands"].as_u64() > Some(3), "{done:?}");
        let done = run(["replay", &day, "--lenient", "--json"]).assert_prints(4, &words);
        let recording = &replayed(&done)["recording"];
        let found = (&recording["faulty"], &recording["agreement"]["agreed"]);
        assert_eq!(found, (&1.into(), &1.into()), "{done:?}");
    }
}

#[test]
fn what_precedes_damage_is_reported() {
    let unfinished = "the file ends in the middle of a message";
    let cut = [itch(), databento()].map(|bytes| bytes[..bytes.len() - 20].to_vec());
    let [plain, compressed] = [cut.clone(), cut.map(|bytes| zstd(&bytes))];
    // A long file, so that much of it is read before the damage.
    let (long, _) = pricetime_tests::itch::file(1, 20_000);
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let streams = [
        (half(gzip(&long)), "the gzip stream is cut off"),
        (half(zstd(&long)), "the zstd stream is cut off"),
    ];
    let files = plain.into_iter().chain(compressed).map(|bytes| (bytes, unfinished));
    for (bytes, words) in files.chain(streams) {
        let (_folder, day) = file(&bytes);
        // No leniency helps.
        for more in [None, Some("--lenient")] {
            let arguments = ["replay", &day].into_iter().chain(more);
            run(arguments).assert_prints(3, &[words, "recording ", " events in "]);
        }
    }
}
