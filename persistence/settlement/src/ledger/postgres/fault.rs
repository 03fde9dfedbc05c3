//! What may go wrong, and what is known of it then.

use core::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::LedgerError;

/// Why a transaction was not carried out, or may not have been.
#[derive(Debug)]
pub(super) enum Fault {
    /// The client or the server says so.
    Sql(Error),
    /// There was no answer in time.
    Late,
    /// What is asked for is refused by us.
    Refused(String),
    /// What is there makes no sense.
    Damaged(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

/// A text of an error and of what caused it.
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
    /// Whether the server has undone everything because somebody else was in the way.
    pub(super) fn again(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        matches!(
            error.code(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
        )
    }

    /// Whether the connection was gone, so that nobody has read what was asked first on it.
    pub(super) fn gone(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.is_closed() || error.as_db_error().is_none_or(|it| passes(it.code()))
    }

    /// What the ledger's user is told.
    pub(super) fn tell(self, ledger: String, seconds: u64) -> LedgerError {
        match self {
            Self::Late => {
                let why = format!("no answer within {seconds} s");
                LedgerError::Unreachable { ledger, why }
            }
            Self::Refused(why) => LedgerError::Refused { ledger, why },
            Self::Damaged(what) => LedgerError::Damaged { ledger, what },
            Self::Sql(error) => match error.as_db_error() {
                Some(said) => {
                    let detail = said.detail().map(|it| format!(": {it}")).unwrap_or_default();
                    let (message, code) = (said.message(), said.code());
                    let why = format!("{message}{detail} (SQLSTATE {}){}", code.code(), cure(code));
                    if passes(code) {
                        LedgerError::Unreachable { ledger, why }
                    } else if code.code().starts_with("XX") {
                        LedgerError::Damaged { ledger, what: why }
                    } else {
                        LedgerError::Refused { ledger, why }
                    }
                }
                // A password that is asked for and not there: no server changes that.
                None if error.source().is_some_and(|it| it.to_string() == "password missing") => {
                    LedgerError::Refused { ledger, why: chain(&error) }
                }
                None => LedgerError::Unreachable { ledger, why: chain(&error) },
            },
        }
    }
}

/// Whether this passes by itself, or with whoever looks after the server, and nobody has to look at
/// the batch: too much of something, a lock that is held, a server that goes down or only follows,
/// and what became of a transaction in between.
fn passes(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    // Connection, transaction rolled back, out of something, somebody intervenes, system.
    ["08", "40", "53", "57", "58"].contains(&class)
        || [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
}

/// What to do about it.
fn cure(code: &SqlState) -> &'static str {
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        "; grant what the page on settlement lists"
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        "; somebody holds the market's row, perhaps a transaction that somebody forgot: look into \
         pg_stat_activity"
    } else {
        ""
    }
}
