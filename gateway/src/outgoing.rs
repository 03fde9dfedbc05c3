//! The output buffer of a connection.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::account::BufferBytes;
use crate::lines::Bounds;

/// A buffer with this many bytes is written at once.
const BUFFER: usize = 1 << 16;
/// How much of the buffer a connection keeps while there is nothing to write.
const BUFFER_KEPT: usize = 1 << 12;
/// How often a client that reads nothing is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The output buffer of a connection.
#[derive(Debug)]
pub(crate) struct Outgoing<W> {
    to: W,
    buffer: Vec<u8>,
    buffer_bytes: Option<BufferBytes>,
    /// How long the client may read nothing.
    write_timeout: Option<Duration>,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(crate) fn new(to: W, bounds: Option<&Bounds>) -> Self {
        let buffer_bytes = bounds.map(|bounds| bounds.account.buffer_bytes());
        Self {
            to,
            buffer: Vec::new(),
            buffer_bytes,
            write_timeout: bounds.map(|bounds| bounds.write),
        }
    }

    /// The buffer, to append whole lines to it.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Returns `true` if the buffer is so full that it should be written now.
    pub(crate) const fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    /// Frees memory that only many answers at once need.
    pub(crate) fn shrink(&mut self) {
        self.buffer.shrink_to(BUFFER_KEPT);
        self.count();
    }

    /// Writes everything. While the client reads nothing, `check` is called now and then, and decides
    /// whether to continue.
    ///
    /// # Errors
    /// Returns an error if the connection fails, if the client reads nothing for too long, or if `check`
    /// returns one.
    pub(crate) async fn flush(&mut self, check: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        self.count();
        match self.write_timeout {
            None => self.to.write_all(&self.buffer).await?,
            Some(write_timeout) => {
                write_within(&mut self.to, &self.buffer, write_timeout, check).await?
            }
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER);
        self.to.flush().await
    }

    fn count(&mut self) {
        if let Some(buffer_bytes) = &mut self.buffer_bytes {
            buffer_bytes.set(self.buffer.capacity());
        }
    }
}

async fn write_within(
    to: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    write_timeout: Duration,
    mut check: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let started = Instant::now();
        let mut writing = std::pin::pin!(to.write(bytes));
        let written = loop {
            let left = write_timeout.saturating_sub(started.elapsed());
            if let Ok(written) = timeout(left.min(CHECK_INTERVAL), &mut writing).await {
                break written?;
            }
            check()?;
            if started.elapsed() >= write_timeout {
                let why = format!("it read none of its answers for {write_timeout:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}
