//! The ledger in Redis does what every ledger does, whatever happens to the server or its answers. If
//! it cannot do something completely, it changes nothing.
//!
//! `PRICETIME_TRIALS` sets the number of steps in `walk`, `PRICETIME_KILLS` the number of kills,
//! `PRICETIME_SEED` the seed.
#![cfg(feature = "servers")]

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use pricetime_engine::{AccountId, EpochNumber};
use pricetime_journal::History;
use pricetime_redis::RedisOptions;
use pricetime_settlement::ledger::RedisLedger;
use pricetime_settlement::ledger::conformance::{conform, walk};
use pricetime_settlement::ledger::{
    Applied, Balance, Deed, Ledger, LedgerError, Position, Seed, Token,
};
use pricetime_settlement::{Batch, Digest, Transfer};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::recount::{MARKET, batch, initial_seed, recount};
use pricetime_tests::redis::Server;
use pricetime_tests::redis::check::options;
use pricetime_tests::redis::proxy::{Mode, Proxy};

/// Timeouts within which a running server answers, however busy the machine is.
fn patient_options(port: u16) -> RedisOptions {
    let long = Duration::from_secs(60);
    RedisOptions { connect: long, control: long, bulk: long, ..options(port) }
}

fn open(port: u16) -> RedisLedger {
    RedisLedger::open(patient_options(port)).expect("a server that answers")
}

fn key(what: &str) -> String {
    format!("pricetime:dev:{{7}}:{what}")
}

#[test]
fn redis_ledger_passes_the_common_ledger_trial() {
    let (seed, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 5_000));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let server = Server::start();
    let mut make = || -> Box<dyn Ledger> { Box::new(open(server.port)) };
    assert_eq!(conform(&mut make), Ok(()));
    let steps = usize::try_from(trials).expect("a number of steps");
    assert_eq!(walk(&mut make, seed, steps), Ok(()));
}

/// A ledger with two posted epochs and one that is pending.
fn settled(server: &Server) -> (RedisLedger, Token) {
    let mut ledger = open(server.port);
    let token = ledger.claim(MARKET, Token(0)).expect("a claim").token;
    ledger.seed(&initial_seed(), token).expect("a seed");
    for epoch in [1, 2] {
        assert_eq!(ledger.apply(&batch(epoch), token, Deed::Post), Ok(Applied::Done));
    }
    ledger.deposit(&batch(3)).expect("a deposit");
    (ledger, token)
}

/// Every key on the server, with a digest of its value.
fn all_keys(server: &Server) -> Vec<(String, String)> {
    let mut keys: Vec<String> = server.ask(&["KEYS", "*"]).lines().map(str::to_owned).collect();
    keys.sort_unstable();
    let dump = "return redis.sha1hex(redis.call('DUMP', KEYS[1]))";
    keys.into_iter().map(|key| (key.clone(), server.ask(&["EVAL", dump, "1", &key]))).collect()
}

#[test]
fn posting_that_cannot_complete_changes_nothing() {
    let parts = ["state", "pending", "outcomes", "balances", "accounts"];
    let waits = format!("settlement:{}", batch(3).id());
    let names = parts.map(|part| format!("settlement:{part}"));
    let names = names.iter().map(String::as_str).chain(["stream:settlements", &waits]);
    for name in names {
        let server = Server::start();
        let (mut ledger, token) = settled(&server);
        let _ = server.ask(&["DEL", &key(name)]);
        let _ = server.ask(&["SET", &key(name), "of somebody else"]);
        let before = all_keys(&server);
        let answer = ledger.apply(&batch(3), token, Deed::Post);
        let named = |what: &str| what.contains(&key(name));
        let damaged = matches!(&answer, Err(LedgerError::Damaged { what, .. }) if named(what));
        assert!(damaged, "{name}: {answer:?}");
        assert_eq!(all_keys(&server), before, "{name}");
    }
    let server = Server::start();
    let (mut ledger, token) = settled(&server);
    let one = "00000000-0000-0000-0000-000000000001";
    for (words, why) in [
        (&["HSET", "settlement:state", "noticed", "many"][..], "is not a number"),
        (&["HSET", "settlement:state", "noticed", "1"], "which this ledger did not write"),
        (&["HSET", "settlement:state", "noticed", "2"], ""),
        (&["HSET", "settlement:balances", one, "10"], one),
        (&["HSET", "settlement:balances", one, "1e3 0"], one),
        (&["HSET", "settlement:state", "format", "2"], "format 2"),
    ] {
        let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
        words[1] = key(&words[1]);
        let _ = server.ask(&words.iter().map(String::as_str).collect::<Vec<_>>());
        if why.is_empty() {
            continue;
        }
        let before = all_keys(&server);
        let error = ledger.apply(&batch(3), token, Deed::Post).expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(all_keys(&server), before, "{why}");
    }
}

