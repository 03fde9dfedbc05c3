//! What a principal may ask in JSON lines, and what it sees of the answers.

use pricetime::{Denied, Principal};

use crate::json::{Line, Status};

impl Line {
    /// Checks whether this principal may ask this question. Commands are checked with
    /// [`Principal::may_submit`], and the result of an `order` question with [`Principal::order`].
    ///
    /// # Errors
    /// Returns [`Denied`] if the question is about an account that the principal does not act for.
    pub fn may_be_asked_by(&self, principal: &Principal) -> Result<(), Denied> {
        match self {
            Self::Subscribe(query) => {
                query.account.map_or(Ok(()), |account| principal.may_act_for(account.into()))
            }
            Self::Outcome(query) => principal.may_act_for(query.account.into()),
            Self::Order(_) if *principal == Principal::Public => Err(Denied::NoToken),
            Self::Order(_)
            | Self::Hello(_)
            | Self::View(_)
            | Self::Market(_)
            | Self::Markets(_)
            | Self::Status(_)
            | Self::Place(_)
            | Self::Amend(_)
            | Self::Cancel(_)
            | Self::CancelAll(_)
            | Self::CancelSession(_)
            | Self::AddMarket(_)
            | Self::SetMarket(_)
            | Self::RemoveMarket(_)
            | Self::SetPhase(_)
            | Self::CloseEpoch(_)
            | Self::AdvanceTime(_)
            | Self::BlockAccount(_)
            | Self::UnblockAccount(_) => Ok(()),
        }
    }
}

impl Status {
    /// What the principal sees of a host's status. Reasons name files and servers, and may name accounts,
    /// so only operators see them.
    #[must_use]
    pub fn seen_by(self, principal: &Principal) -> Self {
        if principal.is_operator() {
            return self;
        }
        let Self { line, durable, snapshot, stopped, .. } = self;
        let stopped = stopped.map(|reason| principal.reason(reason).into_owned());
        Self {
            line,
            durable,
            snapshot,
            stopped,
            snapshot_failure: None,
            faulty: None,
            image_behind: None,
            image_failure: None,
            settlement_behind: None,
            settlement_failure: None,
            fenced: Vec::new(),
        }
    }
}
