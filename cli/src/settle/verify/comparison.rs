//! The comparison of one market with the journal.

use std::collections::{BTreeMap, BTreeSet};

use pricetime::engine::{AccountId, EpochNumber, MarketId};
use pricetime::persistence::journal::History;
use pricetime::persistence::settlement::ledger::{Balance, Deed, Outcome, Position};
use pricetime::persistence::settlement::{Batch, Drops, Transfer};
use uuid::Uuid;

use super::super::ledger_reader::Market;
use super::super::start::LedgerStart;
use super::Row;

/// The number of accounts with wrong balances that are listed.
const LISTED_MAX: usize = 20;

/// Balances of accounts, actual or expected.
type AccountBalances = BTreeMap<AccountId, (i128, i128)>;

/// The comparison of a market.
pub(super) struct MarketComparison {
    history: History,
    position: Option<Position>,
    balances: AccountBalances,
    /// The ledger's first epoch, if it was started from this folder.
    ledger_start: Option<EpochNumber>,
    /// Whether the caller gave the starting balances without the first epoch.
    has_given_balances: bool,
    /// The expected balances.
    expected: AccountBalances,
    first_outcome: Option<EpochNumber>,
    /// The epochs that operators have dropped.
    drops: Drops,
    row: Row,
    faults: Vec<String>,
}

impl MarketComparison {
    pub(super) fn new(
        market: MarketId,
        history: History,
        found: Market,
        ledger_start: Option<LedgerStart>,
    ) -> Self {
        let mut comparison = Self {
            history,
            position: found.position,
            balances: AccountBalances::new(),
            ledger_start: None,
            has_given_balances: false,
            expected: AccountBalances::new(),
            first_outcome: None,
            drops: Drops::new(),
            row: Row { market: market.0, ..Row::default() },
            faults: Vec::new(),
        };
        for Balance { account, base, quote } in &found.balances {
            add(&mut comparison.balances, *account, (*base, *quote));
        }
        // A note of another history belongs to a ledger that was started again since.
        if let Some(it) = ledger_start.filter(|it| it.history == history) {
            comparison.ledger_start = Some(it.from);
            comparison.brought_in(&it.balances);
        }
        comparison
    }

    /// Sets the epochs that operators have dropped.
    pub(super) fn with_drops(self, drops: Drops) -> Self {
        Self { drops, ..self }
    }

    /// A market that is not in the ledger.
    pub(super) fn unknown(market: MarketId, history: History) -> Self {
        Self::new(market, history, Market { position: None, balances: Vec::new() }, None)
    }

    /// Sets the balances at the ledger's beginning.
    pub(super) fn brought_in(&mut self, balances: &[Balance]) {
        self.row.brought_in = balances.len();
        self.expected.clear();
        for Balance { account, base, quote } in balances {
            add(&mut self.expected, *account, (*base, *quote));
        }
    }

    /// Sets the balances of a ledger that was started elsewhere.
    pub(super) fn set_starting_balances(&mut self, balances: &[Balance]) {
        self.has_given_balances = true;
        self.brought_in(balances);
    }

    /// The last epoch that should have an outcome.
    fn last(&self) -> EpochNumber {
        let own = self.position.filter(|it| it.history == self.history);
        own.map_or(EpochNumber(0), |it| it.last)
    }

    /// Compares a recomputed batch with its outcome.
    pub(super) fn compare(&mut self, batch: &Batch, outcome: Option<&Outcome>) {
        let epoch = batch.epoch;
        self.row.from.get_or_insert(epoch.0);
        self.row.to = Some(epoch.0);
        let is_due = epoch <= self.last();
        let Some(outcome) = outcome else {
            if !is_due {
                self.row.waiting += 1;
            } else if self.first_outcome.is_some()
                || (!self.has_given_balances && self.ledger_start.is_none_or(|it| it <= epoch))
            {
                self.faults.push(format!("epoch {epoch} counts as settled and has no outcome"));
            }
            return;
        };
        self.first_outcome.get_or_insert(epoch);
        if outcome.digest != batch.digest() {
            self.faults.push(format!(
                "epoch {epoch} was settled as another batch: the ledger's has digest {}, the \
                 journal's {}",
                outcome.digest,
                batch.digest()
            ));
        }
        if outcome.deed == Deed::Post && self.drops.contains_key(&epoch) {
            self.faults.push(format!(
                "epoch {epoch} was dropped by an operator, but is recorded as posted: if it was \
                 corrected by hand, it counts twice"
            ));
        }
        if !is_due {
            // The outcome is newer than the position that was read, or the position was put back.
            self.row.waiting += 1;
            return;
        }
        match outcome.deed {
            Deed::Post => {
                self.row.posted += 1;
                // Batches posted before the beginning are part of the starting balances.
                let counts = self.ledger_start.is_none_or(|it| it <= epoch);
                for Transfer { account, base, quote } in batch.transfers.iter().filter(|_| counts) {
                    add(&mut self.expected, *account, (*base, *quote));
                }
            }
            Deed::Drop => self.row.dropped += 1,
        }
    }

    /// Returns the totals and the faults.
    pub(super) fn finish(mut self) -> (Row, Vec<String>) {
        if let Some(Position { history, last }) = self.position {
            if history != self.history {
                self.faults.push(format!(
                    "the ledger ends with epoch {last} of history {history}, and the folder is of \
                     {}: `settle start` prepares it for this one",
                    self.history
                ));
                return (self.row, self.faults);
            }
            let first = self.ledger_start.map_or(1, |it| it.0);
            if self.row.to.is_none_or(|to| to < last.0) && first <= last.0 {
                self.faults.push(format!(
                    "the ledger ends with epoch {last}, which has not closed in the journal"
                ));
            }
            if self.row.from.is_some_and(|from| from > first) && first <= last.0 {
                // A posted batch cannot be recomputed, so the balances cannot be compared.
                return (self.row, self.faults);
            }
        }
        let mut differing = 0;
        let accounts = self.balances.keys().chain(self.expected.keys()).copied();
        let accounts: BTreeSet<AccountId> = accounts.collect();
        for account in accounts {
            let balance = self.balances.get(&account).copied().unwrap_or_default();
            let expected = self.expected.get(&account).copied().unwrap_or_default();
            if balance == expected {
                continue;
            }
            differing += 1;
            if differing <= LISTED_MAX {
                self.faults.push(format!(
                    "account {} has {} lots and {} ticks times lots, and should have {} and {}",
                    Uuid::from(account),
                    balance.0,
                    balance.1,
                    expected.0,
                    expected.1
                ));
            }
        }
        if differing > LISTED_MAX {
            self.faults
                .push(format!("{} more accounts have other balances", differing - LISTED_MAX));
        }
        if differing == 0 {
            self.row.balances = Some(self.balances.len());
        }
        (self.row, self.faults)
    }
}

fn add(to: &mut AccountBalances, account: AccountId, (base, quote): (i128, i128)) {
    let balance = to.entry(account).or_default();
    *balance = (balance.0.saturating_add(base), balance.1.saturating_add(quote));
    if *balance == (0, 0) {
        to.remove(&account);
    }
}
