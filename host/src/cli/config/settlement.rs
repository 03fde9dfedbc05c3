//! Settlement in the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetime::engine::AccountId;
use pricetime::persistence::ledger::postgres::{PostgresLedger, PostgresOptions};
use pricetime::persistence::ledger::{EmbeddedLedger, Ledger, LedgerError};
use pricetime::persistence::redis::{RedisLedger, RedisOptions, Server};
use pricetime::persistence::redlock::Rules;
use pricetime::{Delivery, Policy, ProgramOutlet, SettlementLock, WebOutlet};
use uuid::Uuid;

use super::duration;
use super::redis::Manner;
use super::setting::Settlement;

/// Where the ledger of a folder is that has one of its own.
const FOLDER: &str = "ledger";

/// Where and how trades are settled.
#[derive(Clone, Debug)]
pub(crate) struct Settling {
    pub(crate) books: Books,
    pub(crate) lock: Option<SettlementLock>,
    outside: Outside,
}

/// Where what is posted is delivered.
#[derive(Clone, Debug)]
struct Outside {
    to: To,
    timeout: Duration,
    forget: bool,
}

#[derive(Clone, Debug)]
enum To {
    Nobody,
    Web(String),
    Program(String, Vec<String>),
}

impl Outside {
    fn delivery(&self) -> Option<Delivery> {
        let delivery = match &self.to {
            To::Nobody => return None,
            // That it is an address was seen when the configuration was read.
            To::Web(address) => Delivery::to(WebOutlet::new(address, self.timeout).ok()?),
            To::Program(program, words) => {
                Delivery::to(ProgramOutlet::new(program, words, self.timeout))
            }
        };
        Some(Delivery { forget: self.forget, ..delivery })
    }
}

/// A ledger that is yet to be opened.
#[derive(Clone, Debug)]
pub(crate) enum Books {
    /// A file, in this folder.
    Embedded(PathBuf),
    Redis(Box<RedisOptions>),
    Postgres(Box<PostgresOptions>),
}

impl Books {
    /// Those of a folder that has its own.
    pub(crate) fn embedded(folder: &Path) -> Self {
        Self::Embedded(folder.join(FOLDER))
    }

    /// Opens them.
    pub(crate) fn open(&self) -> Result<Box<dyn Ledger>, LedgerError> {
        Ok(match self {
            Self::Embedded(folder) => Box::new(EmbeddedLedger::open(folder)?),
            Self::Redis(options) => Box::new(RedisLedger::open((**options).clone())?),
            Self::Postgres(options) => Box::new(PostgresLedger::open((**options).clone())?),
        })
    }
}

impl Settling {
    /// What a host is to be told.
    pub(super) fn settlement(&self, platform: AccountId) -> pricetime::Settlement {
        let books = self.books.clone();
        let settlement = match self.books.clone() {
            Books::Embedded(folder) => {
                pricetime::Settlement::shared(move || EmbeddedLedger::open(&folder))
            }
            Books::Redis(_) | Books::Postgres(_) => {
                pricetime::Settlement::new(move || books.open())
            }
        };
        let (lock, delivery) = (self.lock.clone(), self.outside.delivery());
        pricetime::Settlement { platform, lock, delivery, ..settlement }
    }
}

impl Settlement {
    /// Who gets the fees, wherever they are settled.
    pub(super) fn platform(&self) -> Result<AccountId, String> {
        let uuid = Uuid::try_parse(&self.platform);
        let bad = |_| format!("settlement.platform = {:?}: an account is a UUID", self.platform);
        uuid.map(AccountId::from).map_err(bad)
    }

