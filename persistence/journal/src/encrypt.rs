//! Encrypted connections: whom we trust, and who we say that we are.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// How a connection is encrypted where the other side's certificate has to be signed by this
/// authority, or by one that the system trusts, and we show a certificate of our own, with its key.
/// All of them are PEM.
///
/// # Errors
/// Where one of them is none, in words.
pub fn encryption(
    authority: Option<&[u8]>,
    own: Option<(&[u8], &[u8])>,
) -> Result<ClientConfig, String> {
    // Named, because what a process has for all is for its program to choose.
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

/// Who may sign the other side's certificate.
fn authorities(stated: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(stated) = stated else {
        // Of those of the system some may be odd: the others do.
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
        return Err(format!("{what}: there is none in what was given, as PEM"));
    }
    Ok(all)
}
