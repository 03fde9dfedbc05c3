//! Batches that can be recomputed from their epoch, and a recount of a ledger that posted them.

use std::collections::BTreeMap;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use pricetime_journal::History;
use pricetime_settlement::ledger::{Balance, Deed, Ledger, LedgerError, Position, Seed, Token};
use pricetime_settlement::{Batch, Digest, Transfer};

use crate::generate::random::Random;

/// The market of the batches.
pub const MARKET: MarketId = MarketId(7);
/// The history of the batches.
pub const HISTORY: History = History(0x5ca1_ab1e_0000_4000_8000_0000_0000_0001);

/// The batch of an epoch, always the same.
#[must_use]
pub fn batch(epoch: u64) -> Batch {
    let mut random = Random::new(epoch);
    let mut transfers = Vec::new();
    let mut sums = (0, 0);
    for account in 1..=random.within(1, 40) {
        let wide = |random: &mut Random| i128::from(random.below(1 << 50)) << random.below(50);
        let (base, quote) = (wide(&mut random) + 1, -wide(&mut random));
        sums = (sums.0 + base, sums.1 + quote);
        transfers.push(Transfer { account: AccountId(account.into()), base, quote });
    }
    let platform = AccountId(u128::MAX);
    transfers.push(Transfer { account: platform, base: -sums.0, quote: -sums.1 });
    Batch {
        history: HISTORY,
        market: MARKET,
        epoch: EpochNumber(epoch),
        trades: transfers.len() as u64,
        volume: 0,
        notional: 0,
        fees: 0,
        platform,
        trades_digest: Digest([epoch as u8; 32]),
        transfers,
    }
}

/// The initial position of the market.
#[must_use]
pub const fn initial_seed() -> Seed {
    let position = Position { history: HISTORY, last: EpochNumber(0) };
    Seed { market: MARKET, position, replaces: None, balances: Vec::new() }
}

/// Recounts the ledger. Returns the last epoch that was posted.
///
/// # Errors
/// Returns an error if the ledger does not answer.
///
/// # Panics
/// Panics if anything was posted twice, out of order, or in part.
pub fn recount(ledger: &mut dyn Ledger) -> Result<u64, LedgerError> {
    let (_, position) = ledger.position(MARKET)?;
    let last = position.map_or(0, |it| it.last.0);
    let mut totals: BTreeMap<AccountId, (i128, i128)> = BTreeMap::new();
    let mut tokens = vec![Token(0)];
    for epoch in 1..=last {
        let batch = batch(epoch);
        let outcome = ledger.outcome(MARKET, batch.id())?.expect("an outcome of each epoch");
        assert_eq!((outcome.digest, outcome.deed), (batch.digest(), Deed::Post), "epoch {epoch}");
        tokens.push(outcome.token);
        for transfer in batch.transfers {
            let totals = totals.entry(transfer.account).or_default();
            *totals = (totals.0 + transfer.base, totals.1 + transfer.quote);
        }
    }
    assert!(tokens.is_sorted(), "{tokens:?}");
    let next = ledger.outcome(MARKET, batch(last + 1).id())?;
    assert_eq!(next, None, "no epoch after {last} has an outcome");
    totals.retain(|_, totals| *totals != (0, 0));
    let expected: Vec<Balance> = totals
        .into_iter()
        .map(|(account, (base, quote))| Balance { account, base, quote })
        .collect();
    assert_eq!(ledger.balances(MARKET, None, usize::MAX)?, expected, "after epoch {last}");
    let notices = ledger.outbox(MARKET, 0, usize::MAX)?;
    let epochs: Vec<u64> = notices.iter().map(|(_, notice)| notice.outcome.epoch.0).collect();
    assert_eq!(epochs, (1..=last).collect::<Vec<_>>(), "the outbox");
    for batch in ledger.pending(MARKET, HISTORY, usize::MAX)? {
        assert!(batch.epoch.0 > last, "epoch {} is posted but still pending", batch.epoch.0);
    }
    Ok(last)
}
