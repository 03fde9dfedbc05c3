//! Subscriptions that begin at an older command: what happened since is made again from the journal,
//! and from there on the publisher tells.

use std::sync::{Mutex, PoisonError};

use pricetime_engine::{Engine, MarketId, Sequence};
use pricetime_persistence::image::Image;

use crate::batch::Batch;
use crate::past::{Past, PastError};
use crate::publisher::Publisher;
use crate::status::Shared;

/// So many updates of the past a subscription brings. Who was away for longer goes on from the last.
const PAST_MAX: usize = 65_536;
/// So many may be missing when the publisher takes over, and so often is that tried.
const NEAR: (u64, usize) = (1_000, 8);

/// Why a subscription cannot begin where it was to.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The market was not there then.
    #[error("there is no market {market} as of command {from}")]
    NoMarket {
        /// The market.
        market: MarketId,
        /// Where it was to begin.
        from: Sequence,
    },
    /// It was to begin in the future.
    #[error("command {from} is not durable yet: the last one that is has the number {durable}")]
    Ahead {
        /// Where it was to begin.
        from: Sequence,
        /// The last durable command.
        durable: Sequence,
    },
    /// The journal begins later.
    #[error(
        "what came right behind command {from} cannot be told any more: subscribe from {oldest} or \
         later, or from now"
    )]
    Gone {
        /// Where it was to begin.
        from: Sequence,
        /// Where one can.
        oldest: Sequence,
    },
    /// It would take long.
    #[error(
        "command {from} is too far back: {commands} commands would have to be replayed; subscribe from \
         now, and look at what happened before with `replay` or `inspect`"
    )]
    Far {
        /// Where it was to begin.
        from: Sequence,
        /// How many commands.
        commands: u64,
    },
    /// Nothing keeps what happened.
    #[error("without a journal a subscription can begin now, and not earlier")]
    NoJournal,
    /// The journal or its snapshots.
    #[error("what happened cannot be read again: {0}")]
    Past(#[from] PastError),
}

/// For how much there is room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Updates that a subscription holds.
    pub(crate) updates: usize,
    /// Commands that are replayed for one.
    pub(crate) replay: u64,
}

/// Asks a publisher of the past for a feed, and the one of now for what follows it; none where the
/// first is more than a reader has room for, or ends by itself.
pub(crate) fn resume<F>(
    past: &Past,
    (public, shared): (&Mutex<Publisher>, &Shared),
    (market, from): (MarketId, Sequence),
    room: Room,
    ask: impl Fn(&mut Publisher, usize) -> Option<F>,
) -> Result<(F, Option<F>), SubscribeError> {
    let durable = shared.durable();
    if from > durable {
        return Err(SubscribeError::Ahead { from, durable });
    }
    let mut engine = past.engine_at(from)?;
    let base = engine.last_sequence();
    if base > from {
        return Err(SubscribeError::Gone { from, oldest: base });
    }
    let commands = durable.0.saturating_sub(base.0);
    if commands > room.replay {
        return Err(SubscribeError::Far { from, commands });
    }
    for command in past.read(base.0.saturating_add(1), from)? {
        engine.apply(&command.map_err(PastError::from)?, &mut ());
    }
    let mut then = Publisher::new(Image::from_snapshot(&engine.snapshot()));
    let first = ask(&mut then, PAST_MAX).ok_or(SubscribeError::NoMarket { market, from })?;
    let (near, most) = NEAR;
    for _ in 0..most {
        tell(past, &mut engine, &mut then, shared.durable())?;
        if shared.durable().0.saturating_sub(engine.last_sequence().0) <= near {
            break;
        }
    }
    if !then.is_heard() {
        return Ok((first, None));
    }
    let (live, through) = {
        let mut public = public.lock().unwrap_or_else(PoisonError::into_inner);
        (ask(&mut public, room.updates), public.sequence())
    };
    // The publisher is ahead of us by now, and fills another channel, which is read after this one.
    tell(past, &mut engine, &mut then, through)?;
    let all = then.is_heard();
    Ok((first, live.filter(|_| all)))
}

/// Carries out what comes next, and tells of it, while anybody listens.
fn tell(
    past: &Past,
    engine: &mut Engine,
    then: &mut Publisher,
    through: Sequence,
) -> Result<(), PastError> {
    let next = engine.last_sequence().0.saturating_add(1);
    let mut batch = Batch::default();
    for command in past.read(next, through)? {
        if !then.is_heard() {
            break;
        }
        engine.apply(&command?, &mut batch);
        for (header, events, outcome) in batch.groups() {
            then.publish(header, events, outcome);
        }
        batch.clear();
    }
    Ok(())
}
