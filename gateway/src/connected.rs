//! What all connections share.

use pricetime::{Host, Policy};
use tokio::sync::watch;

use crate::Tokens;
use crate::turns::{Client, Turns};

/// What becomes of the times that lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// A running market has its own clock.
    Refused,
    /// The lines happen now.
    Ignored,
    /// They are the host's clock.
    Followed,
}

/// What all connections share: the host, who may do what, and when they end.
#[derive(Debug)]
pub struct Connected {
    pub(crate) host: Host,
    pub(crate) tokens: Tokens,
    pub(crate) line_max: usize,
    pub(crate) times: Times,
    /// Turns true when every connection is to end.
    pub(crate) stop: watch::Receiver<bool>,
    /// Whose turn it is to look for what happened while it was away.
    pub(crate) resuming: Turns,
}

/// Waits until the value is true. If its sender has gone, that is an end too.
pub(crate) async fn ended(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Connected {
    /// Connections to this host. A line has at most `line_max` bytes. They end when `stop` turns true.
    #[must_use]
    pub fn new(
        host: Host,
        tokens: Tokens,
        line_max: usize,
        times: Times,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { host, tokens, line_max, times, stop, resuming: Turns::default() }
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Waits until no subscription looks for what happened while its client was away: it may go on when the
    /// connection has ended.
    pub async fn resumed(&self) {
        let _ = self.resuming.take(Client::Operator).await;
    }

    /// Whether answers are durable when they come. A journal that is switched off for a benchmark does
    /// not count: nobody takes that for a market.
    pub(crate) fn is_durable(&self) -> bool {
        self.host.policy() != Policy::Epoch
    }
}
