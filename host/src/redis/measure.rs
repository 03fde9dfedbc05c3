//! Metrics about the connection to Redis.

use std::time::{Duration, Instant};

use pricetime_redis::{Link, Traffic, WriteKind, WriteSummary, memory};

/// How often the servers are asked how much memory they use.
const MEMORY_INTERVAL: Duration = Duration::from_secs(60);

/// Counts the traffic of a link.
#[derive(Debug, Default)]
pub(super) struct Meter {
    counted: Traffic,
    last_asked: Option<Instant>,
}

impl Meter {
    /// Counts the traffic since the last call, and asks for the servers' memory use once per interval.
    pub(super) fn look(&mut self, link: &mut Link, healthy: bool) {
        if healthy
            && self.last_asked.is_none_or(|last_asked| last_asked.elapsed() >= MEMORY_INTERVAL)
        {
            self.last_asked = Some(Instant::now());
            // Without permission to ask there is no such figure.
            if let Ok(Some(bytes)) = memory(link) {
                metrics::gauge!("pricetime_redis_memory_bytes").set(gauge(bytes));
            }
        }
        let Traffic { connections, sent } = link.traffic();
        let before = std::mem::replace(&mut self.counted, link.traffic());
        metrics::counter!("pricetime_redis_connections_total")
            .increment(connections - before.connections);
        metrics::counter!("pricetime_redis_sent_bytes_total").increment(sent - before.sent);
    }
}

/// Counts a market that was written.
pub(super) fn wrote(took: Duration, wrote: WriteSummary) {
    let how = match wrote.how {
        WriteKind::Changes => "changes",
        WriteKind::Spare => "spare",
        WriteKind::Whole => "whole",
    };
    metrics::histogram!("pricetime_redis_write_seconds", "how" => how).record(took);
    metrics::counter!("pricetime_redis_orders_written_total").increment(wrote.orders as u64);
}

/// Converts a number for a gauge.
#[expect(clippy::cast_precision_loss, reason = "a gauge does not need that many digits")]
pub(super) const fn gauge(number: u64) -> f64 {
    number as f64
}