    /// What is settled where, if anything is.
    pub(super) fn settling(
        &self,
        folder: Option<&Path>,
        policy: Policy,
        (manner, redis): (&Manner, Option<&RedisOptions>),
    ) -> Result<Option<Settling>, String> {
        let books = match self.ledger.as_str() {
            "none" if self.url.is_empty() => return Ok(None),
            "none" => {
                return Err(String::from(
                    "settlement.url: of which kind is this ledger? Say settlement.ledger, or \
                     --settle",
                ));
            }
            "embedded" if !self.url.is_empty() => {
                return Err(String::from(
                    "settlement.url: the ledger \"embedded\" stands in the data folder and has no \
                     address",
                ));
            }
            "embedded" => folder.map(Books::embedded),
            "redis" => Some(Books::Redis(Box::new(self.redis(manner, redis)?))),
            "postgres" => Some(Books::Postgres(Box::new(self.postgres()?))),
            other => {
                return Err(format!(
                    "settlement.ledger = {other:?}: there are \"none\", \"embedded\", \"redis\" and \
                     \"postgres\""
                ));
            }
        };
        let (Some(books), Some(_)) = (books, folder) else {
            return Err(String::from(
                "settlement: batches are made again from the journal, and with redis.only there is \
                 none: say settlement.ledger = \"none\", or keep a data folder",
            ));
        };
        if policy == Policy::None {
            return Err(String::from(
                "settlement: batches are made again from the journal, and with journal.policy = \
                 \"none\" there is none: say \"sync\"",
            ));
        }
        let lock = self.lock(&books, manner)?;
        Ok(Some(Settling { books, lock, outside: self.outside()? }))
    }

    /// Where what is posted is delivered.
    fn outside(&self) -> Result<Outside, String> {
        let timeout = duration("settlement.deliver_timeout", &self.deliver_timeout)?;
        let to = match (self.deliver.as_str(), self.deliver_command.split_first()) {
            ("", None) => To::Nobody,
            ("", Some((program, words))) => To::Program(program.clone(), words.to_vec()),
            (_, Some(_)) => {
                return Err(String::from(
                    "settlement.deliver and settlement.deliver_command exclude each other",
                ));
            }
            (address, None) => {
                let fit = WebOutlet::new(address, timeout);
                fit.map_err(|why| format!("settlement.deliver: {why}"))?;
                To::Web(address.to_owned())
            }
        };
        Ok(Outside { to, timeout, forget: self.deliver_forget })
    }

    fn redis(&self, manner: &Manner, redis: Option<&RedisOptions>) -> Result<RedisOptions, String> {
        if !self.url.is_empty() {
            return manner.server("settlement.url", &self.url);
        }
        redis.cloned().ok_or_else(|| {
            String::from(
                "settlement.ledger = \"redis\": which one? Say settlement.url or redis.url",
            )
        })
    }

    fn postgres(&self) -> Result<PostgresOptions, String> {
        if self.url.is_empty() {
            return Err(String::from(
                "settlement.ledger = \"postgres\": which one? Say settlement.url, or --settle-url",
            ));
        }
        PostgresOptions::parse(&self.url, &self.schema).map_err(|why| format!("settlement: {why}"))
    }

    /// The lock; none where nobody can share the ledger.
    fn lock(&self, books: &Books, manner: &Manner) -> Result<Option<SettlementLock>, String> {
        let ttl = duration("settlement.lock_ttl", &self.lock_ttl)?;
        let named = self.locks.iter().map(|url| manner.server("settlement.locks", url));
        let mut nodes: Vec<_> = named.collect::<Result<_, _>>()?;
        if nodes.is_empty() {
            match books {
                Books::Redis(options) if matches!(options.server, Server::Single(_)) => {
                    nodes.push((**options).clone());
                }
                Books::Redis(_) | Books::Embedded(_) | Books::Postgres(_) => return Ok(None),
            }
        }
        if nodes.iter().any(|node| !matches!(node.server, Server::Single(_))) {
            return Err(String::from(
                "settlement.locks: a lock is kept by single servers that know nothing of each other",
            ));
        }
        Rules::new(nodes.len(), ttl).map_err(|why| format!("settlement.locks: {why}"))?;
        Ok(Some(SettlementLock { nodes, ttl }))
    }
}
