//! The queue to the settlement thread. The publisher writes to it and never waits, even if a
//! ledger hangs. So the queue is bounded: some whole batches, and one entry for each market.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use pricetime_engine::{MarketId, Sequence};
use pricetime_settlement::Closed;

/// How many batches may wait for the settlement thread. Later ones are made again from the journal.
const BATCHES_MAX: usize = 256;

/// What happened to a market.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) market: MarketId,
    /// The epoch that closed. `None` if the market is new.
    pub(crate) closed: Option<Closed>,
    /// The command at which the market's next epoch begins. `None` if the market was removed.
    pub(crate) next: Option<Sequence>,
}

/// What is queued for a market.
#[derive(Debug)]
struct MarketEntry {
    /// Whole batches, and after them the last epoch that has closed.
    closed: VecDeque<Closed>,
    next: Option<Sequence>,
}

#[derive(Debug, Default)]
struct Queue {
    markets: BTreeMap<MarketId, MarketEntry>,
    batches: usize,
}

impl Queue {
    fn add(&mut self, News { market, closed, next }: News) {
        let none = || MarketEntry { closed: VecDeque::new(), next };
        let waiting = self.markets.entry(market).or_insert_with(none);
        waiting.next = next;
        let closed = match closed {
            None => return,
            Some(Closed::Whole(batch)) if self.batches >= BATCHES_MAX => {
                Closed::Part { market, epoch: batch.epoch }
            }
            Some(closed) => closed,
        };
        self.batches += usize::from(matches!(closed, Closed::Whole(_)));
        // The journal gives the batch of an epoch together with those before it.
        if matches!(waiting.closed.back(), Some(Closed::Part { .. })) {
            waiting.closed.pop_back();
        }
        waiting.closed.push_back(closed);
    }

    fn take(&mut self) -> Vec<News> {
        let mut all = Vec::new();
        for (market, MarketEntry { closed, next }) in std::mem::take(self).markets {
            if closed.is_empty() {
                all.push(News { market, closed: None, next });
            }
            all.extend(closed.into_iter().map(|it| News { market, closed: Some(it), next }));
        }
        all
    }
}

/// The publisher's end.
#[derive(Debug)]
pub(crate) struct Outgoing {
    all: Arc<Mutex<Queue>>,
    wake: Sender<()>,
}

/// The settlement thread's end.
#[derive(Debug)]
pub(crate) struct Incoming {
    all: Arc<Mutex<Queue>>,
    wake: Receiver<()>,
}

/// Creates both ends.
pub(crate) fn news() -> (Outgoing, Incoming) {
    let (wake, woken) = bounded(1);
    let all = Arc::<Mutex<Queue>>::default();
    (Outgoing { all: Arc::clone(&all), wake }, Incoming { all, wake: woken })
}

impl Outgoing {
    pub(crate) fn send(&self, news: News) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).add(news);
        // A thread that is already awake takes this too. One that has ended has logged why.
        let _ = self.wake.try_send(());
    }
}

impl Incoming {
    /// Waits for news, up to `timeout`, and takes all of it. Returns `None` if nothing more will come.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Vec<News>> {
        let waited = self.wake.recv_timeout(timeout);
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_over = waited == Err(RecvTimeoutError::Disconnected) && all.is_empty();
        (!is_over).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{AccountId, EpochNumber};
    use pricetime_journal::History;
    use pricetime_settlement::{Batch, Digest};

    use super::*;

    fn batch(market: u32, epoch: u64) -> Batch {
        Batch {
            history: History(1),
            market: MarketId(market),
            epoch: EpochNumber(epoch),
            trades: 0,
            volume: 0,
            notional: 0,
            fees: 0,
            platform: AccountId(0),
            trades_digest: Digest([0; 32]),
            transfers: Vec::new(),
        }
    }

    #[test]
    fn queue_of_a_hanging_settlement_is_bounded_and_ends_with_the_last_epoch() {
        let (outgoing, incoming) = news();
        for epoch in 1..=20_000 {
            for market in 1..=3 {
                let (market, closed) = (MarketId(market), Closed::Whole(batch(market, epoch)));
                let next = Some(Sequence(epoch));
                outgoing.send(News { market, closed: Some(closed), next });
            }
        }
        outgoing.send(News { market: MarketId(4), closed: None, next: Some(Sequence(7)) });
        outgoing.send(News { market: MarketId(2), closed: None, next: None });
        drop(outgoing);
        let all = incoming.wait(Duration::ZERO).expect("news");
        assert_eq!(all.len(), BATCHES_MAX + 3 + 1, "batches, last epochs, and a new market");
        for market in 1..=3 {
            let epochs: Vec<u64> = all
                .iter()
                .filter(|it| it.market == MarketId(market))
                .filter_map(|it| match it.closed.as_ref()? {
                    Closed::Whole(batch) => Some(batch.epoch.0),
                    Closed::Part { epoch, .. } => Some(epoch.0),
                })
                .collect();
            let (last, first) = epochs.split_last().expect("epochs");
            assert_eq!(*last, 20_000);
            assert!(first.iter().copied().eq(1..=first.len() as u64), "{first:?}");
        }
        let next = |market| all.iter().rfind(|it| it.market == MarketId(market)).map(|it| it.next);
        assert_eq!((next(2), next(4)), (Some(None), Some(Some(Sequence(7)))));
        assert!(incoming.wait(Duration::ZERO).is_none(), "nothing more will come");
    }
}
