//! A batch: the net result of the trades of one epoch of one market.

use core::fmt;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::digest::Digest;
use pricetime_journal::History;

/// The permanent id of a batch. Every runner derives the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub Uuid);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What an account receives; what it gives is negative. Amounts are in the market's own units: lots for
/// the base, and ticks times lots for the quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The account.
    pub account: AccountId,
    /// The amount of what is traded.
    pub base: i128,
    /// The amount of what it is paid with.
    pub quote: i128,
}

/// The net result of an epoch of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The history that the epoch belongs to.
    pub history: History,
    /// The market.
    pub market: MarketId,
    /// The epoch.
    pub epoch: EpochNumber,
    /// The number of trades.
    pub trades: u64,
    /// The sum of their quantities.
    pub volume: u128,
    /// The sum of price times quantity.
    pub notional: i128,
    /// The sum of the fees, which the platform receives.
    pub fees: i128,
    /// The platform's account.
    pub platform: AccountId,
    /// A digest over all trades, in order.
    pub trades_digest: Digest,
    /// One transfer for each account that receives or gives anything, in the order of the accounts. For
    /// each asset they sum to zero.
    pub transfers: Vec<Transfer>,
}

/// Why a ledger must not take a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Money appears or disappears.
    #[error("the transfers of an asset do not sum to zero")]
    Sum,
    /// An account appears twice, out of order, or with nothing to transfer.
    #[error("transfers must be sorted by account, one for each account, and not empty")]
    Order,
}

impl Batch {
    /// Returns the id of this batch.
    #[must_use]
    pub fn id(&self) -> BatchId {
        Self::id_of(self.history, self.market, self.epoch)
    }

    /// Returns the id of an epoch's batch: a UUID of version 5. Its namespace is the history, and its
    /// name is the market and the epoch in sixteen bytes.
    #[must_use]
    pub fn id_of(history: History, market: MarketId, epoch: EpochNumber) -> BatchId {
        let mut name = [0; 16];
        let (first, last) = name.split_at_mut(8);
        first.copy_from_slice(&u64::from(market.0).to_be_bytes());
        last.copy_from_slice(&epoch.0.to_be_bytes());
        BatchId(Uuid::new_v5(&Uuid::from_u128(history.0), &name))
    }

    /// Returns a digest over the whole content of the batch.
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

    /// Checks that a ledger may take this batch.
    ///
    /// # Errors
    /// Returns [`Unsound`] if the transfers do not sum to zero, or if one is out of order or empty.
    pub fn check(&self) -> Result<(), Unsound> {
        let mut sums = (0_i128, 0_i128);
        let mut last = None;
        for Transfer { account, base, quote } in &self.transfers {
            if last.is_some_and(|last| last >= *account) || (*base, *quote) == (0, 0) {
                return Err(Unsound::Order);
            }
            last = Some(*account);
            // No real amounts overflow this type, so an overflow counts as a wrong sum.
            sums.0 = sums.0.checked_add(*base).ok_or(Unsound::Sum)?;
            sums.1 = sums.1.checked_add(*quote).ok_or(Unsound::Sum)?;
        }
        if sums == (0, 0) { Ok(()) } else { Err(Unsound::Sum) }
    }
}
