//! The names of streams and channels.

use super::{Entry, Stream};
use crate::keys::KeyNames;

/// The names of streams and channels. `<prefix>` and `<env>` are replaced as in all keys, `<stream>` by
/// the name of the stream, and `<account>` by an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNames {
    /// The stream of trades.
    pub trades: String,
    /// The stream of orders.
    pub orders: String,
    /// The stream of markets and their epochs.
    pub epochs: String,
    /// The key that says how far a stream is complete. It is in the same slot as the stream.
    pub published: String,
    /// The channel of public entries.
    pub market_events: String,
    /// The channel of an account's trades.
    pub account_trades: String,
    /// The channel of the events of an account's orders.
    pub account_orders: String,
    /// The channel of alerts for operators.
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

    /// The key that says how far a stream is complete.
    #[must_use]
    pub fn published(&self, stream: Stream) -> String {
        self.fill(&self.streams.published).replace("<stream>", &self.stream(stream))
    }

    /// The channel of alerts for operators.
    #[must_use]
    pub fn alerts(&self) -> String {
        self.fill(&self.streams.alerts)
    }

    /// The channels that carry an entry of this stream. Public entries have one channel, and other
    /// entries have channels of their account. An account's trades appear among its orders and on a
    /// channel of their own.
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
