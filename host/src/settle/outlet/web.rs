//! An outlet that posts each batch to an address of the web.

use std::sync::Arc;
use std::time::Duration;

use pricetime_persistence::ledger::{Deed, Notice};
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{NotDelivered, Outlet, Receipt, SAID_MAX, TIMEOUT_MAX, bounded, dropped};

/// An address that nothing can be posted to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address:?} is no address to deliver to ({why}): write https://host/path or http://host/path"
)]
pub struct BadAddress {
    /// What was given.
    pub address: String,
    /// What is wrong with it.
    pub why: String,
}

/// Posts each batch as JSON, with its id as `Idempotency-Key`.
///
/// An answer of 2xx is a delivery and its body the receipt. 408, 425, 429, 5xx and no answer mean
/// later; everything else is a refusal, redirections too.
#[derive(Debug)]
pub struct WebOutlet {
    agent: Agent,
    address: String,
}

impl WebOutlet {
    /// To this address, where an answer may take so long: 366 days at most.
    ///
    /// # Errors
    /// Where it is none.
    pub fn new(address: &str, timeout: Duration) -> Result<Self, BadAddress> {
        let bad = |why: &str| BadAddress { address: address.to_owned(), why: why.to_owned() };
        let uri: Uri = address.parse().map_err(|_| bad("it cannot be read"))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("it names no host"));
        }
        let mut config = Agent::config_builder()
            .timeout_global(Some(timeout.min(TIMEOUT_MAX)))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("pricetime/", env!("CARGO_PKG_VERSION")));
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => config = config.tls_config(encryption()),
            _ => return Err(bad("it begins with neither http:// nor https://")),
        }
        Ok(Self { agent: config.build().into(), address: address.to_owned() })
    }
}

/// With the certificates of this machine.
fn encryption() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = found.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect();
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build()
}

impl Outlet for WebOutlet {
    fn deliver(&mut self, notice: &Notice) -> Result<Receipt, NotDelivered> {
        if notice.outcome.deed == Deed::Drop {
            return Ok(dropped());
        }
        let sent = self
            .agent
            .post(&self.address)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", notice.outcome.id.to_string())
            .send(notice.batch.to_text());
        let mut answer = sent.map_err(|why| NotDelivered::Later(why.to_string()))?;
        let status = answer.status();
        // Whoever says more than that has still said yes or no.
        let mut body = Vec::new();
        let mut reader = std::io::Read::take(answer.body_mut().as_reader(), SAID_MAX as u64);
        let read = std::io::Read::read_to_end(&mut reader, &mut body);
        let said = bounded(&body);
        if status.is_success() {
            read.map_err(|why| NotDelivered::Later(format!("the answer broke off: {why}")))?;
            return Ok(Receipt(said));
        }
        let why = format!("{} answers {status} {said}", self.address);
        Err(match status.as_u16() {
            408 | 425 | 429 | 500.. => NotDelivered::Later(why),
            _ => NotDelivered::Refused(why),
        })
    }
}
