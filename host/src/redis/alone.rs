//! A host without a data folder: its state is in Redis only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::bounded;
use pricetime_engine::{Engine, MarketId, Sequence, TradeNumber};
use pricetime_journal::image::Image;
use pricetime_journal::{History, keyed_engine};
use pricetime_redis::{ImageWriter, Link, ReadError, RedisOptions, Trades, Whole};

use super::ledger::{Ledger, Room};
use super::{Ending, Ends, ImageThread, Mailbox};
use crate::opening::OpenError;
use crate::status::Shared;
use crate::stopped::Stopped;

/// A claimed image, and the trades that Redis holds.
#[derive(Debug)]
pub(crate) struct Taken {
    writer: ImageWriter,
    trades: BTreeMap<MarketId, Trades>,
}

/// Claims the image in Redis and restores the state from it. From here on no other process can write
/// there. If Redis holds no image, a new history begins.
pub(crate) fn take_over(
    options: RedisOptions,
    markets_max: u32,
) -> Result<(Taken, Engine), OpenError> {
    let (writer, whole) =
        ImageWriter::take_over(Link::new(options)).map_err(OpenError::StateUnreadable)?;
    let mut engine = keyed_engine(markets_max);
    let Some(Whole { state, trades, .. }) = whole else {
        return Ok((Taken { writer, trades: BTreeMap::new() }, engine));
    };
    engine
        .restore(&state)
        .map_err(|broken| OpenError::StateUnreadable(ReadError::Broken(broken)))?;
    Ok((Taken { writer, trades }, engine))
}

impl Taken {
    /// Returns the history of the image.
    pub(crate) const fn history(&self) -> History {
        self.writer.history()
    }

    /// Creates both ends. All markets that are in the image now are queued first.
    pub(crate) fn start(self, image: &mut Image, room: Room, shared: &Arc<Shared>) -> Ends {
        let Self { mut writer, trades } = self;
        writer.link().bound_by(Ending { shared: Arc::clone(shared), alone: true });
        let ledger = Arc::new(Mutex::new(Ledger::new(trades, room, Arc::clone(shared))));
        let (wake, woken) = bounded(1);
        let mailbox = Mailbox::new(wake, Some(Arc::clone(&ledger)));
        mailbox.fill_all(image);
        let sequence = image.last_sequence();
        shared.set_stands(sequence);
        let stands = image.markets().map(|market| (market.head().market, sequence)).collect();
        let mut image_thread =
            ImageThread::new(writer, None, mailbox.owed(), woken, Arc::clone(shared));
        image_thread.alone = Some(Alone { ledger, stands, shared: Arc::clone(shared) });
        (Some(mailbox), Some(image_thread))
    }
}

/// What the image thread tracks if Redis is the only place that has the state.
#[derive(Debug)]
pub(super) struct Alone {
    ledger: Arc<Mutex<Ledger>>,
    /// The last command of each market that is stored in Redis.
    stands: BTreeMap<MarketId, Sequence>,
    shared: Arc<Shared>,
}

impl Alone {
    /// Records that Redis has a market up to this command and this trade.
    pub(super) fn wrote(&mut self, market: MarketId, sequence: Sequence, last: TradeNumber) {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).wrote(market, last);
        self.stands.insert(market, sequence);
        self.say();
    }

    /// Records that a market was removed from Redis.
    pub(super) fn removed(&mut self, market: MarketId) {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).removed(market);
        self.stands.remove(&market);
        self.say();
    }

    fn say(&self) {
        if let Some(sequence) = self.stands.values().min() {
            self.shared.set_stands(*sequence);
        }
    }

    /// Stops the host: later commands could not be stored anywhere.
    pub(super) fn stop(&self, why: &str) {
        self.shared.stop(Stopped::Redis(why.to_owned()));
    }
}
