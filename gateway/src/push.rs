//! Sends the lines of subscriptions to the writer of a connection.

use std::sync::Arc;
use std::time::Duration;

use crate::json::{Answer, Done, Ended, Update};
use pricetime::engine::{MarketId, MarketSpec};
use pricetime::{AccountFeed, MarketFeed, Updates};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::info;
use uuid::Uuid;

use crate::account::{Account, Charge, SubscriptionBytes};
use crate::context::ended;

/// How often the subscription checks how much is ready for a slow client.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// A line of a subscription.
pub(crate) struct PushedLine {
    line: Vec<u8>,
    _charge: Option<Charge>,
}

impl PushedLine {
    /// Appends the line to the buffer.
    pub(crate) fn put(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.line);
        buffer.push(b'\n');
    }
}

/// The sending end of a subscription.
pub(crate) struct Push {
    to: mpsc::Sender<PushedLine>,
    closing: watch::Receiver<bool>,
    account: Option<Arc<Account>>,
    subscribed: Option<SubscriptionBytes>,
}

/// Why a line was not sent.
enum NotSent {
    /// The writer has ended.
    WriterEnded,
    /// The client is slow, and too much is ready for it.
    Slow,
}

impl Push {
    pub(crate) fn new(
        to: mpsc::Sender<PushedLine>,
        closing: watch::Receiver<bool>,
        account: Option<&Arc<Account>>,
    ) -> Self {
        let subscribed = account.map(Account::subscribed);
        Self { to, closing, account: account.cloned(), subscribed }
    }

    /// Sends a line as soon as the limits allow it. `ready` returns how many more lines there are.
    async fn send(&mut self, answer: &Answer, ready: impl Fn() -> usize) -> Result<(), NotSent> {
        let Self { to, account, subscribed, .. } = self;
        let line = serde_json::to_vec(answer).map_err(|_| NotSent::WriterEnded)?;
        let bytes = size_of::<PushedLine>() + line.capacity();
        let sending = async {
            let charge = match account {
                None => None,
                Some(account) => tokio::select! {
                    biased;
                    charge = account.charge(bytes) => Some(charge),
                    () = to.closed() => return Err(NotSent::WriterEnded),
                },
            };
            to.send(PushedLine { line, _charge: charge }).await.map_err(|_| NotSent::WriterEnded)
        };
        tokio::pin!(sending);
        loop {
            if let Ok(sent) = timeout(CHECK_INTERVAL, &mut sending).await {
                return sent;
            }
            // The next lines are likely to be as long as this one.
            let bytes = bytes.saturating_mul(ready());
            if subscribed.as_mut().is_some_and(|subscribed| !subscribed.set_ready(bytes)) {
                info!(bytes, "subscription ended: its client is slow");
                return Err(NotSent::Slow);
            }
        }
    }

    /// The next update, or `None` if the connection ends.
    async fn next<T>(&mut self, updates: &mut Updates<T>) -> Option<Result<T, pricetime::Ended>> {
        tokio::select! {
            biased;
            update = updates.next() => Some(update),
            () = ended(&mut self.closing) => None,
        }
    }
}

/// Sends a market's updates until the subscription or the connection ends.
pub(crate) async fn push_market(feed: MarketFeed, spec: MarketSpec, mut push: Push) {
    let MarketFeed { book, mut updates, .. } = feed;
    let market = book.market.0;
    // The book has been sent, and may be large.
    drop(book);
    let why = loop {
        match push.next(&mut updates).await {
            None => return,
            Some(Ok(update)) => {
                let update = Answer::Update(Update::of(&update, &spec));
                match push.send(&update, || updates.ready()).await {
                    Ok(()) => {}
                    Err(NotSent::WriterEnded) => return,
                    Err(NotSent::Slow) => break pricetime::Ended.to_string(),
                }
            }
            Some(Err(ended)) => break ended.to_string(),
        }
    };
    drop(updates);
    // If the writer has ended, the client cannot be reached.
    let _ = push.send(&Answer::Ended(Ended { market, account: None, why }), || 0).await;
}

/// The account of the events, and whether they are durable when they are sent.
pub(crate) struct FeedOwner {
    pub(crate) market: MarketId,
    pub(crate) account: Uuid,
    pub(crate) durable: bool,
}

/// Sends an account's own events until the subscription or the connection ends.
pub(crate) async fn push_account(
    feed: AccountFeed,
    FeedOwner { market, account, durable }: FeedOwner,
    spec: MarketSpec,
    mut push: Push,
) {
    let AccountFeed { orders, mut updates, .. } = feed;
    // The orders have been sent, and may be many.
    drop(orders);
    let why = loop {
        match push.next(&mut updates).await {
            None => return,
            Some(Ok(group)) => {
                let own = Answer::Own(Done { durable, ..Done::of_group(&group, &spec) });
                match push.send(&own, || updates.ready()).await {
                    Ok(()) => {}
                    Err(NotSent::WriterEnded) => return,
                    Err(NotSent::Slow) => break pricetime::Ended.to_string(),
                }
            }
            Some(Err(ended)) => break ended.to_string(),
        }
    };
    drop(updates);
    let ended = Ended { market: market.0, account: Some(account), why };
    let _ = push.send(&Answer::Ended(ended), || 0).await;
}
