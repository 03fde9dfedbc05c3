//! Tokens in the configuration.

use pricetime::{Principal, Secret};
use pricetime_gateway::{Tokens, token_digest};
use serde::Deserialize;
use uuid::Uuid;

/// A token in the file: its SHA-256, and whom it authenticates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    /// The user may have put the token itself here by mistake.
    sha256: Secret,
    #[serde(default)]
    accounts: Vec<Uuid>,
    #[serde(default)]
    operator: bool,
}

/// The tokens that connections may present. `operator` is the operator's token itself, or empty.
pub(super) fn tokens(operator: &Secret, listed: Vec<Token>) -> Result<Tokens, String> {
    let mut tokens = Tokens::default();
    if !operator.is_empty() {
        tokens.add(token_digest(operator.expose()), Principal::Operator);
    }
    for (number, token) in (1..).zip(listed) {
        let wrong = |what: &str| format!("listen.tokens, number {number}: {what}");
        let Some(digest) = digest(token.sha256.expose()) else {
            return Err(wrong(
                "sha256: expected 64 hexadecimal digits; `pricetime token` prints them",
            ));
        };
        let principal = match (token.operator, token.accounts.as_slice()) {
            (true, []) => Principal::Operator,
            (true, _) => {
                return Err(wrong("an operator acts for all accounts: leave `accounts` out"));
            }
            (false, []) => return Err(wrong("`accounts` must name at least one account")),
            (false, accounts) if accounts.iter().any(Uuid::is_nil) => {
                return Err(wrong("the all-zero account belongs to operators"));
            }
            (false, accounts) => Principal::accounts(accounts.iter().map(|it| (*it).into())),
        };
        if !tokens.add(digest, principal) {
            return Err(wrong("this token is listed twice"));
        }
    }
    Ok(tokens)
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(digest)
}
