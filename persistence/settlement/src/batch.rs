//! A batch: what the trades of one epoch of one market come to.

use core::fmt;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::digest::Digest;
use pricetime_journal::History;

/// The name of a batch, for ever: the same for whoever makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub Uuid);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What an account gets; what it gives is negative. In a market's own units: lots of what is traded,
/// and ticks times lots of what it is paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Whose.
    pub account: AccountId,
    /// Of what is traded.
    pub base: i128,
    /// Of what it is paid with.
    pub quote: i128,
}

/// Everything that an epoch of a market comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The history in which the numbers mean something.
    pub history: History,
    /// The market.
    pub market: MarketId,
    /// The epoch.
    pub epoch: EpochNumber,
    /// How many trades.
    pub trades: u64,
    /// The sum of their quantities.
    pub volume: u128,
    /// The sum of price times quantity.
    pub notional: i128,
    /// What the platform gets in fees.
    pub fees: i128,
    /// The platform's account.
    pub platform: AccountId,
    /// Over the trades, one after the other.
    pub trades_digest: Digest,
    /// One for each account that gets or gives anything, in the order of the accounts. Those of each
    /// asset sum to zero.
    pub transfers: Vec<Transfer>,
}

/// Why a batch is none that a ledger may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Money appears or disappears.
    #[error("the transfers of an asset do not sum to zero")]
    Sum,
    /// An account stands twice, out of order, or for nothing.
    #[error("transfers stand once for each account, in order, and are not empty")]
    Order,
}

impl Batch {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> BatchId {
        Self::id_of(self.history, self.market, self.epoch)
    }

    /// The name of the batch of an epoch: a UUID of version 5, its namespace the history, its name
    /// the market and the epoch in sixteen bytes.
    #[must_use]
    pub fn id_of(history: History, market: MarketId, epoch: EpochNumber) -> BatchId {
        let mut name = [0; 16];
        let (first, last) = name.split_at_mut(8);
        first.copy_from_slice(&u64::from(market.0).to_be_bytes());
        last.copy_from_slice(&epoch.0.to_be_bytes());
        BatchId(Uuid::new_v5(&Uuid::from_u128(history.0), &name))
    }

    /// What tells it from any other: over everything in it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut sum = Sha256::new();
        sum.update(b"pricetime batch 1");
        sum.update(self.history.0.to_be_bytes());
        sum.update(self.market.0.to_be_bytes());
        sum.update(self.epoch.0.to_be_bytes());
        sum.update(self.trades.to_be_bytes());
        sum.update(self.volume.to_be_bytes());
        sum.update(self.notional.to_be_bytes());
        sum.update(self.fees.to_be_bytes());
        sum.update(self.platform.0.to_be_bytes());
        sum.update(self.trades_digest.0);
        for Transfer { account, base, quote } in &self.transfers {
            sum.update(account.0.to_be_bytes());
            sum.update(base.to_be_bytes());
            sum.update(quote.to_be_bytes());
        }
        Digest(sum.finalize().into())
    }

    /// Whether a ledger may take it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Unsound> {
        let mut sums = (0_i128, 0_i128);
        let mut last = None;
        for Transfer { account, base, quote } in &self.transfers {
            if last.is_some_and(|last| last >= *account) || (*base, *quote) == (0, 0) {
                return Err(Unsound::Order);
            }
            last = Some(*account);
            // Beyond the type nothing sums to zero that anybody owns.
            sums.0 = sums.0.checked_add(*base).ok_or(Unsound::Sum)?;
            sums.1 = sums.1.checked_add(*quote).ok_or(Unsound::Sum)?;
        }
        if sums == (0, 0) { Ok(()) } else { Err(Unsound::Sum) }
    }
}
