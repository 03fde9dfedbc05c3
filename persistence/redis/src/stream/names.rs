//! How streams and channels are named.

use super::{Entry, Stream};
use crate::keys::KeyNames;

/// How streams and channels are named: `<prefix>` and `<env>` as in all keys, `<stream>` for the name
/// of the stream itself, `<account>` for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNames {
    /// The stream of trades.
    pub trades: String,
    /// The stream of orders.
    pub orders: String,
    /// The stream of markets and their epochs.
    pub epochs: String,
    /// How far a stream goes; in the same slot as the stream.
    pub published: String,
    /// The channel of what everybody may hear.
    pub market_events: String,
    /// The channel of an account's trades.
    pub account_trades: String,
    /// The channel of what becomes of an account's orders.
    pub account_orders: String,
    /// The channel of what an operator should hear at once.
    pub alerts: String,
}

impl Default for StreamNames {
    fn default() -> Self {
        let of = |what: &str| format!("<prefix>:<env>:{what}");
        Self {
            trades: of("stream:trades"),
            orders: of("stream:orders"),
            epochs: of("stream:epochs"),
            published: of("published:{<stream>}"),
            market_events: of("market:events"),
            account_trades: of("trades:<account>"),
            account_orders: of("orders:<account>"),
            alerts: of("system:alerts"),
        }
    }
}

impl KeyNames {
    /// The key of a stream.
    #[must_use]
    pub fn stream(&self, stream: Stream) -> String {
        self.fill(match stream {
            Stream::Trades => &self.streams.trades,
            Stream::Orders => &self.streams.orders,
            Stream::Epochs => &self.streams.epochs,
        })
    }

    /// The key that says how far a stream goes.
    #[must_use]
    pub fn published(&self, stream: Stream) -> String {
        self.fill(&self.streams.published).replace("<stream>", &self.stream(stream))
    }

    /// The channel of what an operator should hear.
    #[must_use]
    pub fn alerts(&self) -> String {
        self.fill(&self.streams.alerts)
    }

    /// The channels that say an entry of this stream: what is public to everybody, what is not to its
    /// account alone. An account's trades are said with its orders, and by themselves.
    #[must_use]
    pub fn channels(&self, stream: Stream, entry: &Entry) -> Vec<String> {
        let StreamNames { market_events, account_trades, account_orders, .. } = &self.streams;
        if stream.is_public() {
            return vec![self.fill(market_events)];
        }
        let Some(account) = entry.field("account") else { return Vec::new() };
        let own = |template: &String| self.fill(template).replace("<account>", account);
        let mut channels = vec![own(account_orders)];
        if entry.field("event") == Some("traded") {
            channels.push(own(account_trades));
        }
        channels
    }
}
