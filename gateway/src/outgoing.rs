//! The output buffer of a connection.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::account::Held;
use crate::lines::Bounds;

/// A buffer with this many bytes is written at once.
const BUFFER: usize = 1 << 16;
/// How much of the buffer a connection keeps while there is nothing to write.
const BUFFER_KEPT: usize = 1 << 12;
/// How often a client that reads nothing is checked.
const LOOK: Duration = Duration::from_secs(1);

/// The output buffer of a connection.
#[derive(Debug)]
pub(crate) struct Outgoing<W> {
    to: W,
    buffer: Vec<u8>,
    held: Option<Held>,
    /// How long the client may read nothing.
    patience: Option<Duration>,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(crate) fn new(to: W, bounds: Option<&Bounds>) -> Self {
        let held = bounds.map(|bounds| bounds.account.held());
        Self { to, buffer: Vec::new(), held, patience: bounds.map(|bounds| bounds.write) }
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
    pub(crate) fn rest(&mut self) {
        self.buffer.shrink_to(BUFFER_KEPT);
        self.count();
    }

    /// Writes everything. While the client reads nothing, `look` is called now and then, and decides
    /// whether to continue.
    ///
    /// # Errors
    /// Returns an error if the connection fails, if the client reads nothing for too long, or if `look`
    /// returns one.
    pub(crate) async fn flush(&mut self, look: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        self.count();
        match self.patience {
            None => self.to.write_all(&self.buffer).await?,
            Some(patience) => write_within(&mut self.to, &self.buffer, patience, look).await?,
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER);
        self.to.flush().await
    }

    fn count(&mut self) {
        if let Some(held) = &mut self.held {
            held.set(self.buffer.capacity());
        }
    }
}

async fn write_within(
    to: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    patience: Duration,
    mut look: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let begun = Instant::now();
        let mut writing = std::pin::pin!(to.write(bytes));
        let written = loop {
            let left = patience.saturating_sub(begun.elapsed());
            if let Ok(written) = timeout(left.min(LOOK), &mut writing).await {
                break written?;
            }
            look()?;
            if begun.elapsed() >= patience {
                let why = format!("it read none of its answers for {patience:?}");
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
