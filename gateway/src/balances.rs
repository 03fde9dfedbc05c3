//! The lines that `settle balances --json` writes and `settle start --balances` reads.

use std::collections::BTreeSet;
use std::io::BufRead;

use crate::json::Amount;
use pricetime::engine::MarketSpec;
use pricetime::persistence::journal::echo::shorten;
use pricetime::persistence::journal::lines::{NextLine, next_line, too_long};
use pricetime::persistence::settlement::ledger::Balance;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::amount;

/// The balance of an account, as a line of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceLine {
    account: Uuid,
    base: Amount,
    quote: Amount,
}

impl BalanceLine {
    /// The line of a balance. Returns `None` if an amount has no decimal.
    #[must_use]
    pub fn of(balance: &Balance, spec: &MarketSpec) -> Option<Self> {
        let base = amount::base(spec, balance.base)?;
        let quote = amount::quote(spec, balance.quote)?;
        Some(Self { account: balance.account.into(), base, quote })
    }

    fn balance(&self, spec: &MarketSpec) -> Result<Balance, String> {
        let Self { account, base, quote } = self;
        let base = amount::lots(spec, base)
            .ok_or_else(|| format!("base: {base} is not a whole number of lots"))?;
        let quote = amount::ticks_lots(spec, quote)
            .ok_or_else(|| format!("quote: {quote} is not a whole number of ticks times lots"))?;
        Ok(Balance { account: (*account).into(), base, quote })
    }
}

/// Reads balances, one JSON object per line.
///
/// # Errors
/// Returns the first line that is wrong, and what is wrong with it.
pub fn read_balances(mut from: impl BufRead, spec: &MarketSpec) -> Result<Vec<Balance>, String> {
    let (mut balances, mut known) = (Vec::new(), BTreeSet::new());
    let mut line = Vec::new();
    for at in 1_u64.. {
        let next = next_line(&mut from, &mut line).map_err(|why| format!("line {at}: {why}"))?;
        let read = match next {
            NextLine::End => break,
            NextLine::Line if line.trim_ascii().is_empty() => continue,
            NextLine::Line => serde_json::from_slice(&line).map_err(|why| why.to_string()),
            NextLine::Long => Err(too_long()),
        };
        let balance = read.and_then(|line: BalanceLine| line.balance(spec)).and_then(|it| {
            let is_new = known.insert(it.account);
            is_new.then_some(it).ok_or_else(|| String::from("this account is listed twice"))
        });
        balances.push(balance.map_err(|why| {
            format!(
                "line {at}: {}; a line is {{\"account\":UUID,\"base\":\"1.5\",\"quote\":\"-3.25\"}}",
                shorten(&why)
            )
        })?);
    }
    Ok(balances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_the_line_and_repeats_little_of_it() {
        let day = pricetime_tests::load::spec();
        let of = |account: &str, base: &str| {
            format!(r#"{{"account":"{account}","base":"{base}","quote":"0"}}"#)
        };
        let (a, b) = ("00000000-0000-0000-0000-00000000000a", "0000000000000000000000000000000b");
        let read = |lines: &[String]| read_balances(lines.join("\n").as_bytes(), &day);
        assert_eq!(read(&[of(a, "0"), String::new(), of(b, "0")]).map(|all| all.len()), Ok(2));
        let twice =
            read(&[of(a, "0"), of(b, "0"), of(a, "0")]).expect_err("the account is listed twice");
        assert!(twice.starts_with("line 3: this account is listed twice; "), "{twice}");
        let endless = read(&[of(a, "0"), "9".repeat(3 << 20)]).expect_err("the line is too long");
        assert!(endless.starts_with("line 2: it is longer than 1048576 bytes; "), "{endless}");
        let long = read(&[of(a, &"9".repeat(60_000))]).expect_err("the amount has too many digits");
        assert!(long.starts_with("line 1: base: 999") && long.len() < 300, "{long}");
    }
}
