//! Settlement in the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetime::engine::AccountId;
use pricetime::persistence::redis::redlock::Rules;
use pricetime::persistence::settlement::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger, LedgerError};
use pricetime::persistence::{
    redis::{RedisOptions, Server},
    settlement::ledger::RedisLedger,
};
use pricetime::{BadAddress, Delivery, Policy, ProgramOutlet, Secret, SettlementLock, WebOutlet};
use uuid::Uuid;

use super::duration;
use super::redis::ServerSettings;
use super::setting::Settlement;

/// The name of a data folder's own ledger.
const FOLDER: &str = "ledger";
/// The minimum length of a signing secret, in bytes.
const SECRET_MIN: usize = 16;

/// The ledger of a run, its lock, and the outlet for postings.
#[derive(Clone, Debug)]
pub(crate) struct SettlementConfig {
    pub(crate) location: LedgerLocation,
    pub(crate) lock: Option<SettlementLock>,
    delivery_config: DeliveryConfig,
}

/// The outlet for postings, and its options.
#[derive(Clone, Debug)]
struct DeliveryConfig {
    to: OutletConfig,
    timeout: Duration,
    forget: bool,
}

#[derive(Clone, Debug)]
enum OutletConfig {
    Disabled,
    Web { address: Secret, secret: Secret, proxy: Secret },
    Program(Vec<Secret>),
}

impl DeliveryConfig {
    fn delivery(&self) -> Option<Delivery> {
        let delivery = match &self.to {
            OutletConfig::Disabled => return None,
            // The address was checked when the configuration was read.
            OutletConfig::Web { address, secret, proxy } => {
                let outlet = web_outlet(address, proxy, self.timeout).ok()?;
                let is_signed = !secret.is_empty();
                Delivery::to(if is_signed { outlet.signed_with(secret.clone()) } else { outlet })
            }
            OutletConfig::Program(words) => {
                let mut words = words.iter().map(|it| it.expose().to_owned());
                let program = words.next()?;
                Delivery::to(ProgramOutlet::new(&program, &words.collect::<Vec<_>>(), self.timeout))
            }
        };
        Some(Delivery { forget: self.forget, ..delivery })
    }
}

/// An outlet that posts to this address, through a proxy if one is given.
fn web_outlet(
    address: &Secret,
    proxy: &Secret,
    timeout: Duration,
) -> Result<WebOutlet, BadAddress> {
    let outlet = WebOutlet::new(address.expose(), timeout)?;
    if proxy.is_empty() { Ok(outlet) } else { outlet.through(proxy.expose()) }
}

/// The location of a ledger that is not open yet.
#[derive(Clone, Debug)]
pub(crate) enum LedgerLocation {
    /// A file in this folder.
    Embedded(PathBuf),
    Redis(Box<RedisOptions>),
    Postgres(Box<PostgresOptions>),
}

impl LedgerLocation {
    /// The embedded ledger of a data folder.
    pub(crate) fn embedded(folder: &Path) -> Self {
        Self::Embedded(folder.join(FOLDER))
    }

    /// Opens the ledger.
    pub(crate) fn open(&self) -> Result<Box<dyn Ledger>, LedgerError> {
        Ok(match self {
            Self::Embedded(folder) => Box::new(EmbeddedLedger::open(folder)?),
            Self::Redis(options) => Box::new(RedisLedger::open((**options).clone())?),
            Self::Postgres(options) => Box::new(PostgresLedger::open((**options).clone())?),
        })
    }
}

impl SettlementConfig {
    /// The settlement options of a host.
    pub(super) fn settlement(&self, platform: AccountId) -> pricetime::Settlement {
        let location = self.location.clone();
        let settlement = match self.location.clone() {
            LedgerLocation::Embedded(folder) => {
                pricetime::Settlement::shared(move || EmbeddedLedger::open(&folder))
            }
            LedgerLocation::Redis(_) | LedgerLocation::Postgres(_) => {
                pricetime::Settlement::new(move || location.open())
            }
        };
        let (lock, delivery) = (self.lock.clone(), self.delivery_config.delivery());
        pricetime::Settlement { platform, lock, delivery, ..settlement }
    }
}

impl Settlement {
    /// The account that receives the fees, whichever ledger is used.
    pub(super) fn platform(&self) -> Result<AccountId, String> {
        let uuid = Uuid::try_parse(&self.platform);
        let bad = |_| format!("settlement.platform = {:?}: it is not a UUID", self.platform);
        uuid.map(AccountId::from).map_err(bad)
    }

