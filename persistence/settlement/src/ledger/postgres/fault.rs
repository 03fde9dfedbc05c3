//! What can go wrong, and what is known then.

use core::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::LedgerError;

/// Why a transaction was not carried out, or may not have been.
#[derive(Debug)]
pub(super) enum Fault {
    /// An error of the client or the server.
    Sql(Error),
    /// There was no answer in time.
    Late,
    /// We refuse the request.
    Refused(String),
    /// The content of the tables makes no sense.
    Damaged(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

/// Returns the text of an error and of its causes.
pub(super) fn chain(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Fault {
    /// Returns `true` if the server rolled back because of a conflict with another transaction.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(
            error.code(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
        )
    }

    /// Returns `true` if the connection was lost, so that the first request on it was not carried out.
    pub(super) fn is_lost(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.is_closed() || error.as_db_error().is_none_or(|it| is_transient(it.code()))
    }

    /// Converts this into the error that the ledger reports.
    pub(super) fn into_ledger_error(self, ledger: String, seconds: u64) -> LedgerError {
        match self {
            Self::Late => {
                let why = format!("no answer within {seconds} s");
                LedgerError::Unreachable { ledger, why }
            }
            Self::Refused(why) => LedgerError::Refused { ledger, why },
            Self::Damaged(what) => LedgerError::Damaged { ledger, what },
            Self::Sql(error) => match error.as_db_error() {
                Some(db_error) => {
                    let detail = db_error.detail().map(|it| format!(": {it}")).unwrap_or_default();
                    let (message, code) = (db_error.message(), db_error.code());
                    let why = format!("{message}{detail} (SQLSTATE {}){}", code.code(), hint(code));
                    if is_transient(code) {
                        LedgerError::Unreachable { ledger, why }
                    } else if code.code().starts_with("XX") {
                        LedgerError::Damaged { ledger, what: why }
                    } else {
                        LedgerError::Refused { ledger, why }
                    }
                }
                // The server asks for a password and none is given. Waiting does not change that.
                None if error.source().is_some_and(|it| it.to_string() == "password missing") => {
                    LedgerError::Refused { ledger, why: chain(&error) }
                }
                None => LedgerError::Unreachable { ledger, why: chain(&error) },
            },
        }
    }
}

/// Returns `true` if the error passes by itself or is for the server's administrator, and does not
/// concern the batch: a resource has run out, a lock is held, the server shuts down or is a replica, or
/// the transaction was rolled back in between.
fn is_transient(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    // Connection, transaction rollback, insufficient resources, operator intervention, system error.
    ["08", "40", "53", "57", "58"].contains(&class)
        || [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
}

/// Returns what to do about an error.
fn hint(code: &SqlState) -> &'static str {
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        "; grant the rights that docs/settlement.md lists"
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        "; another session holds the market's row, perhaps in a transaction that was left open: \
         see pg_stat_activity"
    } else {
        ""
    }
}
