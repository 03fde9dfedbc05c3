//! The ledger creates its tables in PostgreSQL by itself, once and only in its own schema. It needs no
//! more rights than `docs/settlement.md` lists. Its errors name the obstacle.
#![cfg(feature = "servers")]

use std::thread;
use std::time::Duration;

use pricetime_engine::{AccountId, EpochNumber};
use pricetime_settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime_settlement::ledger::{
    Applied, Balance, Deed, Ledger, LedgerError, Position, Seed, Token,
};
use pricetime_tests::certificates;
use pricetime_tests::postgres::Server;
use pricetime_tests::postgres::books::{HISTORY, MARKET, balances, batch, begin};
use pricetime_tests::wait::until;

const MIGRATION: &str = include_str!("../../persistence/settlement/migrations/0001_ledger.sql");
const PAGE: &str = include_str!("../../docs/settlement.md");

fn open(url: &str, schema: &str) -> Result<PostgresLedger, LedgerError> {
    PostgresLedger::open(PostgresOptions::parse(url, schema)?)
}

/// Asserts that the answer is a refusal for this reason.
fn refused<T: core::fmt::Debug>(answer: Result<T, LedgerError>, expected: &str) {
    match answer {
        Err(LedgerError::Refused { why, .. }) => assert!(why.contains(expected), "{why}"),
        other => panic!("expected a refusal with {expected:?}, got {other:?}"),
    }
}

#[test]
fn open_error_names_the_obstacle() {
    let server = Server::start();
    let url = server.url();
    drop(server.ledger("books"));
    drop(server.ask("CREATE ROLE guest LOGIN PASSWORD 'guest'"));
    let guest = url.replace("admin:secret", "guest:guest");
    refused(open(&url.replace("secret", "wrong"), "books"), "password authentication failed");
    refused(open(&url.replace(":secret", ""), "books"), "password missing");
    refused(open(&url.replace("/postgres", "/none"), "books"), "\"none\" does not exist");
    refused(open(&guest, "books"), "permission denied for schema books (SQLSTATE 42501); grant");
    refused(open(&guest, "own"), "permission denied for database");
    let Err(LedgerError::Unreachable { why, .. }) =
        open(&format!("{url}?sslmode=require"), "books")
    else {
        panic!("a server without encryption must be refused");
    };
    assert!(why.contains("TLS"), "{why}");
    let unreachable_url = "postgres://admin:secret@127.0.0.1:1/postgres";
    assert!(matches!(open(unreachable_url, "books"), Err(LedgerError::Unreachable { .. })));
    let mut ledger = server.ledger("books");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    refused(runtime.block_on(async { ledger.position(MARKET) }), "its own thread");
    // The ledger reports content that another writer changed.
    let token = begin(&mut ledger);
    let _fresh = ledger.deposit(&batch(1)).expect("a deposit");
    let other = batch(2).to_text();
    drop(server.ask(&format!("UPDATE books.inbox SET content = '{other}'")));
    let found = ledger.pending(MARKET, HISTORY, 9);
    assert!(matches!(found, Err(LedgerError::Damaged { .. })), "{found:?}");
    assert_eq!(ledger.apply(&batch(1), token, Deed::Post), Ok(Applied::Done));
}

#[test]
fn foreign_tables_are_left_alone() {
    let server = Server::start();
    let foreign_tables = "CREATE SCHEMA shop; CREATE TABLE shop.balances (account text, has numeric); \
                  INSERT INTO shop.balances VALUES ('ann', 12.5)";
    drop(server.ask(foreign_tables));
    refused(open(&server.url(), "shop"), "\"balances\" already exists");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'shop'";
    assert_eq!(server.ask(tables), "1");
    assert_eq!(server.ask("SELECT * FROM shop.balances"), "ann|12.5");
    let mut ledger = server.ledger("shop \"two\"");
    let token = begin(&mut ledger);
    assert_eq!(ledger.apply(&batch(1), token, Deed::Post), Ok(Applied::Done));
    assert_eq!(server.ask("SELECT count(*) FROM \"shop \"\"two\"\"\".transfers"), "3");
    assert_eq!(server.ask("SELECT * FROM shop.balances"), "ann|12.5");
}

#[test]
fn concurrent_opens_create_the_tables_once() {
    let server = Server::start();
    let opened = thread::scope(|scope| {
        let open = || scope.spawn(|| open(&server.url(), "books").map(drop));
        [(); 6].map(|()| open()).map(|it| it.join().expect("a thread"))
    });
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert_eq!(server.ask("SELECT version FROM books.pricetime_migrations"), "1");
}

#[test]
fn tables_of_a_later_version_are_refused() {
    let server = Server::start();
    let mut ledger = server.ledger("books");
    let _token = begin(&mut ledger);
    drop(server.ask("INSERT INTO books.pricetime_migrations VALUES (99)"));
    refused(open(&server.url(), "books"), "of version 99, but this version knows at most 1");
    // An open ledger is also refused when it reconnects.
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'pricetime'";
    assert_eq!(server.ask(end), "1");
    refused(ledger.position(MARKET), "use a later version");
}

/// The queries of the page, in order.
fn queries() -> Vec<&'static str> {
    let section = PAGE.split("## The ledger in PostgreSQL").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let blocks = section.split("```sql\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("its end")).collect()
}

