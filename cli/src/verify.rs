//! `pricetime verify`: whether everything in a data folder is what it should be.

mod checks;
mod stretches;

use std::io::{self, Write as _};
use std::sync::Arc;

use clap::Args;
use pricetime_journal::{FolderError, FolderReader, JournalError, RealDisk};
use serde::Serialize;

use super::failure::{Code, Failure};
use super::look::{self, Markets, Stop, Subject};
use checks::Checks;

/// Checks a whole data folder: journal, snapshots, epochs, and that they tell the same story.
///
/// Every record's checksum and number, every mark, every snapshot (its envelope, that an engine can
/// hold it, that it has the digest it states, and that a replay comes to the same state), the totals
/// of every epoch, and at the end the state that the events add up to. All that is wrong is named,
/// not just the first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime verify                     the folder ./data, or $PRICETIME_FOLDER
  pricetime verify /srv/market/data    another one
  pricetime verify --json | tail -n 1  the verdict alone, for a program

Exit codes: 0 all holds; 3 something is wrong; 1 it cannot be read. It changes nothing. Beside a
running process it checks up to the last command that is marked as durable and says how many are left
out; without one it checks every command, as opening the folder would. Bytes behind the last command
that a power cut or a kill left unfinished are no damage: nobody was told of them, and the next opening
clears them away.")]
pub(super) struct Verify {
    #[command(flatten)]
    subject: Subject,
    /// One JSON object per check, then the verdict
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    markets: Markets,
}

/// A line of what comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output<'a> {
    Check { of: &'a str, right: bool, what: &'a str },
    Verified { right: bool, checks: u64, wrong: u64 },
}

/// Says what was found, as it is found.
#[derive(Debug)]
struct Voice {
    json: bool,
    checks: u64,
    wrong: u64,
}

impl Verify {
    /// Checks, says what was found, and ends accordingly.
    pub(super) fn run(&self) -> Result<(), Failure> {
        look::ended(self.verify())
    }

    fn verify(&self) -> Result<(), Stop> {
        let mut voice = Voice { json: self.json, checks: 0, wrong: 0 };
        match FolderReader::open(Arc::new(RealDisk), self.subject.folder()) {
            Ok(look) if look.is_new() => {
                voice
                    .say("history", Ok("a new folder: nothing has ever been kept in it".into()))?;
            }
            Ok(look) => {
                voice.say("history", Ok(format!("{}, the current one", look.history())))?;
                for other in look.others()? {
                    let what = format!("{other} was given up and still lies there, not checked");
                    voice.say("history", Ok(what))?;
                }
                Checks { look: &look, voice: &mut voice, markets: self.markets.markets_max }
                    .all()?;
            }
            Err(error @ FolderError::Damaged(_)) => voice.say("history", Err(error.to_string()))?,
            Err(error) => return Err(error.into()),
        }
        voice.verdict()
    }
}

impl Voice {
    /// Says the result of a check.
    fn say(&mut self, of: &str, found: Result<String, String>) -> io::Result<()> {
        self.checks += 1;
        let right = found.is_ok();
        self.wrong += u64::from(!right);
        let what = found.unwrap_or_else(|wrong| wrong);
        let mut out = io::stdout().lock();
        if self.json {
            return look::json_line(&mut out, &Output::Check { of, right, what: &what });
        }
        writeln!(out, "{}  {of:<9} {what}", if right { "right" } else { "WRONG" })
    }

    fn verdict(&self) -> Result<(), Stop> {
        let Self { json, checks, wrong } = *self;
        let mut out = io::stdout().lock();
        if json {
            look::json_line(&mut out, &Output::Verified { right: wrong == 0, checks, wrong })?;
        } else if wrong == 0 {
            writeln!(out, "all {checks} checks are right")?;
        }
        if wrong == 0 {
            return Ok(());
        }
        let text = format!("{wrong} of {checks} checks are wrong");
        Err(Failure::new(Code::Unsound, text).into())
    }
}

/// What was wrong: an error of the disk ends everything, for then nothing is known.
fn wrong(error: JournalError) -> Result<String, Stop> {
    match error {
        JournalError::Io { .. } | JournalError::Newer { .. } | JournalError::OtherRules { .. } => {
            Err(error.into())
        }
        JournalError::Missing(_)
        | JournalError::Damaged { .. }
        | JournalError::OtherHistory { .. }
        | JournalError::NotDense { .. }
        | JournalError::Gone { .. }
        | JournalError::Replaced { .. }
        | JournalError::Poisoned(_) => Ok(error.to_string()),
    }
}
