//! One-time messages for operators.

use pricetime_engine::EpochNumber;

use super::PutBack;

/// Something that a settler noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The ledger does not have outcomes that it had before. These epochs are settled again.
    PutBack(PutBack),
    /// A ledger that was put back has caught up again, to this epoch.
    CaughtUp(EpochNumber),
    /// This epoch was posted before the ledger was asked to drop it. So it is not dropped.
    PostedBefore(EpochNumber),
    /// This epoch was dropped, and the ledger has it as posted: another program has posted it.
    Posted(EpochNumber),
}
