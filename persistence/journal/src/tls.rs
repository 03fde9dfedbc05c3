//! TLS: which authorities we trust, and which certificate we present.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Returns the TLS settings of a client. The server's certificate must be signed by `authority`, or if
/// that is `None`, by an authority that the system trusts. `own` is the certificate that the client
/// presents, and its key. All of them are PEM.
///
/// # Errors
/// Returns a message if a certificate or the key cannot be used.
pub fn client_config(
    authority: Option<&[u8]>,
    own: Option<(&[u8], &[u8])>,
) -> Result<ClientConfig, String> {
    // The provider is named here, because the default of the process is for the program to choose.
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(authorities(authority)?);
    let Some((certificate, key)) = own else { return Ok(config.with_no_client_auth()) };
    let chain = certificates("our certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("our key: {error}"))?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("our certificate and its key: {error}"))
}

/// The authorities that may sign the certificate of the server.
fn authorities(stated: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(stated) = stated else {
        // Some certificates of the system may not parse. The others are enough.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let what = "the authority's certificate";
    for certificate in certificates(what, stated)? {
        roots.add(certificate).map_err(|error| format!("{what}: {error}"))?;
    }
    Ok(roots)
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{what}: {error}"))?;
    if all.is_empty() {
        return Err(format!("{what}: the given text has no PEM certificate"));
    }
    Ok(all)
}
