//! Redis as the only place where the state is kept, epoch by epoch.

use std::sync::Arc;

use pricetime_journal::image::Image;

use crate::opening::{OpenError, Start};
use crate::options::Options;
use crate::redis::{ClaimedImage, TradeLimits, take_over};
use crate::status::Shared;
use crate::store::{OpenedStore, Store, StoreParts};

/// Takes over what stands in Redis.
pub(crate) fn open(options: &Options) -> Result<OpenedStore, OpenError> {
    let redis = options.redis.clone().ok_or(OpenError::NoSingleStore)?;
    let (claimed, engine) = take_over(redis, options.markets_max)?;
    let (base, image) = (engine.last_sequence(), Image::from_snapshot(&engine.snapshot()));
    let start = Start {
        history: claimed.history().to_string(),
        snapshot: base.0,
        replayed: 0,
        damaged: Vec::new(),
        lost: None,
        image: None,
    };
    Ok(OpenedStore { engine, image, start, base, store: Box::new(claimed) })
}

impl Store for ClaimedImage {
    fn into_parts(
        self: Box<Self>,
        options: &mut Options,
        image: &mut Image,
        shared: &Arc<Shared>,
    ) -> Result<StoreParts, OpenError> {
        let publishes = options.redis.as_ref().is_some_and(|redis| redis.publish.is_some());
        if publishes || options.settlement.is_some() {
            return Err(OpenError::NoJournal);
        }
        let (epochs, trades_max) = (options.trades_epochs, options.trades_max);
        let redis = (*self).start(image, TradeLimits { epochs, trades_max }, shared);
        Ok(StoreParts { redis, ..StoreParts::default() })
    }
}
