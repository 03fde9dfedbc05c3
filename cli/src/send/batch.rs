//! Sends the lines of the command line or of standard input.

use std::io::{self, BufReader, Write as _};
use std::thread;

use pricetime_journal::lines::{NextLine, next_line, too_long};

use super::super::client::Address;
use super::connection::{Connection, Receiver, Sender};
use super::pending::Counts;
use super::show::Show;
use crate::failure::{Code, Failure};

/// Where lines come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A word of the command line.
    Text(String),
    /// Standard input.
    Stdin,
}

impl Source {
    /// The source that a word of the command line stands for.
    pub(super) fn of(word: String) -> Self {
        if word == "-" { Self::Stdin } else { Self::Text(word) }
    }
}

/// The lines to send, and how to print the answers.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) sources: Vec<Source>,
    /// Stay connected after the last answer.
    pub(super) follow: bool,
    pub(super) show: Show,
}

impl Batch {
    /// Sends everything and prints the answers.
    ///
    /// # Errors
    /// Returns a failure if lines were refused, or if the connection ended before all answers came.
    pub(super) fn run(self, connection: Connection, address: &Address) -> Result<(), Failure> {
        let Self { sources, follow, show } = self;
        let Connection { sender, receiver, .. } = connection;
        // This thread is not joined: it may wait for standard input after the connection has ended.
        thread::spawn(move || send_sources(sources, follow, sender));
        let printed = print(receiver, follow, show);
        let counts = match printed {
            Ok(counts) => counts,
            // The reader of the output, like `head`, has what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::failed(format!("standard output: {error}"))),
        };
        verdict(&counts, follow, address)
    }
}

/// Prints what the market sends until there is nothing more to wait for. Returns the counts at the end.
fn print(mut receiver: Receiver, follow: bool, show: Show) -> io::Result<Counts> {
    let pending = receiver.pending().clone();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut text = Vec::new();
    loop {
        if !receiver.has_line() {
            out.flush()?;
        }
        let incoming = match receiver.next(&mut text) {
            Ok(Some(incoming)) => incoming,
            Ok(None) => {
                pending.end("");
                break;
            }
            Err(error) => {
                pending.end(&error.to_string());
                break;
            }
        };
        out.write_all(show.received(&incoming, &text).as_bytes())?;
        pending.note(&incoming);
        if !follow && pending.counts().is_done() {
            break;
        }
    }
    out.flush()?;
    let counts = pending.counts().clone();
    Ok(counts)
}

/// The result, after everything was printed.
fn verdict(counts: &Counts, follow: bool, address: &Address) -> Result<(), Failure> {
    if let Some(why) = &counts.input_failure {
        return Err(Failure::failed(why));
    }
    if counts.is_done() && !follow {
        return match counts.refused {
            0 => Ok(()),
            refused => Err(Failure::new(
                Code::Refused,
                format!("{refused} of {} lines were refused", counts.expected_answers),
            )),
        };
    }
    let why = counts.ended.as_deref().filter(|why| !why.is_empty());
    let mut text = format!("{address}: the market ended the connection");
    if let Some(why) = why {
        text += &format!(" ({why})");
    }
    if let Some(unanswered) = counts.unanswered() {
        text += &format!(
            ". There is no answer to {unanswered}, which may or may not have been carried out. \
             Send again: a command with a `request` is not carried out twice"
        );
    } else if !counts.complete {
        text += " before the input ended; every line that was sent is answered";
    }
    Err(Failure::failed(text))
}

/// Sends the lines of all sources.
fn send_sources(sources: Vec<Source>, follow: bool, mut sender: Sender) {
    let pending = sender.pending().clone();
    let failure = match send_all(sources, &mut sender) {
        Ok(()) => None,
        // The receiving end finds the reason, and reports it.
        Err(SendError::Gone) => return,
        Err(SendError::Input(why)) => Some(why),
    };
    pending.change(|counts| {
        counts.complete = true;
        counts.input_failure = failure;
    });
    // As above. The receiving end keeps the connection open.
    let _ = if follow { sender.flush() } else { sender.end() };
}

fn send_all(sources: Vec<Source>, sender: &mut Sender) -> Result<(), SendError> {
    for source in sources {
        match source {
            Source::Text(text) => {
                for line in text.strip_suffix('\n').unwrap_or(&text).split('\n') {
                    sender.send(line.as_bytes()).map_err(|_| SendError::Gone)?;
                }
            }
            Source::Stdin => send_stdin(sender)?,
        }
    }
    Ok(())
}

/// Why not everything was sent.
enum SendError {
    /// The connection has ended.
    Gone,
    /// The input is faulty.
    Input(String),
}

fn send_stdin(sender: &mut Sender) -> Result<(), SendError> {
    let mut from = BufReader::new(io::stdin().lock());
    let mut line = Vec::new();
    loop {
        if !from.buffer().contains(&b'\n') {
            sender.flush().map_err(|_| SendError::Gone)?;
        }
        match next_line(&mut from, &mut line) {
            Ok(NextLine::Line) => {}
            Ok(NextLine::End) => return Ok(()),
            Ok(NextLine::Long) => {
                let (number, why) = (sender.pending().counts().number_of_next(), too_long());
                return Err(SendError::Input(format!(
                    "standard input, line {number}: {why}; it and the lines after it were not sent"
                )));
            }
            Err(error) => return Err(SendError::Input(format!("standard input: {error}"))),
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        sender.send(text).map_err(|_| SendError::Gone)?;
    }
}
