//! Where PostgreSQL is, who we are there, and how long it may take.

use core::fmt;
use core::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::LedgerError;

/// What a ledger in PostgreSQL is like.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The server, the database and who we are.
    pub(super) config: Config,
    /// The schema in which the tables stand. It is ours alone.
    pub schema: String,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long an answer may take, once there is a connection: everything that one call asks. Each
    /// transfer of a batch adds a thousandth of a second.
    pub answer: Duration,
    /// Who may sign the server's certificate, as PEM, where it is not for the system to say.
    pub authority: Option<Vec<u8>>,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password stays where it is.
        f.debug_struct("PostgresOptions").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Of an address, in a schema: `postgres://user:password@host[:port]/database[?sslmode=require]`,
    /// or `host=… port=… user=… password=… dbname=…`. With `sslmode=require` the connection is
    /// encrypted and the server's certificate is checked, its name too; else it is not encrypted.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] where the address or the schema's name is none.
    pub fn parse(address: &str, schema: &str) -> Result<Self, LedgerError> {
        let refused =
            |why: String| Err(LedgerError::Refused { ledger: String::from("in PostgreSQL"), why });
        // We check as much in any case.
        let plain = address.replace("sslmode=verify-full", "sslmode=require");
        let mut config = match Config::from_str(&plain) {
            Ok(config) => config,
            Err(error) => {
                let why = super::fault::chain(&error);
                return refused(format!(
                    "its address is none: {why}; it looks like \
                     postgres://user:password@host/database"
                ));
            }
        };
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return refused(String::from("its address names no host"));
        }
        if schema.is_empty() || schema.len() > 63 || schema.contains('\0') {
            return refused(format!("{schema:?} is no name of a schema: it has 1 to 63 bytes"));
        }
        if config.get_ssl_mode() != SslMode::Require {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_application_name().is_none() {
            config.application_name("pricetime");
        }
        // A server that only follows another one takes no batches.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let connect = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5));
        let answer = Duration::from_secs(10);
        Ok(Self { config, schema: schema.to_owned(), connect, answer, authority: None })
    }

    /// The server and the schema, for people.
    pub(super) fn name(&self) -> String {
        let mut name = String::from("in PostgreSQL at ");
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let ports = self.config.get_ports();
            let port = ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(host) => name += &format!("{comma}{host}:{port}"),
                #[cfg(unix)]
                Host::Unix(folder) => name += &format!("{comma}{}:{port}", folder.display()),
            }
        }
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{name}/{database}, schema {}", self.schema)
    }

    /// The schema's name as SQL has it.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.schema.replace('"', "\"\""))
    }

    /// The same, where an answer takes so many accounts into it.
    pub(super) fn with(&self, accounts: usize) -> Self {
        let more = Duration::from_millis(accounts.try_into().unwrap_or(u64::MAX));
        Self { answer: self.answer.saturating_add(more), ..self.clone() }
    }

    /// What every transaction begins with. It holds for that one alone, so a pool between us and the
    /// server takes nothing from it.
    pub(super) fn begin(&self) -> String {
        // The server counts in 31 bits.
        let answer = self.answer.as_millis().clamp(1, 2_000_000_000);
        let lock = (answer / 2).max(1);
        let schema = self.quoted();
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SET LOCAL synchronous_commit TO on; \
             SET LOCAL statement_timeout TO {answer}; \
             SET LOCAL lock_timeout TO {lock}; \
             SET LOCAL idle_in_transaction_session_timeout TO {answer}; \
             SET LOCAL search_path TO {schema}, pg_temp"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_say() {
        let parse = |address: &str| PostgresOptions::parse(address, "books").unwrap();
        let one = parse("postgres://ann:p%40ss@one:6000/platform?sslmode=verify-full");
        assert_eq!(one.name(), "in PostgreSQL at one:6000/platform, schema books");
        assert_eq!(one.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(one.config.get_password(), Some(b"p@ss".as_slice()));
        assert!(!format!("{one:?}").contains("p@ss"));
        let two = parse("host=a,b user=ann connect_timeout=2");
        assert_eq!(two.name(), "in PostgreSQL at a:5432,b:5432/ann, schema books");
        assert_eq!(two.connect, Duration::from_secs(2));
        assert_eq!(two.config.get_ssl_mode(), SslMode::Disable);
        let refused = |address: &str, schema: &str| {
            matches!(PostgresOptions::parse(address, schema), Err(LedgerError::Refused { .. }))
        };
        for bad in ["", "redis://a", "postgres://a/b?sslmode=perhaps", "user=ann"] {
            assert!(refused(bad, "books"), "{bad}");
        }
        assert!(refused("host=a", "") && refused("host=a", &"x".repeat(64)));
    }

    #[test]
    fn a_schema_of_any_name_stays_a_name() {
        let odd = PostgresOptions::parse("host=a", "a\"; DROP TABLE b").unwrap();
        assert!(odd.begin().ends_with("TO \"a\"\"; DROP TABLE b\", pg_temp"), "{}", odd.begin());
    }
}
