//! Without a data folder the state is restored from Redis, as of the end of an epoch and with the
//! trades up to then. A host that another one has replaced stops.
#![cfg(feature = "servers")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pricetime::engine::{Action, EpochNumber, MarketId, Sequence};
use pricetime::persistence::redis::{
    AllImages, KeyNames, Link, ReadImage, Trades, read_all_images, read_image, read_markets,
    scores_are_exact_after,
};
use pricetime::{Draft, Host, OpenError, Options, Policy, Refused, Stopped};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::load::{self, MARKET, open, operator};
use pricetime_tests::record::day;
use pricetime_tests::redis::Server;
use pricetime_tests::redis_only::{FixedClock, ReferenceRun};
use pricetime_tests::wait::{TIMEOUT, until};

fn options(server: &Server) -> Options {
    Options {
        clock: Some(Box::new(FixedClock)),
        trades_epochs: u64::MAX,
        ..Options::redis_only(server.options())
    }
}

fn submit(host: &Host, draft: Draft) -> pricetime::engine::Group {
    loop {
        match host.submit(draft) {
            Ok(ticket) => return ticket.wait().expect("an answer").into_group(),
            Err(Refused::Busy) => std::thread::yield_now(),
            Err(refused) => panic!("{refused}: {:?}", host.status().stopped),
        }
    }
}

/// Submits this many commands.
fn trade(host: &Host, next: &mut u64, commands: u64) {
    let from = *next;
    *next += commands;
    (from..*next).for_each(|number| _ = submit(host, load::draft(7, number)));
}

fn close_epoch(host: &Host) -> EpochNumber {
    let number = host.view(MARKET, 0).expect("the market").epoch;
    submit(host, operator(Action::CloseEpoch { number }));
    number
}

/// The image of a market.
fn read(server: &Server, market: MarketId) -> Option<ReadImage> {
    let mut link = Link::new(server.options());
    read_image(&mut link, &KeyNames::default().of(market)).expect("a whole image")
}

/// All images.
fn whole(server: &Server) -> Option<AllImages> {
    read_all_images(&mut Link::new(server.options()), &KeyNames::default()).expect("whole images")
}

/// Checks every image against what it may contain.
fn check(
    server: &Server,
    reference: &mut ReferenceRun,
    advance: impl FnOnce(&mut ReferenceRun, Sequence),
) {
    let mut link = Link::new(server.options());
    let markets = read_markets(&mut link, &KeyNames::default()).expect("the markets");
    let images: Vec<_> = markets.into_iter().filter_map(|market| read(server, market)).collect();
    let last = images.iter().map(|image| image.sequence).max().unwrap_or_default();
    advance(reference, last);
    for image in images {
        reference.check(&image.state, &image.trades.unwrap_or_default());
    }
}

/// Runs the process for `lifetime` and kills it. Returns the last command that was answered.
fn run(server: &Server, seed: u64, first: u64, lifetime: Duration) -> Option<u64> {
    let mut victim = Command::new(env!("CARGO_BIN_EXE_fleeting"))
        .args([server.url(), seed.to_string(), first.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim starts");
    let out = BufReader::new(victim.stdout.take().expect("its output"));
    let reader = std::thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines.filter_map(|line| line.parse().ok()).last()
    });
    std::thread::sleep(lifetime);
    assert_eq!(
        victim.try_wait().expect("its status can be read"),
        None,
        "it does not end by itself"
    );
    victim.kill().expect("it can be killed");
    victim.wait().expect("it is dead");
    reader.join().expect("no panic")
}

#[test]
fn kill_loses_only_the_open_epoch() {
    let (kills, seed) = (number("PRICETIME_KILLS", 16), number("PRICETIME_SEED", 1));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_KILLS={kills}");
    let (server, mut random) = (Server::start(), Random::new(seed));
    let (mut answered, mut stored, mut trades) = (0, 0, 0);
    // A busy machine needs more kills and longer runs until enough was answered and stored.
    let covered_enough =
        |answered, stored, trades| answered > 1_000 && stored > 1_000 && trades > 100;
    for kill in 0..20 * kills {
        if kill >= kills && covered_enough(answered, stored, trades) {
            break;
        }
        if kill % 4 == 0 {
            let _ = server.ask(&["FLUSHALL"]);
        }
        let before = whole(&server);
        let history = before.as_ref().map(|whole| whole.history.clone());
        let from = before.as_ref().map_or(0, |whole| whole.state.last_sequence.0);
        let mut reference = ReferenceRun::new(before, 10_000);
        let first = kill.wrapping_mul(1_000) / 3;
        let lifetime = Duration::from_millis(random.within(30, 199));
        let lifetime = lifetime * u32::try_from(1 + kill / kills).expect("at most 20");
        answered += run(&server, seed, first, lifetime).map_or(0, |last| last - from);
        check(&server, &mut reference, |reference, last| reference.until(last, seed, first));
        if let Some(after) = whole(&server) {
            assert!(history.is_none_or(|history| history == after.history), "one history");
            stored += after.state.last_sequence.0 - from;
            trades += after.trades.values().map(Trades::len).sum::<usize>();
        }
    }
    eprintln!("{answered} answered, {stored} in all were in Redis, {trades} trades");
    assert!(covered_enough(answered, stored, trades), "the trials covered enough");
}

