//! The configuration: a file, overridden by the environment, overridden by the command line.

#[cfg(test)]
mod corrupted;
mod listen;
mod lock;
mod market;
mod redis;
mod setting;
mod settlement;
mod token;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use pricetime::engine::AccountId;
use pricetime::persistence::redis::RedisOptions;
use pricetime::{CoreOptions, EpochSchedule, Options, Policy, Retention, RunnerLock, Secret, Wait};
use pricetime_gateway::{Addresses, ConnectionLimits, Tokens};
use pricetime_terminal::{Paint, Tone};

use super::failure::{Code, Failure};
use setting::{EpochInterval, Epochs, Retained, Settings, Waiting};

pub(crate) use market::ConfiguredMarket;
pub(crate) use settlement::{LedgerLocation, SettlementConfig};

/// A file that lists every setting with its default.
const DEFAULT: &str = include_str!("config/default.toml");

/// The longest time that can be configured, short enough that adding it to any clock does not overflow.
const TIME_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Shows or checks a configuration.
#[derive(Debug, Args)]
#[command(after_help = "Try:
  pricetime config --default > pricetime.toml   a file with every setting, explained
  pricetime config --check pricetime.toml       check it; exit code 2 if something is wrong
  pricetime run --config pricetime.toml         run with it")]
#[group(required = true, multiple = false)]
pub(crate) struct ConfigCommand {
    /// Print a file that lists every setting with its default.
    #[arg(long)]
    default: bool,
    /// Check a file without starting anything.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

impl ConfigCommand {
    /// Prints the default configuration or checks a file.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        match &self.check {
            None => out.write_all(DEFAULT.as_bytes())?,
            Some(file) => {
                let config =
                    Config::new(&Layers { config: Some(file.clone()), ..Layers::default() })?;
                let (file, markets) = (file.display(), config.markets.len());
                let good = Paint::out().text(Tone::Good, "good");
                match &config.folder {
                    Some(folder) => {
                        let folder = folder.display();
                        writeln!(out, "{file}: {good}; {markets} markets, data in {folder}")?;
                    }
                    None => writeln!(
                        out,
                        "{file}: {good}; {markets} markets, in Redis alone: answers are not durable"
                    )?,
                }
            }
        }
        Ok(())
    }
}

/// Settings from the command line and the environment.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Layers {
    /// The configuration file. Without one the defaults apply.
    #[arg(long, value_name = "FILE", env = "PRICETIME_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The folder for journal and snapshots [default: ./data].
    #[arg(long, value_name = "DIR", env = "PRICETIME_FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// When epochs close: "15m", 15 (minutes), or "never" [default: 15m, on the clock].
    #[arg(long, value_name = "TIME", env = "PRICETIME_EPOCH")]
    pub(crate) epoch: Option<String>,
    /// When a command counts as durable: sync, interval, none [default: sync].
    #[arg(long, value_name = "POLICY", env = "PRICETIME_POLICY")]
    pub(crate) policy: Option<String>,
    /// A Unix socket to listen on; clients there may be operators.
    #[arg(long, value_name = "PATH", env = "PRICETIME_UNIX")]
    pub(crate) unix: Option<String>,
    /// A local address to listen on, like localhost:7070. A connection without a token sees public data
    /// only.
    #[arg(long, value_name = "ADDRESS", env = "PRICETIME_TCP")]
    pub(crate) tcp: Option<String>,
    /// A token that makes a TCP client an operator. Prefer the environment variable, which other users
    /// cannot read. Tokens for accounts are [[listen.tokens]] in the configuration.
    #[arg(long, value_name = "TOKEN", env = "PRICETIME_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<Secret>,
    /// Write the image of every market to this Redis after each epoch: redis://host:port, rediss://,
    /// redis+sentinel://host,host/master, redis+cluster://host,host.
    #[arg(long, value_name = "URL", env = "PRICETIME_REDIS", hide_env_values = true)]
    pub(crate) redis: Option<Secret>,
    /// Also append every durable event to streams in that Redis, and notify channels there.
    #[arg(long, env = "PRICETIME_PUBLISH")]
    pub(crate) publish: bool,
    /// Run without a data folder: Redis alone stores the state, as of the last epoch written there. Answers
    /// come at once and are not durable.
    #[arg(long, env = "PRICETIME_REDIS_ONLY", value_parser = FalseyValueParser::new())]
    pub(crate) redis_only: bool,
    /// Post the trades of each epoch to a ledger, exactly once and in order: embedded (in the data folder),
    /// redis, postgres; or none.
    #[arg(long, value_name = "LEDGER", env = "PRICETIME_SETTLE")]
    pub(crate) settle: Option<String>,
    /// The URL of that ledger, if it is on a server [default: for redis, that of --redis].
    #[arg(long, value_name = "URL", env = "PRICETIME_SETTLE_URL", hide_env_values = true)]
    pub(crate) settle_url: Option<Secret>,
    /// The secret that signs HTTP deliveries. Prefer the environment variable, which other users cannot
    /// read.
    #[arg(long, value_name = "SECRET", env = "PRICETIME_DELIVER_SECRET", hide_env_values = true)]
    pub(crate) deliver_secret: Option<Secret>,
    /// A server of the lock that keeps two processes from running the same markets: redis://host:port. Give
    /// it once, or an odd number of times for independent servers.
    #[arg(
        long,
        value_name = "URL",
        env = "PRICETIME_LOCK",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) lock: Vec<Secret>,
    /// What this process does while another runs the markets: "wait" until the other has ended, or "exit"
    /// with code 5 [default: wait].
    #[arg(long, value_name = "WHAT", env = "PRICETIME_STANDBY")]
    pub(crate) standby: Option<String>,
    /// A file to which the events of every durable command are appended.
    #[arg(long, value_name = "FILE", env = "PRICETIME_EVENTS")]
    pub(crate) events: Option<String>,
}

