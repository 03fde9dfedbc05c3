//! The last trades and epochs of a market, in the units of the core.

use std::collections::VecDeque;

use pricetime_engine::{EpochSummary, Event, Header, Price, Quantity, Side, Timestamp, Turnover};

/// How many trades are kept. No terminal shows more.
const TRADES: usize = 128;
/// How many closed epochs are kept.
const EPOCHS: usize = 64;

/// A trade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade {
    pub(crate) time: Timestamp,
    pub(crate) taker_side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}

/// A closed epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    pub(crate) number: u64,
    /// When it began, if that is known.
    pub(crate) begin: Option<Timestamp>,
    pub(crate) turnover: Turnover,
    /// The uniform price at its end.
    pub(crate) gate: Option<Price>,
}

/// The last trades and epochs of a market, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) trades: VecDeque<Trade>,
    pub(crate) epochs: VecDeque<Epoch>,
    /// When the current epoch began, if that is known.
    pub(crate) begin: Option<Timestamp>,
}

impl History {
    /// Adds what an event of this market says.
    pub(crate) fn note(&mut self, header: &Header, event: &Event) {
        if let Event::Traded { taker_side, price, quantity, .. } = event {
            let time = header.timestamp;
            self.trade(Trade { time, taker_side: *taker_side, price: *price, quantity: *quantity });
        } else if let Event::EpochClosed(summary) = event {
            self.close(header.timestamp, summary);
        } else if let Event::MarketAdded(_) = event {
            self.begin = Some(header.timestamp);
        }
    }

    /// Adds a trade.
    pub(crate) fn trade(&mut self, trade: Trade) {
        self.trades.truncate(TRADES - 1);
        self.trades.push_front(trade);
    }

    fn close(&mut self, time: Timestamp, summary: &EpochSummary) {
        let (number, turnover) = (summary.number.0, summary.turnover);
        let gate = summary.clearing.map(|clearing| clearing.price);
        self.closed(time, Epoch { number, begin: self.begin, turnover, gate });
    }

    /// Adds an epoch that closed at this time.
    pub(crate) fn closed(&mut self, time: Timestamp, epoch: Epoch) {
        self.epochs.truncate(EPOCHS - 1);
        self.epochs.push_front(epoch);
        self.begin = Some(time);
    }
}
