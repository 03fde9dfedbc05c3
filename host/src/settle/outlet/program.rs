//! An outlet that starts a program for each batch.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded as channel};
use pricetime_persistence::ledger::{Deed, Notice};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{NotDelivered, Outlet, Receipt, SAID_MAX, TIMEOUT_MAX, bounded, dropped};

/// The exit code of who wants to be asked again: `EX_TEMPFAIL`.
const LATER: i32 = 75;
/// How long the end of a program may take to be noticed.
const LOOK: Duration = Duration::from_millis(10);

/// Starts a program, without a shell: the batch as JSON on its standard input, the batch's id in
/// `PRICETIME_SETTLEMENT_ID`.
///
/// Exit code 0 is a delivery, and what it has printed the receipt. 75 (`EX_TEMPFAIL`), a signal, and
/// more time than it has mean later; every other code is a refusal.
#[derive(Clone, Debug)]
pub struct ProgramOutlet {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl ProgramOutlet {
    /// This program with these arguments, which may take so long: 366 days at most.
    #[must_use]
    pub fn new(program: &str, arguments: &[String], timeout: Duration) -> Self {
        let (program, arguments) = (program.to_owned(), arguments.to_vec());
        Self { program, arguments, timeout: timeout.min(TIMEOUT_MAX) }
    }

    fn run(&self, notice: &Notice) -> io::Result<Ended> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env("PRICETIME_SETTLEMENT_ID", notice.outcome.id.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What it starts ends with it.
            .process_group(0)
            .spawn()?;
        let until = Instant::now() + self.timeout;
        if let Some(mut input) = child.stdin.take() {
            let text = notice.batch.to_text();
            // Whoever does not want to read it need not.
            thread::spawn(move || input.write_all(text.as_bytes()));
        }
        let (printed, complained) = (read(child.stdout.take()), read(child.stderr.take()));
        let status = wait(&mut child, until)?;
        let left = || until.saturating_duration_since(Instant::now()).max(LOOK);
        let printed = printed.recv_timeout(left()).ok();
        let complained = complained.recv_timeout(left().min(LOOK)).unwrap_or_default();
        if status.is_none() || printed.is_none() {
            end(&child);
            child.wait()?;
        }
        Ok(Ended { status, printed, complained })
    }
}

/// What came of it.
struct Ended {
    /// None where it took too long.
    status: Option<ExitStatus>,
    /// None where it never came to an end.
    printed: Option<Vec<u8>>,
    complained: Vec<u8>,
}

impl Outlet for ProgramOutlet {
    fn deliver(&mut self, notice: &Notice) -> Result<Receipt, NotDelivered> {
        if notice.outcome.deed == Deed::Drop {
            return Ok(dropped());
        }
        let program = &self.program;
        let later = |why: String| NotDelivered::Later(format!("{program}: {why}"));
        let ended = self.run(notice).map_err(|why| later(why.to_string()))?;
        let slow = || later(format!("not done within {:?}, so it was ended", self.timeout));
        let status = ended.status.ok_or_else(slow)?;
        if status.success() {
            return Ok(Receipt(bounded(&ended.printed.ok_or_else(slow)?)));
        }
        let why = format!("{status} {}", bounded(&ended.complained));
        match status.code() {
            None | Some(LATER) => Err(later(why)),
            Some(_) => Err(NotDelivered::Refused(format!("{program}: {why}"))),
        }
    }
}

/// Reads a pipe to its end and keeps the beginning.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (say, said) = channel(1);
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            // What cannot be read was not said.
            let _ = pipe.by_ref().take(SAID_MAX as u64).read_to_end(&mut kept);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        let _ = say.send(kept);
    });
    said
}

/// Waits until it has ended, or time is up.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        let ended = child.try_wait()?;
        let left = until.saturating_duration_since(Instant::now());
        if ended.is_some() || left.is_zero() {
            return Ok(ended);
        }
        thread::sleep(pause.min(left));
        pause = (2 * pause).min(LOOK);
    }
}

/// Ends it, and what it has started.
fn end(child: &Child) {
    if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended.
        let _ = kill_process_group(id, Signal::KILL);
    }
}
