//! What all connections share.

use std::sync::Arc;

use pricetime::{Host, Policy};
use tokio::sync::{RwLock, watch};

use crate::Tokens;
use crate::turns::{Client, Turns};

/// What happens to the times in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePolicy {
    /// They are refused, because a running market has its own clock.
    Refused,
    /// They are ignored, and the lines happen now.
    Ignored,
    /// They are the clock of the host.
    Followed,
}

/// What all connections share: the host, the tokens, the limits, and the signal to end.
#[derive(Debug)]
pub struct GatewayContext {
    pub(crate) host: Host,
    pub(crate) tokens: Tokens,
    pub(crate) line_max: usize,
    pub(crate) times: TimePolicy,
    /// Becomes `true` when all connections have to end.
    pub(crate) stop: watch::Receiver<bool>,
    /// The turns to replay what a subscription missed.
    pub(crate) replay_turns: Turns,
    /// Read-locked by each task that writes the answers to a file.
    pub(crate) writers: Arc<RwLock<()>>,
}

/// Waits until the value is `true` or its sender is gone.
pub(crate) async fn ended(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl GatewayContext {
    /// Creates the shared part of connections to this host. A line has at most `line_max` bytes. The
    /// connections end when `stop` becomes `true`.
    #[must_use]
    pub fn new(
        host: Host,
        tokens: Tokens,
        line_max: usize,
        times: TimePolicy,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (replay_turns, writers) = (Turns::default(), Arc::default());
        Self { host, tokens, line_max, times, stop, replay_turns, writers }
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Waits for what may continue after its connection or its input was cut off: a subscription that
    /// replays what its client missed, and a task that writes answers.
    pub async fn until_released(&self) {
        // The writers first, because a writer may still begin a subscription.
        drop(self.writers.write().await);
        let _ = self.replay_turns.take(Client::Operator).await;
    }

    /// Returns `true` if answers are durable when they come. A host whose journal is switched off for a
    /// benchmark counts as durable, because it is never a real market.
    pub(crate) fn is_durable(&self) -> bool {
        self.host.policy() != Policy::Epoch
    }
}
