//! The ledger in PostgreSQL does what every ledger does. It posts nothing twice and loses nothing,
//! whatever happens to the server or the connection.
//!
//! Half of `PRICETIME_KILLS` is the number of times that the server or its end of the connection is
//! killed. `PRICETIME_TRIALS` sets the number of steps in `walk`, `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use pricetime_settlement::Batch;
use pricetime_settlement::ledger::conformance::{conform, walk};
use pricetime_settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime_settlement::ledger::{Applied, Deed, Deposited, Ledger, LedgerError, Token};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::postgres::Server;
use pricetime_tests::postgres::books::{MARKET, balances, batch, begin};
use pricetime_tests::redis::proxy::{Mode, Proxy};
use pricetime_tests::server::signal;
use pricetime_tests::wait::until;

/// Sets timeouts that a test can wait for. On a busy machine they may be too short for a healthy server.
fn with_short_timeouts(mut options: PostgresOptions) -> PostgresOptions {
    (options.connect, options.answer) = (Duration::from_secs(1), Duration::from_secs(1));
    options
}

/// Opens a ledger with these timeouts in an existing schema. Retries until it connects in time.
fn open_with_short_timeouts(options: &PostgresOptions) -> PostgresLedger {
    let mut ledger = None;
    until("a connection in time", || {
        ledger = PostgresLedger::open(with_short_timeouts(options.clone())).ok();
        ledger.is_some()
    });
    ledger.expect("it was opened")
}

/// Posts a batch, with retries until an answer arrives in time. Returns the answer and the number of
/// attempts.
fn posted(ledger: &mut PostgresLedger, batch: &Batch, token: Token) -> (Applied, u32) {
    let (mut answer, mut attempts) = (None, 0);
    until("an answer in time", || {
        attempts += 1;
        match ledger.apply(batch, token, Deed::Post) {
            Err(LedgerError::Unreachable { .. }) => false,
            done => answer.replace(done.expect("it is not refused")).is_none(),
        }
    });
    (answer.expect("an answer"), attempts)
}

fn unreachable<T: core::fmt::Debug>(answer: Result<T, LedgerError>) -> String {
    match answer {
        Err(error @ LedgerError::Unreachable { .. }) => error.to_string(),
        other => panic!("expected unreachable, got {other:?}"),
    }
}

#[test]
fn postgres_ledger_passes_the_common_ledger_trial() {
    let server = Server::start();
    let (seed, steps) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 500));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={steps}");
    let mut make = || -> Box<dyn Ledger> { Box::new(server.ledger("books")) };
    assert_eq!(conform(&mut make), Ok(()));
    assert_eq!(walk(&mut make, seed.max(2), usize::try_from(steps).expect("steps")), Ok(()));
    assert_eq!(sums(&server, "books"), "0|0");
}

/// The sums of all transfers.
fn sums(server: &Server, schema: &str) -> String {
    let sums = "SELECT coalesce(sum(base), 0), coalesce(sum(quote), 0)";
    server.ask(&format!("{sums} FROM {schema}.transfers"))
}

/// Checks the books after this many epochs against every table.
fn recount(server: &Server, ledger: &mut PostgresLedger, epochs: u64) {
    assert_eq!(ledger.balances(MARKET, None, 99).expect("balances"), balances(epochs));
    assert_eq!(
        server.ask("SELECT count(*), max(epoch) FROM books.outcomes"),
        format!("{epochs}|{epochs}")
    );
    assert_eq!(
        server.ask("SELECT count(*), max(number) FROM books.outbox"),
        format!("{epochs}|{epochs}")
    );
    assert_eq!(server.ask("SELECT count(*) FROM books.inbox"), "0");
    assert_eq!(sums(server, "books"), "0|0");
    let difference_query = "SELECT count(*) FROM books.balances b FULL JOIN (SELECT account, sum(base) base, \
                 sum(quote) quote FROM books.transfers GROUP BY account) t USING (account) \
                 WHERE (b.base, b.quote) IS DISTINCT FROM (t.base, t.quote)";
    assert_eq!(server.ask(difference_query), "0");
}

/// Settles epoch after epoch up to `until`. Returns how many epochs it posted itself, and how many were
/// already posted. Counts lost answers in `lost`.
fn settle(
    mut ledger: PostgresLedger,
    token: Token,
    until: &AtomicU64,
    at: &AtomicU64,
    lost: &AtomicU64,
) -> [u64; 2] {
    let [mut done, mut known] = [0, 0];
    let mut epoch = 1;
    while epoch <= until.load(SeqCst) {
        let batch = batch(epoch);
        let deposited = ledger.deposit(&batch);
        let applied = deposited.and_then(|_| ledger.apply(&batch, token, Deed::Post));
        match applied {
            Ok(Applied::Done) => done += 1,
            Ok(Applied::Duplicate(Deed::Post)) => known += 1,
            Ok(other) => panic!("epoch {epoch}: {other:?}"),
            Err(LedgerError::Unreachable { .. }) => {
                lost.fetch_add(1, SeqCst);
                thread::sleep(Duration::from_millis(20));
                continue;
            }
            Err(error) => panic!("epoch {epoch}: {error}"),
        }
        at.fetch_max(epoch, SeqCst);
        epoch += 1;
    }
    [done, known]
}

