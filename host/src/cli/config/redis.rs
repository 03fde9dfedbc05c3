//! Redis in the configuration.

use pricetime::persistence::redis::{KeyNames, RedisOptions, Tls, scores_hold};

use super::setting::Redis;
use super::{ConfiguredMarket, duration};

impl Redis {
    /// What a link is like, where there is to be one.
    pub(super) fn options(
        self,
        markets: &[ConfiguredMarket],
    ) -> Result<Option<RedisOptions>, String> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let mut options =
            RedisOptions::parse(&self.url).map_err(|why| format!("redis.url: {why}"))?;
        options.verify = match self.verify.as_str() {
            "never" => None,
            text => Some(duration("redis.verify", text)?),
        };
        let keys = self.keys;
        options.names = KeyNames {
            prefix: self.prefix,
            env: self.env,
            bids: keys.bids,
            asks: keys.asks,
            orders: keys.orders,
            stops: keys.stops,
            requests: keys.requests,
            blocked: keys.blocked,
            metadata: keys.metadata,
            epoch: keys.epoch,
            markets: keys.markets,
        };
        if let Some(market) = markets.iter().find(|it| !scores_hold(&it.spec.terms)) {
            return Err(format!(
                "market {}: with Redis, prices must lie within ±2^53 ticks",
                market.spec.symbol
            ));
        }
        options.names.check(markets.len()).map_err(|why| format!("redis.keys: {why}"))?;
        if let Some(tls) = &mut options.tls {
            *tls = certificates(&self.authority, &self.certificate, &self.key)?;
        } else if !(self.authority.is_empty() && self.certificate.is_empty()) {
            return Err(String::from("redis.authority and redis.certificate are for rediss://"));
        }
        Ok(Some(options))
    }
}

fn certificates(authority: &str, certificate: &str, key: &str) -> Result<Tls, String> {
    let read = |file: &str| std::fs::read(file).map_err(|why| format!("redis: {file}: {why}"));
    let authority = if authority.is_empty() { None } else { Some(read(authority)?) };
    let client = match (certificate, key) {
        ("", "") => None,
        ("", _) | (_, "") => {
            return Err(String::from("redis.certificate and redis.key go together"));
        }
        (certificate, key) => Some((read(certificate)?, read(key)?)),
    };
    Ok(Tls { authority, client })
}
