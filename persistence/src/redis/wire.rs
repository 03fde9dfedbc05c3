//! A connection that gives up in time.

use std::time::Duration;

use redis::{Cmd, Connection, ConnectionLike, RedisResult, Value};

/// A connection on which the first answer that does not come in time is the last one that is waited
/// for. The client's own way waits for each answer of a pipeline, one after the other, whatever
/// became of those before it, so that a server that hangs would hold us up for minutes.
///
/// After an error it is of no use any more: the answers that were not read are still to come.
pub(super) struct Wire {
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

    fn say(&mut self, words: &[u8]) -> RedisResult<()> {
        self.sent += words.len() as u64;
        self.connection.send_packed_command(words)
    }

    /// How long an answer may take from now on.
    pub(super) fn limit(&mut self, limit: Duration) -> RedisResult<()> {
        self.connection.set_read_timeout(Some(limit))?;
        self.connection.set_write_timeout(Some(limit))
    }

    /// Asks for something. The answer is to be received before anything else is asked for otherwise.
    pub(super) fn send(&mut self, command: &Cmd) -> RedisResult<()> {
        self.say(&command.get_packed_command())
    }

    /// The answer to the first question that has none yet.
    pub(super) fn receive(&mut self) -> RedisResult<Value> {
        let answer = self.connection.recv_response()?;
        if let Value::ServerError(error) = answer {
            return Err(error.into());
        }
        Ok(answer)
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command(&mut self, words: &[u8]) -> RedisResult<Value> {
        self.say(words)?;
        self.connection.recv_response()
    }

    fn req_packed_commands(
        &mut self,
        words: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.say(words)?;
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
