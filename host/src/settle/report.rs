//! Log lines about the settlement of each market.

use pricetime_engine::MarketId;
use pricetime_settlement::{Remark, Standing};
use tracing::{error, info, warn};

use super::MarketSettlement;

/// Returns `true` if the settlement may continue without an operator.
pub(super) fn can_continue(standing: &Standing) -> bool {
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
pub(super) fn log_changes(before: &[MarketSettlement], now: &[MarketSettlement]) {
    for it in now {
        let market = it.market.0;
        let old = before.iter().find(|old| old.market == it.market);
        if old.is_some_and(|old| old.standing == it.standing) {
            continue;
        }
        match &it.standing {
            Standing::Halted(why) => error!(market, "settlement is halted: {why}"),
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

/// Logs a remark of a settler.
pub(super) fn remark(market: MarketId, remark: &Remark) {
    let market = market.0;
    match remark {
        Remark::PutBack(back) => {
            let (knew, stood) = (back.knew.0, back.stood.0);
            let dropped: Vec<u64> = back.dropped.iter().map(|epoch| epoch.0).collect();
            error!(
                market,
                knew,
                stood,
                ?dropped,
                "settlement: the ledger was put back: it had settled epoch {knew}, and is now \
                 after epoch {stood}; the epochs in between are posted again, and dropped epochs \
                 are dropped again; run `pricetime settle verify` when that is done"
            );
        }
        Remark::CaughtUp(epoch) => {
            info!(
                market,
                epoch = epoch.0,
                "settlement: the ledger that was put back has caught up"
            );
        }
        Remark::PostedBefore(epoch) => warn!(
            market,
            epoch = epoch.0,
            "settlement: this epoch was posted before it could be dropped: it stays posted"
        ),
        Remark::Posted(epoch) => error!(
            market,
            epoch = epoch.0,
            "settlement: this epoch was dropped, but the ledger has it as posted: another program \
             posted it; if it was also corrected by hand, it counts twice: see `pricetime settle \
             verify`"
        ),
    }
}
