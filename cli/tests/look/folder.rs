//! Data folders for the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pricetime::engine::{
    AccountId, Action, Amend, Fees, Limits, MarketId, MarketSpec, OrderId, OrderKind, Phase, Place,
    Price, Pricing, Quantity, RequestId, SelfTrade, Side, Step, Symbol, Terms, TimeInForce,
};
use pricetime::persistence::journal::{FolderError, FolderReader, JournalOptions, RealDisk};
use pricetime::{Draft, EpochSchedule, Host, OpenError, Options, Retention};
use pricetime_tests::generate::random::Random;
use pricetime_tests::wait::until;
use tempfile::TempDir;

/// A data folder that is deleted with the test.
pub(crate) struct PreparedFolder {
    _temp: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) digest: String,
}

pub(crate) fn spec(symbol: &str) -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new(symbol).expect("a symbol"),
        tick: Step { mantissa: 5, exponent: -3 },
        lot: Step { mantissa: 1, exponent: -2 },
        pricing: Pricing::Maker,
        quantity_max: Quantity(1_000),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(-100),
            price_max: Price(100),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

pub(crate) fn options(path: &Path) -> Options {
    Options {
        journal: JournalOptions { segment_bytes: 4_096 },
        gates: EpochSchedule::Commands(70),
        snapshots: 10,
        ..Options::new(path)
    }
}

const fn operator(market: u32, action: Action) -> Draft {
    let account = AccountId(1);
    Draft {
        market: MarketId(market),
        account,
        operator: true,
        request: None,
        action,
        session: None,
    }
}

/// The id of the order that this number places.
pub(crate) const fn order(number: u64) -> OrderId {
    OrderId(0xabcd_0000 + number as u128)
}

/// The command of a number: most are orders, some change or end an earlier one.
pub(crate) fn draft(number: u64) -> Draft {
    let bits = Random::new(number).bits();
    let earlier = order(number.saturating_sub(5 + (bits >> 8 & 15) * 5));
    let kind = match bits >> 12 & 15 {
        0 => OrderKind::Market,
        1 => OrderKind::Stop { stop: Price((bits >> 32 & 15).cast_signed() - 8) },
        _ => OrderKind::Limit { price: Price((bits >> 32 & 15).cast_signed() - 8) },
    };
    let action = match bits >> 16 & 7 {
        0 => Action::Cancel { order: earlier },
        1 => Action::Amend(Amend {
            order: earlier,
            price: None,
            quantity: Some(Quantity(1 + (bits >> 24) % 9)),
            stop_price: None,
            if_open: None,
            requeue: false,
        }),
        _ => Action::Place(Place {
            order: order(number),
            reference: number,
            side: if bits >> 20 & 1 == 0 { Side::Buy } else { Side::Sell },
            kind,
            quantity: Quantity(1 + (bits >> 24) % 9),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::CancelTaker,
        }),
    };
    let market = MarketId(1 + u32::from(number.is_multiple_of(7)));
    let request = Some(RequestId(u128::from(number)));
    Draft {
        market,
        account: AccountId(10 + u128::from(number % 5)),
        operator: false,
        request,
        action,
        session: None,
    }
}

/// Opens a host. While another test starts a program, the child briefly inherits every open file of this
/// process, including a lock that was just released.
pub(crate) fn open(options: impl Fn() -> Options) -> Host {
    let mut host = None;
    until("the folder is free", || match Host::open(options()) {
        Err(OpenError::Folder(FolderError::InUse(_))) => false,
        opened => host.replace(opened.expect("it opens")).is_none(),
    });
    host.expect("it was opened")
}

/// Adds and opens the markets of a new folder.
pub(crate) fn open_markets(host: &Host) {
    for (market, symbol) in [(1, "ONE"), (2, "TWO")] {
        for action in [Action::AddMarket(spec(symbol)), Action::SetPhase(Phase::Continuous)] {
            drop(host.submit(operator(market, action)).expect("room").wait().expect("durable"));
        }
    }
    // A command to a market that does not exist; the journal records it too.
    let unknown_market = Draft { market: MarketId(9), ..draft(3) };
    drop(host.submit(unknown_market).expect("room").wait().expect("durable"));
}

/// Submits the commands of these numbers and waits until all are durable.
pub(crate) fn submit(host: &Host, numbers: std::ops::Range<u64>) {
    let tickets: Vec<_> = numbers.map(|number| host.submit(draft(number)).expect("room")).collect();
    for ticket in tickets {
        drop(ticket.wait().expect("durable"));
    }
}

/// A folder with three sessions, each of which was shut down in order.
pub(crate) fn prepared() -> PreparedFolder {
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("market");
    let mut digest = String::new();
    for session in 0..3 {
        let host = open(|| options(&path));
        if session == 0 {
            open_markets(&host);
        }
        submit(&host, 1 + session * 150..1 + (session + 1) * 150);
        digest = format!("{:032x}", host.digest());
        host.close().expect("a clean shutdown");
    }
    PreparedFolder { _temp: temp, path, digest }
}

/// A folder whose journal no longer begins with the first command.
pub(crate) fn prepared_short() -> PreparedFolder {
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("market");
    let host = open(|| Options { retention: Retention::Snapshots, snapshots: 2, ..options(&path) });
    open_markets(&host);
    // The start of the journal is deleted in idle moments, once there are snapshots.
    let mut next = 1;
    until("the beginning is dropped", || {
        submit(&host, next..next + 71);
        next += 71;
        std::thread::sleep(Duration::from_millis(40));
        let oldest = files(&path, "journal").into_iter().next().expect("a segment");
        !oldest.ends_with(format!("{:020}.journal", 1))
    });
    let digest = format!("{:032x}", host.digest());
    host.close().expect("a clean shutdown");
    PreparedFolder { _temp: temp, path, digest }
}

/// The files of the journal, or of the snapshots, the oldest first.
pub(crate) fn files(path: &Path, part: &str) -> Vec<PathBuf> {
    let reader = FolderReader::open(Arc::new(RealDisk), path).expect("a data folder");
    let folder = path.join(reader.history().to_string()).join(part);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path()).collect();
    // Files that a running host has prepared in advance are not part of the journal yet.
    files.retain(|file| file.extension().is_none_or(|it| it != "tmp"));
    files.sort();
    files
}

/// Copies a folder as it is at this moment.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).expect("a copy");
        }
    }
}

/// Flips one bit of a file.
pub(crate) fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[at] ^= 0x40;
    fs::write(file, bytes).expect("it can be written");
}
