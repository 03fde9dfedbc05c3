//! The orders that an event is about.

use crate::event::{Event, Party};

impl Event {
    /// Returns the orders that the event is about. For a trade these are the maker's and then the
    /// taker's.
    ///
    /// A refusal has none: the order that it names may be another account's, or not exist.
    #[inline]
    pub fn parties(&self) -> impl Iterator<Item = Party> + use<> {
        self.party_pair().into_iter().flatten()
    }

    #[inline]
    const fn party_pair(&self) -> [Option<Party>; 2] {
        match self {
            Self::Accepted { account, place, .. } => {
                let (order, reference) = (place.order, place.reference);
                [Some(Party { order, account: *account, reference }), None]
            }
            Self::Traded { maker, taker, .. } => [Some(*maker), Some(*taker)],
            Self::Reduced { party, .. }
            | Self::Amended { party, .. }
            | Self::Cancelled { party, .. }
            | Self::Triggered { party, .. }
            | Self::Replenished { party, .. } => [Some(*party), None],
            Self::Rejected { .. }
            | Self::PhaseChanged { .. }
            | Self::EpochClosed(_)
            | Self::MarketAdded(_)
            | Self::MarketSet(_)
            | Self::MarketRemoved
            | Self::AccountBlocked(_)
            | Self::AccountUnblocked(_)
            | Self::Duplicate { .. } => [None, None],
        }
    }
}
