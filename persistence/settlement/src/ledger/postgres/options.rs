//! The address, user and timeouts of a ledger in PostgreSQL.

use core::fmt;
use core::str::FromStr as _;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::LedgerError;

/// The settings of a ledger in PostgreSQL.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The server, the database and the user.
    pub(super) config: Config,
    /// The schema of the tables. It must be used for nothing else.
    pub schema: String,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long one call may take once there is a connection, with all its statements. Each transfer of
    /// a batch adds a millisecond.
    pub answer: Duration,
    /// The certificate authority for the server's certificate, as PEM, instead of those of the system.
    pub authority: Option<Vec<u8>>,
    /// Whether a connection to another machine may be unencrypted.
    pub insecure: bool,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is not shown.
        f.debug_struct("PostgresOptions").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Parses an address, for tables in a schema. The address is
    /// `postgres://user:password@host[:port]/database[?sslmode=require]` or
    /// `host=… port=… user=… password=… dbname=…`.
    ///
    /// With `sslmode=require`, `verify-ca` or `verify-full` the connection is encrypted, and the
    /// server's certificate is checked with its name. With `prefer` it is encrypted in the same way if
    /// the server can encrypt. With `disable`, or without `sslmode`, it is not encrypted. For a server
    /// on another machine, [`check`](Self::check) refuses a connection that is not certain to be
    /// encrypted.
    ///
    /// # Errors
    /// Returns [`LedgerError::Refused`] if the address or the schema's name is not valid. The error does
    /// not show the address.
    pub fn parse(address: &str, schema: &str) -> Result<Self, LedgerError> {
        let refused =
            |why: String| Err(LedgerError::Refused { ledger: String::from("in PostgreSQL"), why });
        // With `require` we check as much.
        let plain =
            ["verify-full", "verify-ca"].iter().fold(address.to_owned(), |address, mode| {
                address.replace(&format!("sslmode={mode}"), "sslmode=require")
            });
        let mut config = match Config::from_str(&plain) {
            Ok(config) => config,
            Err(error) => {
                let why = without_values(super::fault::chain(&error));
                return refused(format!(
                    "its address cannot be read: {why}; it looks like \
                     postgres://user:password@host/database"
                ));
            }
        };
        let has_at = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(has_at) {
            return refused(String::from(
                "its address has more than one @: write %40 for an @ in the user or the password",
            ));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return refused(String::from("its address has no host"));
        }
        if schema.is_empty() || schema.len() > 63 || schema.contains('\0') {
            return refused(format!("{schema:?} is not a schema name: it must have 1 to 63 bytes"));
        }
        // Without `sslmode`, the client defaults to `prefer`.
        if config.get_ssl_mode() == SslMode::Prefer && !address.contains("sslmode") {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_application_name().is_none() {
            config.application_name("pricetime");
        }
        // A read-only replica takes no batches.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let connect = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5));
        let answer = Duration::from_secs(10);
        let schema = schema.to_owned();
        Ok(Self { config, schema, connect, answer, authority: None, insecure: false })
    }

    /// Returns `true` if the connection is encrypted, at least if the server can encrypt.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Disable
    }

    /// Checks that the connection to a server on another machine is certain to be encrypted.
    ///
    /// # Errors
    /// Returns [`LedgerError::Refused`] if a server is on another machine and its connection may go
    /// without encryption, unless [`insecure`](Self::insecure) allows that.
    pub fn check(&self) -> Result<(), LedgerError> {
        let mode = self.config.get_ssl_mode();
        if mode == SslMode::Require || self.insecure || self.is_local() {
            return Ok(());
        }
        let why = if mode == SslMode::Prefer {
            "with sslmode=prefer, an attacker in the server's place can switch encryption off"
        } else {
            "it is on another machine, and the connection would not be encrypted"
        };
        let why = format!(
            "{why}: add sslmode=verify-full to its address, or allow it with settlement.insecure"
        );
        Err(LedgerError::Refused { ledger: self.name(), why })
    }

    /// Returns `true` if every server is on this machine, according to the address.
    fn is_local(&self) -> bool {
        let addresses = self.config.get_hostaddrs();
        if !addresses.is_empty() {
            return addresses.iter().all(IpAddr::is_loopback);
        }
        self.config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|it: IpAddr| it.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
    }

    /// Returns the server and the schema, to show to people.
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

    /// Returns the schema's name as a quoted SQL identifier.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.schema.replace('"', "\"\""))
    }

    /// Returns these options with more time to answer, for a call about this many accounts.
    pub(super) fn with(&self, accounts: usize) -> Self {
        let more = Duration::from_millis(accounts.try_into().unwrap_or(u64::MAX));
        Self { answer: self.answer.saturating_add(more), ..self.clone() }
    }

    /// Returns the statements that begin every transaction. The settings hold for that transaction only,
    /// so they also work behind a connection pooler.
    pub(super) fn begin(&self) -> String {
        // The server's timeouts have 31 bits.
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

/// Returns the error of an address without the values in it, which may be a piece of a password.
fn without_values(why: String) -> String {
    for shown in [" but got", " `"] {
        if let Some((before, _)) = why.split_once(shown)
            && !before.ends_with("invalid value for option")
        {
            return before.to_owned();
        }
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_parsed_or_refused() {
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
    fn unreadable_address_is_not_shown() {
        for bad in [
            "postgres://ann:hunter2@host/db?hunter2=1",
            "postgres://ann:hunter2@host/db?sslmode=hunter2",
            "postgres://ann:hunter2",
            "postgres://ann:x@hunter2@host/db",
            "host=a password=x hunter2=1",
            "host=a password=x hunter2",
        ] {
            let error = PostgresOptions::parse(bad, "books").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{bad}: {error}");
        }
    }

    #[test]
    fn remote_server_requires_certain_encryption() {
        let check = |address: &str| PostgresOptions::parse(address, "books").unwrap().check();
        let plain = ["", "?sslmode=disable", "?sslmode=prefer"];
        for mode in plain {
            for near in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "%2Frun%2Fpostgresql"] {
                let address = format!("postgres://ann:hunter2@{near}/books{mode}");
                assert_eq!(check(&address), Ok(()), "{address}");
            }
            for far in ["books.example", "192.0.2.1", "[2001:db8::1]", "localhost,books.example"] {
                let address = format!("postgres://ann:hunter2@{far}/books{mode}");
                let why = check(&address).unwrap_err().to_string();
                assert!(why.contains("sslmode=verify-full") && !why.contains("hunter2"), "{why}");
                let mut options = PostgresOptions::parse(&address, "books").unwrap();
                options.insecure = true;
                assert_eq!(options.check(), Ok(()), "{address}");
            }
        }
        for mode in ["require", "verify-ca", "verify-full"] {
            assert_eq!(check(&format!("postgres://books.example/books?sslmode={mode}")), Ok(()));
        }
        assert!(check("host=localhost hostaddr=192.0.2.1").is_err(), "hostaddr decides");
        let encrypts = |address: &str| PostgresOptions::parse(address, "books").unwrap().encrypts();
        assert!(encrypts("postgres://localhost?sslmode=prefer"), "prefer is not disable");
        assert!(!encrypts("postgres://localhost") && !encrypts("host=a sslmode=disable"));
    }

    #[test]
    fn schema_name_is_quoted() {
        let odd = PostgresOptions::parse("host=a", "a\"; DROP TABLE b").unwrap();
        assert!(odd.begin().ends_with("TO \"a\"\"; DROP TABLE b\", pg_temp"), "{}", odd.begin());
    }
}
