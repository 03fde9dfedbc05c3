//! The scripts, their answers, and how errors are reported.

use std::collections::BTreeMap;

use pricetime_engine::AccountId;

use super::{RedisLedger, text};
use crate::ledger::{Balance, Ledger as _, LedgerError, Notice, Outcome, Token};
use crate::{BatchId, Transfer};
use pricetime_redis::RedisError;

/// The scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Checks that scripts are allowed.
    Probe,
    Claim,
    Deposit,
    Apply,
    Seed,
    Page,
}

impl Script {
    const fn source(self) -> &'static str {
        match self {
            Self::Probe => "return {'done'}",
            Self::Claim => concat!(include_str!("wide.lua"), include_str!("claim.lua")),
            Self::Deposit => concat!(include_str!("wide.lua"), include_str!("deposit.lua")),
            Self::Apply => concat!(include_str!("wide.lua"), include_str!("apply.lua")),
            Self::Seed => concat!(include_str!("wide.lua"), include_str!("seed.lua")),
            Self::Page => concat!(include_str!("wide.lua"), include_str!("page.lua")),
        }
    }
}

/// For each key that a script is given, a command that fails if the key holds a value of another type.
const TYPE_PROBES: [&str; 7] = ["HLEN", "ZCARD", "HLEN", "HLEN", "ZCARD", "XRANGE", "HLEN"];

/// The answer of a script: its first word, and the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) word: String,
    pub(super) words: Vec<String>,
}

impl Answer {
    pub(super) fn parts(&self) -> (&str, &[String]) {
        (&self.word, &self.words)
    }
}

impl RedisLedger {
    /// Runs a script. An answer that reports an error is returned as an error.
    pub(super) fn eval(
        &mut self,
        script: Script,
        keys: &[String; 7],
        words: &[String],
    ) -> Result<Answer, LedgerError> {
        let [key, ..] = keys;
        let mut command = redis::cmd("EVAL");
        command.arg(script.source()).arg(keys.len()).arg(keys).arg(words);
        let asked = self.link.query::<Vec<String>>(key, &command).map_err(|error| {
            let error = script_error(self.name(), error);
            // The error of a script does not name its key.
            let wrong = matches!(error, LedgerError::Damaged { .. });
            wrong.then(|| self.wrong_type_error(keys)).flatten().unwrap_or(error)
        });
        let mut words = asked?.into_iter();
        let word = words.next().unwrap_or_default();
        let answer = Answer { word, words: words.collect() };
        let what = || answer.words.join(" ");
        match answer.word.as_str() {
            "refused" => Err(LedgerError::Refused { ledger: self.name(), why: what() }),
            "damaged" => Err(LedgerError::Damaged { ledger: self.name(), what: what() }),
            _ => Ok(answer),
        }
    }

    /// Returns the error of the first of these keys that holds a value of another type.
    fn wrong_type_error(&mut self, keys: &[String; 7]) -> Option<LedgerError> {
        keys.iter().zip(TYPE_PROBES).find_map(|(key, probe)| {
            let mut command = redis::cmd(probe);
            command.arg(key);
            if probe == "XRANGE" {
                command.arg("-").arg("+").arg("COUNT").arg(1);
            }
            let error = self.command::<redis::Value>(key, &command).err()?;
            matches!(error, LedgerError::Damaged { .. }).then_some(error)
        })
    }

    /// Returns the error for an answer that no script gives.
    pub(super) fn unexpected_answer(&self, answer: &Answer) -> LedgerError {
        let what = format!("a script returned {:?} {:?}", answer.word, answer.words);
        LedgerError::Damaged { ledger: self.name(), what }
    }
}

/// The error codes of a server that may be able to do it later. The request itself is not at fault, so
/// it is repeated.
const RETRYABLE: [&str; 13] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "FAILOVER",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "UNKILLABLE",
];

/// Returns `true` if the server's error has this code. Before version 7, the error of a script has it
/// inside the message.
fn has_code(expected: &str, code: &str, why: &str) -> bool {
    code == expected || (code == "ERR" && why.contains(&format!("-{expected} ")))
}