/// A configuration that has been checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// `None` if Redis alone stores the state.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) gates: EpochSchedule,
    pub(crate) policy: Policy,
    pub(crate) retention: Retention,
    pub(crate) snapshots: usize,
    pub(crate) markets_max: u32,
    pub(crate) ring: usize,
    pub(crate) subscription: usize,
    pub(crate) subscription_replay: u64,
    pub(crate) line_max: usize,
    pub(crate) wait: Wait,
    pub(crate) addresses: Addresses,
    pub(crate) tokens: Tokens,
    pub(crate) connections: ConnectionLimits,
    pub(crate) events: Option<PathBuf>,
    pub(crate) redis: Option<RedisOptions>,
    pub(crate) lock: Option<RunnerLock>,
    pub(crate) trades_epochs: u64,
    pub(crate) trades_max: usize,
    pub(crate) accept_eviction: bool,
    pub(crate) settlement_config: Option<SettlementConfig>,
    /// The account that receives the fees.
    pub(crate) platform: AccountId,
    pub(crate) markets: Vec<ConfiguredMarket>,
}

impl Config {
    /// Reads the file, or the default, and applies the command line and the environment.
    pub(crate) fn new(layers: &Layers) -> Result<Self, Failure> {
        let (name, text) = match &layers.config {
            None => (String::from("the default configuration"), DEFAULT.to_owned()),
            Some(file) => (file.display().to_string(), read(file)?),
        };
        Self::of(&name, &text, layers)
    }

    /// Applies the command line and the environment to the text of a file.
    pub(crate) fn of(name: &str, text: &str, layers: &Layers) -> Result<Self, Failure> {
        let mut settings = Settings::parse(name, text)?;
        layers.apply_to(&mut settings).map_err(|error| Failure::new(Code::Usage, error))?;
        settings.check().map_err(|error| {
            let error = layers.name_flag(&error).unwrap_or_else(|| format!("{name}: {error}"));
            Failure::new(Code::Usage, error)
        })
    }

    /// The host options of this configuration.
    pub(crate) fn options(&self) -> Options {
        Options {
            markets_max: self.markets_max,
            gates: self.gates,
            policy: self.policy,
            core: CoreOptions {
                capacity: self.ring,
                // A small ring reserves the same fraction of itself for cancels.
                reserve: (self.ring / 64).max(1),
                wait: self.wait,
                ..CoreOptions::default()
            },
            subscription: self.subscription,
            subscription_replay: self.subscription_replay,
            snapshots: self.snapshots,
            retention: self.retention,
            redis: self.redis.clone(),
            settlement: self.settlement_config.as_ref().map(|it| it.settlement(self.platform)),
            lock: self.lock.clone(),
            trades_epochs: self.trades_epochs,
            trades_max: self.trades_max,
            folder: self.folder.clone(),
            ..Options::new("")
        }
    }
}

