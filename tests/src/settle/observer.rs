//! Observes the ledger and reports violated invariants.

use std::collections::{BTreeMap, BTreeSet};

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use pricetime_settlement::ledger::{Applied, Deed, Ledger, Token};
use pricetime_settlement::{Batch, Reply, Step};

use super::journal::{HISTORY, Journal, PLATFORM};
use super::ledger::Model;

/// Counts of what has happened, to check that a run tested enough.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each counts what its name says")]
pub struct Tally {
    pub schedules: u64,
    pub events: u64,
    pub done: u64,
    pub dropped: u64,
    pub duplicates: u64,
    pub conflicts: u64,
    pub fenced: u64,
    pub gaps: u64,
    pub refused: u64,
    pub unanswered: u64,
    pub crashes: u64,
    pub claims: u64,
    pub two_holders: u64,
    pub halts: u64,
    pub restored: u64,
    pub dropped_again: u64,
}

impl Tally {
    /// Adds the counts of another tally.
    pub fn add(&mut self, other: &Self) {
        for (sum, (_, more)) in self.each().into_iter().zip(other.counts()) {
            *sum += more;
        }
    }

    /// The counts with their names.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let names = [
            "schedules",
            "events",
            "done",
            "dropped",
            "duplicates",
            "conflicts",
            "fenced",
            "gaps",
            "refused",
            "unanswered",
            "crashes",
            "claims",
            "two_holders",
            "halts",
            "restored",
            "dropped_again",
        ];
        let mut copy = *self;
        names.into_iter().zip(copy.each().map(|count| *count)).collect()
    }

    fn each(&mut self) -> [&mut u64; 16] {
        [
            &mut self.schedules,
            &mut self.events,
            &mut self.done,
            &mut self.dropped,
            &mut self.duplicates,
            &mut self.conflicts,
            &mut self.fenced,
            &mut self.gaps,
            &mut self.refused,
            &mut self.unanswered,
            &mut self.crashes,
            &mut self.claims,
            &mut self.two_holders,
            &mut self.halts,
            &mut self.restored,
            &mut self.dropped_again,
        ]
    }
}

#[derive(Clone, Debug, Default)]
struct Seen {
    token: Token,
    /// The outcomes of epochs 1, 2 and so on.
    deeds: Vec<Deed>,
}

/// The checks of one schedule.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    markets: BTreeMap<MarketId, Seen>,
    /// All epochs that were ever dropped, even if the ledger was restored.
    dropped: BTreeSet<(MarketId, EpochNumber)>,
    /// The counts so far.
    pub tally: Tally,
}

type Verdict = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

impl Observer {
    /// The number of epochs of a market with an outcome.
    #[must_use]
    pub fn settled(&self, market: MarketId) -> u64 {
        self.markets.get(&market).map_or(0, |seen| seen.deeds.len() as u64)
    }

    /// The highest token that was claimed in a market.
    #[must_use]
    pub fn token(&self, market: MarketId) -> Token {
        self.markets.get(&market).map_or(Token(0), |seen| seen.token)
    }

    /// Returns to the state of this copy, like the ledger.
    pub fn restore(&mut self, copy: Self) {
        self.markets = copy.markets;
        self.tally.restored += 1;
    }

