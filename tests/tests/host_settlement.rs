//! The batch of each epoch is posted once and in order, however often the host restarts and whatever
//! the ledger does.
#![cfg(feature = "servers")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pricetime::engine::{Action, EpochNumber, Fees, MarketId, MarketSpec, Phase, Symbol, Terms};
use pricetime::persistence::journal::{FolderReader, JournalOptions, RealDisk};
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger, LedgerError};
use pricetime::persistence::settlement::{RetryPolicy, Standing};
use pricetime::{
    Draft, EpochSchedule, Host, OperatorRequest, OperatorRequests, Options, Retention, Settlement,
};
use pricetime_tests::load;
use pricetime_tests::obstacle::Obstacle;
use pricetime_tests::settle::books::{PLATFORM, check_ledger, recount_folder};
use pricetime_tests::wait::until;

fn ledger(folder: &Path) -> Result<Box<dyn Ledger>, LedgerError> {
    Ok(Box::new(EmbeddedLedger::open(&folder.join("ledger"))?))
}

/// Settles into the folder's own ledger, which can be opened only while `open` is `true`.
fn settlement(folder: &Path, open: &Arc<AtomicBool>) -> Settlement {
    let (folder, open) = (folder.to_owned(), Arc::clone(open));
    let away = || LedgerError::Unreachable { ledger: "it".to_owned(), why: "away".to_owned() };
    let patience = RetryPolicy {
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(50),
        ..RetryPolicy::default()
    };
    let open = move || if open.load(Ordering::SeqCst) { ledger(&folder) } else { Err(away()) };
    Settlement { platform: PLATFORM, patience, ..Settlement::new(open) }
}

fn host(folder: &Path, open: &Arc<AtomicBool>) -> Host {
    let options = Options {
        settlement: Some(settlement(folder, open)),
        gates: EpochSchedule::OnRequest,
        journal: JournalOptions { segment_bytes: 1 << 15 },
        ..Options::new(folder)
    };
    Host::open(options).expect("a host")
}

fn submit(host: &Host, market: MarketId, action: Action) {
    load::done(host, Draft { market, ..load::operator(action) });
}

fn spec(market: MarketId) -> MarketSpec {
    let spec = load::spec();
    let fees = Fees { maker_ppm: -100, taker_ppm: 2_500 };
    let symbol = Symbol::new(&format!("M{market}")).expect("a symbol");
    MarketSpec { symbol, terms: Terms { fees, ..spec.terms }, ..spec }
}

fn add(host: &Host, market: MarketId) {
    submit(host, market, Action::AddMarket(spec(market)));
    submit(host, market, Action::SetPhase(Phase::Continuous));
}

/// Submits orders, some of which trade.
fn trade(host: &Host, market: MarketId, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let draft = Draft { market, request: None, ..load::draft(u64::from(market.0), number) };
        drop(host.submit(draft).expect("room").wait().expect("an answer"));
    }
}

fn close(host: &Host, market: MarketId) {
    let number = host.view(market, 0).expect("the market").epoch;
    submit(host, market, Action::CloseEpoch { number });
}

fn is_settled(host: &Host, market: MarketId, epoch: u64) -> bool {
    let settled = |it: &pricetime::MarketSettlement| {
        it.market == market && it.settled >= Some(EpochNumber(epoch))
    };
    host.settlement().iter().any(settled)
}

fn standing(host: &Host, market: MarketId) -> Option<Standing> {
    host.settlement().into_iter().find(|it| it.market == market).map(|it| it.standing)
}

fn open_flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

const ONE: MarketId = MarketId(1);
const TWO: MarketId = MarketId(2);

