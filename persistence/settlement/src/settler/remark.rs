//! What people are to hear of once.

use pricetime_engine::EpochNumber;

use super::PutBack;

/// What a settler has noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The ledger does not know of epochs that it had settled. They are settled again.
    PutBack(PutBack),
    /// A ledger that was put back has come as far again as it had: to this epoch.
    CaughtUp(EpochNumber),
    /// This epoch was posted before the ledger was asked to drop it. So it is not dropped.
    PostedBefore(EpochNumber),
    /// This epoch was dropped, and stands as posted: another program has posted it.
    Posted(EpochNumber),
}
