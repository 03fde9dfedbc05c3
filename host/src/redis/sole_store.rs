//! A host without a data folder: its state is in Redis only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::bounded;
use pricetime_engine::{Engine, MarketId, Sequence, TradeNumber};
use pricetime_journal::image::Image;
use pricetime_journal::{History, keyed_engine};
use pricetime_redis::{AllImages, ImageWriter, Link, ReadError, RedisOptions, Trades};

use super::trade_buffer::{TradeBuffer, TradeLimits};
use super::{ImageEnds, ImageThread, Mailbox, ShutdownBound};
use crate::opening::OpenError;
use crate::status::Shared;
use crate::stopped::Stopped;

/// A claimed image, and the trades that Redis holds.
#[derive(Debug)]
pub(crate) struct ClaimedImage {
    writer: ImageWriter,
    trades: BTreeMap<MarketId, Trades>,
}

/// Claims the image in Redis and restores the state from it. From here on no other process can write
/// there. If Redis holds no image, a new history begins.
pub(crate) fn take_over(
    options: RedisOptions,
    markets_max: u32,
) -> Result<(ClaimedImage, Engine), OpenError> {
    let (writer, whole) =
        ImageWriter::take_over(Link::new(options)).map_err(OpenError::StateUnreadable)?;
    let mut engine = keyed_engine(markets_max);
    let Some(AllImages { state, trades, .. }) = whole else {
        return Ok((ClaimedImage { writer, trades: BTreeMap::new() }, engine));
    };
    engine
        .restore(&state)
        .map_err(|broken| OpenError::StateUnreadable(ReadError::Broken(broken)))?;
    Ok((ClaimedImage { writer, trades }, engine))
}

impl ClaimedImage {
    /// Returns the history of the image.
    pub(crate) const fn history(&self) -> History {
        self.writer.history()
    }

    /// Creates both ends. All markets that are in the image now are queued first.
    pub(crate) fn start(
        self,
        image: &mut Image,
        limits: TradeLimits,
        shared: &Arc<Shared>,
    ) -> ImageEnds {
        let Self { mut writer, trades } = self;
        writer.link().bound_by(ShutdownBound { shared: Arc::clone(shared), sole_store: true });
        let trade_buffer =
            Arc::new(Mutex::new(TradeBuffer::new(trades, limits, Arc::clone(shared))));
        let (wake, woken) = bounded(1);
        let mailbox = Mailbox::new(wake, Some(Arc::clone(&trade_buffer)));
        mailbox.fill_all(image);
        let sequence = image.last_sequence();
        shared.set_stored(sequence);
        let stored = image.markets().map(|market| (market.head().market, sequence)).collect();
        let mut image_thread =
            ImageThread::new(writer, None, mailbox.unwritten(), woken, Arc::clone(shared));
        image_thread.sole_store =
            Some(SoleStore { trade_buffer, stored, shared: Arc::clone(shared) });
        (Some(mailbox), Some(image_thread))
    }
}

/// What the image thread tracks if Redis is the only place that has the state.
#[derive(Debug)]
pub(super) struct SoleStore {
    trade_buffer: Arc<Mutex<TradeBuffer>>,
    /// The last command of each market that is stored in Redis.
    stored: BTreeMap<MarketId, Sequence>,
    shared: Arc<Shared>,
}

impl SoleStore {
    /// Records that Redis has a market up to this command and this trade.
    pub(super) fn wrote(&mut self, market: MarketId, sequence: Sequence, last: TradeNumber) {
        self.trade_buffer.lock().unwrap_or_else(PoisonError::into_inner).wrote(market, last);
        self.stored.insert(market, sequence);
        self.report();
    }

    /// Records that a market was removed from Redis.
    pub(super) fn removed(&mut self, market: MarketId) {
        self.trade_buffer.lock().unwrap_or_else(PoisonError::into_inner).removed(market);
        self.stored.remove(&market);
        self.report();
    }

    fn report(&self) {
        if let Some(sequence) = self.stored.values().min() {
            self.shared.set_stored(*sequence);
        }
    }

    /// Stops the host: later commands could not be stored anywhere.
    pub(super) fn stop(&self, why: &str) {
        self.shared.stop(Stopped::Redis(why.to_owned()));
    }
}
