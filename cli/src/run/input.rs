//! The inputs that `--input` names, and the check for a recording.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pricetime_gateway::json::Line;
use pricetime_terminal::Progress;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::super::failure::{Code, Failure};
use pricetime_gateway::{first_line, why_not_json_lines};

/// An input, with the bytes that were read to find out what it is.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    file: Option<File>,
    prefix: Vec<u8>,
}

impl Input {
    /// Opens an input and reads its beginning, so that a wrong path is reported before anything else
    /// happens. Waits for a pipe only if `waits`, and never for a terminal.
    pub(super) fn probe(path: &Path, waits: bool, line_max: usize) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let failed = |why: io::Error| Failure::failed(format!("cannot read {name}: {why}"));
        let (mut file, mut prefix) = (None, Vec::new());
        if path == Path::new("-") {
            let stdin = io::stdin();
            if waits && !stdin.is_terminal() {
                prefix = read_prefix(stdin.lock(), line_max).map_err(failed)?;
            }
        } else if waits || path.metadata().map_err(failed)?.is_file() {
            let opened = file.insert(File::open(path).map_err(failed)?);
            prefix = read_prefix(opened, line_max).map_err(failed)?;
        }
        match why_not_json_lines(&name, &prefix) {
            Some(why) => Err(Failure::new(Code::Usage, why)),
            None => Ok(Self { path: path.to_owned(), file, prefix }),
        }
    }

    /// Returns `true` if the first line is a command with a time.
    pub(super) fn is_recording(&self) -> bool {
        let line = serde_json::from_slice::<Line>(first_line(&self.prefix));
        line.is_ok_and(|line| line.time().is_some())
    }

    /// Returns `true` if none of its content has been read yet.
    pub(super) const fn is_unread(&self) -> bool {
        self.prefix.is_empty()
    }

    /// Reads the whole input, from its beginning.
    pub(super) async fn read(
        self,
        progress: Arc<Progress>,
    ) -> io::Result<Counted<Box<dyn AsyncRead + Unpin>>> {
        let prefix = Cursor::new(self.prefix);
        let from: Box<dyn AsyncRead + Unpin> = match self.file {
            Some(file) => Box::new(chain(prefix, tokio::fs::File::from_std(file))),
            None if self.path == Path::new("-") => Box::new(chain(prefix, tokio::io::stdin())),
            None => Box::new(tokio::fs::File::open(&self.path).await?),
        };
        Ok(Counted { from, progress })
    }
}

/// A bar for the bytes of all inputs. It stays hidden if one of them has no length, like a pipe.
pub(super) fn progress(inputs: &[Input]) -> Progress {
    let length = |input: &Input| input.file.as_ref()?.metadata().ok().map(|it| it.len());
    let total: Option<u64> = inputs.iter().map(length).sum();
    total.map_or_else(Progress::hidden, |total| Progress::bytes("running", Some(total)))
}

/// An input whose bytes are counted.
pub(super) struct Counted<R> {
    from: R,
    progress: Arc<Progress>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.from).poll_read(context, buffer);
        self.progress.add((buffer.filled().len() - before) as u64);
        read
    }
}

fn chain(prefix: Cursor<Vec<u8>>, rest: impl AsyncRead + Unpin) -> impl AsyncRead + Unpin {
    AsyncReadExt::chain(prefix, rest)
}

/// Reads until a line that is not empty ends or exceeds `line_max`, or until the end of the input. Ends the
/// last line with a newline if it has none.
fn read_prefix(mut from: impl Read, line_max: usize) -> io::Result<Vec<u8>> {
    let (mut prefix, mut chunk) = (Vec::new(), [0; 1 << 14]);
    while first_line(&prefix).is_empty() && prefix.len() <= line_max {
        match from.read(&mut chunk) {
            Ok(0) => {
                if prefix.last().is_some_and(|last| *last != b'\n') {
                    prefix.push(b'\n');
                }
                break;
            }
            Ok(read) => prefix.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(prefix)
}
