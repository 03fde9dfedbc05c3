//! What subscriptions bring to a connection.

use pricetime::engine::{MarketId, MarketSpec};
use pricetime::json::{Answer, Done, Ended, Update};
use pricetime::{AccountFeed, MarketFeed, Updates};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::listen::ended;

/// Where a subscription brings what it has.
pub(super) struct Push {
    pub(super) to: mpsc::Sender<Answer>,
    pub(super) closing: watch::Receiver<bool>,
}

impl Push {
    /// What comes next; none where the connection ends.
    async fn next<T>(&mut self, updates: &mut Updates<T>) -> Option<Result<T, pricetime::Ended>> {
        tokio::select! {
            biased;
            update = updates.next() => Some(update),
            () = ended(&mut self.closing) => None,
        }
    }
}

/// Brings a market's updates until one of the two ends.
pub(super) async fn push_market(mut feed: MarketFeed, spec: MarketSpec, mut push: Push) {
    let market = feed.book.market.0;
    let why = loop {
        match push.next(&mut feed.updates).await {
            None => return,
            Some(Ok(update)) => {
                if push.to.send(Answer::Update(Update::of(&update, &spec))).await.is_err() {
                    return;
                }
            }
            Some(Err(ended)) => break ended.to_string(),
        }
    };
    // Where the writer has gone nobody wants to know.
    let _ = push.to.send(Answer::Ended(Ended { market, account: None, why })).await;
}

/// Whose events these are, and whether they are durable when they are told.
pub(super) struct Whose {
    pub(super) market: MarketId,
    pub(super) account: Uuid,
    pub(super) durable: bool,
}

/// Brings an account's own events until one of the two ends.
pub(super) async fn push_account(
    mut feed: AccountFeed,
    Whose { market, account, durable }: Whose,
    spec: MarketSpec,
    mut push: Push,
) {
    let why = loop {
        match push.next(&mut feed.updates).await {
            None => return,
            Some(Ok(group)) => {
                let done = Done { durable, ..Done::of_group(&group, &spec) };
                if push.to.send(Answer::Own(done)).await.is_err() {
                    return;
                }
            }
            Some(Err(ended)) => break ended.to_string(),
        }
    };
    let ended = Ended { market: market.0, account: Some(account), why };
    let _ = push.to.send(Answer::Ended(ended)).await;
}
