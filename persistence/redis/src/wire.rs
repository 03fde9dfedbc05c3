//! A connection that gives up in time, and hands long answers over as they came.
//!
//! An answer must be complete in time, in however many pieces it comes, and its length is bounded. So a
//! server that sends a byte now and then, or announces a huge answer, holds neither the thread nor memory.
//!
//! What is asked, and what an answer means, is the client library's. The connection is our own: the
//! library's waits for each answer of a pipeline, one after the other, whatever became of those
//! before it, so that a server that hangs would hold us up for minutes; and it makes a value of its
//! own of each text of an answer, which takes longer than the server takes to say it.
//!
//! Parsing the two texts of an order takes the library 390 ns; here only their ends are searched. With digests
//! that are summed while pages arrive, a million orders are read in 1.1 s instead of 2.8. The server itself takes
//! 0.9 s to send them (`HSCAN`, 2,000 entries a page).

mod frame;
mod socket;
#[cfg(test)]
mod tests;
mod wrong;

use std::ops::Range;
use std::time::Duration;

use redis::{Cmd, ConnectionLike, RedisResult, Value, parse_redis_value};

use super::options::{Address, RedisOptions};
pub(super) use frame::{Frame, Texts};
use socket::{Socket, after};
pub(super) use wrong::with_key;

/// So much is made room for at least.
const ROOM: usize = 1 << 16;
/// So much of the room for a long answer is kept for the next one.
const ROOM_KEPT: usize = 1 << 22;

/// What is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A server that has the keys.
    Server,
    /// A sentinel, which has users of its own and no databases.
    Sentinel,
}

/// A connection on which the first answer that does not come in time is the last one that is waited
/// for. After an error it is of no use any more, but for a late answer: that one is passed over when
/// it comes.
pub(crate) struct Wire {
    socket: Socket,
    /// What has come and was not taken yet is what is between `from` and `to`.
    come: Vec<u8>,
    from: usize,
    to: usize,
    /// The answer that is the next to be whole.
    frame: Frame,
    /// How long an answer may take, and until when the one that is waited for may.
    limit: Duration,
    until: Option<Duration>,
    /// So many answers nobody waits for any more.
    late: usize,
    database: i64,
    /// How many bytes were sent.
    sent: u64,
}

impl Wire {
    /// Connects, as the options say, and says who we are.
    pub(crate) fn connect(
        options: &RedisOptions,
        address: &Address,
        peer: Peer,
    ) -> RedisResult<Self> {
        let socket = Socket::connect(address, options.tls.as_ref(), options.connect)?;
        let known = match peer {
            Peer::Server => options.password.as_ref().map(|it| (options.user.as_ref(), it)),
            Peer::Sentinel => options.sentinel.as_ref().map(|(user, it)| (user.as_ref(), it)),
        };
        let mut wire = Self {
            socket,
            come: Vec::new(),
            from: 0,
            to: 0,
            frame: Frame::default(),
            limit: options.connect,
            until: None,
            late: 0,
            database: if peer == Peer::Server { options.database } else { 0 },
            sent: 0,
        };
        wire.introduce(known)?;
        Ok(wire)
    }

    /// Says who we are and what we want. All at once: the answers are not waited for one by one.
    fn introduce(&mut self, known: Option<(Option<&String>, &String)>) -> RedisResult<()> {
        let mut ask = redis::pipe();
        if let Some((user, password)) = known {
            ask.cmd("AUTH").arg(user).arg(password);
        }
        if self.database != 0 {
            ask.cmd("SELECT").arg(self.database);
        }
        ask.exec(self)
    }

    /// How many bytes were sent since this was last asked.
    pub(super) const fn take_sent(&mut self) -> u64 {
        core::mem::replace(&mut self.sent, 0)
    }

    /// How long each answer may take from now on, from when it is waited for until it is whole; and so
    /// long a question may take to be sent.
    pub(crate) const fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Sends a question. Its answer is behind those of all earlier ones.
    pub(crate) fn send(&mut self, words: &[u8]) -> RedisResult<()> {
        self.sent += words.len() as u64;
        self.socket.work_until(after(self.limit));
        Ok(self.socket.write_all(words)?)
    }