impl Layers {
    /// Rewrites an error about a setting to name the flag, if the flag set the value.
    fn name_flag(&self, error: &str) -> Option<String> {
        let flags = [
            ("epochs.every", "epoch", self.epoch.is_some()),
            ("journal.policy", "policy", self.policy.is_some()),
            ("listen.tcp", "tcp", self.tcp.is_some()),
            ("listen.token", "token", self.token.is_some()),
            ("redis.url", "redis", self.redis.is_some()),
            ("redis.only", "redis-only", self.redis_only),
            ("redis.publish.events", "publish", self.publish),
            ("settlement.ledger", "settle", self.settle.is_some()),
            ("settlement.url", "settle-url", self.settle_url.is_some()),
            ("settlement.deliver_secret", "deliver-secret", self.deliver_secret.is_some()),
            ("lock.nodes", "lock", !self.lock.is_empty()),
            ("lock.standby", "standby", self.standby.is_some()),
            ("folder", "folder", self.folder.is_some()),
        ];
        let (flag, rest) = flags.into_iter().find_map(|(key, flag, is_set)| {
            let rest = error.strip_prefix(key)?;
            (is_set && rest.starts_with([' ', ':'])).then_some((flag, rest))
        })?;
        let variable = flag.replace('-', "_").to_uppercase();
        Some(format!("--{flag} (or PRICETIME_{variable}){rest}"))
    }

    /// Overrides the settings of the file with those of the command line and the environment.
    fn apply_to(&self, settings: &mut Settings) -> Result<(), String> {
        settings.redis.only |= self.redis_only;
        if let Some(folder) = &self.folder {
            if settings.redis.only {
                return Err(String::from(
                    "--folder and --redis-only exclude each other: with --redis-only there is no \
                     data folder",
                ));
            }
            settings.folder.clone_from(folder);
        }
        if let Some(epoch) = &self.epoch {
            settings.epochs.every.clone_from(epoch);
            settings.epochs.commands = 0;
        }
        set(&mut settings.journal.policy, &self.policy);
        set(&mut settings.listen.unix, &self.unix);
        set(&mut settings.listen.tcp, &self.tcp);
        set(&mut settings.listen.token, &self.token);
        set(&mut settings.output.events, &self.events);
        set(&mut settings.redis.url, &self.redis);
        set(&mut settings.settlement.ledger, &self.settle);
        set(&mut settings.settlement.url, &self.settle_url);
        set(&mut settings.settlement.deliver_secret, &self.deliver_secret);
        settings.redis.publish.events |= self.publish;
        if !self.lock.is_empty() {
            settings.lock.nodes.clone_from(&self.lock);
        }
        set(&mut settings.lock.standby, &self.standby);
        Ok(())
    }
}

fn set<T: Clone>(to: &mut T, from: &Option<T>) {
    if let Some(from) = from {
        to.clone_from(from);
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let why = |error| format!("cannot read the configuration {}: {error}", file.display());
    fs::read_to_string(file).map_err(|error| Failure::new(Code::Usage, why(error)))
}

fn duration(key: &str, text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text);
    let duration =
        duration.map_err(|why| format!("{key} = {text:?}: {why}; use \"15m\" or \"90s\""))?;
    if duration.is_zero() {
        Err(format!("{key} = {text:?}: it must be longer"))
    } else if duration > TIME_MAX {
        Err(format!("{key} = {text:?}: it must be at most \"366days\""))
    } else {
        Ok(duration)
    }
}

/// Returns `None` if the text is empty.
fn non_empty<T>(text: &str, make: impl FnOnce(&str) -> T) -> Option<T> {
    (!text.is_empty()).then(|| make(text))
}

impl Epochs {
    /// The schedule on which epochs close.
    fn gates(&self) -> Result<EpochSchedule, String> {
        Ok(match (self.interval()?, self.commands) {
            (EpochInterval::Never, 0) => EpochSchedule::OnRequest,
            (EpochInterval::Never, commands) => EpochSchedule::Commands(commands),
            (EpochInterval::Every(every), 0) if self.aligned => EpochSchedule::Aligned(every),
            (EpochInterval::Every(every), 0) => EpochSchedule::Every(every),
            (EpochInterval::Every(_), _) => {
                return Err(String::from(
                    "epochs.commands and epochs.every exclude each other: set every = \"never\"",
                ));
            }
        })
    }
}