#[test]
fn manual_setup_with_minimal_rights_works_as_documented() {
    let server = Server::start();
    drop(server.ask("CREATE SCHEMA pricetime"));
    drop(server.ask(&format!("SET search_path TO pricetime; BEGIN; {MIGRATION}; COMMIT")));
    let [rights, balance, recount] = queries().try_into().expect("three queries");
    drop(server.ask(rights));
    let settler = server.url().replace("admin:secret", "settler:secret");
    let mut ledger = open(&settler, "pricetime").expect("a ledger");
    let token = ledger.claim(MARKET, Token(0)).expect("a claim").token;
    let position = Position { history: HISTORY, last: EpochNumber(0) };
    let initial_balance = Balance { account: AccountId(1), base: 1_000, quote: -3 };
    let seed = Seed { market: MARKET, position, replaces: None, balances: vec![initial_balance] };
    ledger.seed(&seed, token).expect("a seed");
    for epoch in 1..=30 {
        let _fresh = ledger.deposit(&batch(epoch)).expect("a deposit");
        let deed = if epoch == 30 { Deed::Drop } else { Deed::Post };
        assert_eq!(ledger.apply(&batch(epoch), token, deed), Ok(Applied::Done));
    }
    ledger.forget(MARKET, 7).expect("notices to delete");
    assert_eq!(ledger.outbox(MARKET, 0, 99).expect("an outbox").len(), 23);
    let own_balance =
        balances(29).into_iter().find(|it| it.account == AccountId(1)).expect("a balance");
    let shown = format!("7|{}|{}", own_balance.base + 1_000, own_balance.quote - 3);
    assert_eq!(server.ask(balance), shown);
    assert_eq!(server.ask(recount), "");
    // The database itself is a second barrier and refuses these statements.
    let denied = |sql: &str, expected: &str| {
        let why = server.psql(&server.url(), &format!("SET search_path TO pricetime; {sql}"));
        assert!(why.as_ref().is_err_and(|why| why.contains(expected)), "{sql}: {why:?}");
    };
    let post = "INSERT INTO transfers SELECT market, batch, v.* FROM outcomes, (VALUES";
    let (one, two) = ("(gen_random_uuid(), 5, 0)", "(gen_random_uuid(), -4, 0)");
    denied(&format!("{post} {one}, {two}) v WHERE epoch = 30"), "do not sum to zero");
    denied("INSERT INTO transfers SELECT * FROM transfers LIMIT 3", "duplicate key");
    denied("INSERT INTO outcomes SELECT * FROM outcomes LIMIT 1", "duplicate key");
    denied("UPDATE outcomes SET deed = 'posted'", "cannot be changed");
    denied("DELETE FROM outcomes", "cannot be changed");
    denied("UPDATE transfers SET base = 0", "cannot be changed");
    denied(
        "UPDATE balances SET base = 2 * 170141183460469231731687303715884105727.0",
        "amount_check",
    );
    denied("UPDATE markets SET token = -1", "whole_check");
    // A change that gets past it is found by the recount.
    drop(server.ask("UPDATE pricetime.balances SET base = base + 1 WHERE quote = (SELECT min(quote) FROM pricetime.balances)"));
    assert!(server.ask(recount).ends_with("|1|0"), "{}", server.ask(recount));
}

#[test]
fn remote_server_requires_encryption() {
    // This address is reserved for documentation, so no server has it.
    let url = "postgres://ann:hunter2@192.0.2.1/books";
    for url in [url.to_owned(), format!("{url}?sslmode=prefer"), format!("{url}?sslmode=disable")] {
        refused(open(&url, "books"), "add sslmode=verify-full to its address");
    }
}

#[test]
fn encrypted_connection_verifies_the_server_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates::make(folder.path());
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("a file");
    let text = |name: &str| String::from_utf8(read(name)).expect("PEM");
    let mut server = Server::start();
    for name in ["server.crt", "server.key"] {
        server.write(name, &text(name));
    }
    let files = "ssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'";
    server.configure(&format!("ssl = on\n{files}\n"));
    let options_in = |mode: &str, authority: Option<Vec<u8>>| {
        let url = format!("{}?sslmode={mode}", server.url());
        let mut options = PostgresOptions::parse(&url, "books").expect("an address");
        options.authority = authority;
        options.connect = Duration::from_secs(30);
        options
    };
    let options = |authority| options_in("verify-full", authority);
    let mut ledger = PostgresLedger::open(options(Some(read("ca.crt")))).expect("a ledger");
    let token = begin(&mut ledger);
    assert_eq!(ledger.apply(&batch(1), token, Deed::Post), Ok(Applied::Done));
    let how = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE application_name = 'pricetime'";
    assert_eq!(server.ask(how), "t");
    drop(ledger);
    for (mode, authority) in [
        ("verify-full", None),
        ("verify-full", Some(read("other.crt"))),
        ("verify-ca", Some(read("other.crt"))),
        ("require", Some(read("other.crt"))),
        ("prefer", Some(read("other.crt"))),
    ] {
        let Err(LedgerError::Unreachable { why, .. }) =
            PostgresLedger::open(options_in(mode, authority))
        else {
            panic!("{mode}: an untrusted server must be refused");
        };
        assert!(why.contains("certificate"), "{mode}: {why}");
    }
    refused(PostgresLedger::open(options(Some(b"nothing".to_vec()))), "PEM");
    // With `prefer`, the connection is encrypted if the server can encrypt.
    let preferred = PostgresLedger::open(options_in("prefer", Some(read("ca.crt"))));
    let preferred = preferred.expect("a ledger");
    until("the other connections are gone", || server.ask(how) == "t");
    drop(preferred);
    server.configure("ssl = off\n");
    let options_in =
        |mode: &str| PostgresOptions::parse(&format!("{}?sslmode={mode}", server.url()), "books");
    let mut plain = options_in("prefer").expect("an address");
    plain.authority = Some(read("ca.crt"));
    let _plain = PostgresLedger::open(plain).expect("a local server without encryption");
    assert_eq!(server.ask(how), "f");
}
