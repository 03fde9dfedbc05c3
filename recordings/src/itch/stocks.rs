//! Which stocks are read, by their locate codes.

use super::body::Body;
use super::event::instrument;
use super::field::{Alpha, HaltAction};
use crate::venue::{Instrument, InstrumentName, TradingState, VenueEvent};

/// A stock, as far as messages have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stock {
    /// No message has named it.
    Unknown,
    /// It is not wanted.
    Skipped,
    /// It is listed.
    Listed {
        /// Whether it trades in all markets.
        state: TradingState,
        /// `true` while this market does not trade it.
        halted: bool,
    },
}

/// The stocks of a file.
#[derive(Debug)]
pub(super) struct Stocks {
    /// The stocks to read. If there are none, all.
    wanted: Vec<InstrumentName>,
    /// The market whose operational halts count.
    market: u8,
    by_locate: Box<[Stock]>,
}

impl Stocks {
    pub(super) fn new(wanted: Vec<InstrumentName>, market: u8) -> Self {
        let by_locate = vec![Stock::Unknown; usize::from(u16::MAX) + 1].into_boxed_slice();
        Self { wanted, market, by_locate }
    }

    #[inline]
    pub(super) fn get(&self, locate: u16) -> Stock {
        self.by_locate[usize::from(locate)]
    }

    /// Decides about a stock that was unknown until this message. Returns its definition if the message is the first
    /// that names it and does not define it.
    pub(super) fn meet(&mut self, locate: u16, body: &Body) -> Option<Instrument> {
        let listed = instrument(named(body)?, 1);
        let found = &mut self.by_locate[usize::from(locate)];
        if !self.wanted.is_empty() && !self.wanted.contains(&listed.name) {
            *found = Stock::Skipped;
            return None;
        }
        *found = Stock::Listed { state: TradingState::Trading, halted: false };
        (!matches!(body, Body::StockDirectory(_))).then_some(listed)
    }

    pub(super) fn wants_all(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Returns whether a listed stock trades after this message, if it is about that.
    pub(super) fn state_after(&mut self, locate: u16, body: &Body) -> Option<VenueEvent> {
        let Stock::Listed { state, halted } = &mut self.by_locate[usize::from(locate)] else {
            return None;
        };
        if let Body::TradingAction(it) = body {
            *state = it.state;
        } else if let Body::OperationalHalt(it) = body
            && it.market == Alpha([self.market])
        {
            *halted = it.action == HaltAction::Halt;
        } else {
            return None;
        }
        Some(VenueEvent::StateChanged(if *halted { TradingState::Halted } else { *state }))
    }
}

/// The stock that a message names, if it matters to the book of that stock.
fn named(body: &Body) -> Option<Alpha<8>> {
    match body {
        Body::StockDirectory(it) => Some(it.stock),
        Body::TradingAction(it) => Some(it.stock),
        Body::OperationalHalt(it) => Some(it.stock),
        Body::AddOrder(it) => Some(it.stock),
        Body::AddAttributedOrder(it) => Some(it.stock),
        Body::Trade(it) => Some(it.stock),
        Body::CrossTrade(it) => Some(it.stock),
        Body::SystemEvent(_)
        | Body::OrderExecuted(_)
        | Body::OrderExecutedWithPrice(_)
        | Body::OrderCancel(_)
        | Body::OrderDelete(_)
        | Body::OrderReplace(_)
        | Body::BrokenTrade(_)
        | Body::ShortSaleRestriction(_)
        | Body::ParticipantPosition(_)
        | Body::BreakerLevels(_)
        | Body::BreakerStatus(_)
        | Body::QuotationRelease(_)
        | Body::AuctionCollar(_)
        | Body::Imbalance(_)
        | Body::RetailInterest(_)
        | Body::DirectListing(_) => None,
    }
}
