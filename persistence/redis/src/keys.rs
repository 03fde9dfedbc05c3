//! The names of the keys.

use pricetime_engine::MarketId;

use super::slot;
use super::stream::{Stream, StreamNames};

/// The names of the keys. `<prefix>`, `<env>` and `<market>` are replaced. The part in braces is the hash
/// tag, which must be the same in all keys of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNames {
    /// The text for `<prefix>`.
    pub prefix: String,
    /// The text for `<env>`.
    pub env: String,
    /// The bids.
    pub bids: String,
    /// The asks.
    pub asks: String,
    /// The records of the orders in the book.
    pub orders: String,
    /// The stop orders, which are not in the book.
    pub stops: String,
    /// The request window.
    pub requests: String,
    /// The blocked accounts.
    pub blocked: String,
    /// The trades, if there is no journal.
    pub trades: String,
    /// The metadata of a market.
    pub metadata: String,
    /// The current epoch.
    pub epoch: String,
    /// The set of all markets. Its name has no `<market>`.
    pub markets: String,
    /// The streams of events, and the channels.
    pub streams: StreamNames,
}

impl Default for KeyNames {
    fn default() -> Self {
        let of = |what: &str| format!("<prefix>:<env>:{{<market>}}:{what}");
        Self {
            prefix: String::from("pricetime"),
            env: String::from("dev"),
            bids: of("bids"),
            asks: of("asks"),
            orders: of("orders"),
            stops: of("stops"),
            requests: of("requests"),
            blocked: of("blocked"),
            trades: of("trades"),
            metadata: of("metadata"),
            epoch: of("epoch"),
            markets: String::from("<prefix>:<env>:markets"),
            streams: StreamNames::default(),
        }
    }
}

/// Why keys cannot have these names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// Two keys have the same name.
    #[error("two keys have the same name {0:?}")]
    Duplicate(
        /// The name.
        String,
    ),
    /// A name without the market serves one market only.
    #[error("the key name {0:?} does not contain <market>, so it works for one market only")]
    OneMarket(
        /// The name.
        String,
    ),
    /// A name is empty.
    #[error("the name of a key is empty")]
    Empty,
    /// A stream and the key beside it would be on different nodes of a cluster.
    #[error(
        "the keys {0:?} and {1:?} have different hash tags, but one transaction must reach both: \
         write <stream> in braces in the second name, or give both names the same hash tag"
    )]
    DifferentSlots(
        /// The stream.
        String,
        /// The key that says how far it is complete.
        String,
    ),
    /// The name of a stream has a market or an account in it, but there is one stream for all.
    #[error(
        "the stream name {0:?} contains <market> or <account>, but there is one stream for all"
    )]
    OneStream(
        /// The name.
        String,
    ),
    /// The name of an account's channel lacks the account.
    #[error("the channel name {0:?} does not contain <account>")]
    NoAccount(
        /// The name.
        String,
    ),
}

/// The keys of one market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The keys that are swapped with a second generation: see [`Part`].
    parts: [String; PARTS + 1],
    /// The metadata of the market.
    pub metadata: String,
    /// The current epoch.
    pub epoch: String,
}

/// The number of parts of a generation, without the trades.
const PARTS: usize = 6;

/// The parts of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Bids,
    Asks,
    Orders,
    Stops,
    Requests,
    Blocked,
    /// Only if there is no journal.
    Trades,
}

impl Part {
    pub(super) const ALL: [Self; PARTS] =
        [Self::Bids, Self::Asks, Self::Orders, Self::Stops, Self::Requests, Self::Blocked];

    const WITH_TRADES: [Self; PARTS + 1] = [
        Self::Bids,
        Self::Asks,
        Self::Orders,
        Self::Stops,
        Self::Requests,
        Self::Blocked,
        Self::Trades,
    ];

    /// The parts of a generation, with the trades or without.
    pub(super) const fn of(trades: bool) -> &'static [Self] {
        if trades { &Self::WITH_TRADES } else { &Self::ALL }
    }

    /// The type of its key.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Bids | Self::Asks | Self::Requests | Self::Trades => "zset",
            Self::Orders | Self::Stops => "hash",
            Self::Blocked => "set",
        }
    }

    /// The command that says how many entries it has.
    pub(super) const fn count(self) -> &'static str {
        match self {
            Self::Bids | Self::Asks | Self::Requests | Self::Trades => "ZCARD",
            Self::Orders | Self::Stops => "HLEN",
            Self::Blocked => "SCARD",
        }
    }
}

impl KeyNames {
    /// The keys of a market.
    #[must_use]
    pub fn of(&self, market: MarketId) -> Keys {
        let name = |template: &str| self.fill(template).replace("<market>", &market.to_string());
        let parts = [
            &self.bids,
            &self.asks,
            &self.orders,
            &self.stops,
            &self.requests,
            &self.blocked,
            &self.trades,
        ];
        Keys {
            parts: parts.map(|template| name(template)),
            metadata: name(&self.metadata),
            epoch: name(&self.epoch),
        }
    }

    /// The key of the set of all markets.
    #[must_use]
    pub fn markets(&self) -> String {
        self.fill(&self.markets)
    }

    /// The key of a lock. `what` is its purpose, and `of` is the object that it protects.
    #[must_use]
    pub fn lock(&self, what: &str, of: &str) -> String {
        format!("{}:{}:lock:{what}:{of}", self.prefix, self.env)
    }

    /// The key that names the owner of all markets if there is no journal.
    pub(super) fn owner(&self) -> String {
        format!("{}:owner", self.markets())
    }

    pub(super) fn fill(&self, template: &str) -> String {
        template.replace("<prefix>", &self.prefix).replace("<env>", &self.env)
    }

