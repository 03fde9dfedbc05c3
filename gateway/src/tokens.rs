//! Tokens, by their SHA-256.

use std::fmt;
use std::hint::black_box;

use sha2::{Digest as _, Sha256};

use pricetime::Principal;

/// The SHA-256 of a token, which is stored instead of the token.
#[must_use]
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Maps tokens to principals. It holds only digests, so its contents reveal no token.
#[derive(Clone, Default)]
pub struct Tokens(Vec<([u8; 32], Principal)>);

impl Tokens {
    /// Adds the token with this digest. Returns `false` and adds nothing if there is such a token
    /// already.
    pub fn add(&mut self, digest: [u8; 32], principal: Principal) -> bool {
        let new = self.0.iter().all(|(known, _)| *known != digest);
        if new {
            self.0.push((digest, principal));
        }
        new
    }

    /// Returns the principal of this token, or `None` if the token is unknown. The digest is compared
    /// with all known ones to their last byte, so the time reveals nothing about them.
    #[must_use]
    pub fn principal(&self, token: &str) -> Option<Principal> {
        let given = digest(token);
        let mut found = None;
        for (known, principal) in &self.0 {
            let different = known.iter().zip(&given).fold(0, |so_far, (a, b)| so_far | (a ^ b));
            if black_box(different) == 0 {
                found = Some(principal);
            }
        }
        found.cloned()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("number", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_by_its_digest_alone() {
        let mut tokens = Tokens::default();
        assert!(tokens.add(digest("abc"), Principal::Operator));
        assert!(!tokens.add(digest("abc"), Principal::Public), "one token, one principal");
        assert!(tokens.add(digest("abd"), Principal::Public));
        assert_eq!(tokens.principal("abc"), Some(Principal::Operator));
        assert_eq!(tokens.principal("abd"), Some(Principal::Public));
        for wrong in ["", "ab", "abcd", "ABC"] {
            assert_eq!(tokens.principal(wrong), None, "{wrong:?}");
        }
        // The value in the standard for "abc".
        let hex: String = digest("abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(!format!("{tokens:?}").contains("ba7816"), "{tokens:?}");
    }
}
