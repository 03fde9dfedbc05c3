//! Subscriptions: a book as of a sequence, and then every later update without a gap.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pricetime_engine::{
    Call, EpochSummary, Group, Level, MarketId, OrderRecord, Phase, Price, Quantity, Sequence,
    Side, Timestamp, TradeNumber,
};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::view::MarketView;

/// The public part of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TradeView {
    /// Its number in the market.
    pub number: TradeNumber,
    /// Its price.
    pub price: Price,
    /// Its quantity.
    pub quantity: Quantity,
    /// The side of the taker.
    pub taker_side: Side,
}

/// The public changes that one command made to a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MarketUpdate {
    /// The market.
    pub market: MarketId,
    /// The command's number.
    pub sequence: Sequence,
    /// The command's time.
    pub timestamp: Timestamp,
    /// The trades, in order.
    pub trades: Vec<TradeView>,
    /// The levels that changed, with their new totals. A level without orders is gone.
    pub levels: Vec<(Side, Level)>,
    /// The new phase, if it changed.
    pub phase: Option<Phase>,
    /// The result that an uncross right after this command would have, while the market is in Call. Only
    /// the last update of each batch of commands has it.
    pub call: Option<Call>,
    /// The epoch that closed, if one did.
    pub closed: Option<EpochSummary>,
    /// Whether the market was removed.
    pub removed: bool,
}

/// A market's book and every later update. As a [`Stream`] it yields the updates, and ends after the last
/// one.
///
/// ```
/// use pricetime::engine::{MarketId, MarketSpec, Phase};
/// # use pricetime::{Host, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let host = Host::open(Options::new(folder.path()))?;
/// # let sun = host.operator(MarketId(1));
/// # let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
/// # sun.add(spec).wait()?.accepted()?;
/// let mut feed = host.subscribe(MarketId(1)).ok_or("no such market")?;
/// assert_eq!(feed.book.phase, Phase::Closed);
/// sun.set_phase(Phase::Call).wait()?.accepted()?;
/// let update = feed.updates.wait()?; // In a task: `feed.updates.next().await?`.
/// assert_eq!(update.phase, Some(Phase::Call));
/// assert!(update.sequence > feed.book.sequence);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct MarketFeed {
    /// The book as of its sequence, with all its levels.
    pub book: MarketView,
    /// Every later update.
    pub updates: Updates<Arc<MarketUpdate>>,
}

/// An account's orders in a market and every later event that concerns it. As a [`Stream`] it yields the
/// account's own events, and ends after the last ones. It serializes as the sequence and the orders.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct AccountFeed {
    /// Every command up to this one is in the orders.
    pub sequence: Sequence,
    /// The live orders, by priority.
    pub orders: Vec<OrderRecord>,
    /// Every later event of the account, as [`Principal::seen`](crate::Principal::seen) shows it.
    #[serde(skip)]
    pub updates: Updates<Arc<Group>>,
}

/// The error of a subscription that yields nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the subscription has ended: the reader was too slow or too far behind, or the host was closed"
)]
pub struct Ended;

/// A subscription's updates, in sequence order. As a [`Stream`] it ends after the last one.
///
/// Each subscription holds a fixed number of unread updates. If the reader lets it fill up, it is
/// disconnected: it still receives what is queued, and then [`Ended`]. It can subscribe anew, or from the
/// last update that it received. A slow reader delays no one else.
#[derive(Debug)]
pub struct Updates<T> {
    current: mpsc::Receiver<T>,
    /// The channel that follows when `current` ends.
    following: Option<mpsc::Receiver<T>>,
}

impl<T> Updates<T> {
    pub(crate) const fn of(current: mpsc::Receiver<T>) -> Self {
        Self { current, following: None }
    }

    /// Appends the updates of another subscription.
    pub(crate) fn followed_by(self, following: Option<Self>) -> Self {
        Self { following: following.map(|it| it.current), ..self }
    }

    /// Switches to the channel that follows.
    fn switch(&mut self) -> Result<(), Ended> {
        self.current = self.following.take().ok_or(Ended)?;
        Ok(())
    }

