//! Reads lines, with time limits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::time::timeout;

use crate::account::Account;

/// How many bytes are read at once, from a file and from a connection.
const FILE_BUFFER: usize = 1 << 16;
const BUFFER: usize = 1 << 14;
/// How much of a line's memory is kept for the next one.
const LINE_CAPACITY_KEPT: usize = 1 << 12;

/// The limits of a connection. A file has none.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// How long the first line may take, and every later line from its first byte on.
    pub(crate) line: Duration,
    /// How long a connection may be idle.
    pub(crate) idle: Duration,
    /// How long a client may read nothing of what is written.
    pub(crate) write: Duration,
    /// The unsent bytes of the connection.
    pub(crate) account: Arc<Account>,
}

/// The result of a read.
#[derive(Debug)]
pub(crate) enum Read {
    /// A line that is short enough.
    Line,
    /// A line that was too long and was skipped.
    Long,
    /// There are no more lines.
    End,
    /// No line came in time. The text is the reason.
    TimedOut(String),
}

/// The lines of a client or of a file.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    line_max: usize,
    bounds: Option<Bounds>,
    has_begun: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R, line_max: usize, bounds: Option<Bounds>) -> Self {
        let buffer = if bounds.is_some() { BUFFER } else { FILE_BUFFER };
        let from = BufReader::with_capacity(buffer, from);
        Self { from, line: Vec::new(), line_max, bounds, has_begun: false }
    }

    /// The last line that was read, without the white space around it.
    pub(crate) fn text(&self) -> &[u8] {
        self.line.trim_ascii()
    }

    /// Returns `true` if the next line has been read completely, so that nothing has to be waited for.
    pub(crate) fn has_next(&self) -> bool {
        self.from.buffer().contains(&b'\n')
    }

    /// Reads the next line. If the future is dropped before it is done, part of a line is lost.
    pub(crate) async fn next(&mut self) -> io::Result<Read> {
        self.line.clear();
        self.line.shrink_to(LINE_CAPACITY_KEPT);
        let Some(bounds) = &self.bounds else { return self.read().await };
        if self.has_next() {
            // The whole line is there already, as it nearly always is.
            return self.read().await;
        }
        let bounds = bounds.clone();
        loop {
            let limit = if self.has_begun { bounds.idle } else { bounds.line };
            match timeout(limit, self.from.fill_buf()).await {
                Ok(available) => {
                    available?;
                    break;
                }
                Err(_) if !self.has_begun => {
                    return Ok(Read::TimedOut(format!("no line arrived within {limit:?}")));
                }
                Err(_) if bounds.account.is_idle() => {
                    return Ok(Read::TimedOut(format!("idle for {limit:?}")));
                }
                Err(_) => {}
            }
        }
        let timed_out = || Read::TimedOut(format!("a line did not end within {:?}", bounds.line));
        timeout(bounds.line, self.read()).await.unwrap_or_else(|_| Ok(timed_out()))
    }

    async fn read(&mut self) -> io::Result<Read> {
        self.has_begun = true;
        let most = self.line_max as u64;
        let read = (&mut self.from).take(most + 1).read_until(b'\n', &mut self.line).await?;
        if read == 0 {
            return Ok(Read::End);
        }
        if self.line.last() != Some(&b'\n') && self.line.len() as u64 > most {
            self.skip().await?;
            return Ok(Read::Long);
        }
        Ok(Read::Line)
    }

    /// Skips the rest of the line.
    async fn skip(&mut self) -> io::Result<()> {
        loop {
            let available = self.from.fill_buf().await?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (used, done) =
                end.map_or((available.len(), available.is_empty()), |end| (end + 1, true));
            self.from.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}
