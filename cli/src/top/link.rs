//! A connection to a running host.

use std::io::{self, BufReader, Write as _};

use pricetime::Secret;
use pricetime_gateway::json::{Answer, FORMAT, Welcome};
use pricetime_journal::lines::{NextLine, next_line};

use super::super::client::{Address, Stream, TIMEOUT};
use super::super::failure::Failure;

/// The reading end of a connection.
pub(super) struct Reader {
    from: BufReader<Stream>,
    text: Vec<u8>,
}

/// The writing end of a connection.
pub(super) struct Writer(Stream);

/// A connection that has been greeted.
pub(super) struct Link {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) welcome: Welcome,
}

impl Link {
    /// Connects and presents the token, if there is one.
    ///
    /// # Errors
    /// Returns a failure that says what is wrong and what to do.
    pub(super) fn open(to: &Address, token: Option<&Secret>) -> Result<Self, Failure> {
        let stream = to.connect()?;
        let greeted = Self::greet(stream, token);
        greeted.map_err(|error| Failure::failed(format!("cannot connect to {to}: {error}")))
    }

    fn greet(stream: Stream, token: Option<&Secret>) -> io::Result<Self> {
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut writer = Writer(stream.try_clone()?);
        let mut reader =
            Reader { from: BufReader::with_capacity(1 << 16, stream), text: Vec::new() };
        let token = token.map(|token| serde_json::to_string(token.expose())).transpose()?;
        let token = token.map(|token| format!(",\"token\":{token}")).unwrap_or_default();
        writer.send(&format!("{{\"hello\":{{\"format\":{FORMAT}{token}}}}}\n"))?;
        match reader.receive()? {
            Received::Answer(answer) => match *answer {
                Answer::Welcome(welcome) => {
                    reader.from.get_ref().set_read_timeout(None)?;
                    Ok(Self { reader, writer, welcome })
                }
                Answer::Refused(refused) => Err(io::Error::other(refused.error)),
                Answer::Done(_)
                | Answer::Book(_)
                | Answer::Update(_)
                | Answer::Orders(_)
                | Answer::Own(_)
                | Answer::Ended(_)
                | Answer::Market(_)
                | Answer::Markets(_)
                | Answer::Order(_)
                | Answer::Outcome(_)
                | Answer::Status(_) => Err(not_ours()),
            },
            Received::Other => Err(not_ours()),
            Received::End => Err(io::Error::other("it closed the connection")),
        }
    }
}

fn not_ours() -> io::Error {
    io::Error::other("its first line is no `welcome`: what listens there is not `pricetime run`")
}

/// What was received.
pub(super) enum Received {
    Answer(Box<Answer>),
    /// A line that is too long or that is not known here.
    Other,
    End,
}

impl Reader {
    /// Waits for the next line.
    pub(super) fn receive(&mut self) -> io::Result<Received> {
        Ok(match next_line(&mut self.from, &mut self.text)? {
            NextLine::End => Received::End,
            NextLine::Long => Received::Other,
            NextLine::Line => serde_json::from_slice(&self.text)
                .map_or(Received::Other, |answer| Received::Answer(Box::new(answer))),
        })
    }
}

impl Writer {
    /// Sends lines, in one write.
    pub(super) fn send(&mut self, lines: &str) -> io::Result<()> {
        self.0.write_all(lines.as_bytes())?;
        self.0.flush()
    }
}