    /// The answer to the first question that none was read of. One that does not come in time will
    /// be passed over when it does, and then the connection goes on being of use.
    pub(crate) fn receive(&mut self) -> RedisResult<Value> {
        self.answer(parse_redis_value)?
    }

    /// The same, as it came, unless the server said no.
    pub(super) fn receive_as_it_comes(&mut self) -> RedisResult<Vec<u8>> {
        self.answer(|answer| match answer.first() {
            Some(b'-') => parse_redis_value(answer)?.extract_error().map(|_| Vec::new()),
            _ => Ok(answer.to_vec()),
        })?
    }

    /// The first text of that answer, if there is one in it: as soon as it is there, while the rest
    /// still comes.
    pub(super) fn look_ahead(&mut self) -> RedisResult<Option<Vec<u8>>> {
        let first = self.first_text();
        if first.is_err() {
            self.until = None;
        }
        first
    }

    fn first_text(&mut self) -> RedisResult<Option<Vec<u8>>> {
        self.pass_over()?;
        loop {
            let come = self.come.get(self.from..self.to).unwrap_or_default();
            let end = self.frame.end(come)?;
            let own = come.get(..end.unwrap_or(come.len())).unwrap_or_default();
            let first = Texts::of(own).next().map(<[u8]>::to_vec);
            if first.is_some() || end.is_some() {
                return Ok(first);
            }
            self.wait()?;
        }
    }

    /// Sends a question whose answer is long.
    pub(super) fn ask(&mut self, question: &Cmd) -> RedisResult<()> {
        self.send(&question.get_packed_command())
    }

    /// Does something with the next answer that is waited for.
    fn answer<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> RedisResult<T> {
        let answer = self.pass_over().and_then(|()| self.whole());
        self.until = None;
        let read = read(self.come.get(answer?).unwrap_or_default());
        if self.from == self.to && self.come.len() > ROOM_KEPT {
            self.come = Vec::new();
            (self.from, self.to) = (0, 0);
        }
        Ok(read)
    }

    /// Passes over what nobody waits for any more. The time of the answer that is waited for begins.
    fn pass_over(&mut self) -> RedisResult<()> {
        let until = *self.until.get_or_insert_with(|| after(self.limit));
        self.socket.work_until(until);
        while self.late > 0 {
            self.whole()?;
            self.late -= 1;
        }
        Ok(())
    }

    /// Waits until the next answer is there, and takes it. Where it is.
    fn whole(&mut self) -> RedisResult<Range<usize>> {
        loop {
            let come = self.come.get(self.from..self.to).unwrap_or_default();
            if let Some(length) = self.frame.end(come)? {
                let from = self.from;
                self.from += length;
                self.frame = Frame::default();
                return Ok(from..self.from);
            }
            self.wait()?;
        }
    }

    /// Waits until more has come.
    fn wait(&mut self) -> RedisResult<()> {
        let read = self.read();
        self.late += usize::from(read.as_ref().is_err_and(redis::RedisError::is_timeout));
        read
    }

    fn read(&mut self) -> RedisResult<()> {
        if self.to == self.come.len() {
            self.come.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if self.come.len() - self.to < ROOM {
                self.come.resize(2 * self.come.len() + ROOM, 0);
            }
        }
        let room = self.come.get_mut(self.to..).unwrap_or_default();
        self.to += self.socket.read(room)?;
        Ok(())
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command(&mut self, words: &[u8]) -> RedisResult<Value> {
        self.send(words)?;
        let answer = self.receive()?;
        wrong::check(&answer, words, 0)?;
        Ok(answer)
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
            if let Value::ServerError(error) = self.receive()? {
                return Err(error.into());
            }
        }
        let mut answers = Vec::with_capacity(count);
        for command in offset..offset + count {
            let answer = self.receive()?;
            if let (Value::Array(all), 1..) = (&answer, offset) {
                // All that a transaction did, without the MULTI in front of it.
                (1..).zip(all).try_for_each(|(command, it)| wrong::check(it, words, command))?;
            }
            wrong::check(&answer, words, command)?;
            answers.push(answer);
        }
        Ok(answers)
    }

    fn get_db(&self) -> i64 {
        self.database
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        true
    }
}
