//! Redis in the configuration.

use pricetime::Secret;
use pricetime::persistence::redis::stream::{self, StreamNames};
use pricetime::persistence::redis::{KeyNames, RedisOptions, Tls, scores_are_exact};

use super::setting::{Publish, Redis};
use super::{ConfiguredMarket, duration};

/// The settings that all Redis servers share: key prefixes and certificates.
#[derive(Debug)]
pub(super) struct ServerSettings {
    prefix: String,
    env: String,
    authority: String,
    certificate: String,
    key: String,
}

impl ServerSettings {
    /// The options of the server at this address.
    pub(super) fn server(&self, key: &str, url: &Secret) -> Result<RedisOptions, String> {
        let mut options =
            RedisOptions::parse(url.expose()).map_err(|why| format!("{key}: {why}"))?;
        options.names.prefix.clone_from(&self.prefix);
        options.names.env.clone_from(&self.env);
        if let Some(tls) = &mut options.tls {
            *tls = certificates(&self.authority, &self.certificate, &self.key)?;
        }
        Ok(options)
    }
}

impl Redis {
    /// The settings that also apply to other servers.
    pub(super) fn server_settings(&self) -> ServerSettings {
        ServerSettings {
            prefix: self.prefix.clone(),
            env: self.env.clone(),
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        }
    }

    /// The Redis options, or `None` if no server is configured.
    pub(super) fn options(
        self,
        markets: &[ConfiguredMarket],
    ) -> Result<Option<RedisOptions>, String> {
        if self.url.is_empty() {
            let no_url = "redis.publish.events: events are published in Redis, and redis.url is \
                           empty: say where that is";
            return if self.publish.events { Err(no_url.to_owned()) } else { Ok(None) };
        }
        let mut options =
            RedisOptions::parse(self.url.expose()).map_err(|why| format!("redis.url: {why}"))?;
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
            trades: keys.trades,
            metadata: keys.metadata,
            epoch: keys.epoch,
            markets: keys.markets,
            streams: StreamNames::default(),
        };
        options.publish = self.publish.options(&mut options.names.streams)?;
        if let Some(market) = markets.iter().find(|it| !scores_are_exact(&it.spec.terms)) {
            return Err(format!(
                "market {}: with Redis, prices must lie within ±2^53 ticks",
                market.spec.symbol
            ));
        }
        options.names.check(markets.len()).map_err(|why| format!("redis.keys: {why}"))?;
        if let Some(tls) = &mut options.tls {
            *tls = certificates(&self.authority, &self.certificate, &self.key)?;
        } else if !(self.authority.is_empty() && self.certificate.is_empty()) {
            return Err(String::from("redis.authority and redis.certificate require rediss://"));
        }
        Ok(Some(options))
    }
}

impl Publish {
    /// The publishing options, or `None` if events are not published. Stores the stream names in `names`.
    fn options(self, names: &mut StreamNames) -> Result<Option<stream::Publish>, String> {
        *names = StreamNames {
            trades: self.trades,
            orders: self.orders,
            epochs: self.epochs,
            published: self.published,
            market_events: self.market_events,
            account_trades: self.account_trades,
            account_orders: self.account_orders,
            alerts: self.alerts,
        };
        if self.keep == 0 {
            return Err(String::from("redis.publish.keep: it must be at least 1"));
        }
        let publish = stream::Publish { keep: self.keep, channels: self.channels };
        Ok(self.events.then_some(publish))
    }
}

/// Reads the certificates from these files.
pub(super) fn certificates(authority: &str, certificate: &str, key: &str) -> Result<Tls, String> {
    let read = |file: &str| std::fs::read(file).map_err(|why| format!("redis: {file}: {why}"));
    let authority = if authority.is_empty() { None } else { Some(read(authority)?) };
    let client = match (certificate, key) {
        ("", "") => None,
        ("", _) | (_, "") => {
            return Err(String::from("redis.certificate and redis.key must be set together"));
        }
        (certificate, key) => Some((read(certificate)?, read(key)?)),
    };
    Ok(Tls { authority, client })
}
