//! The status of the host as a line.

use pricetime::engine::MarketId;
use pricetime::{FencedMarket, MarketSettlement, RedisState};

use super::output::{FencedLine, Status};

impl Status {
    /// The line of a status, and of the settlement of each market.
    #[must_use]
    pub fn of(line: u64, status: pricetime::Status, settlement: &[MarketSettlement]) -> Self {
        let redis = status.redis;
        let (has_image, image_failure) = match redis.state {
            RedisState::Unknown => (false, None),
            RedisState::Degraded { why, .. } => (true, Some(why)),
            RedisState::Connected | _ => (true, None),
        };
        let is_settled = !settlement.is_empty();
        let failure =
            |it: &MarketSettlement| Some(format!("market {}: {}", it.market, it.failure()?));
        Self {
            line,
            durable: status.durable.0,
            snapshot: status.snapshot.0,
            stopped: status.stopped.map(|it| it.reason()),
            snapshot_failure: status.snapshot_failure.map(|it| it.to_string()),
            faulty: status.faulty.or_else(|| differs(&redis.differs)),
            image_behind: has_image.then_some(redis.behind),
            image_failure,
            settlement_behind: is_settled
                .then(|| settlement.iter().map(MarketSettlement::behind).sum()),
            settlement_failure: settlement.iter().find_map(failure),
            fenced: redis.fenced.into_iter().map(fenced).collect(),
        }
    }
}

/// A market whose image another process has taken over.
fn fenced(FencedMarket { market, ours, theirs, writer, .. }: FencedMarket) -> FencedLine {
    FencedLine { market: market.0, term: ours, claim_term: theirs, claim_writer: writer }
}

/// What is wrong with images in Redis that another client edited, if there are any.
fn differs(markets: &[MarketId]) -> Option<String> {
    let market = markets.first()?;
    Some(format!(
        "the image of market {market} in Redis differs from what was written there; it is written \
         again with the market's next epoch"
    ))
}
