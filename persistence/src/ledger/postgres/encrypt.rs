//! A connection, encrypted or not.

use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use super::fault::Fault;
use super::link::Wire;
use super::options::PostgresOptions;

pub(super) async fn connect(config: &Config, options: &PostgresOptions) -> Result<Wire, Fault> {
    if config.get_ssl_mode() == SslMode::Require {
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
    let refused = |error: rustls::Error| Fault::Refused(format!("cannot encrypt: {error}"));
    // Named, because what a process has for all is for its program to choose.
    let provider = rustls::crypto::ring::default_provider();
    let tls = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(authorities(options.authority.as_deref())?)
        .with_no_client_auth();
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let (client, connection) = config.connect(tls).await?;
    Ok(Wire::new(client, connection))
}

/// Who may sign the server's certificate.
#[cfg(feature = "postgres-tls")]
fn authorities(stated: Option<&[u8]>) -> Result<rustls::RootCertStore, Fault> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let mut roots = rustls::RootCertStore::empty();
    let Some(stated) = stated else {
        // Of those of the system some may be odd: the others do.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let refused = |why: String| Fault::Refused(format!("the authority's certificate: {why}"));
    for certificate in CertificateDer::pem_slice_iter(stated) {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused(String::from("there is none in what was given, as PEM")));
    }
    Ok(roots)
}
