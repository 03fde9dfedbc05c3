//! The pipes to a program. One thread serves all three and never waits for one of them alone, and they
//! are closed when this value is dropped. So a process that keeps its ends open for longer holds nothing
//! here. With a thread for each pipe, such a process would hold those threads for as long as it runs.

use std::io::{self, ErrorKind, Read, Write as _};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::ANSWER_MAX;

/// How long it may take to notice that a program has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How much is read from one pipe before the next one is served.
const CHUNK: usize = 1 << 13;
const CHUNKS: usize = ANSWER_MAX / CHUNK;

/// A program's pipes. A pipe that was closed is `None`.
#[derive(Debug)]
pub(super) struct Pipes<'a> {
    input: Option<ChildStdin>,
    text: &'a [u8],
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// The beginning of the program's standard output.
    pub(super) stdout_text: Vec<u8>,
    /// The beginning of the program's standard error.
    pub(super) stderr_text: Vec<u8>,
}

impl<'a> Pipes<'a> {
    /// Takes the pipes of a program that is to read this text.
    pub(super) fn of(child: &mut Child, text: &'a [u8]) -> io::Result<Self> {
        let (input, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ends = [
            input.as_ref().map(AsFd::as_fd),
            output.as_ref().map(AsFd::as_fd),
            errors.as_ref().map(AsFd::as_fd),
        ];
        for end in ends.into_iter().flatten() {
            ioctl_fionbio(end, true)?;
        }
        let (stdout_text, stderr_text) = (Vec::new(), Vec::new());
        Ok(Self { input, text, output, errors, stdout_text, stderr_text })
    }

    /// Serves the pipes until the program has ended and its standard output is closed, but no longer
    /// than `limit`. Other processes may keep the standard output open. Returns whether each of the two
    /// has happened.
    pub(super) fn serve(&mut self, child: &Child, limit: Duration) -> io::Result<(bool, bool)> {
        let started = Instant::now();
        loop {
            // Check this first: once the program has ended, everything that it printed can be read.
            let ended = has_ended(child)?;
            self.transfer();
            let left = limit.saturating_sub(started.elapsed());
            if (ended && self.output.is_none()) || left.is_zero() {
                return Ok((ended, self.output.is_none()));
            }
            self.wait(left.min(POLL_INTERVAL))?;
        }
    }

    /// Writes and reads as much as is possible without waiting.
    fn transfer(&mut self) {
        if let Some(input) = &mut self.input {
            match input.write(self.text) {
                Ok(length) => self.text = self.text.get(length..).unwrap_or_default(),
                Err(error) if is_transient(&error) => {}
                // A program need not read its input.
                Err(_) => self.text = &[],
            }
        }
        if self.text.is_empty() {
            self.input = None;
        }
        read(&mut self.output, &mut self.stdout_text);
        read(&mut self.errors, &mut self.stderr_text);
    }

    /// Waits until a pipe is ready, but no longer than `limit`.
    fn wait(&self, limit: Duration) -> io::Result<()> {
        let mut ends = Vec::with_capacity(3);
        ends.extend(self.input.as_ref().map(|it| PollFd::new(it, PollFlags::OUT)));
        ends.extend(self.output.as_ref().map(|it| PollFd::new(it, PollFlags::IN)));
        ends.extend(self.errors.as_ref().map(|it| PollFd::new(it, PollFlags::IN)));
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.min(POLL_INTERVAL).subsec_nanos().into() };
        match poll(&mut ends, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads what is available and keeps the beginning of it. A read error counts as the end of the pipe.
fn read<R: Read>(pipe: &mut Option<R>, buffer: &mut Vec<u8>) {
    let mut piece = [0; CHUNK];
    for _ in 0..CHUNKS {
        let Some(open) = pipe else { return };
        match open.read(&mut piece) {
            Ok(length @ 1..) => {
                let room = ANSWER_MAX.saturating_sub(buffer.len());
                buffer.extend_from_slice(piece.get(..length.min(room)).unwrap_or_default());
            }
            Err(error) if is_transient(&error) => return,
            Ok(0) | Err(_) => *pipe = None,
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Returns `true` if the program has ended. It stays a zombie, so that no other process gets its id.
fn has_ended(child: &Child) -> io::Result<bool> {
    let Some(id) = id(child) else { return Ok(true) };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(id), options)?.is_some())
}

/// Returns the process id.
pub(super) fn id(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
