//! A host without a data folder: Redis alone knows its state.

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

/// The claim to what was taken over, and the trades that stand there.
#[derive(Debug)]
pub(crate) struct Taken {
    writer: ImageWriter,
    trades: BTreeMap<MarketId, Trades>,
}

/// Takes over what stands in Redis: from here on nobody else writes there. Where there is nothing, a
/// history begins.
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
    /// Whose it is.
    pub(crate) const fn history(&self) -> History {
        self.writer.history()
    }

    /// Puts the two ends together. Everything that is in the image now goes first.
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

/// What the image thread has to see to where nobody else keeps the state.
#[derive(Debug)]
pub(super) struct Alone {
    ledger: Arc<Mutex<Ledger>>,
    /// Up to where each market stands in Redis.
    stands: BTreeMap<MarketId, Sequence>,
    shared: Arc<Shared>,
}

impl Alone {
    /// A market stands in Redis up to this command and this trade.
    pub(super) fn wrote(&mut self, market: MarketId, sequence: Sequence, last: TradeNumber) {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).wrote(market, last);
        self.stands.insert(market, sequence);
        self.say();
    }

    /// A market is gone from there.
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

    /// Nothing goes on: what would be done now nobody would ever know of.
    pub(super) fn stop(&self, why: &str) {
        self.shared.stop(Stopped::Redis(why.to_owned()));
    }
}
