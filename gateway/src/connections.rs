//! The limits of connections.

use std::time::Duration;

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// How many there may be at a time, over TCP and the Unix socket together.
    pub connections_max: usize,
    /// How many of those only the Unix socket may use.
    pub reserved: usize,
    /// How many there may be at a time from one address.
    pub per_address: usize,
    /// How long the first line and each later line that has begun may take over TCP.
    pub line: Duration,
    /// How long a connection may be idle.
    pub idle: Duration,
    /// How long a client may read none of the answers that are written.
    pub write: Duration,
    /// How many bytes of unsent answers one connection may have.
    pub bytes: usize,
    /// How many bytes of unsent answers all connections together may have.
    pub bytes_of_all: usize,
}
