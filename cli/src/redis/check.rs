//! `pricetime redis check`: checks whether the servers are fit to keep a book.

use std::io::Write as _;

use clap::Args;
use pricetime::persistence::redis::{Level, check};
use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line};
use super::{Out, ServerArgs, redis_failure};

/// Checks whether the servers are fit: eviction, persistence, who can reach them, who is in charge.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    args: ServerArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Finding { level: &'static str, text: String },
}

impl Check {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, _) = self.args.link()?;
        let findings = check(&mut link).map_err(|error| redis_failure(&error))?;
        let bad = findings.iter().filter(|it| it.level == Level::Bad).count();
        for finding in findings {
            let (tone, level) = match finding.level {
                Level::Good => (Tone::Good, "good"),
                Level::Warning => (Tone::Warning, "warning"),
                Level::Bad => (Tone::Bad, "bad"),
            };
            if self.args.json {
                json_line(out, &Output::Finding { level, text: finding.text })?;
            } else {
                let level = Paint::out().text(tone, format!("{level:<8}"));
                writeln!(out, "{level} {}", finding.text)?;
            }
        }
        match bad {
            0 => Ok(()),
            bad => {
                let text = format!("the server is not fit to store a book: {bad} bad findings");
                Err(Failure::new(Code::Unsound, text).into())
            }
        }
    }
}
