//! Rarer situations, each recognized in a command's group.

mod elections;
mod orders;

use pricetime_engine::{
    Action, CancelReason, Command, Event, Group, MarketSnapshot, OrderId, OrderRecord, Outcome,
    Party, Phase, Price, Pricing, Reason, Sequence,
};

use super::live;

/// Declares the situations and the list of all of them.
macro_rules! situations {
    ($($name:ident),* $(,)?) => {
        /// A situation that runs should cover.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are clear")]
        pub enum Situation {
            $($name),*
        }

        impl Situation {
            /// All situations.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

situations! {
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

/// Passes the situations found in a group to `record`.
pub(super) fn find_all(
    command: &Command,
    before: Option<&MarketSnapshot>,
    group: &Group,
    record: &mut impl FnMut(Situation),
) {
    let view = View { command, before, events: &group.events };
    let mut record_if = |situation, holds: bool| {
        if holds {
            record(situation);
        }
    };
    record_if(Situation::TimeHeld, command.timestamp < group.header.timestamp);
    let last = Sequence(u64::MAX);
    record_if(
        Situation::LastSequence,
        command.sequence == last && group.outcome == Outcome::Accepted,
    );
    view.expiries(&mut record_if);
    view.duplicates(&mut record_if);
    record_if(Situation::RequestForgottenBeforeOlder, view.forgets_a_newer_request(group.outcome));
    view.stops(&mut record_if);
    view.trades(&mut record_if);
    match &command.action {
        Action::Place(place) if group.outcome == Outcome::Accepted => {
            view.place(place, &mut record_if);
        }
        Action::Place(place) if group.outcome == Outcome::Rejected(Reason::WouldTake) => {
            view.post_only(place, &mut record_if);
        }
        Action::Amend(amend) if group.outcome == Outcome::Accepted => {
            view.amend(amend, &mut record_if);
        }
        Action::CloseEpoch { .. } | Action::SetPhase(_) => view.uncross(&mut record_if),
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

    fn trades(&self, record_if: &mut impl FnMut(Situation, bool)) {
        for event in self.events {
            let Event::Traded { maker, taker, price, quantity, .. } = event else {
                continue;
            };
            let end = price.0.unsigned_abs() >= (1 << 63) - 16;
            let own = maker.account == taker.account;
            let continuous = self.continuous();
            record_if(Situation::TradeAtEndOfPrices, end);
            record_if(Situation::TradeBelowZero, price.0 < 0);
            record_if(Situation::TradeAtZero, price.0 == 0);
            record_if(Situation::TradeOfHugeQuantity, quantity.0 >= 1 << 58);
            record_if(Situation::SelfTradeNone, own && continuous);
            record_if(Situation::SelfTradeInUncross, own && !continuous);
            record_if(Situation::MidpointBetween, continuous && self.between(maker, *price));
        }
    }

    fn between(&self, maker: &Party, price: Price) -> bool {
        let midpoint = |market: &MarketSnapshot| market.head.spec.pricing == Pricing::Midpoint;
        self.before.is_some_and(midpoint)
            && self
                .order(maker.order)
                .is_some_and(|maker| maker.kind.price().is_some_and(|limit| limit != price))
    }

    fn expiries(&self, record_if: &mut impl FnMut(Situation, bool)) {
        let gone =
            |event: &Event, why| matches!(event, Event::Cancelled { reason, .. } if *reason == why);
        let expired = |event: &Event| gone(event, CancelReason::Expired);
        let refused = self.any(|event| matches!(event, Event::Rejected { .. }));
        let repeats = self.any(|event| matches!(event, Event::Duplicate { .. }));
        let any = self.any(expired);
        record_if(Situation::ExpiredBeforeRefusal, any && refused);
        record_if(Situation::DuplicateAfterExpiry, any && repeats);
        let waited = |event: &Event| {
            let Event::Cancelled { party, .. } = event else {
                return false;
            };
            let record = self.order(party.order);
            record.is_some_and(|record| record.kind.stop().is_some())
        };
        record_if(Situation::StopExpired, self.any(|event| expired(event) && waited(event)));
        let ended = |event: &Event| gone(event, CancelReason::EpochEnded);
        record_if(Situation::StopEnded, self.any(|event| ended(event) && waited(event)));
    }

    /// Returns `true` if the window was full, and the account with the most requests is not that of the
    /// oldest one.
    fn forgets_a_newer_request(&self, outcome: Outcome) -> bool {
        let not_remembered = [Outcome::Duplicate, Outcome::Rejected(Reason::OutOfSequence)];
        let remembers = self.command.request.is_some() && !not_remembered.contains(&outcome);
        let Some(market) = self.before.filter(|_| remembers) else { return false };
        let Some(oldest) = market.requests.first() else { return false };
        let requests_of = |account| {
            let requests = market.requests.iter().filter(|request| request.account == account);
            requests.count() + usize::from(account == self.command.account)
        };
        let full = market.requests.len() == market.head.spec.limits.requests_max as usize;
        let most = market.requests.iter().map(|request| requests_of(request.account)).max();
        full && most > Some(requests_of(oldest.account))
    }

    fn duplicates(&self, record_if: &mut impl FnMut(Situation, bool)) {
        let Some(Event::Duplicate { outcome, same_content, .. }) = self.events.last() else {
            return;
        };
        record_if(Situation::DuplicateOfSameContent, *same_content);
        record_if(Situation::DuplicateOfOtherContent, !same_content);
        record_if(Situation::DuplicateOfRefused, *outcome != Outcome::Accepted);
    }
}
