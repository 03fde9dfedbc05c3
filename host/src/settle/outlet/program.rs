//! An outlet that starts a program for each batch.

use std::env;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use pricetime_settlement::ledger::{Deed, Notice};
use rustix::process::{Signal, kill_process_group};

use super::pipes::{self, Pipes};
use super::{NotDelivered, Outlet, Receipt, TIMEOUT_MAX, bounded, dropped};

/// The exit code of who wants to be asked again: `EX_TEMPFAIL`.
const LATER: i32 = 75;
/// How the variables of this process begin: tokens, and addresses with passwords.
const OURS: &[u8] = b"PRICETIME_";

/// Starts a program, without a shell: the batch as JSON on its standard input, the batch's id in
/// `PRICETIME_SETTLEMENT_ID`. It gets no other environment variable whose name begins with
/// `PRICETIME_`.
///
/// Exit code 0 is a delivery, and what it has printed the receipt. 75 (`EX_TEMPFAIL`), a signal, and
/// more time than it has mean later; every other code is a refusal.
#[derive(Clone)]
pub struct ProgramOutlet {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl fmt::Debug for ProgramOutlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An argument may be a password.
        let Self { program, timeout, .. } = self;
        f.debug_struct("ProgramOutlet")
            .field("program", program)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

impl ProgramOutlet {
    /// This program with these arguments, which may take so long: 366 days at most.
    #[must_use]
    pub fn new(program: &str, arguments: &[String], timeout: Duration) -> Self {
        let (program, arguments) = (program.to_owned(), arguments.to_vec());
        Self { program, arguments, timeout: timeout.min(TIMEOUT_MAX) }
    }

    fn start(&self, notice: &Notice) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let names = env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.as_encoded_bytes().starts_with(OURS)) {
            command.env_remove(name);
        }
        command
            .env("PRICETIME_SETTLEMENT_ID", notice.outcome.id.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // If it is late, the processes that it has started are killed with it.
            .process_group(0)
            .spawn()
    }

    fn run(&self, notice: &Notice) -> io::Result<Ended> {
        let text = notice.batch.to_text();
        let mut child = self.start(notice)?;
        let talked = Pipes::of(&mut child, text.as_bytes()).and_then(|mut pipes| {
            let ended = pipes.talk(&child, self.timeout)?;
            Ok((ended, pipes.printed, pipes.complained))
        });
        if !matches!(talked, Ok(((true, true), ..))) {
            end(&child);
        }
        let status = child.wait()?;
        let ((ended, is_whole), printed, complained) = talked?;
        let (status, printed) = (ended.then_some(status), is_whole.then_some(printed));
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

/// Ends it, and what it has started in its process group.
fn end(child: &Child) {
    if let Some(id) = pipes::id(child) {
        // It may have ended.
        let _ = kill_process_group(id, Signal::KILL);
    }
}