#[test]
fn every_epoch_is_posted_once_across_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    for round in 0..8 {
        let host = host(folder.path(), &open_flag());
        if round == 0 {
            add(&host, ONE);
            add(&host, TWO);
        }
        for epoch in 0..3 {
            for market in [ONE, TWO] {
                trade(&host, market, number..number + 25);
                // Every other round ends with an open epoch that has traded.
                if epoch < 2 || round % 2 == 0 {
                    close(&host, market);
                }
            }
            number += 25;
        }
        host.close().expect("a clean shutdown");
    }
    let host = host(folder.path(), &open_flag());
    until("all is settled", || is_settled(&host, ONE, 20) && is_settled(&host, TWO, 20));
    host.close().expect("a clean shutdown");
    let posted =
        check_ledger(folder.path(), PLATFORM, &mut *ledger(folder.path()).expect("the ledger"));
    assert_eq!(posted, 40);
}

#[test]
fn unreachable_ledger_delays_no_command_and_catches_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = Arc::new(AtomicBool::new(false));
    let first = host(folder.path(), &open);
    add(&first, ONE);
    add(&first, TWO);
    for epoch in 0..300 {
        trade(&first, ONE, epoch * 5..epoch * 5 + 5);
        close(&first, ONE);
    }
    trade(&first, TWO, 0..40);
    until("the status says it", || matches!(standing(&first, ONE), Some(Standing::Retry { .. })));
    // The last epoch of a removed market exists only in the journal.
    submit(&first, TWO, Action::CancelAll { account: None, side: None });
    submit(&first, TWO, Action::SetPhase(Phase::Closed));
    submit(&first, TWO, Action::RemoveMarket);
    first.close().expect("a clean shutdown");
    let second = host(folder.path(), &open);
    trade(&second, ONE, 2_000..2_010);
    open.store(true, Ordering::SeqCst);
    until("all is settled", || is_settled(&second, ONE, 300));
    close(&second, ONE);
    until("the next one too", || is_settled(&second, ONE, 301));
    until("the other market has nothing left", || standing(&second, TWO).is_none());
    second.close().expect("a clean shutdown");
    let posted =
        check_ledger(folder.path(), PLATFORM, &mut *ledger(folder.path()).expect("the ledger"));
    assert_eq!(posted, 302);
}

#[test]
fn unsettled_epochs_stay_in_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = Arc::new(AtomicBool::new(false));
    let begin = |keep: bool| {
        let options = Options {
            settlement: keep.then(|| settlement(folder.path(), &open)),
            gates: EpochSchedule::OnRequest,
            journal: JournalOptions { segment_bytes: 1 << 13 },
            retention: Retention::Snapshots,
            ..Options::new(folder.path())
        };
        Host::open(options).expect("a host")
    };
    let first = begin(true);
    add(&first, ONE);
    for epoch in 0..40 {
        trade(&first, ONE, epoch * 30..epoch * 30 + 30);
        close(&first, ONE);
    }
    first.close().expect("a clean shutdown");
    let recount = recount_folder(folder.path());
    assert_eq!(recount.closed.len(), 40, "the journal is complete");
    open.store(true, Ordering::SeqCst);
    let second = begin(true);
    until("all is settled", || is_settled(&second, ONE, 40));
    for epoch in 40..50 {
        trade(&second, ONE, epoch * 30..epoch * 30 + 30);
        close(&second, ONE);
        until("it is settled", || is_settled(&second, ONE, epoch + 1));
    }
    second.close().expect("a clean shutdown");
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder.path());
    let oldest = folder_reader.expect("a folder").journal().expect("a journal").oldest();
    assert!(oldest.0 > 1, "settled epochs may be dropped");
    let mut ledger = ledger(folder.path()).expect("the ledger");
    let (_, position) = ledger.position(ONE).expect("an answer");
    assert_eq!(position.map(|it| it.last), Some(EpochNumber(50)));
}

