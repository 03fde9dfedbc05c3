//! HTTP addresses. They may contain secrets: a user and a password, and often the path or the query too.

use std::fmt;

use ureq::Proxy;
use ureq::http::Uri;

use crate::secret::Secret;

/// An address that cannot be delivered to, or through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not a delivery address ({why}): use https://host/path or http://host/path")]
pub struct BadAddress {
    /// The given address, without the parts that may be secret.
    pub address: String,
    /// What is wrong with it.
    pub why: String,
}

/// An address that is displayed without the parts that may be secret: `https://host:port/…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebAddress {
    whole: Secret,
    /// The parts that a text must not show: the whole address, and its path and query.
    hidden: Vec<Secret>,
    shown: String,
    encrypts: bool,
}

impl WebAddress {
    pub(super) fn parse(address: &str) -> Result<Self, BadAddress> {
        let Ok(uri) = address.parse::<Uri>() else {
            let shown = String::from("the given text");
            return Err(BadAddress { address: shown, why: String::from("it cannot be read") });
        };
        let path = uri.path_and_query().map_or("", |it| it.as_str());
        let shown = shown(&uri, path);
        let bad = |why: &str| BadAddress { address: shown.clone(), why: why.to_owned() };
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("it has no host"));
        }
        let encrypts = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad("it does not begin with http:// or https://")),
        };
        let hidden = [address, path].into_iter().filter(|it| it.len() > 1).map(Secret::from);
        Ok(Self { whole: address.into(), hidden: hidden.collect(), shown, encrypts })
    }

    /// Returns the address as it was given. It must not get into a log, an error or a file.
    pub(super) fn expose(&self) -> &str {
        self.whole.expose()
    }

    pub(super) const fn encrypts(&self) -> bool {
        self.encrypts
    }

    /// Returns the text with `…` in place of this address, and of its path and query.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, it| text.replace(it.expose(), "…"))
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Parses the address of a proxy.
pub(super) fn proxy(address: &str) -> Result<Proxy, BadAddress> {
    let shown = WebAddress::parse(address)?.to_string();
    let bad =
        |_| BadAddress { address: shown, why: String::from("it is not the address of a proxy") };
    Proxy::new(address).map_err(bad)
}

/// Returns the part of an address that may be shown.
fn shown(uri: &Uri, path: &str) -> String {
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return String::from("the given text");
    };
    let port = uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
    let more = if path.len() > 1 { "/…" } else { "" };
    format!("{scheme}://{host}{port}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_shows_its_host_and_nothing_secret() {
        let address = WebAddress::parse("https://ann:hunter2@host:81/hunter3?key=hunter4").unwrap();
        assert_eq!(address.to_string(), "https://host:81/…");
        assert!(!format!("{address:?}").contains("hunter"), "{address:?}");
        assert_eq!(address.expose(), "https://ann:hunter2@host:81/hunter3?key=hunter4");
        let redacted = address.redacted("cannot POST /hunter3?key=hunter4");
        assert_eq!(redacted, "cannot POST …");
        assert_eq!(WebAddress::parse("http://host/").unwrap().redacted("a/b"), "a/b");
        for bad in ["ftp://ann:hunter2@host/", "hunter2", "http://hunter2 hunter2", "ann:hunter2@"]
        {
            let error = WebAddress::parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter"), "{bad}: {error:?}");
        }
        let error = proxy("socks5://ann:hunter2@host").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
    }
}
