//! A connection that gives up in time.

use std::time::{Duration, Instant};

use redis::{Connection, ConnectionLike, RedisResult, Value};

/// A connection on which all answers to what is asked at once must be there in time. The client's own
/// way waits the whole time for each answer of a pipeline, one after the other, so that a server that
/// hangs would hold us up for minutes.
///
/// After an error it is of no use any more: the answers that were not read are still to come.
pub(super) struct Wire {
    connection: Connection,
    limit: Duration,
}

impl Wire {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection, limit: Duration::ZERO }
    }

    /// How long it may take from now on until all answers are there.
    pub(super) fn limit(&mut self, limit: Duration) -> RedisResult<()> {
        self.limit = limit;
        self.connection.set_write_timeout(Some(limit))
    }

    fn ask(&mut self, words: &[u8]) -> RedisResult<Instant> {
        self.connection.send_packed_command(words)?;
        Ok(Instant::now() + self.limit)
    }

    fn answer(&mut self, end: Instant) -> RedisResult<Value> {
        // None at all would be for ever.
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.connection.set_read_timeout(Some(left))?;
        self.connection.recv_response()
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command(&mut self, words: &[u8]) -> RedisResult<Value> {
        let end = self.ask(words)?;
        self.answer(end)
    }

    fn req_packed_commands(
        &mut self,
        words: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let end = self.ask(words)?;
        for _ in 0..offset {
            // What is only noted, for a transaction, and refused then: nothing will be carried out.
            if let Value::ServerError(error) = self.answer(end)? {
                return Err(error.into());
            }
        }
        (0..count).map(|_| self.answer(end)).collect()
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
