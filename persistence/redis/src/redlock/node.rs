//! One node: a thread with a connection of its own.
//!
//! A connection on which a reply is late is kept, and further requests are sent on it. The server carries
//! them out in order, so a request to delete a value cannot overtake the one that wrote it. Only after a
//! second without any reply is the connection dropped.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use redis::{RedisResult, Value};

use super::clock::Clock;
use super::driver::{Message, Request};
use super::error::RedlockError;
use super::step::{Answer, Operation};
use crate::{Address, Peer, RedisError, RedisOptions, Wire, fault};

/// Deletes the value if it is ours.
const FREE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
    return redis.call('DEL', KEYS[1]) end return 0";
/// Extends the value if it is ours, and writes it if there is none.
const EXTEND: &str = "local found = redis.call('GET', KEYS[1]) \
    if found == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
    if not found then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end return 0";

/// A connection without any reply for longer than this is replaced.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// The shortest time limit of a reply.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// How many further requests are sent before the first reply is read.
const BATCH: usize = 64;

impl Request {
    fn packed(&self) -> Vec<u8> {
        let value = format!("{}:{}", self.owner, self.ask.attempt);
        // The rules limit it to a day.
        let ttl = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        let key = &*self.key;
        let mut command = match self.ask.operation {
            Operation::Take => redis::cmd("SET"),
            Operation::Extend | Operation::Free => redis::cmd("EVAL"),
        };
        match self.ask.operation {
            Operation::Take => command.arg(key).arg(value).arg("NX").arg("PX").arg(ttl),
            Operation::Extend => command.arg(EXTEND).arg(1).arg(key).arg(value).arg(ttl),
            Operation::Free => command.arg(FREE).arg(1).arg(key).arg(value),
        };
        command.get_packed_command()
    }
}

/// The node.
pub(super) struct Node {
    options: RedisOptions,
    address: Address,
    clock: Arc<dyn Clock>,
    driver: Sender<Message>,
    wire: Option<Wire>,
    /// Since when no reply has come, if one is overdue.
    silent_since: Option<Duration>,
}

impl Node {
    pub(super) const fn new(
        options: RedisOptions,
        address: Address,
        clock: Arc<dyn Clock>,
        driver: Sender<Message>,
    ) -> Self {
        Self { options, address, clock, driver, wire: None, silent_since: None }
    }

    /// Reports whether the server can be used, and then carries out requests until all senders are gone.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let ready = match self.connect() {
            // The server does not answer yet. A quorum may be possible without it.
            Err(RedlockError::Unreachable { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        };
        // If the receiver is gone, no requests follow.
        drop(self.driver.send(Message::NodeReady(ready)));
        while let Ok(first) = requests.recv() {
            let more = requests.try_iter().take(BATCH);
            self.carry_out(std::iter::once(first).chain(more).collect());
        }
    }

    fn report(&self, request: &Request, answer: Answer, fault: Option<String>) {
        let (lease, ask) = (request.lease, request.ask);
        drop(self.driver.send(Message::Answered { lease, ask, answer, fault }));
    }

    fn carry_out(&mut self, requests: Vec<Request>) {
        let connected = self.connect();
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            if let Err(error) = &connected {
                self.report(&request, Answer::Failed, Some(error.to_string()));
            } else if request.ask.deadline <= self.clock.now() {
                self.report(&request, Answer::Failed, Some(self.late()));
            } else {
                match self.send(&request) {
                    Ok(()) => sent.push(request),
                    Err(error) => self.report(&request, Answer::Unknown, Some(self.text(&error))),
                }
            }
        }
        for request in sent {
            let (answer, fault) = self.receive(&request);
            self.report(&request, answer, fault);
        }
    }

    fn late(&self) -> String {
        format!("{} does not answer: no answer in time", self.address)
    }

    fn text(&self, error: &redis::RedisError) -> String {
        fault(&self.address.to_string(), error).to_string()
    }

    fn send(&mut self, request: &Request) -> RedisResult<()> {
        let wire = self.wire.as_mut().ok_or_else(|| std::io::Error::other("no connection"))?;
        wire.limit(self.options.control);
        let sent = wire.send(&request.packed());
        if sent.is_err() {
            self.wire = None;
        }
        sent
    }

    fn receive(&mut self, request: &Request) -> (Answer, Option<String>) {
        let now = self.clock.now();
        let Some(wire) = &mut self.wire else {
            return (Answer::Unknown, Some(format!("{}: the connection is lost", self.address)));
        };
        let wait = request.ask.deadline.saturating_sub(now).max(WAIT_MIN);
        wire.limit(wait);
        match wire.receive() {
            Ok(value) => {
                self.silent_since = None;
                match (request.ask.operation, value) {
                    (_, Value::Okay | Value::Int(1)) => (Answer::Yes, None),
                    (_, Value::Nil | Value::Int(0)) => (Answer::No, None),
                    (_, Value::ServerError(error)) => {
                        (Answer::Failed, Some(self.text(&error.into())))
                    }
                    (_, other) => {
                        self.wire = None;
                        let why = format!("{} sent an unexpected answer: {other:?}", self.address);
                        (Answer::Unknown, Some(why))
                    }
                }
            }
            Err(error) if error.is_timeout() => {
                self.silent_since.get_or_insert(now);
                (Answer::Unknown, Some(self.late()))
            }
            Err(error) => {
                self.wire = None;
                (Answer::Unknown, Some(self.text(&error)))
            }
        }
    }

    /// Makes sure that there is a connection. On a new one it checks that the server runs scripts.
    fn connect(&mut self) -> Result<(), RedlockError> {
        let now = self.clock.now();
        if self.silent_since.is_some_and(|since| now.saturating_sub(since) > SILENCE_MAX) {
            self.wire = None;
        }
        if self.wire.is_some() {
            return Ok(());
        }
        self.silent_since = None;
        let tried =
            Wire::connect(&self.options, &self.address, Peer::Server).and_then(|mut wire| {
                wire.limit(self.options.control);
                redis::cmd("EVAL").arg("return 1").arg(0).query::<i64>(&mut wire)?;
                Ok(wire)
            });
        match tried {
            Ok(wire) => {
                self.wire = Some(wire);
                Ok(())
            }
            Err(error) => Err(self.connect_error(fault(&self.address.to_string(), &error))),
        }
    }

    fn connect_error(&self, error: RedisError) -> RedlockError {
        let server = self.address.to_string();
        match error {
            RedisError::Refused { code, why, .. } => match code.as_str() {
                // These pass by themselves.
                "LOADING" | "BUSY" | "MASTERDOWN" | "TRYAGAIN" | "CLUSTERDOWN" => {
                    RedlockError::Unreachable { server, why }
                }
                "NOAUTH" | "WRONGPASS" => RedlockError::Refused { server, why },
                _ => RedlockError::NoScripts { server, why },
            },
            RedisError::Unreachable { why, .. } => RedlockError::Unreachable { server, why },
            RedisError::Options(why) => RedlockError::Refused { server, why },
            error @ (RedisError::Fenced { .. }
            | RedisError::Replaced { .. }
            | RedisError::Contended { .. }
            | RedisError::Count { .. }) => RedlockError::Refused { server, why: error.to_string() },
        }
    }
}
