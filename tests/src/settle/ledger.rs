//! The model of a ledger: plain maps, and the checks in the order of their specification. One check can be
//! removed, to test that this is noticed.

use std::collections::BTreeMap;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use pricetime_journal::History;
use pricetime_settlement::ledger::{
    Applied, Balance, Claim, Deed, Deposited, Ledger, LedgerError, Notice, Outcome, Position, Seed,
    Token,
};
use pricetime_settlement::{Batch, BatchId};

/// The check that a ledger omits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// No check is omitted.
    None,
    /// The check for a higher claimed token.
    Token,
    /// The check for an existing outcome.
    Outcome,
    /// The check that it is the next epoch.
    Order,
}

#[derive(Clone, Debug, Default)]
struct Market {
    token: Token,
    position: Option<Position>,
    inbox: Vec<Batch>,
    outcomes: Vec<Outcome>,
    balances: BTreeMap<AccountId, (i128, i128)>,
    outbox: Vec<(u64, Notice)>,
    notices: u64,
}

/// The model of a ledger.
#[derive(Clone, Debug)]
pub struct Model {
    flaw: Flaw,
    /// The epochs that it refuses to post.
    pub refused: Vec<(MarketId, EpochNumber)>,
    markets: BTreeMap<MarketId, Market>,
}

impl Model {
    /// Creates an empty ledger.
    #[must_use]
    pub const fn new(flaw: Flaw) -> Self {
        Self { flaw, refused: Vec::new(), markets: BTreeMap::new() }
    }

    /// Returns to the state of this copy.
    pub fn restore(&mut self, copy: Self) {
        self.markets = copy.markets;
    }

    fn market(&mut self, market: MarketId) -> &mut Market {
        self.markets.entry(market).or_default()
    }

    fn refuse<T>(why: &str) -> Result<T, LedgerError> {
        Err(LedgerError::Refused { ledger: "model".to_owned(), why: why.to_owned() })
    }
}

impl Market {
    fn outcome(&self, id: BatchId) -> Option<Outcome> {
        self.outcomes.iter().find(|outcome| outcome.id == id).copied()
    }

    fn credit(&mut self, account: AccountId, base: i128, quote: i128) {
        let amounts = self.balances.entry(account).or_default();
        *amounts = (amounts.0 + base, amounts.1 + quote);
    }
}

impl Ledger for Model {
    fn name(&self) -> String {
        "model".to_owned()
    }

    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError> {
        if batch.check().is_err() {
            return Self::refuse("it is not sound");
        }
        let (id, digest) = (batch.id(), batch.digest());
        let market = self.market(batch.market);
        let settled = market.outcome(id).map(|outcome| outcome.digest);
        let deposited = market.inbox.iter().find(|it| it.id() == id).map(Batch::digest);
        match settled.or(deposited) {
            Some(known) if known == digest => Ok(Deposited::Known),
            Some(other) => Ok(Deposited::Conflict(other)),
            None => {
                market.inbox.push(batch.clone());
                Ok(Deposited::Fresh)
            }
        }
    }

    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError> {
        let inbox = &self.market(market).inbox;
        let mut batches: Vec<_> = inbox.iter().filter(|it| it.history == history).collect();
        batches.sort_by_key(|batch| batch.epoch);
        Ok(batches.into_iter().take(limit).cloned().collect())
    }

    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError> {
        let market = self.market(market);
        market.token = Token(market.token.max(floor).0 + 1);
        Ok(Claim { token: market.token, position: market.position })
    }

    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError> {
        if batch.check().is_err() {
            return Self::refuse("it is not sound");
        }
        let refused = self.refused.contains(&(batch.market, batch.epoch)) && deed == Deed::Post;
        let flaw = self.flaw;
        let (id, digest) = (batch.id(), batch.digest());
        let market = self.market(batch.market);
        if let Some(outcome) = market.outcome(id).filter(|_| flaw != Flaw::Outcome) {
            return Ok(if outcome.digest == digest {
                Applied::Duplicate(outcome.deed)
            } else {
                Applied::Conflict(outcome.digest)
            });
        }
        if token < market.token && flaw != Flaw::Token {
            return Ok(Applied::Fenced(market.token));
        }
        let Some(position) = market.position.filter(|it| it.history == batch.history) else {
            return Ok(Applied::Unseeded);
        };
        if batch.epoch != position.last.next() && flaw != Flaw::Order {
            return Ok(Applied::Gap(position.last));
        }
        if refused {
            return Self::refuse("it refuses this one");
        }
        if deed == Deed::Post {
            for transfer in &batch.transfers {
                market.credit(transfer.account, transfer.base, transfer.quote);
            }
        }
        let outcome = Outcome { id, epoch: batch.epoch, digest, deed, token };
        market.outcomes.push(outcome);
        market.token = market.token.max(token);
        market.position = Some(Position { last: batch.epoch, ..position });
        market.notices += 1;
        market.outbox.push((market.notices, Notice { outcome, batch: batch.clone() }));
        market.inbox.retain(|it| it.id() != id);
        Ok(Applied::Done)
    }

    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError> {
        let market = self.market(seed.market);
        if token < market.token {
            return Self::refuse("a higher token was claimed");
        }
        if market.position == Some(seed.position) {
            return Ok(());
        }
        if market.position != seed.replaces {
            return Self::refuse("its position differs");
        }
        market.position = Some(seed.position);
        for balance in &seed.balances {
            market.credit(balance.account, balance.base, balance.quote);
        }
        Ok(())
    }

    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError> {
        let market = self.market(market);
        Ok((market.token, market.position))
    }

    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError> {
        Ok(self.markets.keys().copied().collect())
    }

    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError> {
        Ok(self.market(market).outcome(id))
    }

    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError> {
        let all = self.market(market).balances.iter();
        let balance = |(account, amounts): (&AccountId, &(i128, i128))| Balance {
            account: *account,
            base: amounts.0,
            quote: amounts.1,
        };
        let selected = all.map(balance).filter(|it| after.is_none_or(|after| it.account > after));
        Ok(selected.take(limit).collect())
    }

    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError> {
        let all = self.market(market).outbox.iter();
        Ok(all.filter(|(number, _)| *number > after).take(limit).cloned().collect())
    }

    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError> {
        self.market(market).outbox.retain(|(number, _)| *number > up_to);
        Ok(())
    }
}
