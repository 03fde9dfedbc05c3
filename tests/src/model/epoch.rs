//! Phases and epochs.

use pricetime_engine::{
    CancelReason, EpochNumber, EpochSummary, Event, OrderKind, OrderRecord, Phase, Quantity,
    Reason, Sequence, Side, SideSummary, Turnover, Until,
};

use super::book::{Book, is_waiting_stop};
use super::market::refuse_if;

impl Book {
    /// SetPhase.
    pub(super) fn set_phase(&mut self, to: Phase) -> Result<(), Reason> {
        let from = self.head.phase;
        refuse_if(from == to, Reason::NoChange)?;
        match to {
            Phase::Continuous => {
                // If nothing is crossed and no market order rests, this trades nothing.
                self.uncross();
                self.cancel_each(|o| o.kind == OrderKind::Market, CancelReason::NoLiquidity);
            }
            Phase::Closed => self.cancel_each(|_| true, CancelReason::MarketClosed),
            Phase::Call | Phase::Halted => {}
        }
        self.head.phase = to;
        self.events.push(Event::PhaseChanged { from, to });
        self.cascade();
        Ok(())
    }

    /// CloseEpoch.
    pub(super) fn close_epoch(&mut self, number: EpochNumber) -> Result<(), Reason> {
        refuse_if(number != self.head.epoch, Reason::WrongEpoch)?;
        let mut clearing = None;
        if self.head.phase == Phase::Call {
            clearing = self.uncross();
            self.cascade();
        }
        self.cancel_each(|o| o.until == Until::Epoch(number), CancelReason::EpochEnded);
        let head = &self.head;
        self.events.push(Event::EpochClosed(EpochSummary {
            number,
            first_sequence: head.epoch_first_sequence,
            last_sequence: head.last_sequence,
            turnover: head.turnover,
            last_trade: head.last_trade,
            accepted: head.accepted,
            cancelled: head.cancelled,
            clearing,
            bids: self.summary(Side::Buy),
            asks: self.summary(Side::Sell),
            next_priority: head.next_priority,
        }));
        self.open_epoch(EpochNumber(number.0 + 1));
        Ok(())
    }

    fn open_epoch(&mut self, number: EpochNumber) {
        let head = &mut self.head;
        head.epoch = number;
        head.epoch_first_sequence = Sequence(head.last_sequence.0.saturating_add(1));
        head.turnover = Turnover::default();
        head.accepted = 0;
        head.cancelled = 0;
    }

    /// The totals of one side, counted order by order.
    fn summary(&self, side: Side) -> SideSummary {
        let side_orders = self.orders.iter().filter(|o| o.side == side);
        let (waiting, resting): (Vec<&OrderRecord>, Vec<&OrderRecord>) =
            side_orders.partition(|o| is_waiting_stop(o));
        let length = |orders: &[&OrderRecord]| u32::try_from(orders.len()).unwrap_or(u32::MAX);
        let total = |orders: &[&OrderRecord]| Quantity(orders.iter().map(|o| o.open.0).sum());
        SideSummary {
            best: self.best(side),
            resting: length(&resting),
            resting_quantity: total(&resting),
            hidden_quantity: Quantity(resting.iter().map(|o| o.open.0 - o.shown.0).sum()),
            waiting: length(&waiting),
            waiting_quantity: total(&waiting),
        }
    }
}
