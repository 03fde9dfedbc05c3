//! The two ends of a connection.

use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::sync::Arc;

use pricetime::Secret;
use pricetime_gateway::json::{FORMAT, Hello, Line};

use super::super::client::{Address, Stream};
use super::incoming::Incoming;
use super::pending::PendingAnswers;
use crate::failure::Failure;

/// A connection to a market.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    /// The answer to the token, if there is one.
    pub(super) welcome: Option<Vec<u8>>,
}

/// The end that sends lines.
#[derive(Debug)]
pub(super) struct Sender {
    to: BufWriter<Stream>,
    pending: Arc<PendingAnswers>,
}

/// The end that receives lines.
#[derive(Debug)]
pub(super) struct Receiver {
    from: BufReader<Stream>,
    pending: Arc<PendingAnswers>,
}

impl Connection {
    /// Connects, and presents the token if there is one.
    ///
    /// # Errors
    /// Returns a failure if the market cannot be reached or refuses the token.
    pub(super) fn open(address: &Address, token: Option<&Secret>) -> Result<Self, Failure> {
        let stream = address.connect()?;
        let pending = Arc::<PendingAnswers>::default();
        let sender =
            Sender { to: BufWriter::new(stream.try_clone()?), pending: Arc::clone(&pending) };
        let receiver = Receiver { from: BufReader::new(stream), pending };
        let mut connection = Self { sender, receiver, welcome: None };
        if let Some(token) = token {
            let failed = |why: String| Failure::failed(format!("{address}: {why}"));
            connection.greet(token).map_err(failed)?;
        }
        Ok(connection)
    }

    fn greet(&mut self, token: &Secret) -> Result<(), String> {
        let Self { sender, receiver, welcome } = self;
        let hello =
            Hello { format: FORMAT, token: Some(token.clone()), cancel_on_disconnect: false };
        let hello = serde_json::to_vec(&Line::Hello(hello)).map_err(|error| error.to_string())?;
        let sent = sender.send(&hello).and_then(|()| sender.flush());
        sent.map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        let found = receiver.next(&mut text).map_err(|error| error.to_string())?;
        let incoming = found.ok_or("the connection ended before the token was answered")?;
        match &incoming {
            Incoming::Answer(_) => {}
            Incoming::Refusal(_) | Incoming::Closing(_) | Incoming::Unsolicited => {
                return Err(refusal(&text));
            }
        }
        receiver.pending.note(&incoming);
        receiver.pending.change(|counts| (counts.internal_lines, counts.expected_answers) = (1, 0));
        *welcome = Some(text);
        Ok(())
    }
}

/// The error of a refused line, or the line itself.
fn refusal(text: &[u8]) -> String {
    let line: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let error = line.pointer("/refused/error").and_then(serde_json::Value::as_str);
    error.map_or_else(|| String::from_utf8_lossy(text).into_owned(), str::to_owned)
}

impl Sender {
    /// Sends a line, which may stay in a buffer until [`Self::flush`]. Waits while too many lines have no
    /// answer.
    ///
    /// # Errors
    /// Returns an error if the connection has ended.
    pub(super) fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let has_answer = !line.trim_ascii().is_empty();
        while !self.pending.reserve(has_answer) {
            self.flush()?;
            self.pending.wait_for_room();
        }
        self.to.write_all(line)?;
        self.to.write_all(b"\n")
    }

    /// Sends what is in the buffer.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Sends what is in the buffer, and tells the market that no more lines follow.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.to.flush()?;
        self.to.get_ref().end_writing()
    }

    /// The answers that are pending.
    pub(super) fn pending(&self) -> &Arc<PendingAnswers> {
        &self.pending
    }
}

impl Receiver {
    /// Reads the next line into `text`, without its line feed. Returns `None` at the end. The line is
    /// counted as an answer only by [`PendingAnswers::note`], after it was printed.
    pub(super) fn next(&mut self, text: &mut Vec<u8>) -> io::Result<Option<Incoming>> {
        text.clear();
        self.from.read_until(b'\n', text)?;
        // A line without an end was cut off.
        if text.pop() != Some(b'\n') {
            return Ok(None);
        }
        Ok(Some(Incoming::of(text)))
    }

    /// Returns `true` if the next line is there already.
    pub(super) fn has_line(&self) -> bool {
        self.from.buffer().contains(&b'\n')
    }

    /// The answers that are pending.
    pub(super) fn pending(&self) -> &Arc<PendingAnswers> {
        &self.pending
    }
}