    /// Checks a ledger's last step.
    ///
    /// # Errors
    /// Returns the violated invariant.
    pub fn check_step(
        &mut self,
        market: MarketId,
        step: &Step,
        reply: &Reply,
        books: (&mut Model, &Journal),
    ) -> Verdict {
        let seen = self.markets.entry(market).or_default();
        if let (Step::Claim { floor }, Reply::Claimed(Ok(claim))) = (step, reply) {
            self.tally.claims += 1;
            let before = seen.token.max(*floor);
            seen.token = claim.token;
            return ensure(claim.token > before, || {
                format!("{:?} was claimed after {before:?}", claim.token)
            });
        }
        let (Step::Apply { batch, token, deed }, Reply::Applied(applied)) = (step, reply) else {
            return Ok(());
        };
        let Ok(applied) = applied else {
            self.tally.refused += 1;
            return Ok(());
        };
        let epoch = batch.epoch;
        let before = seen.deeds.get((epoch.0 - 1) as usize).copied();
        let wrong = |what: &str| format!("{what}: epoch {} of {market:?}, {applied:?}", epoch.0);
        match applied {
            Applied::Done => {
                ensure(before.is_none(), || wrong("twice"))?;
                let next = seen.deeds.len() as u64 + 1;
                ensure(epoch.0 == next, || wrong("out of order"))?;
                // A restored ledger has forgotten newer tokens.
                let highest =
                    *token == seen.token || (*token > seen.token && self.tally.restored > 0);
                ensure(highest, || wrong("not with the highest token"))?;
                seen.token = *token;
                seen.deeds.push(*deed);
                self.tally.done += 1;
                if *deed == Deed::Drop {
                    self.tally.dropped += 1;
                    let again = !self.dropped.insert((market, epoch));
                    self.tally.dropped_again += u64::from(again);
                }
                self.recount(market, batch, books)
            }
            Applied::Duplicate(reported) => {
                self.tally.duplicates += 1;
                ensure(before == Some(*reported), || wrong("a duplicate of no batch"))
            }
            Applied::Conflict(_) => {
                self.tally.conflicts += 1;
                ensure(before.is_some(), || wrong("a conflict with no batch"))?;
                let (_, journal) = books;
                let ours = &journal.batches[(market.0 - 1) as usize][(epoch.0 - 1) as usize];
                ensure(batch != ours, || wrong("a conflict with itself"))
            }
            Applied::Fenced(higher) => {
                self.tally.fenced += 1;
                ensure(before.is_none(), || wrong("settled without a report"))?;
                ensure(higher == &seen.token && token < higher, || {
                    wrong("fenced without a higher token")
                })
            }
            Applied::Gap(_) => {
                self.tally.gaps += 1;
                ensure(before.is_none(), || wrong("settled without a report"))
            }
            Applied::Unseeded => ensure(before.is_none(), || wrong("settled without a report")),
        }
    }

    /// Every asset sums to zero, balances match the trades, and every settled epoch is recorded once.
    fn recount(
        &self,
        market: MarketId,
        batch: &Batch,
        (model, journal): (&mut Model, &Journal),
    ) -> Verdict {
        let deeds = &self.markets[&market].deeds;
        let posted = |epoch: EpochNumber| deeds.get((epoch.0 - 1) as usize) == Some(&Deed::Post);
        let expected = journal.recount.sums(market, PLATFORM, posted);
        let balances =
            model.balances(market, None, usize::MAX).map_err(|error| error.to_string())?;
        let zero = balances.iter().fold((0, 0), |sum, it| (sum.0 + it.base, sum.1 + it.quote));
        ensure(zero == (0, 0), || format!("{market:?} sums to {zero:?}"))?;
        let balances = balances.iter().filter(|it| (it.base, it.quote) != (0, 0));
        let balances: BTreeMap<AccountId, _> =
            balances.map(|it| (it.account, (it.base, it.quote))).collect();
        ensure(balances == expected, || format!("{market:?} has {balances:?}, not {expected:?}"))?;
        let outbox = model.outbox(market, 0, usize::MAX).map_err(|error| error.to_string())?;
        let reported: Vec<_> = outbox.iter().map(|(_, it)| it.outcome.deed).collect();
        ensure(&reported == deeds, || format!("{market:?} reports {reported:?}, not {deeds:?}"))?;
        let ours = Batch::id_of(HISTORY, market, batch.epoch);
        let recorded = model.outcome(market, ours).map_err(|error| error.to_string())?;
        ensure(recorded.is_some_and(|it| it.digest == batch.digest()), || "no outcome".to_owned())
    }

    /// Checks the final state: everything is settled, or at least everything in the inbox.
    ///
    /// # Errors
    /// Returns what is not settled.
    pub fn end(&self, model: &mut Model, journal: &Journal, everything: bool) -> Verdict {
        for (market, batches) in (1..).map(MarketId).zip(&journal.batches) {
            let settled = self.settled(market);
            let all = batches.len() as u64;
            ensure(settled == all || !everything, || {
                format!("{settled} of {all} epochs of {market:?} are settled")
            })?;
            let left =
                model.pending(market, HISTORY, usize::MAX).map_err(|error| error.to_string())?;
            ensure(left.is_empty(), || format!("{} are pending in {market:?}", left.len()))?;
        }
        Ok(())
    }
}
