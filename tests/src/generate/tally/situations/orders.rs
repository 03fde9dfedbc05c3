//! Situations with new and amended orders.

use pricetime_engine::{
    Amend, CancelReason, Event, OrderKind, OrderRecord, Phase, Place, SelfTrade, TimeInForce,
};

use super::{Situation, View};

impl View<'_> {
    pub(super) fn place(&self, place: &Place, record_if: &mut impl FnMut(Situation, bool)) {
        let continuous = self.continuous();
        let traded = self.any(|event| matches!(event, Event::Traded { .. }));
        let gone = |event: &Event| matches!(event, Event::Cancelled { party, .. } if party.order == place.order);
        let whole = |event: &Event| matches!(event, Event::Cancelled { remaining, .. } if gone(event) && *remaining == place.quantity);
        let works = continuous && place.kind.stop().is_none();
        let minimum = works && place.minimum_quantity.is_some();
        record_if(Situation::MinimumMet, minimum && traded);
        record_if(Situation::MinimumMissed, minimum && self.any(whole));
        let fill = works && place.time_in_force == TimeInForce::FillOrKill;
        record_if(Situation::FillOrKillFilled, fill && !self.any(gone));
        // The quantity is available, but some of it is the account's own.
        record_if(
            Situation::FillOrKillFoundOwnOrder,
            fill && self.any(gone)
                && self.reachable_quantity(place) >= u128::from(place.quantity.0),
        );
        let rests = self.phase() == Some(Phase::Call) && place.kind == OrderKind::Market;
        record_if(Situation::MarketOrderRests, rests);
        let elected = self.any(|event| matches!(event, Event::Triggered { .. }));
        let prevented = works && !elected && self.any(prevents);
        let acted = match place.self_trade {
            SelfTrade::None => None,
            SelfTrade::CancelTaker => Some(Situation::SelfTradeCancelTaker),
            SelfTrade::CancelMaker => Some(Situation::SelfTradeCancelMaker),
            SelfTrade::CancelBoth => Some(Situation::SelfTradeCancelBoth),
            SelfTrade::Decrement => Some(Situation::SelfTradeDecrement),
        };
        if let Some(situation) = acted {
            record_if(situation, prevented);
        }
        self.icebergs(record_if);
    }

    /// The open quantity on the other side within an order's limit.
    fn reachable_quantity(&self, place: &Place) -> u128 {
        self.reachable_orders(place).map(|order| u128::from(order.open.0)).sum()
    }

    /// Records whether a post-only order reaches only orders of its own account.
    pub(super) fn post_only(&self, place: &Place, record_if: &mut impl FnMut(Situation, bool)) {
        let own = |order: &OrderRecord| order.party.account == self.command.account;
        let own = place.post_only && self.reachable_orders(place).all(own);
        record_if(Situation::PostOnlyReachesOwnOrder, own);
    }

    /// The orders on the other side within an order's limit.
    fn reachable_orders(&self, place: &Place) -> impl Iterator<Item = &OrderRecord> {
        let limit = place.kind.price();
        let side = place.side;
        let fits = move |order: &&OrderRecord| {
            let reach = match (order.kind.price(), limit) {
                (Some(price), Some(limit)) if order.side > side => price <= limit,
                (Some(price), Some(limit)) => price >= limit,
                (_, None) | (None, _) => true,
            };
            order.side != side && reach
        };
        let resting = self.before.iter().flat_map(|market| &market.resting);
        resting.filter(fits)
    }

    fn icebergs(&self, record_if: &mut impl FnMut(Situation, bool)) {
        let next = |event: &Event| {
            let Event::Replenished { party, .. } = event else {
                return None;
            };
            Some(party.order)
        };
        let parts: Vec<_> = self.events.iter().filter_map(next).collect();
        let twice = parts.iter().any(|id| parts.iter().filter(|other| *other == id).count() > 1);
        record_if(Situation::IcebergUsedUpTwice, twice);
        let reduced = |event: &Event| matches!(event, Event::Reduced { .. });
        let after =
            |three: &[Event]| reduced(&three[0]) && reduced(&three[1]) && next(&three[2]).is_some();
        record_if(Situation::ReplenishedByDecrement, self.events.windows(3).any(after));
    }

    pub(super) fn amend(&self, amend: &Amend, record_if: &mut impl FnMut(Situation, bool)) {
        let Some(before) = self.order(amend.order) else {
            return;
        };
        let changed = |event: &&Event| matches!(event, Event::Amended { .. });
        let Some(Event::Amended { remaining, shown, priority, .. }) =
            self.events.iter().find(changed)
        else {
            return;
        };
        let kept = *priority == before.priority;
        let waits = before.kind.stop().is_some();
        let traded = self.any(|event| matches!(event, Event::Traded { .. }));
        record_if(Situation::AmendKeptPlace, kept && !waits);
        record_if(Situation::AmendEnteredAgain, !kept);
        record_if(Situation::AmendOfStop, waits);
        record_if(Situation::AmendTraded, !kept && traded);
        let hidden = before.shown < before.open && *remaining < before.open;
        record_if(Situation::AmendShrankHiddenPart, kept && hidden && *shown == before.shown);
        let outside = self.before.is_some_and(|market| {
            let terms = &market.head.spec.terms;
            let price = before.kind.price();
            price.is_some_and(|p| p < terms.price_min || terms.price_max < p)
        });
        record_if(Situation::AmendOutsideBand, kept && outside && !waits);
    }
}

/// Returns `true` if the event can come from self-trade prevention.
const fn prevents(event: &Event) -> bool {
    matches!(
        event,
        Event::Reduced { .. } | Event::Cancelled { reason: CancelReason::SelfTrade, .. }
    )
}
