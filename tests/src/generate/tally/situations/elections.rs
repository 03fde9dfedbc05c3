//! Situations in elections and uncrosses.

use pricetime_engine::{
    Action, CancelReason, EpochSummary, Event, Party, Phase, Priority, Quantity,
};

use super::{Situation, View};

impl View<'_> {
    pub(super) fn stops(&self, record_if: &mut impl FnMut(Situation, bool)) {
        let triggered = |event: &Event| {
            let Event::Triggered { party, .. } = event else {
                return None;
            };
            Some(party.order)
        };
        let elected: Vec<_> = self.events.iter().filter_map(triggered).collect();
        if elected.is_empty() {
            return;
        }
        let sides = elected.iter().filter_map(|order| self.order(*order)).map(|o| o.side);
        let both = sides.clone().min() != sides.max();
        let continuous = self.continuous();
        record_if(Situation::CascadeOfThree, elected.len() >= 3 && continuous);
        let closes = matches!(self.command.action, Action::CloseEpoch { .. });
        let across = elected.len() >= 3 && !closes && both;
        record_if(Situation::CascadeAcrossSides, across);
        let follows = |pair: &[Event], order| triggered(&pair[1]) == Some(order);
        for pair in self.events.windows(2) {
            if let Event::Accepted { place, .. } = &pair[0] {
                record_if(Situation::ElectedAtEntry, follows(pair, place.order));
            }
            if let Event::Amended { party, .. } = &pair[0] {
                record_if(Situation::ElectedByAmend, follows(pair, party.order));
            }
        }
        let opens = matches!(self.command.action, Action::SetPhase(_));
        record_if(Situation::ElectedInCall, closes);
        record_if(Situation::ElectedAtOpening, opens);
        let gone = |event: &Event| {
            matches!(event, Event::Cancelled { party, reason, .. }
                if elected.contains(&party.order) && *reason != CancelReason::EpochEnded)
        };
        record_if(Situation::ElectedInCallCancelled, closes && self.any(gone));
        let own = |event: &Event| {
            matches!(event, Event::Cancelled { party, reason: CancelReason::SelfTrade, .. }
                if elected.contains(&party.order))
        };
        record_if(Situation::SelfTradeOfElected, self.any(own));
    }

    pub(super) fn uncross(&self, record_if: &mut impl FnMut(Situation, bool)) {
        let until =
            |event: &&Event| !matches!(event, Event::PhaseChanged { .. } | Event::Triggered { .. });
        let own: Vec<_> = self.events.iter().take_while(until).collect();
        let traded = own.iter().any(|event| matches!(event, Event::Traded { .. }));
        let opens = matches!(self.command.action, Action::SetPhase(_));
        record_if(Situation::UncrossAtOpening, opens && traded);
        let halted = self.phase() == Some(Phase::Halted);
        record_if(Situation::OpenedFromHaltedWithUncross, opens && traded && halted);
        if let Some(Event::EpochClosed(summary)) = self.events.last() {
            self.close(summary, record_if);
        }
        if !traded {
            return;
        }
        let resting = self.before.map_or(&[][..], |market| &market.resting);
        let priced = resting.iter().any(|order| order.kind.price().is_some());
        let unpriced = resting.iter().any(|order| order.kind.price().is_none());
        record_if(Situation::UncrossWithMarketOrders, priced && unpriced);
        record_if(Situation::UncrossOfMarketOrdersAlone, !priced && unpriced);
        let left = |party: &Party, remaining: Quantity| {
            let order = self.order(party.order);
            let iceberg = order.is_some_and(|order| order.display_quantity.is_some());
            iceberg && !remaining.is_zero()
        };
        let part = own.iter().any(|event| {
            matches!(event, Event::Traded { maker, maker_remaining, taker, taker_remaining, .. }
                if left(maker, *maker_remaining) || left(taker, *taker_remaining))
        });
        record_if(Situation::IcebergLeftByUncross, part);
    }

    fn close(&self, summary: &EpochSummary, record_if: &mut impl FnMut(Situation, bool)) {
        let busy = summary.next_priority > Priority(1);
        let halted = self.phase() == Some(Phase::Halted);
        record_if(Situation::EpochClosedWhileHalted, busy && halted);
        if let Some(clearing) = summary.clearing {
            record_if(Situation::UncrossAtClose, true);
            record_if(Situation::UncrossSurplusOfBuyers, clearing.surplus > 0);
            record_if(Situation::UncrossSurplusOfSellers, clearing.surplus < 0);
            record_if(Situation::UncrossWithoutSurplus, clearing.surplus == 0);
        }
    }
}