fn as_user(server: &Server, rules: &str) -> RedisOptions {
    let rules: Vec<&str> = rules.split_whitespace().collect();
    let done = server.ask(&[&["ACL", "SETUSER", "ann", "reset", "on", ">pw"][..], &rules].concat());
    assert_eq!(done, "OK", "{rules:?}");
    let user = Some(String::from("ann"));
    RedisOptions { user, password: Some(String::from("pw")), ..patient_options(server.port) }
}

#[test]
fn missing_permission_is_named() {
    let server = Server::start();
    let error = RedisLedger::open(as_user(&server, "~* +@all -eval")).expect_err("no scripts");
    assert!(matches!(error, LedgerError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("the ledger in Redis needs EVAL"), "{error}");
    let (_, token) = settled(&server);
    let before = all_keys(&server);
    for command in ["hset", "hdel", "zadd", "zrem", "xadd", "hmget", "xinfo"] {
        let user = as_user(&server, &format!("~* +@all -{command}"));
        let mut ledger = RedisLedger::open(user).expect("scripts are allowed");
        let error = ledger.apply(&batch(3), token, Deed::Post).expect_err(command);
        assert!(matches!(error, LedgerError::Refused { .. }), "{command}: {error:?}");
        let missing = format!("may not {}", command.to_uppercase());
        assert!(error.to_string().contains(&missing), "{error}");
        assert_eq!(all_keys(&server), before, "{command}");
    }
}

#[test]
fn temporary_server_refusal_is_retried() {
    let server = Server::start();
    let (mut ledger, token) = settled(&server);
    let before = all_keys(&server);
    for (name, off, on) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
        let _ = server.ask(&["CONFIG", "SET", name, off]);
        let error = ledger.apply(&batch(3), token, Deed::Post).expect_err(name);
        assert!(matches!(error, LedgerError::Unreachable { .. }), "{name}: {error:?}");
        let _ = server.ask(&["CONFIG", "SET", name, on]);
        assert_eq!(all_keys(&server), before, "{name}");
    }
    assert_eq!(ledger.apply(&batch(3), token, Deed::Post), Ok(Applied::Done));
    assert_eq!(recount(&mut ledger), Ok(3));
}

#[test]
fn lost_answer_posts_nothing_twice() {
    let server = Server::start();
    let proxy = Proxy::start(server.port);
    let mut ledger = RedisLedger::new(patient_options(proxy.port));
    let mut lost = |what: &mut dyn FnMut(&mut RedisLedger) -> Option<LedgerError>| {
        proxy.set(Mode::LoseReply(0));
        let error = what(&mut ledger).expect("the answer is lost");
        assert!(matches!(error, LedgerError::Unreachable { .. }), "{error:?}");
        proxy.set(Mode::Pass);
    };
    lost(&mut |it| it.claim(MARKET, Token(0)).err());
    lost(&mut |it| it.seed(&initial_seed(), Token(1)).err());
    lost(&mut |it| it.deposit(&batch(1)).err());
    lost(&mut |it| it.apply(&batch(1), Token(1), Deed::Post).err());
    let known = Ok(Applied::Duplicate(Deed::Post));
    assert_eq!(ledger.apply(&batch(1), Token(1), Deed::Post), known);
    assert_eq!(ledger.seed(&initial_seed(), Token(1)).map_err(|_| ()), Err(()), "an epoch later");
    assert_eq!(recount(&mut ledger), Ok(1));
}

