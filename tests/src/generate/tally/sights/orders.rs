//! Situations with new and amended orders.

use pricetime_engine::{
    Amend, CancelReason, Event, OrderKind, OrderRecord, Phase, Place, SelfTrade, TimeInForce,
};

use super::{Sight, View};

impl View<'_> {
    pub(super) fn place(&self, place: &Place, see: &mut impl FnMut(Sight, bool)) {
        let continuous = self.continuous();
        let traded = self.any(|event| matches!(event, Event::Traded { .. }));
        let gone = |event: &Event| matches!(event, Event::Cancelled { party, .. } if party.order == place.order);
        let whole = |event: &Event| matches!(event, Event::Cancelled { remaining, .. } if gone(event) && *remaining == place.quantity);
        let works = continuous && place.kind.stop().is_none();
        let minimum = works && place.minimum_quantity.is_some();
        see(Sight::MinimumMet, minimum && traded);
        see(Sight::MinimumMissed, minimum && self.any(whole));
        let fill = works && place.time_in_force == TimeInForce::FillOrKill;
        see(Sight::FillOrKillFilled, fill && !self.any(gone));
        // The quantity is available, but some of it is the account's own.
        see(
            Sight::FillOrKillFoundOwnOrder,
            fill && self.any(gone) && self.in_reach(place) >= u128::from(place.quantity.0),
        );
        let rests = self.phase() == Some(Phase::Call) && place.kind == OrderKind::Market;
        see(Sight::MarketOrderRests, rests);
        let elected = self.any(|event| matches!(event, Event::Triggered { .. }));
        let prevented = works && !elected && self.any(prevents);
        let acted = match place.self_trade {
            SelfTrade::None => None,
            SelfTrade::CancelTaker => Some(Sight::SelfTradeCancelTaker),
            SelfTrade::CancelMaker => Some(Sight::SelfTradeCancelMaker),
            SelfTrade::CancelBoth => Some(Sight::SelfTradeCancelBoth),
            SelfTrade::Decrement => Some(Sight::SelfTradeDecrement),
        };
        if let Some(sight) = acted {
            see(sight, prevented);
        }
        self.icebergs(see);
    }

    /// The open quantity on the other side within an order's limit.
    fn in_reach(&self, place: &Place) -> u128 {
        self.met(place).map(|order| u128::from(order.open.0)).sum()
    }

    /// Records whether a post-only order reaches only orders of its own account.
    pub(super) fn post_only(&self, place: &Place, see: &mut impl FnMut(Sight, bool)) {
        let own = |order: &OrderRecord| order.party.account == self.command.account;
        let own = place.post_only && self.met(place).all(own);
        see(Sight::PostOnlyReachesOwnOrder, own);
    }

    /// The orders on the other side within an order's limit.
    fn met(&self, place: &Place) -> impl Iterator<Item = &OrderRecord> {
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

    fn icebergs(&self, see: &mut impl FnMut(Sight, bool)) {
        let next = |event: &Event| {
            let Event::Replenished { party, .. } = event else {
                return None;
            };
            Some(party.order)
        };
        let parts: Vec<_> = self.events.iter().filter_map(next).collect();
        let twice = parts.iter().any(|id| parts.iter().filter(|other| *other == id).count() > 1);
        see(Sight::IcebergUsedUpTwice, twice);
        let reduced = |event: &Event| matches!(event, Event::Reduced { .. });
        let after =
            |three: &[Event]| reduced(&three[0]) && reduced(&three[1]) && next(&three[2]).is_some();
        see(Sight::ReplenishedByDecrement, self.events.windows(3).any(after));
    }

    pub(super) fn amend(&self, amend: &Amend, see: &mut impl FnMut(Sight, bool)) {
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
        see(Sight::AmendKeptPlace, kept && !waits);
        see(Sight::AmendEnteredAgain, !kept);
        see(Sight::AmendOfStop, waits);
        see(Sight::AmendTraded, !kept && traded);
        let hidden = before.shown < before.open && *remaining < before.open;
        see(Sight::AmendShrankHiddenPart, kept && hidden && *shown == before.shown);
        let outside = self.before.is_some_and(|market| {
            let terms = &market.head.spec.terms;
            let price = before.kind.price();
            price.is_some_and(|p| p < terms.price_min || terms.price_max < p)
        });
        see(Sight::AmendOutsideBand, kept && outside && !waits);
    }
}

/// Returns `true` if the event can come from self-trade prevention.
const fn prevents(event: &Event) -> bool {
    matches!(
        event,
        Event::Reduced { .. } | Event::Cancelled { reason: CancelReason::SelfTrade, .. }
    )
}
