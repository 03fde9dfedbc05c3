//! The names of the keys.

use pricetime_engine::MarketId;

/// How keys are named. `<prefix>`, `<env>` and `<market>` stand for what they say; what stands in
/// braces is the hash tag, which must be the same in all keys of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNames {
    /// What `<prefix>` stands for.
    pub prefix: String,
    /// What `<env>` stands for.
    pub env: String,
    /// The bids.
    pub bids: String,
    /// The asks.
    pub asks: String,
    /// The orders in the book.
    pub orders: String,
    /// The stops outside it.
    pub stops: String,
    /// The window of requests.
    pub requests: String,
    /// The blocked accounts.
    pub blocked: String,
    /// What a market has once.
    pub metadata: String,
    /// The current epoch.
    pub epoch: String,
    /// The set of all markets; without `<market>`.
    pub markets: String,
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
            metadata: of("metadata"),
            epoch: of("epoch"),
            markets: String::from("<prefix>:<env>:markets"),
        }
    }
}

/// Why keys cannot be named so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// Two keys have one name.
    #[error("two keys are both named {0:?}")]
    Twice(
        /// The name.
        String,
    ),
    /// A name without the market serves one market only.
    #[error("the key name {0:?} does not say <market>, so it serves one market and not two")]
    OneMarket(
        /// The name.
        String,
    ),
    /// A name is empty.
    #[error("a key needs a name")]
    Empty,
}

/// The keys of one market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The keys that change places with a second generation: see [`Part`].
    parts: [String; PARTS],
    /// What the market has once.
    pub metadata: String,
    /// The current epoch.
    pub epoch: String,
}

/// How many parts a generation has.
pub(super) const PARTS: usize = 6;

/// The parts of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Bids,
    Asks,
    Orders,
    Stops,
    Requests,
    Blocked,
}

impl Part {
    pub(super) const ALL: [Self; PARTS] =
        [Self::Bids, Self::Asks, Self::Orders, Self::Stops, Self::Requests, Self::Blocked];

    /// The type of its key.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Bids | Self::Asks | Self::Requests => "zset",
            Self::Orders | Self::Stops => "hash",
            Self::Blocked => "set",
        }
    }

    /// The command that says how many entries it has.
    pub(super) const fn count(self) -> &'static str {
        match self {
            Self::Bids | Self::Asks | Self::Requests => "ZCARD",
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
        let parts =
            [&self.bids, &self.asks, &self.orders, &self.stops, &self.requests, &self.blocked];
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

    /// The key of a lock: of what, and of which one.
    #[must_use]
    pub fn lock(&self, what: &str, of: &str) -> String {
        format!("{}:{}:lock:{what}:{of}", self.prefix, self.env)
    }

    fn fill(&self, template: &str) -> String {
        template.replace("<prefix>", &self.prefix).replace("<env>", &self.env)
    }

    /// Whether these names can serve so many markets.
    ///
    /// # Errors
    /// [`BadKeys`] where two keys would be one.
    pub fn check(&self, markets: usize) -> Result<(), BadKeys> {
        let keys = self.of(MarketId(1));
        let mut all: Vec<&str> = keys.all().collect();
        let set = self.markets();
        all.push(&set);
        all.sort_unstable();
        if all.iter().any(|name| name.is_empty()) {
            return Err(BadKeys::Empty);
        }
        if let Some(pair) = all.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(BadKeys::Twice(pair.concat()));
        }
        let other = self.of(MarketId(2));
        let same = keys.all().zip(other.all()).find(|(one, other)| one == other);
        match same {
            Some((name, _)) if markets > 1 => Err(BadKeys::OneMarket(name.to_owned())),
            _ => Ok(()),
        }
    }
}

impl Keys {
    /// The key of a part of the current generation.
    pub(super) fn part(&self, part: Part) -> &str {
        self.parts.get(part as usize).map_or("", String::as_str)
    }

    /// The key of a part of the second generation of this writer in this term. What is still on its
    /// way to the one of an earlier term cannot get into it.
    pub(super) fn spare(&self, part: Part, writer: &str, term: u64) -> String {
        format!("{}:spare:{writer}:{term}", self.part(part))
    }

    /// Where a part stands for the moment of the change.
    pub(super) fn old(&self, part: Part, writer: &str, term: u64) -> String {
        format!("{}:old:{writer}:{term}", self.part(part))
    }

    /// All current keys.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let once = [self.metadata.as_str(), self.epoch.as_str()];
        self.parts.iter().map(String::as_str).chain(once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_names_are_these() {
        let keys = KeyNames::default().of(MarketId(7));
        assert_eq!(keys.part(Part::Bids), "pricetime:dev:{7}:bids");
        assert_eq!(keys.metadata, "pricetime:dev:{7}:metadata");
        assert_eq!(KeyNames::default().markets(), "pricetime:dev:markets");
        let lock = KeyNames::default().lock("settlement_processing", "7");
        assert_eq!(lock, "pricetime:dev:lock:settlement_processing:7");
        assert_eq!(KeyNames::default().check(2), Ok(()));
    }

    #[test]
    fn the_names_of_existing_readers_serve_one_market() {
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
        assert!(matches!(twice.check(1), Err(BadKeys::Twice(_))));
    }
}
