//! Redis as the only place where the state is kept, epoch by epoch.

use std::sync::Arc;

use pricetime_journal::image::Image;

use crate::opening::{OpenError, Start};
use crate::options::Options;
use crate::redis::{Room, Taken, take_over};
use crate::status::Shared;
use crate::store::{Kept, Opened, Store};

/// Takes over what stands in Redis.
pub(crate) fn open(options: &Options) -> Result<Opened, OpenError> {
    let redis = options.redis.clone().ok_or(OpenError::NoSingleStore)?;
    let (taken, engine) = take_over(redis, options.markets_max)?;
    let (base, image) = (engine.last_sequence(), Image::from_snapshot(&engine.snapshot()));
    let start = Start {
        history: taken.history().to_string(),
        snapshot: base.0,
        replayed: 0,
        damaged: Vec::new(),
        lost: None,
        image: None,
    };
    Ok(Opened { engine, image, start, base, store: Box::new(taken) })
}

impl Store for Taken {
    fn keep(
        self: Box<Self>,
        options: &mut Options,
        image: &mut Image,
        shared: &Arc<Shared>,
    ) -> Result<Kept, OpenError> {
        let publishes = options.redis.as_ref().is_some_and(|redis| redis.publish.is_some());
        if publishes || options.settlement.is_some() {
            return Err(OpenError::NoJournal);
        }
        let (epochs, most) = (options.trades_epochs, options.trades_max);
        let redis = (*self).start(image, Room { epochs, most }, shared);
        Ok(Kept { redis, ..Kept::default() })
    }
}
