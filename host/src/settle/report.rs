//! What is said of how it stands.

use pricetime_persistence::settlement::Standing;
use tracing::{error, warn};

use super::MarketSettlement;

/// Whether time alone may bring it further.
pub(super) fn can_go_on(standing: &Standing) -> bool {
    match standing {
        Standing::Starting
        | Standing::Idle
        | Standing::Depositing(_)
        | Standing::Waiting { .. }
        | Standing::Applying(_)
        | Standing::Retry { .. } => true,
        Standing::DeadLetter { .. } | Standing::Halted(_) | Standing::Held => false,
    }
}

/// Logs what is new.
pub(super) fn tell(before: &[MarketSettlement], now: &[MarketSettlement]) {
    for it in now {
        let market = it.market.0;
        let old = before.iter().find(|old| old.market == it.market);
        if old.is_some_and(|old| old.standing == it.standing) {
            continue;
        }
        match &it.standing {
            Standing::Halted(why) => error!(market, "settlement stands still: {why}"),
            Standing::DeadLetter { epoch, tries, why } => {
                error!(market, epoch = epoch.0, tries, "settlement is refused: {why}");
            }
            Standing::Retry { why, .. } => warn!(market, "settlement waits: {why}"),
            Standing::Held => warn!(market, "settlement is held"),
            Standing::Starting
            | Standing::Idle
            | Standing::Depositing(_)
            | Standing::Waiting { .. }
            | Standing::Applying(_) => {}
        }
    }
}
