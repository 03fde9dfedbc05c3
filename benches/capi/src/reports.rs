//! Converts events to reports.

use pricetime_engine::{ActionKind, Event, Header, OrderId, Outcome, Price, Quantity, Side, Sink};

use crate::abi::Report;
use crate::output::Output;

/// The destination of the reports, and the message that the next ones are about.
pub(crate) struct Reports {
    output: Output,
    sequence: u64,
    side: u8,
    modifies: bool,
}

impl Reports {
    pub(crate) const fn new(output: Output) -> Self {
        Self { output, sequence: 0, side: 0, modifies: false }
    }

    /// Sets the message that the next reports are about.
    #[inline]
    pub(crate) fn about(&mut self, sequence: u64, side: u8) {
        (self.sequence, self.side) = (sequence, side);
    }

    #[inline(always)]
    fn report(&mut self, report: Report) {
        self.output.write(report);
    }

    /// Sends the reports that are still buffered.
    pub(crate) fn flush(&mut self) {
        self.output.flush();
    }

    /// Creates a report about an order, caused by the current message.
    #[inline]
    fn order_report(
        &self,
        kind: u8,
        order: OrderId,
        price: Option<Price>,
        quantity: Quantity,
    ) -> Report {
        Report {
            kind,
            side: self.side,
            sequence: self.sequence,
            order: id(order),
            price: price.map_or(0, |price| price.0),
            quantity: amount(quantity),
            ..Report::default()
        }
    }
}

/// Converts an order id back to the challenge's 64 bits, from which it was widened.
#[inline]
const fn id(order: OrderId) -> u64 {
    order.0 as u64
}

/// Converts a quantity to the challenge's 32 bits. The market's `quantity_max` ensures that it fits.
#[inline]
const fn amount(quantity: Quantity) -> u32 {
    quantity.0 as u32
}

const fn number(side: Side) -> u8 {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Sink for Reports {
    #[inline(always)]
    fn begin(&mut self, header: &Header) {
        self.modifies = matches!(header.kind, ActionKind::Amend);
    }

    // Inlined into the engine: each place there emits one kind of event, so the compiler can drop the
    // other branches.
    #[inline(always)]
    fn event(&mut self, event: &Event) {
        match event {
            Event::Accepted { place, .. } => {
                let price = place.kind.price();
                self.report(self.order_report(
                    Report::ACCEPTED,
                    place.order,
                    price,
                    place.quantity,
                ));
            }
            Event::Traded { maker, taker, price, quantity, .. } => {
                let order_report =
                    self.order_report(Report::TRADED, taker.order, Some(*price), *quantity);
                self.report(Report {
                    maker: id(maker.order),
                    taker: id(taker.order),
                    ..order_report
                });
            }
            Event::Cancelled { party, side, price, remaining, .. } => {
                let order_report =
                    self.order_report(Report::CANCELLED, party.order, *price, *remaining);
                self.report(Report { side: number(*side), ..order_report });
            }
            Event::Amended { party, kind, remaining, .. } => {
                self.report(self.order_report(
                    Report::MODIFIED,
                    party.order,
                    kind.price(),
                    *remaining,
                ));
            }
            Event::Rejected { order: Some(order), .. } => {
                let kind =
                    if self.modifies { Report::MODIFY_REFUSED } else { Report::CANCEL_REFUSED };
                self.report(self.order_report(kind, *order, None, Quantity::ZERO));
            }
            // The challenge has no report for these events, and none of them occurs in it.
            Event::Rejected { order: None, .. }
            | Event::Reduced { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }

    #[inline(always)]
    fn end(&mut self, _: Outcome) {}
}
