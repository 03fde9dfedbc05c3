//! Batches, positions and seeds for the tests.

use pricetime_engine::{AccountId, EpochNumber, MarketId};

use super::HISTORY;
use crate::ledger::{Balance, Position, Seed};
use crate::{Batch, Digest, Transfer};
use pricetime_journal::History;
use pricetime_journal::random::Random;

/// Accounts at the ends of their type and in between, in order.
pub(super) const ACCOUNTS: [u128; 8] =
    [0, 1, 0x0a, 0xff, 1 << 63, 1 << 64, (1 << 127) + 5, u128::MAX];

/// Returns an amount of any width up to 2^100, positive or negative.
fn amount(random: &mut Random) -> i128 {
    let wide = u128::from(random.bits()) << 64 | u128::from(random.bits());
    let narrow = (wide >> (28 + random.below(100))).cast_signed();
    if random.chance(50) { narrow } else { -narrow }
}

/// Returns transfers that sum to zero, sometimes none.
pub(super) fn legs(random: &mut Random) -> Vec<(u128, i128, i128)> {
    let mut chosen = ACCOUNTS.to_vec();
    chosen.retain(|_| random.chance(50));
    let Some(last) = chosen.pop() else { return Vec::new() };
    let mut sums = (0, 0);
    let mut legs = Vec::new();
    for account in chosen {
        let (base, quote) = match random.below(4) {
            0 => (amount(random), 0),
            1 => (0, amount(random)),
            _ => (amount(random), amount(random)),
        };
        sums = (sums.0 + base, sums.1 + quote);
        legs.push((account, base, quote));
    }
    legs.push((last, -sums.0, -sums.1));
    legs.retain(|(_, base, quote)| (*base, *quote) != (0, 0));
    legs
}

/// Returns a batch with these transfers.
pub(super) fn of(
    history: History,
    market: MarketId,
    epoch: u64,
    legs: &[(u128, i128, i128)],
) -> Batch {
    let transfer = |&(account, base, quote)| Transfer { account: AccountId(account), base, quote };
    Batch {
        history,
        market,
        epoch: EpochNumber(epoch),
        trades: legs.len() as u64,
        volume: u128::MAX,
        notional: i128::MIN,
        fees: -1,
        platform: AccountId(u128::MAX),
        trades_digest: Digest([0x5a; 32]),
        transfers: legs.iter().map(transfer).collect(),
    }
}

/// Returns a batch that moves a small amount between two accounts.
pub(super) fn small(market: MarketId, epoch: u64) -> Batch {
    of(HISTORY, market, epoch, &[(1, 5, -50), (2, -5, 50)])
}

/// Returns another batch with the same id.
pub(super) fn other(batch: &Batch) -> Batch {
    Batch { trades_digest: Digest([0xa5; 32]), ..batch.clone() }
}

/// Returns two batches that are not sound, for different reasons.
pub(super) fn unsound(market: MarketId, epoch: u64) -> [Batch; 2] {
    [&[(1, 5, -50), (2, -5, 51)], &[(2, 5, -50), (1, -5, 50)]]
        .map(|legs| of(HISTORY, market, epoch, legs))
}

/// Returns the balance of an account.
pub(super) const fn balance(account: u128, base: i128, quote: i128) -> Balance {
    Balance { account: AccountId(account), base, quote }
}

/// Returns the position after an epoch of a history.
pub(super) fn at(history: History, last: u64) -> Option<Position> {
    Some(Position { history, last: EpochNumber(last) })
}

/// Returns the seed of a market that has no position.
pub(super) const fn seed(market: MarketId, history: History, last: u64) -> Seed {
    let position = Position { history, last: EpochNumber(last) };
    Seed { market, position, replaces: None, balances: Vec::new() }
}
