//! Rarer situations, each recognized in a command's group.

mod elections;
mod orders;

use pricetime_engine::{
    Action, CancelReason, Command, Event, Group, MarketSnapshot, OrderId, OrderRecord, Outcome,
    Party, Phase, Price, Pricing, Reason, Sequence,
};

use super::live;

/// Declares the sights and the list of all of them.
macro_rules! sights {
    ($($name:ident),* $(,)?) => {
        /// A situation that runs should cover.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are clear")]
        pub enum Sight {
            $($name),*
        }

        impl Sight {
            /// All situations.
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
    EpochClosedWhileHalted,
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
    PostOnlyReachesOwnOrder,
    ReplenishedByDecrement,
    RequestForgottenBeforeOlder,
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

/// The command, the previous state and the events to examine.
struct View<'a> {
    command: &'a Command,
    before: Option<&'a MarketSnapshot>,
    events: &'a [Event],
}

/// Passes the situations found in a group to `saw`.
pub(super) fn look(
    command: &Command,
    before: Option<&MarketSnapshot>,
    group: &Group,
    saw: &mut impl FnMut(Sight),
) {
    let view = View { command, before, events: &group.events };
    let mut see = |sight, holds: bool| {
        if holds {
            saw(sight);
        }
    };
    see(Sight::TimeHeld, command.timestamp < group.header.timestamp);
    let last = Sequence(u64::MAX);
    see(Sight::LastSequence, command.sequence == last && group.outcome == Outcome::Accepted);
    view.expiries(&mut see);
    view.duplicates(&mut see);
    see(Sight::RequestForgottenBeforeOlder, view.forgets_a_newer_request(group.outcome));
    view.stops(&mut see);
    view.trades(&mut see);
    match &command.action {
        Action::Place(place) if group.outcome == Outcome::Accepted => {
            view.place(place, &mut see);
        }
        Action::Place(place) if group.outcome == Outcome::Rejected(Reason::WouldTake) => {
            view.post_only(place, &mut see);
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
        | Action::CancelSession { .. }
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
            let Event::Traded { maker, taker, price, quantity, .. } = event else {
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
            see(Sight::MidpointBetween, continuous && self.between(maker, *price));
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
        see(Sight::StopExpired, self.any(|event| expired(event) && waited(event)));
        let ended = |event: &Event| gone(event, CancelReason::EpochEnded);
        see(Sight::StopEnded, self.any(|event| ended(event) && waited(event)));
    }

    /// Returns `true` if the window was full, and the account with the most requests is not that of the
    /// oldest one.
    fn forgets_a_newer_request(&self, outcome: Outcome) -> bool {
        let unheard = [Outcome::Duplicate, Outcome::Rejected(Reason::OutOfSequence)];
        let remembers = self.command.request.is_some() && !unheard.contains(&outcome);
        let Some(market) = self.before.filter(|_| remembers) else { return false };
        let Some(oldest) = market.requests.first() else { return false };
        let held = |account| {
            let theirs = market.requests.iter().filter(|request| request.account == account);
            theirs.count() + usize::from(account == self.command.account)
        };
        let full = market.requests.len() == market.head.spec.limits.requests_max as usize;
        let most = market.requests.iter().map(|request| held(request.account)).max();
        full && most > Some(held(oldest.account))
    }

    fn duplicates(&self, see: &mut impl FnMut(Sight, bool)) {
        let Some(Event::Duplicate { outcome, same_content, .. }) = self.events.last() else {
            return;
        };
        see(Sight::DuplicateOfSameContent, *same_content);
        see(Sight::DuplicateOfOtherContent, !same_content);
        see(Sight::DuplicateOfRefused, *outcome != Outcome::Accepted);
    }
}