#[test]
fn takeover_starts_at_an_epoch_close_and_continues_identically() {
    let (trials, seed) = (number("PRICETIME_TRIALS", 500), number("PRICETIME_SEED", 1));
    eprintln!("PRICETIME_SEED={seed} PRICETIME_TRIALS={trials}");
    let server = Server::start();
    let (mut takeovers, mut ends) = (0, 0);
    for trial in 0..trials.div_ceil(800).max(6) {
        let _ = server.ask(&["FLUSHALL"]);
        let day = day(seed.wrapping_add(trial));
        let options = || Options { markets_max: day.markets_max, ..options(&server) };
        let mut reference = ReferenceRun::new(None, day.markets_max);
        let mut host = Host::open(options()).expect("a host");
        for (at, command) in (1..).zip(&day.commands) {
            let pricetime::engine::Command {
                market, account, operator, request, mut action, ..
            } = *command;
            if let (Action::CloseEpoch { number }, Some(book)) =
                (&mut action, reference.engine().market(market))
            {
                *number = book.head().epoch;
            }
            if !scores_are_exact_after(&action) {
                continue;
            }
            let draft = Draft { market, account, operator, request, action, session: None };
            assert_eq!(submit(&host, draft), reference.carry_out(draft), "command {at}");
            if at % 400 == 0 {
                let next = Host::open(options()).expect("the next host");
                let found = whole(&server);
                check(&server, &mut reference, |_, _| ());
                let had_market = host.view(MARKET, 0).is_some();
                let end = host.close();
                assert!(end.is_err() || !had_market, "another host owns the image now");
                host = next;
                reference = ReferenceRun::new(found, day.markets_max);
                assert_eq!(host.digest(), reference.state().digest(), "the state in Redis");
                takeovers += 1;
            } else if at % 150 == 0 {
                // Closes the host in order, in the middle of an epoch.
                host.close().expect("Redis takes the last state");
                let found = whole(&server);
                let state = found.as_ref().map(|found| found.state.markets.clone());
                assert_eq!(state.unwrap_or_default(), reference.state().markets);
                // A host that never had a market leaves nothing behind.
                reference = ReferenceRun::new(found, day.markets_max);
                host = Host::open(options()).expect("a host");
                assert_eq!(host.digest(), reference.state().digest(), "the state at the end");
                ends += 1;
            }
        }
    }
    eprintln!("{takeovers} takeovers, {ends} ends");
    assert!(takeovers > 2 && ends > 2, "the trials covered enough");
}

#[test]
fn older_of_two_hosts_stops_and_says_why() {
    let server = Server::start();
    let (older, mut next) = (open(options(&server)), 0);
    assert_eq!((older.policy(), older.is_durable()), (Policy::Epoch, false));
    trade(&older, &mut next, 100);
    close_epoch(&older);
    until("it is in Redis", || {
        read(&server, MARKET).is_some_and(|image| image.state.head.epoch.0 == 2)
    });
    trade(&older, &mut next, 50);
    let newer = open(options(&server));
    assert_eq!(newer.start().history, older.start().history);
    assert_eq!(newer.start().snapshot, 103, "two, a hundred, and the end of the epoch");
    until("the older one stops by itself", || older.status().stopped.is_some());
    let refused = older.submit(load::draft(7, 0)).expect_err("it accepts no command");
    assert_eq!(refused, Refused::Stopped);
    let Err(Stopped::Redis(why)) = older.close() else { panic!("it reports the stop") };
    assert!(why.contains("another writer") && why.contains("over from us"), "{why}");
    trade(&newer, &mut next, 50);
    close_epoch(&newer);
    newer.close().expect("a clean shutdown");
}

#[test]
fn two_hosts_started_empty_do_not_overwrite_each_other() {
    let server = Server::start();
    let first = Host::open(options(&server)).expect("a host");
    let second = open(options(&server));
    let mut next = 0;
    trade(&second, &mut next, 60);
    close_epoch(&second);
    until("it is in Redis", || read(&server, MARKET).is_some());
    // It may be too late to get an answer.
    drop(first.submit(operator(Action::AddMarket(load::spec()))));
    until("it stops", || first.status().stopped.is_some());
    drop(first);
    trade(&second, &mut next, 60);
    let digest = second.digest();
    second.close().expect("it owns the state");
    assert_eq!(open(options(&server)).digest(), digest);
}