#[test]
fn removed_market_is_settled_from_a_truncated_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = open_flag();
    let begin = || {
        let options = Options {
            settlement: Some(settlement(folder.path(), &open)),
            gates: EpochSchedule::OnRequest,
            journal: JournalOptions { segment_bytes: 1 << 13 },
            retention: Retention::Snapshots,
            ..Options::new(folder.path())
        };
        Host::open(options).expect("a host")
    };
    let first = begin();
    add(&first, ONE);
    add(&first, TWO);
    for epoch in 0..40 {
        for market in [ONE, TWO] {
            trade(&first, market, epoch * 30..epoch * 30 + 30);
            close(&first, market);
            until("it is settled", || is_settled(&first, market, epoch + 1));
        }
    }
    first.close().expect("a clean shutdown");
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder.path()).expect("a folder");
    assert!(
        folder_reader.journal().expect("a journal").oldest().0 > 1,
        "settled epochs are dropped"
    );
    // The ledger is unreachable while the market trades for the last time and is removed.
    open.store(false, Ordering::SeqCst);
    let second = begin();
    trade(&second, TWO, 2_000..2_040);
    close(&second, TWO);
    trade(&second, TWO, 2_040..2_080);
    submit(&second, TWO, Action::CancelAll { account: None, side: None });
    submit(&second, TWO, Action::SetPhase(Phase::Closed));
    submit(&second, TWO, Action::RemoveMarket);
    second.close().expect("a clean shutdown");
    open.store(true, Ordering::SeqCst);
    begin().close().expect("a clean shutdown");
    let mut ledger = ledger(folder.path()).expect("the ledger");
    let (_, position) = ledger.position(TWO).expect("an answer");
    assert_eq!(position.map(|it| it.last), Some(EpochNumber(42)));
}

#[test]
fn operator_can_hold_and_resume_a_market() {
    let folder = tempfile::tempdir().expect("a folder");
    let requests = OperatorRequests::of(folder.path());
    let first = host(folder.path(), &open_flag());
    add(&first, ONE);
    trade(&first, ONE, 0..20);
    requests.add(ONE, OperatorRequest::Hold).expect("a request");
    until("it is held", || standing(&first, ONE) == Some(Standing::Held));
    close(&first, ONE);
    first.close().expect("a clean shutdown");
    // It stays held after a restart.
    let second = host(folder.path(), &open_flag());
    until("it is held", || standing(&second, ONE) == Some(Standing::Held));
    requests.add(ONE, OperatorRequest::Resume).expect("a request");
    until("it is settled", || is_settled(&second, ONE, 1));
    second.close().expect("a clean shutdown");
    assert_eq!(requests.pending().expect("a folder").len(), 0);
}

#[test]
fn last_operator_request_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let requests = OperatorRequests::of(folder.path());
    let first = host(folder.path(), &open_flag());
    add(&first, ONE);
    requests.add(ONE, OperatorRequest::Hold).expect("a request");
    until("it is held", || standing(&first, ONE) == Some(Standing::Held));
    trade(&first, ONE, 0..20);
    close(&first, ONE);
    first.close().expect("a clean shutdown");
    requests.add(ONE, OperatorRequest::Resume).expect("a request");
    requests.add(ONE, OperatorRequest::Hold).expect("a request");
    let second = host(folder.path(), &open_flag());
    until("the other request is gone", || requests.pending().expect("a folder").len() == 1);
    until("it is held", || standing(&second, ONE) == Some(Standing::Held));
    second.close().expect("a clean shutdown");
    let mut ledger = ledger(folder.path()).expect("the ledger");
    assert_eq!(ledger.position(ONE).expect("an answer").1, None, "nothing was settled");
}

#[test]
fn nothing_is_settled_while_operator_requests_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = host(folder.path(), &open_flag());
    add(&host, ONE);
    close(&host, ONE);
    until("it is settled", || is_settled(&host, ONE, 1));
    let (requests, away) = (folder.path().join("settlement/orders"), folder.path().join("away"));
    std::fs::rename(&requests, &away).expect("it is there");
    let file = folder.path().join("no folder");
    std::fs::write(&file, "").expect("a file");
    let obstacle = Obstacle::new(requests.clone(), file);
    close(&host, ONE);
    obstacle.wait_for_retries("requests, so nothing is settled");
    assert!(!is_settled(&host, ONE, 2), "the market may be on hold");
    obstacle.remove();
    std::fs::rename(&away, &requests).expect("it is there");
    until("it is settled", || is_settled(&host, ONE, 2));
    host.close().expect("a clean shutdown");
}
