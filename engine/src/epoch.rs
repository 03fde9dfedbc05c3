//! Phases, epochs and the operator's other commands on a market.

use crate::book::{Book, Refusal};
use crate::event::{EpochSummary, Event, Sink, Turnover};
use crate::market::{MarketSpec, Phase, Terms};
use crate::owners::OrderFilter;
use crate::quantity::{AccountId, EpochNumber, Sequence, Side};
use crate::reason::{CancelReason, Reason};

impl Book {
    /// Closes the current epoch and opens the next.
    pub(crate) fn close_epoch<S: Sink>(
        &mut self,
        number: EpochNumber,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        if number != self.head.epoch {
            return Err(Reason::WrongEpoch.into());
        }
        let clearing = match self.head.phase {
            Phase::Call => self.uncross(sink),
            Phase::Continuous | Phase::Halted | Phase::Closed => None,
        };
        self.cascade(sink);
        self.end_last_epochs(number, sink);
        let head = &self.head;
        sink.event(&Event::EpochClosed(EpochSummary {
            number,
            first_sequence: head.epoch_first_sequence,
            last_sequence: head.last_sequence,
            turnover: head.turnover,
            last_trade: head.last_trade,
            accepted: head.accepted,
            cancelled: head.cancelled,
            clearing,
            bids: self.live_orders.summary(Side::Buy),
            asks: self.live_orders.summary(Side::Sell),
            next_priority: head.next_priority,
        }));
        let head = &mut self.head;
        head.epoch = number.next();
        head.epoch_first_sequence = Sequence(head.last_sequence.0.saturating_add(1));
        head.turnover = Turnover::default();
        head.accepted = 0;
        head.cancelled = 0;
        Ok(())
    }

    /// Ends the orders whose last epoch this is.
    fn end_last_epochs<S: Sink>(&mut self, number: EpochNumber, sink: &mut S) {
        while let Some((last, handle)) = self.live_orders.next_last_epoch()
            && last <= number
        {
            self.cancel_order(handle, CancelReason::EpochEnded, sink);
        }
    }

    pub(crate) fn set_phase<S: Sink>(&mut self, to: Phase, sink: &mut S) -> Result<(), Refusal> {
        let from = self.head.phase;
        if from == to {
            return Err(Reason::NoChange.into());
        }
        match to {
            Phase::Closed => {
                self.cancel_all(OrderFilter::All, None, CancelReason::MarketClosed, sink)
            }
            Phase::Continuous => {
                if self.is_crossed() || self.has_market_orders() {
                    self.uncross(sink);
                    self.cancel_market_orders(sink);
                }
            }
            Phase::Call | Phase::Halted => {}
        }
        self.head.phase = to;
        sink.event(&Event::PhaseChanged { from, to });
        self.cascade(sink);
        Ok(())
    }

    /// Returns `true` if the best bid reaches the best ask.
    pub(crate) fn is_crossed(&self) -> bool {
        let best = |side| self.live_orders.ladder(side).best();
        match (best(Side::Buy), best(Side::Sell)) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            (None, _) | (_, None) => false,
        }
    }

    /// Returns `true` if market orders rest, which is possible in Call.
    pub(crate) fn has_market_orders(&self) -> bool {
        [Side::Buy, Side::Sell]
            .iter()
            .any(|side| self.live_orders.ladder(*side).unpriced().orders != 0)
    }

    fn cancel_market_orders<S: Sink>(&mut self, sink: &mut S) {
        let mut batch = core::mem::take(&mut self.batch);
        for side in [Side::Buy, Side::Sell] {
            let queue = self.live_orders.queue(side, self.live_orders.ladder(side).unpriced());
            batch.extend(queue.map(|handle| (self.live_orders.order(handle).priority, handle)));
        }
        self.cancel_batch(batch, CancelReason::NoLiquidity, sink);
    }

    pub(crate) fn set_terms<S: Sink>(
        &mut self,
        terms: &Terms,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let spec = MarketSpec { terms: *terms, ..self.head.spec };
        if !spec.is_valid() {
            return Err(Reason::BadSpec.into());
        }
        if spec == self.head.spec {
            return Err(Reason::NoChange.into());
        }
        self.head.spec = spec;
        sink.event(&Event::MarketSet(*terms));
        Ok(())
    }

    pub(crate) fn check_removable(&self) -> Result<(), Refusal> {
        if self.live_orders.live() != 0 {
            return Err(Reason::MarketNotEmpty.into());
        }
        if self.head.phase != Phase::Closed {
            return Err(Reason::WrongPhase.into());
        }
        Ok(())
    }

    pub(crate) fn is_blocked(&self, account: AccountId) -> bool {
        self.blocked.binary_search(&account).is_ok()
    }

    pub(crate) fn block<S: Sink>(
        &mut self,
        account: AccountId,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let Err(at) = self.blocked.binary_search(&account) else {
            return Err(Reason::NoChange.into());
        };
        let max = usize::try_from(self.head.spec.limits.blocked_max).unwrap_or(usize::MAX);
        if self.blocked.len() >= max {
            return Err(Reason::BlockedFull.into());
        }
        self.blocked.insert(at, account);
        sink.event(&Event::AccountBlocked(account));
        Ok(())
    }

    pub(crate) fn unblock<S: Sink>(
        &mut self,
        account: AccountId,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let Ok(at) = self.blocked.binary_search(&account) else {
            return Err(Reason::NoChange.into());
        };
        self.blocked.remove(at);
        sink.event(&Event::AccountUnblocked(account));
        Ok(())
    }
}