#[test]
fn start_and_clean_close_need_redis() {
    let mut server = Server::start();
    let (host, mut next) = (open(options(&server)), 0);
    trade(&host, &mut next, 20);
    server.kill();
    let refused = Host::open(options(&server)).expect_err("the state cannot be read");
    assert!(matches!(refused, OpenError::StateUnreadable(_)), "{refused}");
    let lost = host.close().expect_err("the open epoch is lost");
    assert!(matches!(lost, Stopped::Redis(_)), "{lost}");
    server.restart();
    assert_eq!(Host::open(options(&server)).expect("a new history").start().snapshot, 0);
    let neither = Options { redis: None, ..options(&server) };
    assert!(matches!(Host::open(neither), Err(OpenError::NoSingleStore)));
    let both = Options { policy: Policy::Epoch, ..Options::new("nowhere") };
    assert!(matches!(Host::open(both), Err(OpenError::NoSingleStore)));
}

#[test]
fn trades_queue_for_redis_up_to_a_limit() {
    let server = Server::start();
    let options = Options { trades_max: 200, trades_epochs: 3, ..options(&server) };
    let (host, mut next) = (open(options), 0);
    trade(&host, &mut next, 200);
    close_epoch(&host);
    until("it is in Redis", || host.status().durable.0 == 203);
    server.signal("STOP");
    let (mut closed, started) = (Vec::new(), Instant::now());
    let full = |number| host.submit(load::draft(7, number)).err() == Some(Refused::Busy);
    while !full(next) {
        assert!(started.elapsed() < TIMEOUT, "there are trades");
        next += 1;
        if next % 40 == 0 {
            closed.push(close_epoch(&host));
        }
    }
    assert!(closed.len() > 3, "more epochs than are kept: {closed:?}");
    let cancel = Action::CancelAll { account: None, side: None };
    submit(&host, operator(cancel));
    closed.push(close_epoch(&host));
    assert!(full(next), "cancels and epoch closes free no space");
    server.signal("CONT");
    until("there is space again", || !full(next));
    // An earlier epoch may make room before Redis has the last one.
    let last = *closed.last().expect("epochs");
    let is_stored = || read(&server, MARKET).is_some_and(|it| it.state.head.epoch > last);
    until("everything is in Redis", is_stored);
    let image = read(&server, MARKET).expect("an image");
    let trades = image.trades.expect("its trades");
    let mut epochs: BTreeMap<EpochNumber, usize> = BTreeMap::new();
    trades.iter().for_each(|trade| *epochs.entry(trade.epoch).or_default() += 1);
    assert!(
        closed.iter().take(closed.len() - 1).all(|epoch| epochs.contains_key(epoch)),
        "{epochs:?}"
    );
    assert!(trades.len() >= 200, "{}", trades.len());
    let numbers: Vec<u64> = trades.iter().map(|trade| trade.number.0).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "none is missing");
    assert_eq!(*numbers.last().expect("trades"), image.state.head.last_trade.0);
    // Trades in Redis are deleted when they are old. Trades that are not there yet are never dropped.
    for _ in 0..5 {
        trade(&host, &mut next, 30);
        let epoch = close_epoch(&host);
        let is_stored = || read(&server, MARKET).is_some_and(|it| it.state.head.epoch > epoch);
        until("it is in Redis", is_stored);
    }
    host.close().expect("a clean shutdown");
    let image = read(&server, MARKET).expect("an image");
    let oldest = image.trades.expect("its trades").iter().map(|trade| trade.epoch.0).min();
    assert!(oldest.is_some_and(|oldest| oldest + 3 >= image.state.head.epoch.0), "{oldest:?}");
}

#[test]
fn trade_list_survives_a_second_generation_and_a_flushall() {
    let server = Server::start();
    let (host, mut next) = (open(options(&server)), 0);
    let mut sum = 0;
    for round in 0..6 {
        if round == 3 {
            let _ = server.ask(&["FLUSHALL"]);
        }
        trade(&host, &mut next, if round % 2 == 0 { 6_000 } else { 100 });
        close_epoch(&host);
        let durable = 2 + next + round + 1;
        until("it is in Redis", || host.status().durable.0 == durable);
        let image = read(&server, MARKET).expect("an image");
        let trades = image.trades.expect("its trades");
        assert_eq!(trades.last(), image.state.head.last_trade, "round {round}");
        assert_eq!(trades.len() as u64, image.state.head.last_trade.0, "all of them are there");
        sum += trades.len();
    }
    assert!(sum > 10_000, "{sum} trades are many");
    assert!(host.status().stopped.is_none());
}
