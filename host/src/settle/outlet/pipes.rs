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

use super::SAID_MAX;

/// How long it may take to notice that a program has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How much is read from one pipe before the next one is served.
const PIECE: usize = 1 << 13;
const PIECES: usize = SAID_MAX / PIECE;

/// A program's pipes. A pipe that was closed is `None`.
#[derive(Debug)]
pub(super) struct Pipes<'a> {
    input: Option<ChildStdin>,
    text: &'a [u8],
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// The beginning of the program's standard output.
    pub(super) printed: Vec<u8>,
    /// The beginning of the program's standard error.
    pub(super) complained: Vec<u8>,
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
        let (printed, complained) = (Vec::new(), Vec::new());
        Ok(Self { input, text, output, errors, printed, complained })
    }

    /// Serves the pipes until the program has ended and its standard output is closed, but no longer
    /// than `limit`. Other processes may keep the standard output open. Returns whether each of the two
    /// has happened.
    pub(super) fn talk(&mut self, child: &Child, limit: Duration) -> io::Result<(bool, bool)> {
        let begun = Instant::now();
        loop {
            // Check this first: once the program has ended, everything that it printed can be read.
            let ended = has_ended(child)?;
            self.move_on();
            let left = limit.saturating_sub(begun.elapsed());
            if (ended && self.output.is_none()) || left.is_zero() {
                return Ok((ended, self.output.is_none()));
            }
            self.wait(left.min(LOOK))?;
        }
    }

    /// Writes and reads as much as is possible without waiting.
    fn move_on(&mut self) {
        if let Some(input) = &mut self.input {
            match input.write(self.text) {
                Ok(length) => self.text = self.text.get(length..).unwrap_or_default(),
                Err(error) if is_passing(&error) => {}
                // A program need not read its input.
                Err(_) => self.text = &[],
            }
        }
        if self.text.is_empty() {
            self.input = None;
        }
        read(&mut self.output, &mut self.printed);
        read(&mut self.errors, &mut self.complained);
    }

    /// Waits until a pipe is ready, but no longer than `limit`.
    fn wait(&self, limit: Duration) -> io::Result<()> {
        let mut ends = Vec::with_capacity(3);
        ends.extend(self.input.as_ref().map(|it| PollFd::new(it, PollFlags::OUT)));
        ends.extend(self.output.as_ref().map(|it| PollFd::new(it, PollFlags::IN)));
        ends.extend(self.errors.as_ref().map(|it| PollFd::new(it, PollFlags::IN)));
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.min(LOOK).subsec_nanos().into() };
        match poll(&mut ends, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads what is available and keeps the beginning of it. A read error counts as the end of the pipe.
fn read<R: Read>(pipe: &mut Option<R>, kept: &mut Vec<u8>) {
    let mut piece = [0; PIECE];
    for _ in 0..PIECES {
        let Some(open) = pipe else { return };
        match open.read(&mut piece) {
            Ok(length @ 1..) => {
                let room = SAID_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(piece.get(..length.min(room)).unwrap_or_default());
            }
            Err(error) if is_passing(&error) => return,
            Ok(0) | Err(_) => *pipe = None,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Returns `true` if the program has ended. It stays a zombie, so that no other process gets its id.
fn has_ended(child: &Child) -> io::Result<bool> {
    let Some(id) = id(child) else { return Ok(true) };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(id), look)?.is_some())
}

/// Returns the process id.
pub(super) fn id(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
