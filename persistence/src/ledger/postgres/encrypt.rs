//! A connection, encrypted or not.

use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use super::fault::Fault;
use super::link::Wire;
use super::options::PostgresOptions;

pub(super) async fn connect(config: &Config, options: &PostgresOptions) -> Result<Wire, Fault> {
    if config.get_ssl_mode() != SslMode::Disable {
        return encrypted(config, options).await;
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
    let tls = crate::encrypt::encryption(options.authority.as_deref(), None)
        .map_err(|why| Fault::Refused(format!("cannot encrypt: {why}")))?;
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let (client, connection) = config.connect(tls).await?;
    Ok(Wire::new(client, connection))
}
