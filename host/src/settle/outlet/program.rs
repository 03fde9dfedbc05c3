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
use super::{NotDelivered, Outlet, Receipt, TIMEOUT_MAX, drop_receipt, truncated};

/// The exit code by which a program asks for a retry: `EX_TEMPFAIL`.
const EX_TEMPFAIL: i32 = 75;
/// The prefix of this process's own variables: tokens, and addresses with passwords.
const OWN_PREFIX: &[u8] = b"PRICETIME_";

/// Starts a program for each batch, without a shell. The program gets the batch as JSON on its standard
/// input and the batch's id in `PRICETIME_SETTLEMENT_ID`. It gets no other environment variable whose
/// name begins with `PRICETIME_`.
///
/// Exit code 0 means delivered, and the standard output is the receipt. The delivery is retried if the
/// program exits with 75 (`EX_TEMPFAIL`), is ended by a signal, or exceeds the timeout. Every other exit
/// code is a refusal.
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
    /// Creates an outlet that starts this program with these arguments. The timeout is at most 366 days.
    #[must_use]
    pub fn new(program: &str, arguments: &[String], timeout: Duration) -> Self {
        let (program, arguments) = (program.to_owned(), arguments.to_vec());
        Self { program, arguments, timeout: timeout.min(TIMEOUT_MAX) }
    }

    fn start(&self, notice: &Notice) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let names = env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.as_encoded_bytes().starts_with(OWN_PREFIX)) {
            command.env_remove(name);
        }
        command
            .env("PRICETIME_SETTLEMENT_ID", notice.outcome.id.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // On a timeout, the processes that it has started are killed with it.
            .process_group(0)
            .spawn()
    }

    fn run(&self, notice: &Notice) -> io::Result<Ended> {
        let text = notice.batch.to_text();
        let mut child = self.start(notice)?;
        let result = Pipes::of(&mut child, text.as_bytes()).and_then(|mut pipes| {
            let ended = pipes.serve(&child, self.timeout)?;
            Ok((ended, pipes.stdout_text, pipes.stderr_text))
        });
        if !matches!(result, Ok(((true, true), ..))) {
            kill(&child);
        }
        let status = child.wait()?;
        let ((ended, is_whole), stdout_text, stderr_text) = result?;
        let (status, stdout_text) = (ended.then_some(status), is_whole.then_some(stdout_text));
        Ok(Ended { status, stdout_text, stderr_text })
    }
}

/// How a program ended.
struct Ended {
    /// `None` if the program exceeded the timeout.
    status: Option<ExitStatus>,
    /// `None` if the standard output was never closed.
    stdout_text: Option<Vec<u8>>,
    stderr_text: Vec<u8>,
}

impl Outlet for ProgramOutlet {
    fn deliver(&mut self, notice: &Notice) -> Result<Receipt, NotDelivered> {
        if notice.outcome.deed == Deed::Drop {
            return Ok(drop_receipt());
        }
        let program = &self.program;
        let later = |why: String| NotDelivered::Later(format!("{program}: {why}"));
        let ended = self.run(notice).map_err(|why| later(why.to_string()))?;
        let slow = || later(format!("not finished within {:?}, so it was killed", self.timeout));
        let status = ended.status.ok_or_else(slow)?;
        if status.success() {
            return Ok(Receipt(truncated(&ended.stdout_text.ok_or_else(slow)?)));
        }
        let why = format!("{status} {}", truncated(&ended.stderr_text));
        match status.code() {
            None | Some(EX_TEMPFAIL) => Err(later(why)),
            Some(_) => Err(NotDelivered::Refused(format!("{program}: {why}"))),
        }
    }
}

/// Kills the program and the processes in its process group.
fn kill(child: &Child) {
    if let Some(id) = pipes::id(child) {
        // It may have ended by itself.
        let _ = kill_process_group(id, Signal::KILL);
    }
}
