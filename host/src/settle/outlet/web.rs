//! An outlet that posts each batch to an HTTP address.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pricetime_settlement::ledger::{Deed, Notice};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use super::address::{BadAddress, WebAddress, proxy};
use super::signature::{SIGNATURE, TIME, signature};
use super::{ANSWER_MAX, NotDelivered, Outlet, Receipt, TIMEOUT_MAX, drop_receipt, truncated};
use crate::secret::Secret;
use crate::sequencer::{Clock as _, WallClock};

/// Posts each batch as JSON, with its id as `Idempotency-Key`.
///
/// A 2xx response means delivered, and its body is the receipt. The delivery is retried after 408, 425,
/// 429, 5xx or no response. Every other response is a refusal, including redirects. Errors show only the
/// scheme, host and port of the address.
pub struct WebOutlet {
    agent: Agent,
    address: WebAddress,
    timeout: Duration,
    secret: Option<Secret>,
}

impl WebOutlet {
    /// Creates an outlet that posts to this address. The timeout for a response is at most 366 days. The
    /// proxies in the environment (`HTTPS_PROXY` and the like) are not used.
    ///
    /// # Errors
    /// Returns [`BadAddress`] if the address is not an HTTP address.
    pub fn new(address: &str, timeout: Duration) -> Result<Self, BadAddress> {
        let address = WebAddress::parse(address)?;
        let timeout = timeout.min(TIMEOUT_MAX);
        let agent = agent(&address, timeout, None);
        Ok(Self { agent, address, timeout, secret: None })
    }

    /// The same outlet through this proxy, `http://[user:password@]host:port`.
    ///
    /// # Errors
    /// Returns [`BadAddress`] if it is not the address of a proxy.
    pub fn through(self, address: &str) -> Result<Self, BadAddress> {
        let agent = agent(&self.address, self.timeout, Some(proxy(address)?));
        Ok(Self { agent, ..self })
    }

    /// The same outlet with requests signed with this secret, so that the receiver can authenticate
    /// them. `docs/settlement.md` shows how to check the signature.
    #[must_use]
    pub fn signed_with(self, secret: Secret) -> Self {
        Self { secret: Some(secret), ..self }
    }
}

impl fmt::Debug for WebOutlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, timeout, secret, .. } = self;
        f.debug_struct("WebOutlet")
            .field("address", &address.to_string())
            .field("timeout", timeout)
            .field("is_signed", &secret.is_some())
            .finish_non_exhaustive()
    }
}

/// Builds the HTTP client.
fn agent(address: &WebAddress, timeout: Duration, proxy: Option<Proxy>) -> Agent {
    let encrypts = address.encrypts() || proxy.is_some();
    let config = Agent::config_builder()
        .proxy(proxy)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("pricetime/", env!("CARGO_PKG_VERSION")));
    let config = if encrypts { config.tls_config(encryption()) } else { config };
    config.build().into()
}

/// Returns the TLS settings, with the root certificates of this machine.
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
            return Ok(drop_receipt());
        }
        let address = &self.address;
        let text = notice.batch.to_text();
        let mut request = self
            .agent
            .post(address.expose())
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", notice.outcome.id.to_string());
        if let Some(secret) = &self.secret {
            let time = WallClock.now().0 / 1_000_000_000;
            let signature = signature(secret, time, &text);
            request = request.header(TIME, time.to_string()).header(SIGNATURE, signature);
        }
        let later = |why: String| NotDelivered::Later(address.redacted(&why));
        let mut answer = request.send(text).map_err(|why| later(format!("{address}: {why}")))?;
        let status = answer.status();
        // A longer body is cut off. The status still says whether the batch was accepted.
        let mut body = Vec::new();
        let mut reader = std::io::Read::take(answer.body_mut().as_reader(), ANSWER_MAX as u64);
        let read = std::io::Read::read_to_end(&mut reader, &mut body);
        let body_text = truncated(&body);
        if status.is_success() {
            read.map_err(|why| later(format!("{address}: the answer was cut off: {why}")))?;
            return Ok(Receipt(body_text));
        }
        let why = format!("{address} answers {status} {body_text}");
        Err(match status.as_u16() {
            408 | 425 | 429 | 500.. => later(why),
            _ => NotDelivered::Refused(address.redacted(&why)),
        })
    }
}
