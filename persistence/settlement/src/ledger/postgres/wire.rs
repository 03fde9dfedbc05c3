//! A connection, encrypted or not.

use core::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::fault::Fault;
use super::options::PostgresOptions;

/// One connection.
pub(super) struct Wire {
    pub(super) client: Client,
    /// The task that reads and writes for the client.
    task: JoinHandle<()>,
}

impl Wire {
    fn new<F>(client: Client, connection: F) -> Self
    where
        F: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    {
        // If the connection fails, the next request reports it.
        Self { client, task: tokio::spawn(async { drop(connection.await) }) }
    }
}

pub(super) async fn connect(options: &PostgresOptions) -> Result<Wire, Fault> {
    let mut config: Config = options.config.clone();
    config
        .connect_timeout(options.connect)
        .tcp_user_timeout(options.answer)
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3);
    if config.get_ssl_mode() != SslMode::Disable {
        return encrypted(&config, options).await;
    }
    let (client, connection) = config.connect(NoTls).await?;
    Ok(Wire::new(client, connection))
}

#[cfg(not(feature = "postgres-tls"))]
async fn encrypted(_: &Config, _: &PostgresOptions) -> Result<Wire, Fault> {
    let why = "this build cannot encrypt, as sslmode asks for: feature `postgres-tls`";
    Err(Fault::Refused(String::from(why)))
}

#[cfg(feature = "postgres-tls")]
async fn encrypted(config: &Config, options: &PostgresOptions) -> Result<Wire, Fault> {
    let tls = pricetime_journal::tls::client_config(options.authority.as_deref(), None)
        .map_err(|why| Fault::Refused(format!("cannot encrypt: {why}")))?;
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let (client, connection) = config.connect(tls).await?;
    Ok(Wire::new(client, connection))
}

/// Closes the connection now, and not the next time that the runtime runs.
pub(super) async fn hang_up(wire: &mut Option<Wire>) {
    if let Some(Wire { client, task }) = wire.take() {
        drop(client);
        task.abort();
        drop(task.await);
    }
}
