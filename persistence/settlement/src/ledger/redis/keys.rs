//! The names of a ledger's keys.

use pricetime_engine::MarketId;

use crate::BatchId;
use pricetime_redis::KeyNames;

/// The keys of a market's ledger: `<prefix>:<env>:{<market>}:…`, all under one hash tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LedgerKeys {
    stem: String,
    /// The token, the position and the number of the last notice.
    pub(super) state: String,
    /// The ids of the batches in the inbox, in the order of history and epoch.
    pub(super) pending: String,
    /// Batch → outcome.
    pub(super) outcomes: String,
    /// Account → base and quote.
    pub(super) balances: String,
    /// The accounts that have anything, in order.
    pub(super) accounts: String,
    /// The outbox.
    pub(super) stream: String,
}

impl LedgerKeys {
    pub(super) fn of(names: &KeyNames, market: MarketId) -> Self {
        let stem = format!("{}:{}:{{{}}}", names.prefix, names.env, market.0);
        let key = |what: &str| format!("{stem}:settlement:{what}");
        Self {
            state: key("state"),
            pending: key("pending"),
            outcomes: key("outcomes"),
            balances: key("balances"),
            accounts: key("accounts"),
            stream: format!("{stem}:stream:settlements"),
            stem,
        }
    }

    /// Returns the key of a batch in the inbox.
    pub(super) fn batch(&self, id: &str) -> String {
        format!("{}:settlement:{id}", self.stem)
    }

    /// Returns all keys that a script is given, in its order.
    pub(super) fn all(&self, id: BatchId) -> [String; 7] {
        let Self { stem: _, state, pending, outcomes, balances, accounts, stream } = self.clone();
        [state, pending, outcomes, balances, accounts, stream, self.batch(&id.to_string())]
    }
}

/// Returns the key of the set of all markets that have a ledger.
pub(super) fn markets(names: &KeyNames) -> String {
    format!("{}:{}:settlement:markets", names.prefix, names.env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_key_names_do_not_change() {
        let keys = LedgerKeys::of(&KeyNames::default(), MarketId(7));
        assert_eq!(keys.state, "pricetime:dev:{7}:settlement:state");
        assert_eq!(keys.batch("x"), "pricetime:dev:{7}:settlement:x");
        assert_eq!(keys.stream, "pricetime:dev:{7}:stream:settlements");
        assert_eq!(markets(&KeyNames::default()), "pricetime:dev:settlement:markets");
    }
}
