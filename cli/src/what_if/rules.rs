//! The rules that replace those of a recording, and the commands under them.

use pricetime_engine::{
    Action, Command, Engine, EpochNumber, Fees, MarketId, Phase, Place, Pricing, SelfTrade,
    Sequence, TimeInForce, Timestamp,
};

/// The rules that are different. What is `None` stays as it was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OtherRules {
    pub(super) pricing: Option<Pricing>,
    /// Call or Continuous: the phase of a market in which orders were matched.
    pub(super) phase: Option<Phase>,
    pub(super) fees: Option<Fees>,
    pub(super) self_trade: Option<SelfTrade>,
    /// The length of every epoch, in nanoseconds.
    pub(super) epoch_length: Option<u64>,
}

impl OtherRules {
    /// Returns `true` if everything is as it was recorded.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The action under these rules, or `None` if it has no place in them.
    pub(super) fn action(&self, recorded: Action) -> Option<Action> {
        let mut action = recorded;
        match &mut action {
            Action::AddMarket(spec) => {
                spec.pricing = self.pricing.unwrap_or(spec.pricing);
                spec.terms.fees = self.fees.unwrap_or(spec.terms.fees);
            }
            Action::SetMarket(terms) => terms.fees = self.fees.unwrap_or(terms.fees),
            Action::Place(place) => self.place(place),
            Action::SetPhase(phase @ (Phase::Call | Phase::Continuous)) => {
                *phase = self.phase.unwrap_or(*phase);
            }
            Action::CloseEpoch { .. } if self.epoch_length.is_some() => return None,
            Action::SetPhase(Phase::Closed | Phase::Halted)
            | Action::RemoveMarket
            | Action::Amend(_)
            | Action::Cancel { .. }
            | Action::CancelAll { .. }
            | Action::CancelSession { .. }
            | Action::CloseEpoch { .. }
            | Action::AdvanceTime
            | Action::BlockAccount(_)
            | Action::UnblockAccount(_) => {}
        }
        Some(action)
    }

    fn place(&self, place: &mut Place) {
        place.self_trade = self.self_trade.unwrap_or(place.self_trade);
        if self.phase != Some(Phase::Call) {
            return;
        }
        // A call refuses orders that have to trade at once, or must not. They wait for the next auction.
        place.post_only = false;
        place.minimum_quantity = None;
        if let TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill = place.time_in_force {
            place.time_in_force = TimeInForce::ForEpochs(1);
        }
    }
}

/// The times at which epochs close.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closes {
    length: u64,
    /// The next close, once the first command is known.
    next: Option<u64>,
}

impl Closes {
    /// Epochs of this length, counted from 1970.
    pub(super) const fn every(length: u64) -> Self {
        Self { length, next: None }
    }

    /// The next close at or before this time.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Timestamp> {
        let next = self.next.unwrap_or_else(|| self.length_after(now.0));
        self.next = Some(next);
        if next > now.0 {
            return None;
        }
        self.next = Some(next.saturating_add(self.length));
        Some(Timestamp(next))
    }

    /// The close after the last command.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.next.map(Timestamp)
    }

    /// Nothing closes before this time: there is nothing to close.
    pub(super) fn skip_to(&mut self, now: Timestamp) {
        self.next = Some(self.length_after(now.0));
    }

    fn length_after(&self, time: u64) -> u64 {
        (time / self.length).saturating_add(1).saturating_mul(self.length)
    }
}

/// The close of a market's current epoch as the engine's next command.
pub(super) fn close(
    engine: &Engine,
    market: MarketId,
    number: EpochNumber,
    time: Timestamp,
) -> Command {
    Command {
        sequence: next_sequence(engine),
        timestamp: time,
        market,
        account: pricetime_engine::AccountId(0),
        operator: true,
        request: None,
        action: Action::CloseEpoch { number },
        session: None,
    }
}

/// The sequence number of the engine's next command.
pub(super) fn next_sequence(engine: &Engine) -> Sequence {
    Sequence(engine.last_sequence().0.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_close_at_multiples_of_their_length() {
        let mut closes = Closes::every(100);
        assert_eq!(closes.last(), None);
        assert_eq!(closes.due(Timestamp(250)), None);
        assert_eq!(closes.due(Timestamp(299)), None);
        assert_eq!(closes.due(Timestamp(420)), Some(Timestamp(300)));
        assert_eq!(closes.due(Timestamp(420)), Some(Timestamp(400)));
        assert_eq!(closes.due(Timestamp(420)), None);
        assert_eq!(closes.last(), Some(Timestamp(500)));
        closes.skip_to(Timestamp(1_000));
        assert_eq!(closes.last(), Some(Timestamp(1_100)));
    }

    #[test]
    fn actions_without_another_rule_stay_as_they_are() {
        let actions = [Action::AdvanceTime, Action::SetPhase(Phase::Continuous)];
        for action in actions {
            assert_eq!(OtherRules::default().action(action), Some(action));
        }
        let call = OtherRules { phase: Some(Phase::Call), ..OtherRules::default() };
        assert_eq!(call.action(actions[1]), Some(Action::SetPhase(Phase::Call)));
        let halted = Action::SetPhase(Phase::Halted);
        assert_eq!(call.action(halted), Some(halted));
    }
}