/// Converts an error into that of a ledger.
pub(super) fn fault(ledger: String, error: RedisError) -> LedgerError {
    match error {
        RedisError::Refused { code, why, .. }
            if RETRYABLE.iter().any(|it| has_code(it, &code, &why)) =>
        {
            LedgerError::Unreachable { ledger, why: format!("it cannot do this now: {why}") }
        }
        RedisError::Refused { code, why, .. } if has_code("WRONGTYPE", &code, &why) => {
            LedgerError::Damaged { ledger, what: why }
        }
        RedisError::Refused { why, .. } | RedisError::Options(why) => {
            LedgerError::Refused { ledger, why }
        }
        RedisError::Unreachable { why, .. } => LedgerError::Unreachable { ledger, why },
        fenced @ (RedisError::Fenced { .. }
        | RedisError::Replaced { .. }
        | RedisError::Contended { .. }
        | RedisError::Count { .. }) => LedgerError::Refused { ledger, why: fenced.to_string() },
    }
}

/// Converts the error of a script. It may mean that scripts are forbidden.
fn script_error(ledger: String, error: RedisError) -> LedgerError {
    match error {
        RedisError::Refused { code, why, .. }
            if (code == "NOPERM" || why.contains("unknown command")) && why.contains("eval") =>
        {
            let why = format!(
                "the ledger in Redis needs EVAL, and the server says {why:?}: allow +eval, or keep the \
                 ledger elsewhere"
            );
            LedgerError::Refused { ledger, why }
        }
        error @ (RedisError::Refused { .. }
        | RedisError::Options(_)
        | RedisError::Unreachable { .. }
        | RedisError::Fenced { .. }
        | RedisError::Replaced { .. }
        | RedisError::Contended { .. }
        | RedisError::Count { .. }) => fault(ledger, error),
    }
}

/// Sums the balances into one transfer for each account.
pub(super) fn sums(balances: &[Balance]) -> Result<Vec<Transfer>, String> {
    let mut sums: BTreeMap<AccountId, (i128, i128)> = BTreeMap::new();
    for Balance { account, base, quote } in balances {
        let has = sums.entry(*account).or_default();
        match (has.0.checked_add(*base), has.1.checked_add(*quote)) {
            (Some(base), Some(quote)) => *has = (base, quote),
            _ => return Err(String::from("the balance of an account would exceed 128 bits")),
        }
    }
    let transfer = |(account, (base, quote))| Transfer { account, base, quote };
    Ok(sums.into_iter().map(transfer).collect())
}

/// Reads a notice from the fields and values of its entry.
pub(super) fn notice(words: &[String]) -> Result<Notice, text::TextError> {
    let value = |name: &str| {
        let mut pairs = words.chunks_exact(2);
        let found = pairs.find(|pair| pair.first().is_some_and(|field| field == name));
        found.and_then(|pair| pair.get(1)).map_or("", String::as_str)
    };
    let batch = text::read_batch(value("batch"))?;
    let outcome = Outcome {
        id: BatchId(text::read("a batch", value("id"))?),
        epoch: batch.epoch,
        digest: text::read("a digest", value("digest"))?,
        deed: text::read_deed(value("outcome"))?,
        token: Token(text::read("a token", value("token"))?),
    };
    Ok(Notice { outcome, batch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_server_are_retried() {
        let server = String::from("s");
        let refused = |code: &str, why: &str| {
            let (code, why) = (code.to_owned(), why.to_owned());
            fault(String::from("l"), RedisError::Refused { server: server.clone(), code, why })
        };
        let again = |error: &LedgerError| matches!(error, LedgerError::Unreachable { .. });
        assert!(again(&refused("OOM", "OOM command not allowed")));
        let old =
            "ERR Error running script (call to f_1): @user_script: 1: -OOM command not allowed";
        assert!(again(&refused("ERR", old)));
        assert!(!again(&refused("NOPERM", "NOPERM this user has no permissions")));
        let wrong = refused("WRONGTYPE", "WRONGTYPE Operation against a key");
        assert!(matches!(wrong, LedgerError::Damaged { .. }), "{wrong:?}");
    }
}
