//! The rarer things, each recognised in a command's group.

use super::{
    Action, CancelReason, Command, Event, Group, MarketSnapshot, OrderId, OrderRecord, Outcome,
    Phase, Sequence, live,
};
use pricetime_engine::{
    Amend, EpochSummary, OrderKind, Party, Place, Price, Pricing, Priority, Quantity, SelfTrade,
    TimeInForce,
};

/// Declares the sights and the list of all of them.
macro_rules! sights {
    ($($name:ident),* $(,)?) => {
        /// Something that a run should come across.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Sight {
            $($name),*
        }

        impl Sight {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

sights! {
    AmendKeptPlace,
    AmendEnteredAgain,
    AmendTraded,
    AmendShrankHiddenPart,
    AmendOutsideBand,
    AmendOfStop,
    CascadeOfThree,
    CascadeAcrossSides,
    DuplicateOfSameContent,
    DuplicateOfOtherContent,
    DuplicateOfRefused,
    DuplicateAfterExpiry,
    ElectedAtEntry,
    ElectedByAmend,
    ElectedInCall,
    ElectedInCallCancelled,
    ElectedAtOpening,
    EpochClosedInEachOtherPhase,
    ExpiredBeforeRefusal,
    FillOrKillFilled,
    FillOrKillFoundOwnOrder,
    IcebergLeftByUncross,
    IcebergUsedUpTwice,
    LastSequence,
    MarketOrderRests,
    MidpointBetween,
    MinimumMet,
    MinimumMissed,
    OpenedFromHaltedWithUncross,
    OrderIdUsedAgain,
    PostOnlyAfterPrevention,
    ReplenishedByDecrement,
    SelfTradeNone,
    SelfTradeCancelTaker,
    SelfTradeCancelMaker,
    SelfTradeCancelBoth,
    SelfTradeDecrement,
    SelfTradeInUncross,
    SelfTradeOfElected,
    StopEnded,
    StopExpired,
    TimeHeld,
    TradeAtEndOfPrices,
    TradeBelowZero,
    TradeAtZero,
    TradeOfHugeQuantity,
    UncrossAtClose,
    UncrossAtOpening,
    UncrossOfMarketOrdersAlone,
    UncrossWithMarketOrders,
    UncrossSurplusOfBuyers,
    UncrossSurplusOfSellers,
    UncrossWithoutSurplus,
}

/// A command on its way past the counter.
struct View<'a> {
    command: &'a Command,
    before: Option<&'a MarketSnapshot>,
    events: &'a [Event],
}

/// Tells `saw` what there is to see in a group.
pub(super) fn look(
    command: &Command,
    before: Option<&MarketSnapshot>,
    group: &Group,
    saw: &mut impl FnMut(Sight),
) {
    let view = View {
        command,
        before,
        events: &group.events,
    };
    let mut see = |sight, holds: bool| {
        if holds {
            saw(sight);
        }
    };
    see(Sight::TimeHeld, command.timestamp < group.header.timestamp);
    let last = Sequence(u64::MAX);
    see(
        Sight::LastSequence,
        command.sequence == last && group.outcome == Outcome::Accepted,
    );
    view.expiries(&mut see);
    view.duplicates(&mut see);
    view.stops(&mut see);
    view.trades(&mut see);
    match &command.action {
        Action::Place(place) if group.outcome == Outcome::Accepted => {
            view.place(place, &mut see);
        }
        Action::Amend(amend) if group.outcome == Outcome::Accepted => {
            view.amend(amend, &mut see);
        }
        Action::CloseEpoch { .. } | Action::SetPhase(_) => view.uncross(&mut see),
        Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::Place(_)
        | Action::Amend(_)
        | Action::Cancel { .. }
        | Action::CancelAll { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => {}
    }
}

impl View<'_> {
    fn order(&self, order: OrderId) -> Option<&OrderRecord> {
        live(self.before?).find(|record| record.party.order == order)
    }

    fn phase(&self) -> Option<Phase> {
        self.before.map(|market| market.head.phase)
    }

    fn continuous(&self) -> bool {
        self.phase() == Some(Phase::Continuous)
    }

    fn any(&self, fits: impl FnMut(&Event) -> bool) -> bool {
        self.events.iter().any(fits)
    }

    fn trades(&self, see: &mut impl FnMut(Sight, bool)) {
        for event in self.events {
            let Event::Traded {
                maker,
                taker,
                price,
                quantity,
                ..
            } = event
            else {
                continue;
            };
            let end = price.0.unsigned_abs() >= (1 << 63) - 16;
            let own = maker.account == taker.account;
            let continuous = self.continuous();
            see(Sight::TradeAtEndOfPrices, end);
            see(Sight::TradeBelowZero, price.0 < 0);
            see(Sight::TradeAtZero, price.0 == 0);
            see(Sight::TradeOfHugeQuantity, quantity.0 >= 1 << 58);
            see(Sight::SelfTradeNone, own && continuous);
            see(Sight::SelfTradeInUncross, own && !continuous);
            see(
                Sight::MidpointBetween,
                continuous && self.between(maker, *price),
            );
        }
    }

    fn between(&self, maker: &Party, price: Price) -> bool {
        let midpoint = |market: &MarketSnapshot| market.head.spec.pricing == Pricing::Midpoint;
        self.before.is_some_and(midpoint)
            && self
                .order(maker.order)
                .is_some_and(|maker| maker.kind.price().is_some_and(|limit| limit != price))
    }

    fn expiries(&self, see: &mut impl FnMut(Sight, bool)) {
        let gone =
            |event: &Event, why| matches!(event, Event::Cancelled { reason, .. } if *reason == why);
        let expired = |event: &Event| gone(event, CancelReason::Expired);
        let refused = self.any(|event| matches!(event, Event::Rejected { .. }));
        let repeats = self.any(|event| matches!(event, Event::Duplicate { .. }));
        let any = self.any(expired);
        see(Sight::ExpiredBeforeRefusal, any && refused);
        see(Sight::DuplicateAfterExpiry, any && repeats);
        let waited = |event: &Event| {
            let Event::Cancelled { party, .. } = event else {
                return false;
            };
            let record = self.order(party.order);
            record.is_some_and(|record| record.kind.stop().is_some())
        };
        see(
            Sight::StopExpired,
            self.any(|event| expired(event) && waited(event)),
        );
        let ended = |event: &Event| gone(event, CancelReason::EpochEnded);
        see(
            Sight::StopEnded,
            self.any(|event| ended(event) && waited(event)),
        );
    }

    fn duplicates(&self, see: &mut impl FnMut(Sight, bool)) {
        let Some(Event::Duplicate {
            outcome,
            same_content,
            ..
        }) = self.events.last()
        else {
            return;
        };
        see(Sight::DuplicateOfSameContent, *same_content);
        see(Sight::DuplicateOfOtherContent, !same_content);
        see(Sight::DuplicateOfRefused, *outcome != Outcome::Accepted);
    }

    fn stops(&self, see: &mut impl FnMut(Sight, bool)) {
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
        let sides = elected
            .iter()
            .filter_map(|order| self.order(*order))
            .map(|o| o.side);
        let both = sides.clone().min() != sides.max();
        let continuous = self.continuous();
        see(Sight::CascadeOfThree, elected.len() >= 3 && continuous);
        let across = elected.len() >= 3 && continuous && both;
        see(Sight::CascadeAcrossSides, across);
        let follows = |pair: &[Event], order| triggered(&pair[1]) == Some(order);
        for pair in self.events.windows(2) {
            if let Event::Accepted { place, .. } = &pair[0] {
                see(Sight::ElectedAtEntry, follows(pair, place.order));
            }
            if let Event::Amended { party, .. } = &pair[0] {
                see(Sight::ElectedByAmend, follows(pair, party.order));
            }
        }
        let closes = matches!(self.command.action, Action::CloseEpoch { .. });
        let opens = matches!(self.command.action, Action::SetPhase(_));
        see(Sight::ElectedInCall, closes);
        see(Sight::ElectedAtOpening, opens);
        let gone = |event: &Event| {
            matches!(event, Event::Cancelled { party, reason, .. }
                if elected.contains(&party.order) && *reason != CancelReason::EpochEnded)
        };
        see(Sight::ElectedInCallCancelled, closes && self.any(gone));
        let own = |event: &Event| {
            matches!(event, Event::Cancelled { party, reason: CancelReason::SelfTrade, .. }
                if elected.contains(&party.order))
        };
        see(Sight::SelfTradeOfElected, self.any(own));
    }

    fn place(&self, place: &Place, see: &mut impl FnMut(Sight, bool)) {
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
        // Enough is there, but some of it is the account's own.
        see(
            Sight::FillOrKillFoundOwnOrder,
            fill && self.any(gone) && self.in_reach(place) >= u128::from(place.quantity.0),
        );
        let rests = self.phase() == Some(Phase::Call) && place.kind == OrderKind::Market;
        see(Sight::MarketOrderRests, rests);
        let elected = self.any(|event| matches!(event, Event::Triggered { .. }));
        let prevented = works && !elected && self.any(prevents);
        see(Sight::PostOnlyAfterPrevention, prevented && place.post_only);
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

    /// How much stands on the other side within an order's limit.
    fn in_reach(&self, place: &Place) -> u128 {
        let limit = place.kind.price();
        let fits = |order: &&OrderRecord| {
            let reach = match (order.kind.price(), limit) {
                (Some(price), Some(limit)) if order.side > place.side => price <= limit,
                (Some(price), Some(limit)) => price >= limit,
                (_, None) | (None, _) => true,
            };
            order.side != place.side && reach
        };
        let resting = self.before.iter().flat_map(|market| &market.resting);
        resting
            .filter(fits)
            .map(|order| u128::from(order.open.0))
            .sum()
    }

    fn icebergs(&self, see: &mut impl FnMut(Sight, bool)) {
        let next = |event: &Event| {
            let Event::Replenished { party, .. } = event else {
                return None;
            };
            Some(party.order)
        };
        let parts: Vec<_> = self.events.iter().filter_map(next).collect();
        let twice = parts
            .iter()
            .any(|id| parts.iter().filter(|other| *other == id).count() > 1);
        see(Sight::IcebergUsedUpTwice, twice);
        let reduced = |event: &Event| matches!(event, Event::Reduced { .. });
        let after =
            |three: &[Event]| reduced(&three[0]) && reduced(&three[1]) && next(&three[2]).is_some();
        see(
            Sight::ReplenishedByDecrement,
            self.events.windows(3).any(after),
        );
    }

    fn amend(&self, amend: &Amend, see: &mut impl FnMut(Sight, bool)) {
        let Some(before) = self.order(amend.order) else {
            return;
        };
        let changed = |event: &&Event| matches!(event, Event::Amended { .. });
        let Some(Event::Amended {
            remaining,
            shown,
            priority,
            ..
        }) = self.events.iter().find(changed)
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
        see(
            Sight::AmendShrankHiddenPart,
            kept && hidden && *shown == before.shown,
        );
        let outside = self.before.is_some_and(|market| {
            let terms = &market.head.spec.terms;
            let price = before.kind.price();
            price.is_some_and(|p| p < terms.price_min || terms.price_max < p)
        });
        see(Sight::AmendOutsideBand, kept && outside && !waits);
    }

    fn uncross(&self, see: &mut impl FnMut(Sight, bool)) {
        let until =
            |event: &&Event| !matches!(event, Event::PhaseChanged { .. } | Event::Triggered { .. });
        let own: Vec<_> = self.events.iter().take_while(until).collect();
        let traded = own
            .iter()
            .any(|event| matches!(event, Event::Traded { .. }));
        let opens = matches!(self.command.action, Action::SetPhase(_));
        see(Sight::UncrossAtOpening, opens && traded);
        let halted = self.phase() == Some(Phase::Halted);
        see(
            Sight::OpenedFromHaltedWithUncross,
            opens && traded && halted,
        );
        if let Some(Event::EpochClosed(summary)) = self.events.last() {
            self.close(summary, see);
        }
        if !traded {
            return;
        }
        let resting = self.before.map_or(&[][..], |market| &market.resting);
        let priced = resting.iter().any(|order| order.kind.price().is_some());
        let unpriced = resting.iter().any(|order| order.kind.price().is_none());
        see(Sight::UncrossWithMarketOrders, priced && unpriced);
        see(Sight::UncrossOfMarketOrdersAlone, !priced && unpriced);
        let left = |party: &Party, remaining: Quantity| {
            let order = self.order(party.order);
            let iceberg = order.is_some_and(|order| order.display_quantity.is_some());
            iceberg && !remaining.is_zero()
        };
        let part = own.iter().any(|event| {
            matches!(event, Event::Traded { maker, maker_remaining, taker, taker_remaining, .. }
                if left(maker, *maker_remaining) || left(taker, *taker_remaining))
        });
        see(Sight::IcebergLeftByUncross, part);
    }

    fn close(&self, summary: &EpochSummary, see: &mut impl FnMut(Sight, bool)) {
        let busy = summary.next_priority > Priority(1);
        let other = matches!(self.phase(), Some(Phase::Halted | Phase::Closed));
        see(Sight::EpochClosedInEachOtherPhase, busy && other);
        if let Some(clearing) = summary.clearing {
            see(Sight::UncrossAtClose, true);
            see(Sight::UncrossSurplusOfBuyers, clearing.surplus > 0);
            see(Sight::UncrossSurplusOfSellers, clearing.surplus < 0);
            see(Sight::UncrossWithoutSurplus, clearing.surplus == 0);
        }
    }
}

/// Whether self-trade prevention says this.
const fn prevents(event: &Event) -> bool {
    matches!(
        event,
        Event::Reduced { .. }
            | Event::Cancelled {
                reason: CancelReason::SelfTrade,
                ..
            }
    )
}