    /// The settlement configuration, or `None` if nothing is settled.
    pub(super) fn settlement_config(
        &self,
        folder: Option<&Path>,
        policy: Policy,
        (server_settings, redis): (&ServerSettings, Option<&RedisOptions>),
    ) -> Result<Option<SettlementConfig>, String> {
        let location = match self.ledger.as_str() {
            "none" if self.url.is_empty() => return Ok(None),
            "none" => {
                return Err(String::from(
                    "settlement.url: the kind of ledger is not given; set settlement.ledger, or \
                     --settle",
                ));
            }
            "embedded" if !self.url.is_empty() => {
                return Err(String::from(
                    "settlement.url: the ledger \"embedded\" is in the data folder and has no \
                     address",
                ));
            }
            "embedded" | "redis" if !self.authority.is_empty() => {
                return Err(String::from(
                    "settlement.authority is for the ledger \"postgres\"; for Redis, set \
                     redis.authority",
                ));
            }
            "embedded" => folder.map(LedgerLocation::embedded),
            "redis" => Some(LedgerLocation::Redis(Box::new(self.redis(server_settings, redis)?))),
            "postgres" => Some(LedgerLocation::Postgres(Box::new(self.postgres()?))),
            other => {
                // The value may be an address by mistake, and an address may hold a password.
                let other = if other.contains([':', '@']) { "…" } else { other };
                return Err(format!(
                    "settlement.ledger = {other:?}: use \"none\", \"embedded\", \"redis\" or \
                     \"postgres\""
                ));
            }
        };
        let (Some(location), Some(_)) = (location, folder) else {
            return Err(String::from(
                "settlement: batches are recomputed from the journal, and with redis.only there is \
                 none: set settlement.ledger = \"none\", or use a data folder",
            ));
        };
        if policy == Policy::None {
            return Err(String::from(
                "settlement: batches are recomputed from the journal, and with journal.policy = \
                 \"none\" there is none: set \"sync\"",
            ));
        }
        let lock = self.lock(&location, server_settings)?;
        Ok(Some(SettlementConfig { location, lock, delivery_config: self.delivery_config()? }))
    }

    /// The outlet for postings.
    fn delivery_config(&self) -> Result<DeliveryConfig, String> {
        let timeout = duration("settlement.deliver_timeout", &self.deliver_timeout)?;
        let is_web = !self.deliver.is_empty();
        if is_web && !self.deliver_command.is_empty() {
            return Err(String::from(
                "settlement.deliver and settlement.deliver_command exclude each other",
            ));
        }
        for (key, secret) in
            [("deliver_secret", &self.deliver_secret), ("deliver_proxy", &self.deliver_proxy)]
        {
            if !is_web && !secret.is_empty() {
                return Err(format!(
                    "settlement.{key}: it is for HTTP deliveries: set settlement.deliver"
                ));
            }
        }
        let length = self.deliver_secret.expose().len();
        if (1..SECRET_MIN).contains(&length) {
            return Err(format!(
                "settlement.deliver_secret: it has {length} bytes and can be guessed: use at least \
                 {SECRET_MIN}; `openssl rand -hex 32` makes one"
            ));
        }
        if is_web {
            web_outlet(&self.deliver, &Secret::default(), timeout)
                .map_err(|why| format!("settlement.deliver: {why}"))?;
            web_outlet(&self.deliver, &self.deliver_proxy, timeout)
                .map_err(|why| format!("settlement.deliver_proxy: {why}"))?;
        }
        let to = if is_web {
            let (address, secret) = (self.deliver.clone(), self.deliver_secret.clone());
            OutletConfig::Web { address, secret, proxy: self.deliver_proxy.clone() }
        } else if self.deliver_command.is_empty() {
            OutletConfig::Disabled
        } else {
            OutletConfig::Program(self.deliver_command.clone())
        };
        Ok(DeliveryConfig { to, timeout, forget: self.deliver_forget })
    }

    fn redis(
        &self,
        server_settings: &ServerSettings,
        redis: Option<&RedisOptions>,
    ) -> Result<RedisOptions, String> {
        if !self.url.is_empty() {
            return server_settings.server("settlement.url", &self.url);
        }
        redis.cloned().ok_or_else(|| {
            String::from(
                "settlement.ledger = \"redis\": the address is not given; set settlement.url or \
                 redis.url",
            )
        })
    }

    fn postgres(&self) -> Result<PostgresOptions, String> {
        if self.url.is_empty() {
            return Err(String::from(
                "settlement.ledger = \"postgres\": the address is not given; set settlement.url, \
                 or --settle-url",
            ));
        }
        let options = PostgresOptions::parse(self.url.expose(), &self.schema);
        let mut options = options.map_err(|why| format!("settlement.url: {why}"))?;
        if !self.authority.is_empty() {
            if !options.encrypts() {
                return Err(String::from(
                    "settlement.authority: the connection is not encrypted: add \
                     sslmode=verify-full to settlement.url",
                ));
            }
            let file = &self.authority;
            let read = std::fs::read(file);
            options.authority =
                Some(read.map_err(|why| format!("settlement.authority: {file}: {why}"))?);
        }
        options.insecure = self.insecure;
        options.check().map_err(|why| format!("settlement.url: {why}"))?;
        Ok(options)
    }

    /// The lock's options, or `None` if no other process can use the ledger.
    fn lock(
        &self,
        location: &LedgerLocation,
        server_settings: &ServerSettings,
    ) -> Result<Option<SettlementLock>, String> {
        let ttl = duration("settlement.lock_ttl", &self.lock_ttl)?;
        let named = self.locks.iter().map(|url| server_settings.server("settlement.locks", url));
        let mut nodes: Vec<_> = named.collect::<Result<_, _>>()?;
        if nodes.is_empty() {
            match location {
                LedgerLocation::Redis(options) if matches!(options.server, Server::Single(_)) => {
                    nodes.push((**options).clone());
                }
                LedgerLocation::Redis(_)
                | LedgerLocation::Embedded(_)
                | LedgerLocation::Postgres(_) => return Ok(None),
            }
        }
        if nodes.iter().any(|node| !matches!(node.server, Server::Single(_))) {
            return Err(String::from(
                "settlement.locks: use independent single servers, no cluster and no sentinels",
            ));
        }
        Rules::new(nodes.len(), ttl).map_err(|why| format!("settlement.locks: {why}"))?;
        Ok(Some(SettlementLock { nodes, ttl }))
    }
}