/// The CPU time of the server's main thread, in milliseconds.
fn cpu_ms(server: &Server) -> u64 {
    let info = server.ask(&["INFO", "cpu"]);
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
    let parts = ["used_cpu_user_main_thread:", "used_cpu_sys_main_thread:"];
    let seconds = parts.iter().filter_map(|name| value(name)?.trim().parse::<f64>().ok());
    (seconds.sum::<f64>() * 1e3) as u64
}

#[test]
fn large_batch_is_posted_whole() {
    let many = i128::from(number("PRICETIME_TRIALS", 5_000) * 2);
    let server = Server::start();
    let mut ledger = open(server.port);
    let token = ledger.claim(MARKET, Token(0)).expect("a claim").token;
    ledger.seed(&initial_seed(), token).expect("a seed");
    // Adds new accounts, then amounts too large for doubles, then brings every balance back to zero.
    let wide = 1 << 100;
    let steps: [(i128, i128); 3] = [(1, -3), (wide, wide - 1), (-wide - 1, 4 - wide)];
    let mut has = (0, 0);
    for (epoch, (base, quote)) in (1..).zip(steps) {
        let one = |account: i128| Transfer { account: AccountId(account as u128), base, quote };
        let mut transfers: Vec<Transfer> = (0..many).map(one).collect();
        let platform = AccountId(u128::MAX);
        transfers.push(Transfer { account: platform, base: -base * many, quote: -quote * many });
        let batch = Batch { transfers, ..batch(epoch) };
        ledger.deposit(&batch).expect("a deposit");
        let before = cpu_ms(&server);
        assert_eq!(ledger.apply(&batch, token, Deed::Post), Ok(Applied::Done));
        eprintln!("{many} transfers, epoch {epoch}: {} ms", cpu_ms(&server) - before);
        has = (has.0 + base, has.1 + quote);
        let found = ledger.balances(MARKET, None, usize::MAX).expect("balances");
        let count = if has == (0, 0) { 0 } else { many as usize + 1 };
        assert_eq!(found.len(), count, "epoch {epoch}");
        for (account, balance) in (0..many).zip(&found) {
            let expected =
                Balance { account: AccountId(account as u128), base: has.0, quote: has.1 };
            assert_eq!(*balance, expected);
        }
    }
    for name in ["settlement:balances", "settlement:accounts", "settlement:pending"] {
        assert_eq!(server.ask(&["EXISTS", &key(name)]), "0", "{name}");
    }
}

/// Settles beside other runners until this many epochs are done. Retries while the server is unreachable.
fn settle(options: RedisOptions, until: u64, acknowledged: &AtomicU64) {
    let mut ledger = RedisLedger::new(options);
    let (mut token, mut epoch) = (Token(0), 1);
    while epoch <= until {
        let batch = batch(epoch);
        let applied = ledger.deposit(&batch).and_then(|_| ledger.apply(&batch, token, Deed::Post));
        match applied {
            Ok(Applied::Done | Applied::Duplicate(Deed::Post)) => {
                acknowledged.fetch_max(epoch, SeqCst);
                epoch += 1;
            }
            Ok(Applied::Fenced(_)) => {
                if let Ok(claim) = ledger.claim(MARKET, token) {
                    token = claim.token;
                }
            }
            Err(LedgerError::Unreachable { .. }) => thread::sleep(Duration::from_millis(1)),
            other => panic!("epoch {epoch}: {other:?}"),
        }
    }
}

/// Kills per server. A ledger takes longer to recount with each kill.
const KILLS_PER_SERVER: u64 = 6;

/// Kills one server repeatedly while two runners settle.
fn run_kills(random: &mut Random) {
    let mut server = Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    open(server.port).claim(MARKET, Token(0)).expect("a claim");
    open(server.port).seed(&initial_seed(), Token(1)).expect("a seed");
    let acknowledged = AtomicU64::new(0);
    for kill in 1..=KILLS_PER_SERVER {
        let until = kill * 100;
        thread::scope(|scope| {
            for _ in 0..2 {
                let options = options(server.port);
                scope.spawn(|| settle(options, until, &acknowledged));
            }
            thread::sleep(Duration::from_millis(random.below(60)));
            server.kill();
            let before = acknowledged.load(SeqCst);
            server.restart();
            let (_, position) = open(server.port).position(MARKET).expect("an answer");
            let last = position.expect("a position").last.0;
            assert!(last >= before, "acknowledged {before}, found {last}");
        });
        assert_eq!(recount(&mut open(server.port)), Ok(until));
    }
}

