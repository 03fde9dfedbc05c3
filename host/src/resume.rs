//! Subscriptions that begin at an older command: what happened since is made again from the journal,
//! and from there on the publisher tells.
//!
//! A second publisher folds the journal over an image as of that command. When it has nearly caught up, the
//! live publisher adds a subscription too, and the reader drains the first channel before it reads the
//! second. So a returning subscriber delays no one, and its updates come from the same code.

use std::ops::ControlFlow;
use std::sync::Mutex;

use pricetime_engine::{MarketId, Sequence};
use pricetime_journal::Replay;
use pricetime_journal::image::Image;

use crate::batch::Batch;
use crate::feeds::Feeds;
use crate::journal_replay::{JournalReplay, ReplayError};
use crate::status::locked;

/// So many updates of the past a subscription brings. Who was away for longer goes on from the last.
const PAST_MAX: usize = 16_384;
/// So often it is tried, while the journal is made shorter.
const TRIES: usize = 3;
/// So many may be missing when the publisher takes over, and so often is that tried.
const NEAR: (u64, usize) = (1_000, 8);

/// Why a subscription cannot begin where it was to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[error(
        "command {from} is not durable yet: the last one that is has the number {durable}; subscribe from that, or from now"
    )]
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
    #[error("what happened cannot be read again: {0}; subscribe from now")]
    Replay(#[from] ReplayError),
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
    past: &JournalReplay,
    public: &Mutex<Feeds>,
    (market, from): (MarketId, Sequence),
    room: Room,
    ask: impl Fn(&mut Feeds, usize) -> Option<F>,
) -> Result<(F, Option<F>), SubscribeError> {
    let mut more = 1..TRIES;
    loop {
        match look(past, public, (market, from), room, &ask) {
            // What it was reading may have been dropped meanwhile, and then it begins elsewhere.
            Err(SubscribeError::Replay(_)) if more.next().is_some() => {}
            found => return found,
        }
    }
}

fn look<F>(
    past: &JournalReplay,
    public: &Mutex<Feeds>,
    (market, from): (MarketId, Sequence),
    room: Room,
    ask: &impl Fn(&mut Feeds, usize) -> Option<F>,
) -> Result<(F, Option<F>), SubscribeError> {
    // What a publisher has told of is durable, and written down.
    let durable = locked(public).sequence();
    if from > durable {
        return Err(SubscribeError::Ahead { from, durable });
    }
    let engine = past.engine_at(from)?;
    let base = engine.last_sequence();
    if base > from {
        return Err(SubscribeError::Gone { from, oldest: base });
    }
    let commands = durable.0.saturating_sub(base.0);
    if commands > room.replay {
        return Err(SubscribeError::Far { from, commands });
    }
    let mut replay = past.replay(engine, from)?;
    replay.run::<_, ReplayError>(&mut (), |_, _, ()| Ok(ControlFlow::Continue(())))?;
    let mut told = Feeds::new(Image::from_snapshot(&replay.engine.snapshot()));
    let first = ask(&mut told, PAST_MAX).ok_or(SubscribeError::NoMarket { market, from })?;
    let mut then = Then { replay, public: told, batch: Batch::default() };
    let (near, most) = NEAR;
    for _ in 0..most {
        let durable = locked(public).sequence();
        if then.is_over() || durable.0.saturating_sub(then.replay.engine.last_sequence().0) <= near
        {
            break;
        }
        then.tell(durable)?;
    }
    if then.is_over() {
        return Ok((first, None));
    }
    let (live, through) = {
        let mut public = locked(public);
        (ask(&mut public, room.updates), public.sequence())
    };
    // The publisher is ahead of us by now, and fills another channel, which is read after this one.
    then.tell(through)?;
    let live = live.filter(|_| !then.is_over());
    Ok((first, live))
}

/// An engine that carries out again what the journal says, and who is told.
struct Then {
    replay: Replay,
    public: Feeds,
    batch: Batch,
}

impl Then {
    /// Whether nobody listens any more.
    fn is_over(&self) -> bool {
        !self.public.is_heard()
    }

    /// Carries out what comes next, and tells of it, while anybody listens.
    fn tell(&mut self, through: Sequence) -> Result<(), ReplayError> {
        let Self { replay, public, batch } = self;
        replay.commands.extend(through);
        replay.run::<_, ReplayError>(batch, |_, _, batch| {
            for (header, events, outcome) in batch.groups() {
                public.publish(header, events, outcome);
            }
            batch.clear();
            Ok(if public.is_heard() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        public.end_batch();
        Ok(())
    }
}
