//! A book as somebody outside sees it: levels and numbers, no accounts.

use pricetime_engine::{Book, EpochNumber, Level, MarketId, Phase, Price, Sequence, Side};
use pricetime_persistence::image::MarketImage;

/// A market as everybody may see it, as of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketView {
    /// The market.
    pub market: MarketId,
    /// Every command up to this one is in it, and none behind.
    pub sequence: Sequence,
    /// The phase.
    pub phase: Phase,
    /// The current epoch.
    pub epoch: EpochNumber,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The bids, best first.
    pub bids: Vec<Level>,
    /// The asks, best first.
    pub asks: Vec<Level>,
}

/// A market as the image has it.
pub(crate) fn of_image(market: &MarketImage, sequence: Sequence, depth: usize) -> MarketView {
    let head = market.head();
    MarketView {
        market: head.market,
        sequence,
        phase: head.phase,
        epoch: head.epoch,
        last_price: head.last_price,
        bids: market.levels(Side::Buy).take(depth).collect(),
        asks: market.levels(Side::Sell).take(depth).collect(),
    }
}

/// A market as the core has it.
pub(crate) fn of_book(book: &Book, sequence: Sequence, depth: usize) -> MarketView {
    let head = book.head();
    MarketView {
        market: head.market,
        sequence,
        phase: head.phase,
        epoch: head.epoch,
        last_price: head.last_price,
        bids: book.levels(Side::Buy).take(depth).collect(),
        asks: book.levels(Side::Sell).take(depth).collect(),
    }
}
