//! The configuration file as it is parsed.

use std::path::PathBuf;
use std::time::Duration;

use pricetime::Secret;
use serde::Deserialize;

use super::super::failure::{Code, Failure};
use super::token::Token;
use super::{DEFAULT, duration};

/// Declares the sections of the file.
macro_rules! sections {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
        }
    )*};
}

sections! {
    Settings {
        folder: PathBuf, epochs: Epochs, journal: Journal, snapshots: Snapshots, limits: Limits,
        core: Core, listen: Listen, output: Output, redis: Redis, lock: Lock,
        settlement: Settlement, market: Vec<toml::Table>,
    }
    Epochs { every: String, aligned: bool, commands: u64 }
    Journal { policy: String, interval: String, retention: Retained }
    Snapshots { keep: usize }
    Limits { markets: u32, ring: usize, subscription: usize, subscription_replay: u64, line: usize }
    Core { wait: Waiting }
    Listen {
        unix: String, tcp: String, token: Secret, tokens: Vec<Token>, connections: usize,
        connections_reserved: usize,
        connections_per_address: usize, line_timeout: String, idle_timeout: String,
        write_timeout: String, connection_bytes: usize, connections_bytes: usize,
    }
    Output { events: String }
    Redis {
        url: Secret, authority: String, certificate: String, key: String, accept_eviction: bool,
        verify: String, only: bool, trades_epochs: u64, trades_max: usize, prefix: String, env: String,
        keys: Keys, publish: Publish,
    }
    Settlement {
        ledger: String, url: Secret, authority: String, insecure: bool, schema: String,
        platform: String, locks: Vec<Secret>, lock_ttl: String, deliver: Secret,
        deliver_secret: Secret, deliver_proxy: Secret, deliver_command: Vec<Secret>,
        deliver_timeout: String, deliver_forget: bool,
    }
    Publish {
        events: bool, keep: u64, channels: bool, trades: String, orders: String, epochs: String,
        published: String, market_events: String, account_trades: String, account_orders: String,
        alerts: String,
    }
    Lock { nodes: Vec<Secret>, set: String, ttl: String, standby: String }
    Keys {
        bids: String, asks: String, orders: String, stops: String, requests: String,
        blocked: String, trades: String, metadata: String, epoch: String, markets: String,
    }
}

/// Which part of the journal is kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Retained {
    All,
    Snapshots,
}

/// How the core waits for work.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Waiting {
    Auto,
    Park,
    Yield,
    Spin,
}

/// When epochs close.
#[derive(Clone, Copy, Debug)]
pub(super) enum EpochInterval {
    Never,
    Every(Duration),
}

impl Epochs {
    pub(super) fn interval(&self) -> Result<EpochInterval, String> {
        if self.every == "never" {
            return Ok(EpochInterval::Never);
        }
        // A number without a unit is in minutes.
        let minutes = self.every.parse::<u64>().map(|minutes| format!("{minutes}m"));
        duration("epochs.every", minutes.as_ref().unwrap_or(&self.every)).map(EpochInterval::Every)
    }
}

impl Settings {
    /// Parses a file. Settings that it does not mention keep their defaults.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::new(Code::Usage, format!("{name}: {what}"));
        let parsed: toml::Table =
            toml::from_str(text).map_err(|error| wrong(without_values(&error, text)))?;
        let mut whole: toml::Table =
            toml::from_str(DEFAULT).map_err(|error| wrong(error.to_string()))?;
        // The tables in the default file's lists are only examples.
        whole.insert(String::from("market"), toml::Value::Array(Vec::new()));
        if let Some(toml::Value::Table(listen)) = whole.get_mut("listen") {
            listen.insert(String::from("tokens"), toml::Value::Array(Vec::new()));
        }
        merge(&mut whole, parsed, "").map_err(wrong)?;
        whole.try_into().map_err(|error: toml::de::Error| wrong(without_values(&error, "")))
    }
}

/// The error and its position, without the faulty line and its value: both may hold a token or a password.
fn without_values(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or_else(String::new, |before| {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let (line, column) = (before.matches('\n').count() + 1, line.chars().count() + 1);
        format!("line {line}, column {column}: ")
    });
    // The message is like "invalid type: string "…", expected a sequence", followed by a position.
    let message = error.to_string();
    let message = if before.is_some() { error.message() } else { message.trim_end() };
    let shown = match (message.split_once(['"', '`']), message.rsplit_once(", expected")) {
        (Some((kind, _)), Some((_, expected)))
            if kind.starts_with("invalid ") && !kind.contains(", expected") =>
        {
            format!("{}, expected{expected}", kind.trim_end())
        }
        _ => message.to_owned(),
    };
    format!("{place}{shown}")
}

/// Merges a table into one that has every known key.
fn merge(base: &mut toml::Table, changes: toml::Table, path: &str) -> Result<(), String> {
    for (key, value) in changes {
        match (base.get_mut(&key), value) {
            (None, _) => return Err(unknown(path, &key, base.keys().map(String::as_str))),
            (Some(toml::Value::Table(base)), toml::Value::Table(changes)) => {
                merge(base, changes, &format!("{path}{key}."))?;
            }
            (Some(base), value) if base.same_type(&value) => *base = value,
            (Some(base), value) => {
                // The value may be a token or a password.
                let (found, expected) = (value.type_str(), base.type_str());
                return Err(format!("{path}{key}: expected the type {expected}, found {found}"));
            }
        }
    }
    Ok(())
}

/// An error for an unknown key, with the most similar known key.
pub(super) fn unknown<'a>(path: &str, key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let similarity = |known: &&str| strsim::jaro_winkler(key, known);
    let nearest = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let nearest = nearest.filter(|known| similarity(known) > 0.7);
    let hint = nearest.map_or_else(
        || format!("known keys: {}", known.join(", ")),
        |known| format!("did you mean \"{path}{known}\"?"),
    );
    format!("unknown key \"{path}{key}\"; {hint}")
}

#[cfg(test)]
mod tests {
    use super::super::Layers;
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let text = "[listen]\ntoken = \"hunter2\"\n\
            [redis]\nurl = \"redis+sentinel://u:hunter2@a/main?sentinel_password=hunter2\"\n\
            [settlement]\nledger = \"postgres\"\nurl = \"postgres://u:hunter2@localhost/d\"\n\
            locks = [\"redis://u:hunter2@a\"]\ndeliver = \"https://u:hunter2@h/hunter2\"\n\
            deliver_secret = \"hunter2 hunter2 hunter2\"\n\
            deliver_proxy = \"http://u:hunter2@p\"\n\
            [lock]\nnodes = [\"redis://u:hunter2@a\"]\n";
        let settings = Settings::parse("c.toml", text).expect("settings");
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let config = settings.check().expect("a configuration");
        let shown = format!("{config:?} {:?}", config.options());
        assert!(!shown.contains("hunter2"), "{shown}");
        let command = "[settlement]\nledger = \"embedded\"\ndeliver_command = [\"a\", \"hunter2\"]\n\
            [[listen.tokens]]\nsha256 = \"hunter2\"\noperator = true\n";
        let shown = format!("{:?}", Settings::parse("c.toml", command).expect("settings"));
        assert!(!shown.contains("hunter2"), "{shown}");
        let secret = || Some("hunter2".into());
        let layers = Layers {
            token: secret(),
            redis: secret(),
            settle_url: secret(),
            deliver_secret: secret(),
            lock: vec!["hunter2".into()],
            ..Layers::default()
        };
        let shown = format!("{layers:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
