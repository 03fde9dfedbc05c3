//! Subscriptions that begin at an older command. Missed updates are rebuilt from the journal, then the live
//! publisher takes over.
//!
//! A second publisher folds the journal over an image as of that command. When it has nearly caught up, the
//! live publisher adds a subscription too. The reader drains the first channel before it reads the second.
//! So a returning subscriber delays no one, and its updates come from the same code.

use std::ops::ControlFlow;
use std::sync::Mutex;

use pricetime_engine::{MarketId, Sequence};
use pricetime_journal::Replay;
use pricetime_journal::image::Image;

use crate::batch::Batch;
use crate::feeds::Feeds;
use crate::journal_replay::{JournalReplay, ReplayError};
use crate::status::locked;

/// The maximum number of missed updates that one subscription delivers. A reader that missed more resumes
/// from the last of them.
const MISSED_MAX: usize = 16_384;
/// How many attempts are made, because the journal may be truncated during one.
const ATTEMPTS_MAX: usize = 3;
/// How many commands may be missing when the live publisher takes over, and how many replays may be made to
/// get that close.
const CATCH_UP: (u64, usize) = (1_000, 8);

/// Why a subscription cannot begin at the requested command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The market did not exist then.
    #[error("there is no market {market} as of command {from}")]
    NoMarket {
        /// The market.
        market: MarketId,
        /// The requested command.
        from: Sequence,
    },
    /// The requested command is not durable yet.
    #[error(
        "command {from} is not durable yet: the last durable command is {durable}; subscribe from \
         that one, or from now"
    )]
    Ahead {
        /// The requested command.
        from: Sequence,
        /// The last durable command.
        durable: Sequence,
    },
    /// The journal no longer reaches back to the requested command.
    #[error(
        "the commands after command {from} can no longer be replayed: subscribe from {oldest} or \
         later, or from now"
    )]
    Gone {
        /// The requested command.
        from: Sequence,
        /// The first command from which a subscription can begin.
        oldest: Sequence,
    },
    /// Too many commands would have to be replayed.
    #[error(
        "command {from} is too far back: {commands} commands would have to be replayed; subscribe \
         from now, and look at earlier events with `replay` or `inspect`"
    )]
    TooFarBack {
        /// The requested command.
        from: Sequence,
        /// How many commands would have to be replayed.
        commands: u64,
    },
    /// The host has no journal.
    #[error("without a journal, a subscription can only begin now")]
    NoJournal,
    /// The journal or a snapshot cannot be read.
    #[error("past events cannot be read: {0}; subscribe from now")]
    Replay(#[from] ReplayError),
}

/// The limits of a subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriptionLimits {
    /// How many unread updates a subscription may hold.
    pub(crate) updates: usize,
    /// How many commands may be replayed for a subscription.
    pub(crate) replay: u64,
}

/// Returns a feed of the missed updates, which are replayed, and the live feed that follows it. The second
/// is `None` if the first has more than a reader has room for, or has ended by itself.
pub(crate) fn resume<F>(
    journal_replay: &JournalReplay,
    feeds: &Mutex<Feeds>,
    (market, from): (MarketId, Sequence),
    limits: SubscriptionLimits,
    subscribe: impl Fn(&mut Feeds, usize) -> Option<F>,
) -> Result<(F, Option<F>), SubscribeError> {
    let mut retries = 1..ATTEMPTS_MAX;
    loop {
        match try_resume(journal_replay, feeds, (market, from), limits, &subscribe) {
            // A file that it was reading may have been deleted. The next attempt reads other files.
            Err(SubscribeError::Replay(_)) if retries.next().is_some() => {}
            found => return found,
        }
    }
}

fn try_resume<F>(
    journal_replay: &JournalReplay,
    feeds: &Mutex<Feeds>,
    (market, from): (MarketId, Sequence),
    limits: SubscriptionLimits,
    subscribe: &impl Fn(&mut Feeds, usize) -> Option<F>,
) -> Result<(F, Option<F>), SubscribeError> {
    // Everything that the publisher has published is durable and in the journal.
    let durable = locked(feeds).sequence();
    if from > durable {
        return Err(SubscribeError::Ahead { from, durable });
    }
    let engine = journal_replay.engine_at(from)?;
    let base = engine.last_sequence();
    if base > from {
        return Err(SubscribeError::Gone { from, oldest: base });
    }
    let commands = durable.0.saturating_sub(base.0);
    if commands > limits.replay {
        return Err(SubscribeError::TooFarBack { from, commands });
    }
    let mut replay = journal_replay.replay(engine, from)?;
    replay.run::<_, ReplayError>(&mut (), |_, _, ()| Ok(ControlFlow::Continue(())))?;
    let mut replayed = Feeds::new(Image::from_snapshot(&replay.engine.snapshot()));
    let first =
        subscribe(&mut replayed, MISSED_MAX).ok_or(SubscribeError::NoMarket { market, from })?;
    let mut catch_up = CatchUp { replay, feeds: replayed, batch: Batch::default() };
    let (near, rounds_max) = CATCH_UP;
    for _ in 0..rounds_max {
        let durable = locked(feeds).sequence();
        if catch_up.is_over()
            || durable.0.saturating_sub(catch_up.replay.engine.last_sequence().0) <= near
        {
            break;
        }
        catch_up.advance(durable)?;
    }
    if catch_up.is_over() {
        return Ok((first, None));
    }
    let (live, through) = {
        let mut feeds = locked(feeds);
        (subscribe(&mut feeds, limits.updates), feeds.sequence())
    };
    // The live feed continues after `through`. The first feed still needs everything up to it.
    catch_up.advance(through)?;
    let live = live.filter(|_| !catch_up.is_over());
    Ok((first, live))
}

/// A replay of the journal, and the feeds that publish it.
struct CatchUp {
    replay: Replay,
    feeds: Feeds,
    batch: Batch,
}

impl CatchUp {
    /// Returns `true` if no subscription is left.
    fn is_over(&self) -> bool {
        !self.feeds.has_subscribers()
    }

    /// Replays the commands up to `through` and publishes their events, as long as a subscription is left.
    fn advance(&mut self, through: Sequence) -> Result<(), ReplayError> {
        let Self { replay, feeds, batch } = self;
        replay.commands.extend(through);
        replay.run::<_, ReplayError>(batch, |_, _, batch| {
            for (header, events, outcome) in batch.groups() {
                feeds.publish(header, events, outcome);
            }
            batch.clear();
            Ok(if feeds.has_subscribers() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        feeds.end_batch();
        Ok(())
    }
}
