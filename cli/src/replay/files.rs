//! Commands as JSON lines, from files or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use pricetime_journal::lines::{Next, next_line};

use super::super::failure::{Code, Failure};
use super::super::look::{self, BadLine, Stop};
use super::pace::Keeping;
use super::run::Run;
use pricetime_gateway::why_not_json_lines;

/// Replays these files in order. Returns the number of refused lines; each of them has been reported.
pub(super) fn replay(files: &[PathBuf], run: &mut Run, pace: &mut Keeping) -> Result<u64, Stop> {
    let bar = look::bar(None, "replaying");
    let mut refused = 0;
    for path in files {
        let name = path.display().to_string();
        let failed = |error: io::Error| Failure::failed(look::unreadable(&name, &error));
        let mut reader = open(path).map_err(failed)?;
        if let Some(why) = why_not_json_lines(&name, reader.fill_buf().map_err(failed)?) {
            return Err(Failure::new(Code::Usage, why).into());
        }
        let (mut text, mut number) = (Vec::new(), 0_u64);
        loop {
            let read = next_line(&mut reader, &mut text).map_err(failed)?;
            if read == Next::End {
                break;
            }
            number += 1;
            bar.inc(1);
            let command = match read {
                Next::Long => Err(BadLine::too_long()),
                Next::Line | Next::End if text.trim_ascii().is_empty() => continue,
                Next::Line | Next::End => look::command(&text, &run.engine),
            };
            match command {
                Ok(command) => {
                    if !run.carry_out(&command, pace)? {
                        bar.finish_and_clear();
                        return Ok(refused);
                    }
                }
                Err(bad) => {
                    refused += 1;
                    bar.suspend(|| look::note(bad.text(&name, number)));
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(refused)
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(path)?)))
}
