//! What connections may take.

use std::time::Duration;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// How many there may be at a time, over TCP and the Unix socket.
    pub most: usize,
    /// How many of those only the Unix socket may use.
    pub reserved: usize,
    /// How many there may be at a time from one address.
    pub per_address: usize,
    /// How long the first line and each begun line may take over TCP.
    pub line: Duration,
    /// How long a connection may be idle.
    pub idle: Duration,
    /// How long a client may take none of the answers that are written.
    pub write: Duration,
    /// The bytes of answers that one connection may be owed.
    pub bytes: usize,
    /// The bytes of answers that all connections may be owed.
    pub bytes_of_all: usize,
}
