//! Batches like those of real trades.

use std::collections::BTreeMap;

use pricetime::persistence::journal::History;
use pricetime::persistence::settlement::ledger::{Ledger, Position, Seed, Token};
use pricetime::persistence::settlement::{Batch, Digest, Transfer};
use pricetime_engine::{AccountId, EpochNumber, MarketId};

use crate::failure::Failure;

/// The history of all batches.
const HISTORY: History = History(0x7072_6963_6574_696d_8000_6265_6e63_6821);

/// The number of accounts that take part in this many trades.
pub(super) fn accounts(trades: usize) -> usize {
    (trades / 5).max(2)
}

/// The batch of an epoch with this many random trades, made from a seed.
pub(super) fn batch(market: MarketId, epoch: u64, (trades, seed): (usize, u64)) -> Batch {
    let mut random = fastrand::Rng::with_seed(seed ^ epoch.rotate_left(32));
    let accounts = accounts(trades) as u128;
    let (mut sums, mut volume, mut notional) = (BTreeMap::<u128, (i128, i128)>::new(), 0, 0);
    for _ in 0..trades {
        let buyer = random.u128(0..accounts);
        let seller = (buyer + random.u128(1..accounts)) % accounts;
        let (price, quantity) = (random.i128(1..10_000), random.i128(1..1_000));
        for (account, sign) in [(buyer, 1), (seller, -1)] {
            let (base, quote) = sums.entry(account + 1).or_default();
            *base += sign * quantity;
            *quote -= sign * quantity * price;
        }
        volume += quantity.unsigned_abs();
        notional += price * quantity;
    }
    let transfers = sums.into_iter().filter(|(_, sum)| *sum != (0, 0));
    let transfer = |(account, (base, quote))| Transfer { account: AccountId(account), base, quote };
    Batch {
        history: HISTORY,
        market,
        epoch: EpochNumber(epoch),
        trades: trades as u64,
        volume,
        notional,
        fees: 0,
        platform: AccountId(0),
        trades_digest: Digest([0; 32]),
        transfers: transfers.map(transfer).collect(),
    }
}

/// Prepares a market for its first epoch.
pub(super) fn seed(ledger: &mut dyn Ledger, market: MarketId) -> Result<Token, Failure> {
    let token = ledger.claim(market, Token(0)).map_err(Failure::failed)?.token;
    let position = Position { history: HISTORY, last: EpochNumber(0) };
    let seed = Seed { market, position, replaces: None, balances: Vec::new() };
    ledger.seed(&seed, token).map_err(Failure::failed)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_batches_pass_the_ledger_check() {
        for (trades, most) in [(1, 2), (7, 2), (1_000, 200)] {
            let batch = batch(MarketId(1), 3, (trades, 7));
            assert_eq!(batch.check(), Ok(()));
            assert!(!batch.transfers.is_empty() && batch.transfers.len() <= most);
        }
    }
}
