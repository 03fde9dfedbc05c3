//! What connections may take, in the configuration.

use std::time::Duration;

use super::duration;
use super::setting::Listen;

/// The fewest bytes of answers that a connection may be owed.
const BYTES_MIN: usize = 1 << 16;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connections {
    /// How many there may be at a time, over TCP and the Unix socket.
    pub(crate) most: usize,
    /// How many of those only the Unix socket may use.
    pub(crate) reserved: usize,
    /// How many there may be at a time from one address.
    pub(crate) per_address: usize,
    /// How long the first line and each begun line may take over TCP.
    pub(crate) line: Duration,
    /// How long a connection may be idle.
    pub(crate) idle: Duration,
    /// How long a client may take none of the answers that are written.
    pub(crate) write: Duration,
    /// The bytes of answers that one connection may be owed.
    pub(crate) bytes: usize,
    /// The bytes of answers that all connections may be owed.
    pub(crate) bytes_of_all: usize,
}

impl Listen {
    /// Returns an error that names the setting if one makes no sense.
    pub(super) fn connections(&self) -> Result<Connections, String> {
        let (most, reserved) = (self.connections, self.connections_reserved);
        if most <= reserved {
            return Err(format!(
                "listen.connections = {most}: it must be more than listen.connections_reserved = \
                 {reserved}"
            ));
        }
        if self.connections_per_address == 0 {
            return Err(String::from("listen.connections_per_address = 0: at least 1"));
        }
        let (bytes, bytes_of_all) = (self.connection_bytes, self.connections_bytes);
        if bytes < BYTES_MIN {
            return Err(format!("listen.connection_bytes = {bytes}: at least {BYTES_MIN}"));
        }
        if bytes_of_all < bytes {
            return Err(format!(
                "listen.connections_bytes = {bytes_of_all}: at least listen.connection_bytes = \
                 {bytes}"
            ));
        }
        Ok(Connections {
            most,
            reserved,
            per_address: self.connections_per_address,
            line: duration("listen.line_timeout", &self.line_timeout)?,
            idle: duration("listen.idle_timeout", &self.idle_timeout)?,
            write: duration("listen.write_timeout", &self.write_timeout)?,
            bytes,
            bytes_of_all,
        })
    }
}