    /// Returns how many updates can be read without waiting.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.current.len() + self.following.as_ref().map_or(0, mpsc::Receiver::len)
    }

    /// Returns the next update, waiting for it in an asynchronous task.
    ///
    /// # Errors
    /// Returns [`Ended`] if the subscription has ended.
    pub async fn next(&mut self) -> Result<T, Ended> {
        loop {
            match self.current.recv().await {
                Some(update) => return Ok(update),
                None => self.switch()?,
            }
        }
    }

    /// Returns the next update, waiting for it on this thread.
    ///
    /// # Errors
    /// Returns [`Ended`] if the subscription has ended.
    ///
    /// # Panics
    /// Panics in an asynchronous task, which must not block.
    pub fn wait(&mut self) -> Result<T, Ended> {
        loop {
            match self.current.blocking_recv() {
                Some(update) => return Ok(update),
                None => self.switch()?,
            }
        }
    }

    /// Returns the next update if one is queued already.
    ///
    /// # Errors
    /// Returns [`Ended`] if the subscription has ended.
    pub fn try_next(&mut self) -> Result<Option<T>, Ended> {
        loop {
            match self.current.try_recv() {
                Ok(update) => return Ok(Some(update)),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(None),
                Err(mpsc::error::TryRecvError::Disconnected) => self.switch()?,
            }
        }
    }
}

impl<T> Stream for Updates<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            match ready!(self.current.poll_recv(context)) {
                None if self.switch().is_ok() => {}
                update => return Poll::Ready(update),
            }
        }
    }
}

impl Stream for MarketFeed {
    type Item = Arc<MarketUpdate>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.updates).poll_next(context)
    }
}

impl Stream for AccountFeed {
    type Item = Arc<Group>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.updates).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a stream until it ends or would have to wait.
    fn read<S: Stream + Unpin>(stream: &mut S) -> (Vec<S::Item>, Poll<()>) {
        let mut read = Vec::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        loop {
            match Pin::new(&mut *stream).poll_next(&mut context) {
                Poll::Ready(Some(item)) => read.push(item),
                Poll::Ready(None) => return (read, Poll::Ready(())),
                Poll::Pending => return (read, Poll::Pending),
            }
        }
    }

    #[test]
    fn update_serializes_with_its_trades_and_levels() {
        let level = Level { price: Price(-3), quantity: Quantity(0), orders: 0 };
        let update = MarketUpdate {
            market: MarketId(1),
            sequence: Sequence(2),
            timestamp: Timestamp(3),
            trades: vec![TradeView {
                number: TradeNumber(4),
                price: Price(-3),
                quantity: Quantity(5),
                taker_side: Side::Buy,
            }],
            levels: vec![(Side::Sell, level)],
            phase: Some(Phase::Continuous),
            call: None,
            closed: None,
            removed: false,
        };
        let json = serde_json::json!({
            "market": 1, "sequence": 2, "timestamp": 3, "phase": "continuous", "call": null,
            "trades": [{ "number": 4, "price": -3, "quantity": 5, "taker_side": "buy" }],
            "levels": [["sell", { "price": -3, "quantity": 0, "orders": 0 }]],
            "closed": null, "removed": false,
        });
        assert_eq!(serde_json::to_value(update).expect("JSON"), json);
    }

    #[test]
    fn stream_of_updates_ends_after_the_last_of_both_channels() {
        let ((past, first), (live, following)) = (mpsc::channel(2), mpsc::channel(2));
        let mut updates = Updates::of(first).followed_by(Some(Updates::of(following)));
        past.try_send(1).expect("room");
        live.try_send(2).expect("room");
        assert_eq!(read(&mut updates), (vec![1], Poll::Pending));
        drop(past);
        assert_eq!(read(&mut updates), (vec![2], Poll::Pending));
        live.try_send(3).expect("room");
        drop(live);
        assert_eq!(read(&mut updates), (vec![3], Poll::Ready(())));
        assert_eq!(read(&mut updates), (vec![], Poll::Ready(())));
        assert_eq!(updates.try_next(), Err(Ended));
    }
}
