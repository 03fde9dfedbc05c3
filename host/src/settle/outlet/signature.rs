//! Request signatures, by which a receiver authenticates the sender: an HMAC over the time and the body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// The header with the time of the request, in seconds since 1970-01-01T00:00Z.
pub(super) const TIME: &str = "Pricetime-Time";
/// The header with the signature.
pub(super) const SIGNATURE: &str = "Pricetime-Signature";

/// `sha256=` and, in hexadecimal digits, the HMAC-SHA256 of `<time>.<body>` under this secret.
pub(super) fn signature(secret: &Secret, time: u64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        unreachable!("HMAC takes keys of any length");
    };
    mac.update(format!("{time}.").as_bytes());
    mac.update(body.as_bytes());
    let digits = mac.finalize().into_bytes();
    let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_matches_that_of_openssl() {
        // printf '1700000000.{"id":1}' | openssl dgst -sha256 -hmac 'a secret of many words'
        let signed = signature(&"a secret of many words".into(), 1_700_000_000, "{\"id\":1}");
        assert_eq!(
            signed,
            "sha256=db42e31307e609ac1a423813d4c96c517c8bc4ad3112a6c3170fc974f99d4506"
        );
    }
}
