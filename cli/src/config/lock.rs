//! The runner's lock in the configuration.

use pricetime::persistence::redis::{KeyNames, RedisOptions};
use pricetime::{RunnerLock, Standby};

use super::duration;
use super::redis::certificates;
use super::setting::{Lock, Redis};

impl Lock {
    /// The lock's options, or `None` if no lock is configured.
    pub(super) fn options(self, redis: &Redis) -> Result<Option<RunnerLock>, String> {
        let standby = match self.standby.as_str() {
            "wait" => Standby::Wait,
            "exit" => Standby::Exit,
            other => {
                return Err(format!("lock.standby = {other:?}: use \"wait\" or \"exit\""));
            }
        };
        if self.nodes.is_empty() {
            return Ok(None);
        }
        if redis.only {
            return Err(String::from(
                "lock.nodes: the lock requires a data folder: with redis.only, only an operator \
                 can take over the state in Redis",
            ));
        }
        let plain = |text: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
        if self.set.is_empty() || !plain(&self.set) {
            let set = self.set;
            return Err(format!("lock.set = {set:?}: use only letters, digits and hyphens"));
        }
        let names = KeyNames {
            prefix: redis.prefix.clone(),
            env: redis.env.clone(),
            ..KeyNames::default()
        };
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for url in &self.nodes {
            let node = RedisOptions::parse(url.expose());
            let mut node = node.map_err(|why| format!("lock.nodes: {why}"))?;
            node.names = names.clone();
            if let Some(tls) = &mut node.tls {
                *tls = certificates(&redis.authority, &redis.certificate, &redis.key)?;
            }
            nodes.push(node);
        }
        let ttl = duration("lock.ttl", &self.ttl)?;
        Ok(Some(RunnerLock { nodes, set: self.set, ttl, standby }))
    }
}
