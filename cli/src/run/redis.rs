//! The check of Redis before the start.

use pricetime::persistence::redis::{Finding, Level, Link, Subject, check};
use tracing::{error, info, warn};

use super::super::config::Config;
use super::super::failure::{Code, Failure};

/// Checks the Redis servers and logs the findings. An eviction policy that may delete the book prevents the
/// start. An unreachable server prevents it only if Redis is the only store.
pub(super) fn probe(config: &Config) -> Result<(), Failure> {
    let Some(options) = &config.redis else { return Ok(()) };
    let findings = match check(&mut Link::new(options.clone())) {
        Ok(findings) => findings,
        Err(error) if config.folder.is_none() => {
            return Err(Failure::failed(format!(
                "Redis: {error}; there is no data folder, so the state is stored nowhere else"
            )));
        }
        Err(error) => {
            warn!(
                "Redis: {error}; the start continues, the image catches up when Redis works again"
            );
            return Ok(());
        }
    };
    for Finding { level, text, .. } in &findings {
        match level {
            Level::Good => info!("Redis: {text}"),
            Level::Warning => warn!("Redis: {text}"),
            Level::Bad => error!("Redis: {text}"),
        }
    }
    let deletes = |it: &&Finding| it.level == Level::Bad && it.subject == Subject::Eviction;
    match findings.iter().find(deletes) {
        Some(Finding { text, .. }) if !config.accept_eviction => Err(Failure::new(
            Code::Usage,
            format!("Redis: {text}; or set redis.accept_eviction = true in the configuration"),
        )),
        _ => Ok(()),
    }
}
