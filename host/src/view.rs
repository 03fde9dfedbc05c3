//! The public view of a book: levels and numbers, no accounts.

use pricetime_engine::{
    Book, Call, EpochNumber, Level, MarketHead, MarketId, Phase, Price, Sequence, Side,
};
use pricetime_journal::image::{FrozenBook, MarketImage};
use serde::Serialize;

/// The public state of a market, as of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MarketView {
    /// The market.
    pub market: MarketId,
    /// Every command up to this one is included, and no later one.
    pub sequence: Sequence,
    /// The phase.
    pub phase: Phase,
    /// The current epoch.
    pub epoch: EpochNumber,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The result that an uncross would have now; only in Call.
    pub call: Option<Call>,
    /// The bids, best first.
    pub bids: Vec<Level>,
    /// How many more levels of bids there are.
    pub more_bids: usize,
    /// The asks, best first.
    pub asks: Vec<Level>,
    /// How many more levels of asks there are.
    pub more_asks: usize,
}

impl MarketView {
    /// Returns a market as an engine has it, with `depth` levels of each side.
    #[must_use]
    pub fn of_book(book: &Book, sequence: Sequence, depth: usize) -> Self {
        let side = |side| (book.levels(side).take(depth).collect(), book.depth_of(side));
        Self::new(book.head(), sequence, book.call(), [side(Side::Buy), side(Side::Sell)])
    }

    /// Returns a market as the image has it. Takes time in proportion to the depth.
    pub(crate) fn of_image(market: &MarketImage, sequence: Sequence, depth: usize) -> Self {
        let side = |side| (market.levels(side).take(depth).collect(), market.depth_of(side));
        Self::new(market.head(), sequence, market.call(), [side(Side::Buy), side(Side::Sell)])
    }

    /// Returns a market as a frozen book has it.
    pub(crate) fn of_frozen(book: &FrozenBook, sequence: Sequence, depth: usize) -> Self {
        let side = |side| (book.levels(side).take(depth).collect(), book.depth_of(side));
        Self::new(book.head(), sequence, book.call(), [side(Side::Buy), side(Side::Sell)])
    }

    /// The last argument has the levels of the bids and of the asks, each with the number of all levels.
    fn new(
        head: &MarketHead,
        sequence: Sequence,
        call: Option<Call>,
        [(bids, all_bids), (asks, all_asks)]: [(Vec<Level>, usize); 2],
    ) -> Self {
        Self {
            market: head.market,
            sequence,
            phase: head.phase,
            epoch: head.epoch,
            last_price: head.last_price,
            call,
            more_bids: all_bids.saturating_sub(bids.len()),
            bids,
            more_asks: all_asks.saturating_sub(asks.len()),
            asks,
        }
    }
}