impl Settings {
    /// Checks the settings and converts them to a configuration.
    fn check(self) -> Result<Config, String> {
        let gates = self.epochs.gates()?;
        let policy = policy(&self.journal)?;
        let (folder, policy) = folder_and_policy(self.folder, policy, &self.redis)?;
        if self.redis.publish.events && matches!(policy, Policy::None | Policy::Epoch) {
            return Err(String::from(
                "redis.publish.events: events are published from the journal, so a data folder and \
                 another journal.policy are required",
            ));
        }
        let tcp = non_empty(&self.listen.tcp, parse_loopback).transpose()?;
        let connections = self.listen.connections()?;
        let tokens = token::tokens(&self.listen.token, self.listen.tokens)?;
        if self.limits.ring < 2 || self.limits.line < 256 || self.limits.markets == 0 {
            return Err(String::from(
                "limits: the minimum is 1 market, 2 commands in the ring and 256 bytes a line",
            ));
        }
        let markets: Vec<_> =
            self.market.into_iter().map(ConfiguredMarket::new).collect::<Result<_, _>>()?;
        let platform = self.settlement.platform()?;
        let server_settings = self.redis.server_settings();
        let (trades_epochs, trades_max) = (self.redis.trades_epochs, self.redis.trades_max);
        let accept_eviction = self.redis.accept_eviction;
        let lock = self.lock.options(&self.redis)?;
        let redis = self.redis.options(&markets)?;
        let settlement_config = self.settlement.settlement_config(
            folder.as_deref(),
            policy,
            (&server_settings, redis.as_ref()),
        )?;
        Ok(Config {
            folder,
            gates,
            policy,
            retention: match self.journal.retention {
                Retained::All => Retention::All,
                Retained::Snapshots => Retention::Snapshots,
            },
            snapshots: self.snapshots.keep,
            markets_max: self.limits.markets,
            ring: self.limits.ring,
            subscription: self.limits.subscription,
            subscription_replay: self.limits.subscription_replay,
            line_max: self.limits.line,
            wait: match self.core.wait {
                Waiting::Auto => Wait::default(),
                Waiting::Park => Wait::Park,
                Waiting::Yield => Wait::Yield,
                Waiting::Spin => Wait::Spin,
            },
            addresses: Addresses {
                unix: non_empty(&self.listen.unix, |path| PathBuf::from(path)),
                tcp,
            },
            tokens,
            connections,
            events: non_empty(&self.output.events, |path| PathBuf::from(path)),
            trades_epochs,
            trades_max,
            accept_eviction,
            lock,
            redis,
            settlement_config,
            platform,
            markets,
        })
    }
}

/// The durability policy.
fn policy(journal: &setting::Journal) -> Result<Policy, String> {
    Ok(match journal.policy.as_str() {
        "sync" => Policy::Sync,
        "interval" => Policy::Interval(duration("journal.interval", &journal.interval)?),
        "none" => Policy::None,
        "epoch" => Policy::Epoch,
        other => {
            return Err(format!(
                "journal.policy = {other:?}: use \"sync\", \"interval\" or \"none\", or \"epoch\" \
                 with redis.only"
            ));
        }
    })
}

/// The data folder, if there is one, and the durability policy.
fn folder_and_policy(
    folder: PathBuf,
    policy: Policy,
    redis: &setting::Redis,
) -> Result<(Option<PathBuf>, Policy), String> {
    if !redis.only {
        return match policy {
            Policy::Epoch => Err(String::from(
                "journal.policy = \"epoch\" requires redis.only = true, or --redis-only",
            )),
            Policy::Sync | Policy::Interval(_) | Policy::None | _ => Ok((Some(folder), policy)),
        };
    }
    if redis.url.is_empty() {
        return Err(String::from(
            "redis.only: the address is not given; set redis.url, or --redis",
        ));
    }
    if redis.trades_max == 0 {
        return Err(String::from("redis.trades_max: it must be at least 1"));
    }
    if folder != Path::new("./data") {
        return Err(format!(
            "folder = {folder:?} and redis.only exclude each other: with redis.only there is no \
             data folder"
        ));
    }
    match policy {
        // `Sync` is also the default, if no policy was set.
        Policy::Sync | Policy::Epoch => Ok((None, Policy::Epoch)),
        Policy::Interval(_) | Policy::None | _ => {
            Err(String::from("journal.policy: with redis.only the only policy is \"epoch\""))
        }
    }
}

/// Parses a loopback address.
fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let numbers = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address: SocketAddr = numbers.as_deref().unwrap_or(text).parse().map_err(|_| {
        format!("listen.tcp = {text:?}: expected an address and a port, like \"127.0.0.1:7070\"")
    })?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "listen.tcp = {text:?}: only addresses of this machine (127.0.0.1, ::1) are allowed, \
         because the connection is not encrypted"
    ))
}