#[test]
fn repeatedly_killed_server_posts_nothing_twice() {
    let (seed, kills) = (number("PRICETIME_SEED", 1), number("PRICETIME_KILLS", 12) / 2);
    eprintln!("PRICETIME_SEED={seed}, {kills} kills");
    let mut server = Server::start();
    // Makes the runners wait for a COMMIT most of the time, so that most kills hit one.
    server.configure("commit_delay = 20000\ncommit_siblings = 0\n");
    let mut ledger = server.ledger("books");
    let token = begin(&mut ledger);
    let (until, at) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
    let lost = AtomicU64::new(0);
    let runners = [server.ledger("books"), server.ledger("books")];
    let counted = thread::scope(|scope| {
        let run = |ledger| {
            let (until, at, lost) = (&until, &at, &lost);
            scope.spawn(move || settle(ledger, token, until, at, lost))
        };
        let runners = runners.map(run);
        let mut random = Random::new(seed);
        // A kill between two requests goes unnoticed, so the kills continue until an answer is lost.
        for _ in (0..10 * kills).take_while(|kill| *kill < kills || lost.load(SeqCst) == 0) {
            let more = 3 + random.below(40);
            // Waits until the runners have posted more epochs since the last kill.
            let before = at.load(SeqCst);
            while at.load(SeqCst) < before + more && runners.iter().any(|it| !it.is_finished()) {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_micros(random.below(0x4000)));
            if random.chance(50) {
                server.kill();
                server.restart();
            } else {
                let ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pricetime'";
                let ours = server.ask(&format!("{ours} ORDER BY backend_start DESC LIMIT 1"));
                // When one backend is killed, the server ends all others and recovers.
                signal(ours.parse().expect("a process"), "KILL");
            }
        }
        until.store(at.load(SeqCst) + 5, SeqCst);
        runners.map(|runner| runner.join().expect("a runner"))
    });
    let epochs = until.load(SeqCst);
    eprintln!("{epochs} epochs, {lost:?} answers lost, [done, known] by each: {counted:?}");
    assert!(lost.into_inner() > 0, "no answer was lost");
    let done: u64 = counted.iter().map(|[done, _]| done).sum();
    assert!(done <= epochs, "{done} epochs were done, of {epochs}");
    recount(&server, &mut ledger, epochs);
}

#[test]
fn retry_after_a_lost_answer_finds_the_posting() {
    let server = Server::start();
    let proxy = Proxy::start(server.port);
    let url = server.url().replace(&server.port.to_string(), &proxy.port.to_string());
    let mut patient = server.ledger("books");
    let token = begin(&mut patient);
    let mut ledger =
        open_with_short_timeouts(&PostgresOptions::parse(&url, "books").expect("an address"));
    for epoch in 1..=6 {
        let batch = batch(epoch);
        assert_eq!(patient.deposit(&batch), Ok(Deposited::Fresh));
        let (mode, then) = match epoch % 3 {
            0 => (Mode::LoseReply(0), Applied::Duplicate(Deed::Post)),
            1 => (Mode::Swallow, Applied::Done),
            _ => (Mode::Cut, Applied::Done),
        };
        proxy.set(mode);
        unreachable(ledger.apply(&batch, token, Deed::Post));
        proxy.set(Mode::Pass);
        let (done, attempts) = posted(&mut ledger, &batch, token);
        let known = attempts > 1 && done == Applied::Duplicate(Deed::Post);
        assert!(done == then || known, "epoch {epoch}: {done:?}, asked {attempts} times");
    }
    recount(&server, &mut patient, 6);
}

#[test]
fn hanging_server_blocks_no_caller() {
    let server = Server::start();
    let mut patient = server.ledger("books");
    let token = begin(&mut patient);
    let mut ledger = open_with_short_timeouts(&server.options("books"));
    for epoch in 1..=3 {
        let batch = batch(epoch);
        server.signal("STOP");
        unreachable(ledger.apply(&batch, token, Deed::Post));
        // A new connection gets no answer either.
        unreachable(ledger.apply(&batch, token, Deed::Post));
        unreachable(PostgresLedger::open(with_short_timeouts(server.options("books"))));
        server.signal("CONT");
        let (done, _) = posted(&mut ledger, &batch, token);
        assert!(matches!(done, Applied::Done | Applied::Duplicate(Deed::Post)), "{done:?}");
    }
    recount(&server, &mut patient, 3);
}

#[test]
fn server_restart_between_postings_goes_unnoticed() {
    let mut server = Server::start();
    let mut ledger = server.ledger("books");
    let token = begin(&mut ledger);
    for epoch in 1..=3 {
        assert_eq!(ledger.apply(&batch(epoch), token, Deed::Post), Ok(Applied::Done));
        server.kill();
        server.restart();
    }
    recount(&server, &mut ledger, 3);
}

#[test]
fn locked_market_row_is_reported_and_the_wait_is_bounded() {
    let server = Server::start();
    let mut patient = server.ledger("books");
    let token = begin(&mut patient);
    let mut ledger = open_with_short_timeouts(&server.options("books"));
    thread::scope(|scope| {
        let hold = "BEGIN; SELECT FROM books.markets FOR UPDATE; SELECT pg_sleep(600)";
        let holder = scope.spawn(|| server.psql(&server.url(), hold));
        let held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        until("the row is held", || server.ask(held) == "1");
        // The server reports this in time, unless the machine is busy.
        let why = "another session holds the market's row";
        until(why, || unreachable(ledger.apply(&batch(1), token, Deed::Post)).contains(why));
        // A read does not wait.
        assert_eq!(patient.position(MARKET).expect("a position").0, token);
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        assert_eq!(server.ask(end), "t");
        assert!(holder.join().expect("psql").is_err());
    });
    assert_eq!(patient.apply(&batch(1), token, Deed::Post), Ok(Applied::Done));
    recount(&server, &mut patient, 1);
}