#[test]
fn killed_server_loses_and_repeats_no_posting() {
    let (seed, kills) = (number("PRICETIME_SEED", 1), number("PRICETIME_KILLS", 12));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_KILLS={kills}");
    let mut random = Random::new(seed);
    for _ in 0..kills.div_ceil(KILLS_PER_SERVER) {
        run_kills(&mut random);
    }
}

/// The section of the page about this ledger.
fn page() -> &'static str {
    let page = include_str!("../../docs/settlement.md");
    let part = page.split("## The ledger in Redis").nth(1).expect("a part of the page");
    part.split("\n## ").next().unwrap_or(part)
}

fn blocks(kind: &str) -> Vec<&'static str> {
    let mark = format!("```{kind}\n");
    let found: Vec<_> = page().split(mark.as_str()).skip(1).collect();
    found.into_iter().map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// Creates the ledger that the page shows, as a user with only the rights that the page lists.
fn documented_ledger() -> Server {
    let server = Server::start();
    let rules = blocks("acl").concat();
    let rules: Vec<&str> = rules.split_whitespace().collect();
    assert_eq!(server.ask(&[&["ACL", "SETUSER"][..], &rules].concat()), "OK", "{rules:?}");
    let user = Some(String::from("pricetime"));
    let password = Some(String::from("secret"));
    let mut ledger =
        RedisLedger::open(RedisOptions { user, password, ..patient_options(server.port) })
            .expect("the rights are enough");
    let transfer = |account, base, quote| Transfer { account: AccountId(account), base, quote };
    let batch = |epoch| Batch {
        history: History(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f),
        market: MARKET,
        epoch: EpochNumber(epoch),
        trades: 2,
        volume: 15,
        notional: 14_985,
        fees: 8,
        platform: AccountId(0),
        trades_digest: Digest([0xab; 32]),
        transfers: vec![transfer(0, 0, 8), transfer(1, 15, -14_989), transfer(2, -15, 14_981)],
    };
    let claim = ledger.claim(MARKET, Token(0)).expect("a claim");
    let position = Position { history: batch(1).history, last: EpochNumber(41) };
    let balances = vec![Balance { account: AccountId(1), base: 0, quote: 100_000 }];
    let seed = Seed { market: MARKET, position, replaces: None, balances };
    ledger.seed(&seed, claim.token).expect("a seed");
    ledger.deposit(&batch(42)).expect("a deposit");
    ledger.deposit(&batch(43)).expect("a deposit");
    assert_eq!(ledger.apply(&batch(42), claim.token, Deed::Post), Ok(Applied::Done));
    // Performs the other operations that need rights.
    assert_eq!(ledger.markets(), Ok(vec![MARKET]));
    assert_eq!(ledger.pending(MARKET, batch(1).history, 9), Ok(vec![batch(43)]));
    assert_eq!(ledger.balances(MARKET, None, 9).map(|it| it.len()), Ok(3));
    assert_eq!(ledger.outbox(MARKET, 0, 9).map(|it| it.len()), Ok(1));
    assert_eq!(ledger.forget(MARKET, 0), Ok(()));
    assert!(ledger.outcome(MARKET, batch(42).id()).is_ok_and(|it| it.is_some()));
    assert!(ledger.position(MARKET).is_ok());
    server
}

#[test]
fn page_examples_match_the_stored_keys() {
    let server = documented_ledger();
    let (asked, answered) = (blocks("sh"), blocks("text"));
    assert!(asked.len() >= 2);
    assert_eq!(asked.len(), answered.len(), "each example has its answer");
    for (asked, answered) in asked.into_iter().zip(answered) {
        let script = asked.replace("redis-cli ", &format!("redis-cli -p {} ", server.port));
        let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), answered, "{asked}");
    }
    for key in server.ask(&["KEYS", "*"]).lines() {
        let name = key.rsplit(':').next().expect("a name");
        let name = if name.contains('-') { "<batch>" } else { name };
        assert!(page().contains(&format!(":{name}`")), "the page does not explain {key}");
    }
}
