//! The limits of connections in the configuration.

use pricetime_gateway::ConnectionLimits;

use super::duration;
use super::setting::Listen;

/// The smallest allowed limit on the unsent answers of a connection, in bytes.
const BYTES_MIN: usize = 1 << 16;

impl Listen {
    /// Converts the settings to connection limits. Returns an error that names the setting if one is
    /// invalid.
    pub(super) fn connections(&self) -> Result<ConnectionLimits, String> {
        let (connections_max, reserved) = (self.connections, self.connections_reserved);
        if connections_max <= reserved {
            return Err(format!(
                "listen.connections = {connections_max}: it must be more than listen.connections_reserved = \
                 {reserved}"
            ));
        }
        if self.connections_per_address == 0 {
            return Err(String::from("listen.connections_per_address = 0: it must be at least 1"));
        }
        let (bytes, bytes_of_all) = (self.connection_bytes, self.connections_bytes);
        if bytes < BYTES_MIN {
            return Err(format!(
                "listen.connection_bytes = {bytes}: it must be at least {BYTES_MIN}"
            ));
        }
        if bytes_of_all < bytes {
            return Err(format!(
                "listen.connections_bytes = {bytes_of_all}: it must be at least \
                 listen.connection_bytes = {bytes}"
            ));
        }
        Ok(ConnectionLimits {
            connections_max,
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