    /// Checks whether these names can serve this many markets.
    ///
    /// # Errors
    /// Returns [`BadKeys`] if they cannot, for example because two keys have the same name.
    pub fn check(&self, markets: usize) -> Result<(), BadKeys> {
        let keys = self.of(MarketId(1));
        let mut all: Vec<&str> = keys.of(Part::of(true)).collect();
        let set = self.markets();
        let owner = self.owner();
        all.extend([set.as_str(), owner.as_str()]);
        let streams = Stream::ALL.map(|stream| [self.stream(stream), self.published(stream)]);
        all.extend(streams.iter().flatten().map(String::as_str));
        all.sort_unstable();
        if all.iter().any(|name| name.is_empty()) {
            return Err(BadKeys::Empty);
        }
        if let Some(pair) = all.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(BadKeys::Duplicate(pair.concat()));
        }
        let other = self.of(MarketId(2));
        let own = keys.of(Part::of(true)).zip(other.of(Part::of(true)));
        let mut same = own.filter(|(one, other)| one == other);
        match same.next() {
            Some((name, _)) if markets > 1 => Err(BadKeys::OneMarket(name.to_owned())),
            _ => self.check_streams(),
        }
    }

    fn check_streams(&self) -> Result<(), BadKeys> {
        for [stream, published] in Stream::ALL.map(|it| [self.stream(it), self.published(it)]) {
            if stream.contains("<market>") || stream.contains("<account>") {
                return Err(BadKeys::OneStream(stream));
            }
            if slot::of(&stream) != slot::of(&published) {
                return Err(BadKeys::DifferentSlots(stream, published));
            }
        }
        let StreamNames { account_trades, account_orders, .. } = &self.streams;
        let lacks = |name: &&String| !name.contains("<account>");
        match [account_trades, account_orders].into_iter().find(lacks) {
            Some(name) => Err(BadKeys::NoAccount(name.clone())),
            None => Ok(()),
        }
    }
}

impl Keys {
    /// The key of a part of the current generation.
    pub(super) fn part(&self, part: Part) -> &str {
        self.parts.get(part as usize).map_or("", String::as_str)
    }

    /// The key of a part of the second generation of this writer in this term. A request of an earlier
    /// term cannot change it.
    pub(super) fn spare(&self, part: Part, writer: &str, term: u64) -> String {
        format!("{}:spare:{writer}:{term}", self.part(part))
    }

    /// The key of a replaced part while the generations are swapped.
    pub(super) fn old(&self, part: Part, writer: &str, term: u64) -> String {
        format!("{}:old:{writer}:{term}", self.part(part))
    }

    /// All current keys, without the trades.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.of(Part::of(false))
    }

    /// All current keys of an image that consists of these parts.
    pub(super) fn of(&self, parts: &'static [Part]) -> impl Iterator<Item = &str> {
        let once = [self.metadata.as_str(), self.epoch.as_str()];
        parts.iter().map(|part| self.part(*part)).chain(once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_key_names_do_not_change() {
        let keys = KeyNames::default().of(MarketId(7));
        assert_eq!(keys.part(Part::Bids), "pricetime:dev:{7}:bids");
        assert_eq!(keys.metadata, "pricetime:dev:{7}:metadata");
        assert_eq!(KeyNames::default().markets(), "pricetime:dev:markets");
        let lock = KeyNames::default().lock("settlement_processing", "7");
        assert_eq!(lock, "pricetime:dev:lock:settlement_processing:7");
        assert_eq!(KeyNames::default().check(2), Ok(()));
    }

    #[test]
    fn names_without_the_market_work_for_one_market_only() {
        let names = KeyNames {
            bids: String::from("orderbook:buy"),
            asks: String::from("orderbook:sell"),
            metadata: String::from("orderbook:metadata"),
            epoch: String::from("market:current_epoch"),
            ..KeyNames::default()
        };
        assert_eq!(names.of(MarketId(1)).part(Part::Bids), "orderbook:buy");
        assert_eq!(names.check(1), Ok(()));
        assert_eq!(names.check(2), Err(BadKeys::OneMarket(String::from("orderbook:buy"))));
        let twice = KeyNames { asks: names.bids.clone(), ..names };
        assert!(matches!(twice.check(1), Err(BadKeys::Duplicate(_))));
    }

    #[test]
    fn stream_and_its_position_must_share_a_node() {
        let with = |trades: &str, published: &str| {
            let own = StreamNames {
                trades: trades.to_owned(),
                published: published.to_owned(),
                ..StreamNames::default()
            };
            KeyNames { streams: own, ..KeyNames::default() }.check(2)
        };
        assert_eq!(with("stream:trades", &StreamNames::default().published), Ok(()));
        assert!(matches!(
            with("stream:trades", "<stream>:published"),
            Err(BadKeys::DifferentSlots(..))
        ));
        assert!(matches!(with("stream:<market>", "p:{<stream>}"), Err(BadKeys::OneStream(_))));
        let tagged = |what: &str| format!("{{s}}:{what}");
        let own = StreamNames {
            trades: tagged("trades"),
            orders: tagged("orders"),
            epochs: tagged("epochs"),
            published: String::from("<stream>:published"),
            ..StreamNames::default()
        };
        let names = KeyNames { streams: own, ..KeyNames::default() };
        assert_eq!(names.check(2), Ok(()));
        let without_account =
            StreamNames { account_trades: String::from("t"), ..StreamNames::default() };
        let names = KeyNames { streams: without_account, ..KeyNames::default() };
        assert_eq!(names.check(2), Err(BadKeys::NoAccount(String::from("t"))));
    }
}
