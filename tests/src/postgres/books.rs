//! Batches, and the balances that result from them.

use std::collections::BTreeMap;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use pricetime_journal::History;
use pricetime_settlement::ledger::{Balance, Ledger, Position, Seed, Token};
use pricetime_settlement::{Batch, Digest, Transfer};

/// The market.
pub const MARKET: MarketId = MarketId(7);
/// Its history.
pub const HISTORY: History = History(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);

/// The batch of an epoch, always the same: one of nine accounts sells to the next two.
#[must_use]
pub fn batch(epoch: u64) -> Batch {
    let amount = i128::from(epoch % 97 + 1);
    let first = u128::from(epoch % 9);
    let legs = [(first, -2 * amount, 20 * amount), (first + 1, amount, -7 * amount)];
    let legs = [legs.as_slice(), &[(first + 2, amount, -13 * amount)]].concat();
    let transfer = |(account, base, quote)| Transfer { account: AccountId(account), base, quote };
    Batch {
        history: HISTORY,
        market: MARKET,
        epoch: EpochNumber(epoch),
        trades: 2,
        volume: 2 * amount.unsigned_abs(),
        notional: 20 * amount,
        fees: 0,
        platform: AccountId(0),
        trades_digest: Digest([7; 32]),
        transfers: legs.into_iter().map(transfer).collect(),
    }
}

/// The balances after this many epochs.
#[must_use]
pub fn balances(epochs: u64) -> Vec<Balance> {
    let mut sums: BTreeMap<AccountId, (i128, i128)> = BTreeMap::new();
    for it in (1..=epochs).flat_map(|epoch| batch(epoch).transfers) {
        let sum = sums.entry(it.account).or_default();
        *sum = (sum.0 + it.base, sum.1 + it.quote);
    }
    sums.retain(|_, sum| *sum != (0, 0));
    let balance = |(account, (base, quote))| Balance { account, base, quote };
    sums.into_iter().map(balance).collect()
}

/// Claims the market and prepares it for its first epoch.
///
/// # Panics
/// Panics if the ledger refuses.
pub fn begin(ledger: &mut dyn Ledger) -> Token {
    let token = ledger.claim(MARKET, Token(0)).expect("a claim").token;
    let position = Position { history: HISTORY, last: EpochNumber(0) };
    let seed = Seed { market: MARKET, position, replaces: None, balances: Vec::new() };
    ledger.seed(&seed, token).expect("a seed");
    token
}
