//! Each epoch of each market has exactly one batch, which sums up its trades. A collector that makes it
//! again makes the same batch, or reports that it cannot.

use std::collections::BTreeMap;

use pricetime_engine::{AccountId, Engine, EpochNumber, Group, MarketHead, MarketId};
use pricetime_journal::History;
use pricetime_settlement::{Batch, Closed, Collector};
use pricetime_tests::environment::number;
use pricetime_tests::generate::random::Random;
use pricetime_tests::record::day;
use pricetime_tests::settle::recount::{Recount, Sums};

const HISTORY: History = History(5);
/// How many times the collection of a day starts in the middle.
const RESTARTS: usize = 8;

type Name = (MarketId, EpochNumber);

fn name(closed: &Closed) -> Name {
    match closed {
        Closed::Whole(batch) => (batch.market, batch.epoch),
        Closed::Part { market, epoch } => (*market, *epoch),
    }
}

fn process(collector: &mut Collector, groups: &[Group]) -> Vec<Closed> {
    let group = |it: &Group| collector.group(&it.header, &it.events, it.outcome);
    groups.iter().filter_map(group).collect()
}

/// Asserts that a batch sums up the trades of its epoch.
fn assert_matches_trades(batch: &Batch, recount: &Recount) {
    let Batch { market, epoch, platform, .. } = *batch;
    assert_eq!(batch.check(), Ok(()));
    assert_eq!(batch.history, HISTORY);
    let transfers = batch.transfers.iter();
    let sums: Sums = transfers.map(|it| (it.account, (it.base, it.quote))).collect();
    assert_eq!(sums, recount.sums(market, platform, |it| it == epoch), "{market:?} {epoch:?}");
    let turnover = (batch.trades, batch.volume, batch.notional);
    assert_eq!(turnover, recount.turnover(market, epoch), "{market:?} {epoch:?}");
    // If the fees are paid to an account that does not trade, they are all that it gets.
    let bystander = recount.bystander();
    let fees = recount.sums(market, bystander, |it| it == epoch);
    assert_eq!((0, batch.fees), fees.get(&bystander).copied().unwrap_or_default());
}

/// Collects a day from its beginning, and from some points on. Returns the number of batches and of parts.
fn trial(seed: u64) -> (u64, u64) {
    let day = day(seed);
    let mut random = Random::new(seed);
    let platform = AccountId(u128::from(random.below(4)));
    let mut engine = Engine::new(day.markets_max);
    let mut points: Vec<usize> =
        (0..RESTARTS).map(|_| random.below(day.commands.len() as u64) as usize).collect();
    points.sort_unstable();
    let mut heads: Vec<(usize, Vec<MarketHead>)> = Vec::new();
    let mut groups = Vec::new();
    for (at, command) in day.commands.iter().enumerate() {
        if points.contains(&at) {
            let state = engine.snapshot();
            heads.push((at, state.markets.into_iter().map(|market| market.head).collect()));
        }
        engine.apply(command, &mut groups);
    }
    let mut recount = Recount::default();
    groups.iter().for_each(|group| recount.process(group));
    let whole = process(&mut Collector::new(HISTORY, platform, &[]), &groups);
    let names: Vec<Name> = whole.iter().map(name).collect();
    assert_eq!(names, recount.closed, "one batch for each epoch that has closed");
    for closed in &whole {
        let Closed::Whole(batch) = closed else { panic!("{:?} is incomplete", name(closed)) };
        assert_matches_trades(batch, &recount);
    }
    let by_name: BTreeMap<Name, &Closed> = names.iter().copied().zip(&whole).collect();
    assert_eq!(by_name.len(), names.len(), "no epoch closes twice");
    let mut parts = 0;
    for (at, heads) in heads {
        let later = process(&mut Collector::new(HISTORY, platform, &heads), &groups[at..]);
        let before = names.len() - later.len();
        for (again, first) in later.iter().zip(&whole[before..]) {
            let traded = |head: &MarketHead| {
                (head.market, head.epoch) == name(first) && head.turnover.trades > 0
            };
            if heads.iter().any(traded) {
                let (market, epoch) = name(first);
                assert_eq!(*again, Closed::Part { market, epoch });
                parts += 1;
            } else {
                assert_eq!(again, first);
            }
        }
    }
    (names.len() as u64, parts)
}

#[test]
fn batch_equals_the_sum_of_the_trades_of_its_epoch() {
    let days = number("PRICETIME_TRIALS", 500) / 5;
    let base = number("PRICETIME_SEED", 1).wrapping_shl(20);
    let (mut batches, mut parts) = (0, 0);
    for seed in (base..).take(days as usize) {
        eprintln!("seed {seed}");
        let more = trial(seed);
        (batches, parts) = (batches + more.0, parts + more.1);
    }
    eprintln!("{batches} batches of {days} days, {parts} parts");
    assert!(batches > days && parts > 0, "the days are too quiet");
}
