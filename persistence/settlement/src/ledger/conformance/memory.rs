//! The reference ledger.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pricetime_engine::{AccountId, EpochNumber, MarketId};

use crate::ledger::{
    Applied, Balance, Claim, Deed, Deposited, Ledger, LedgerError, Notice, Outcome, Position, Seed,
    Token,
};
use crate::{Batch, BatchId};
use pricetime_journal::History;

/// A ledger in memory, for tests. Its clones are handles on the same ledger.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<MarketId, Book>>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Book {
    token: Token,
    position: Option<Position>,
    inbox: Vec<Batch>,
    outcomes: Vec<Outcome>,
    balances: BTreeMap<AccountId, (i128, i128)>,
    last_notice: u64,
    outbox: Vec<(u64, Notice)>,
}

fn refuse<T>(why: impl ToString) -> Result<T, LedgerError> {
    Err(LedgerError::Refused { ledger: String::from("in memory"), why: why.to_string() })
}

impl Memory {
    fn books(&self) -> MutexGuard<'_, BTreeMap<MarketId, Book>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the highest epoch that has an outcome or is a position.
    pub(super) fn furthest(&self, market: MarketId) -> EpochNumber {
        let stands = |book: &Book| book.position.map(|it| it.last);
        let posted = |book: &Book| book.outcomes.iter().map(|it| it.epoch).max();
        self.read(market, |book| stands(book).max(posted(book)).unwrap_or(EpochNumber(3)))
    }

    /// Reads a market without creating it.
    fn read<T>(&self, market: MarketId, read: impl FnOnce(&Book) -> T) -> T {
        read(self.books().get(&market).unwrap_or(&Book::default()))
    }

    /// Works on a copy of a market, which replaces the market if nothing was refused.
    fn update<T>(
        &self,
        market: MarketId,
        update: impl FnOnce(&mut Book) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut books = self.books();
        let mut book = books.get(&market).cloned().unwrap_or_default();
        let done = update(&mut book)?;
        // A market without any change is not created.
        if book != Book::default() {
            books.insert(market, book);
        }
        Ok(done)
    }
}

impl Book {
    fn outcome(&self, id: BatchId) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.id == id)
    }

    fn add(&mut self, account: AccountId, base: i128, quote: i128) -> Result<(), LedgerError> {
        let has = self.balances.entry(account).or_default();
        match (has.0.checked_add(base), has.1.checked_add(quote)) {
            (Some(base), Some(quote)) => *has = (base, quote),
            _ => return refuse("a balance would be too large"),
        }
        self.balances.retain(|_, has| *has != (0, 0));
        Ok(())
    }

    fn applied(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError> {
        let (id, digest) = (batch.id(), batch.digest());
        if let Some(outcome) = self.outcome(id) {
            return Ok(match outcome.digest == digest {
                true => Applied::Duplicate(outcome.deed),
                false => Applied::Conflict(outcome.digest),
            });
        }
        if token < self.token {
            return Ok(Applied::Fenced(self.token));
        }
        let Some(position) = self.position.filter(|it| it.history == batch.history) else {
            return Ok(Applied::Unseeded);
        };
        if position.last.0.checked_add(1) != Some(batch.epoch.0) {
            return Ok(Applied::Gap(position.last));
        }
        if deed == Deed::Post {
            for transfer in &batch.transfers {
                self.add(transfer.account, transfer.base, transfer.quote)?;
            }
        }
        let outcome = Outcome { id, epoch: batch.epoch, digest, deed, token };
        self.token = token;
        self.position = Some(Position { last: batch.epoch, ..position });
        self.inbox.retain(|queued| queued.id() != id);
        self.outcomes.push(outcome);
        self.last_notice += 1;
        self.outbox.push((self.last_notice, Notice { outcome, batch: batch.clone() }));
        Ok(Applied::Done)
    }
}

impl Ledger for Memory {
    fn name(&self) -> String {
        String::from("in memory")
    }

    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError> {
        if let Err(unsound) = batch.check() {
            return refuse(unsound);
        }
        self.update(batch.market, |book| {
            let (id, digest) = (batch.id(), batch.digest());
            let settled = book.outcome(id).map(|outcome| outcome.digest);
            let queued = book.inbox.iter().find(|queued| queued.id() == id).map(Batch::digest);
            Ok(match settled.or(queued) {
                Some(known) if known == digest => Deposited::Known,
                Some(known) => Deposited::Conflict(known),
                None => {
                    book.inbox.push(batch.clone());
                    Deposited::Fresh
                }
            })
        })
    }

    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError> {
        let mut waiting = self.read(market, |book| book.inbox.clone());
        waiting.retain(|batch| batch.history == history);
        waiting.sort_by_key(|batch| batch.epoch);
        waiting.truncate(limit);
        Ok(waiting)
    }

    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError> {
        self.update(market, |book| {
            let Some(next) = book.token.max(floor).0.checked_add(1) else {
                return refuse("there is no higher token");
            };
            book.token = Token(next);
            Ok(Claim { token: book.token, position: book.position })
        })
    }

    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError> {
        match batch.check() {
            Ok(()) => self.update(batch.market, |book| book.applied(batch, token, deed)),
            Err(unsound) => refuse(unsound),
        }
    }

    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError> {
        self.update(seed.market, |book| {
            if book.position == Some(seed.position) {
                return Ok(());
            }
            if token < book.token {
                return refuse("a higher token was claimed");
            }
            if book.position != seed.replaces {
                return refuse("the market has another position");
            }
            for Balance { account, base, quote } in &seed.balances {
                book.add(*account, *base, *quote)?;
            }
            (book.position, book.token) = (Some(seed.position), token);
            Ok(())
        })
    }

    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError> {
        Ok(self.read(market, |book| (book.token, book.position)))
    }

    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError> {
        Ok(self.books().keys().copied().collect())
    }

    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError> {
        Ok(self.read(market, |book| book.outcome(id).copied()))
    }

    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError> {
        let balance = |(account, has): (&AccountId, &(i128, i128))| Balance {
            account: *account,
            base: has.0,
            quote: has.1,
        };
        let behind = |balance: &Balance| after.is_none_or(|after| balance.account > after);
        Ok(self.read(market, |book| {
            book.balances.iter().map(balance).filter(behind).take(limit).collect()
        }))
    }

    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError> {
        let mut notices = self.read(market, |book| book.outbox.clone());
        notices.retain(|(number, _)| *number > after);
        notices.truncate(limit);
        Ok(notices)
    }

    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError> {
        if let Some(book) = self.books().get_mut(&market) {
            book.outbox.retain(|(number, _)| *number > up_to);
        }
        Ok(())
    }
}
