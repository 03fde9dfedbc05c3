//! A connection that gives up in time.

use std::time::Duration;

use redis::{Connection, ConnectionLike, RedisResult, Value};

/// A connection on which the first answer that does not come in time is the last one that is waited
/// for. The client's own way waits for each answer of a pipeline, one after the other, whatever
/// became of those before it, so that a server that hangs would hold us up for minutes.
///
/// After an error it is of no use any more: the answers that were not read are still to come.
pub(crate) struct Wire {
    connection: Connection,
    /// How many bytes were sent.
    sent: u64,
}

impl Wire {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection, sent: 0 }
    }

    /// How many bytes were sent since this was last asked.
    pub(super) const fn take_sent(&mut self) -> u64 {
        core::mem::replace(&mut self.sent, 0)
    }

    /// How long an answer may take from now on.
    pub(crate) fn limit(&mut self, limit: Duration) -> RedisResult<()> {
        self.connection.set_read_timeout(Some(limit))?;
        self.connection.set_write_timeout(Some(limit))
    }

    /// Sends a question. Its answer is behind those of all earlier ones.
    pub(crate) fn send(&mut self, words: &[u8]) -> RedisResult<()> {
        self.sent += words.len() as u64;
        self.connection.send_packed_command(words)
    }

    /// The answer to the first question that none was read of. One that does not come in time will
    /// be passed over when it does, and then the connection goes on being of use.
    pub(crate) fn receive(&mut self) -> RedisResult<Value> {
        self.connection.recv_response()
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command(&mut self, words: &[u8]) -> RedisResult<Value> {
        self.send(words)?;
        self.connection.recv_response()
    }

    fn req_packed_commands(
        &mut self,
        words: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.send(words)?;
        for _ in 0..offset {
            // What is only noted, for a transaction, and refused then: nothing will be carried out.
            if let Value::ServerError(error) = self.connection.recv_response()? {
                return Err(error.into());
            }
        }
        (0..count).map(|_| self.connection.recv_response()).collect()
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }

    fn check_connection(&mut self) -> bool {
        self.connection.check_connection()
    }

    fn is_open(&self) -> bool {
        self.connection.is_open()
    }
}
