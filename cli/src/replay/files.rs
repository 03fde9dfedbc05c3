//! Commands as JSON lines, from files or standard input.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use pricetime_journal::lines::{NextLine, next_line};
use pricetime_terminal::{Progress, disable_progress};

use super::super::failure::{Code, Failure};
use super::super::reader::{self, BadLine, Stop};
use super::pace::Pacer;
use super::run::Run;
use pricetime_gateway::why_not_json_lines;

/// Replays these files in order. Returns the number of refused lines; each of them has been reported.
pub(super) fn replay(files: &[PathBuf], run: &mut Run, pace: &mut Pacer) -> Result<u64, Stop> {
    let progress = Progress::bytes("replaying", total(files));
    let mut refused = 0;
    for path in files {
        let name = path.display().to_string();
        let failed = |error: io::Error| Failure::failed(reader::unreadable(&name, &error));
        let mut reader = open(path, &progress).map_err(failed)?;
        if let Some(why) = why_not_json_lines(&name, reader.fill_buf().map_err(failed)?) {
            return Err(Failure::new(Code::Usage, why).into());
        }
        let (mut text, mut number) = (Vec::new(), 0_u64);
        loop {
            let read = next_line(&mut reader, &mut text).map_err(failed)?;
            if read == NextLine::End {
                break;
            }
            number += 1;
            let command = match read {
                NextLine::Long => Err(BadLine::too_long()),
                NextLine::Line | NextLine::End if text.trim_ascii().is_empty() => continue,
                NextLine::Line | NextLine::End => reader::command(&text, &run.engine),
            };
            match command {
                Ok(command) => {
                    if !run.execute(&command, pace)? {
                        return Ok(refused);
                    }
                }
                Err(bad) => {
                    refused += 1;
                    reader::note(bad.text(&name, number));
                }
            }
        }
    }
    Ok(refused)
}

fn open<'a>(path: &Path, progress: &'a Progress) -> io::Result<Box<dyn BufRead + 'a>> {
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            disable_progress();
        }
        return Ok(Box::new(BufReader::new(Counted { from: io::stdin(), progress })));
    }
    let from = File::open(path)?;
    Ok(Box::new(BufReader::with_capacity(1 << 18, Counted { from, progress })))
}

/// The length of all files, or `None` if one of them is not a regular file.
fn total(files: &[PathBuf]) -> Option<u64> {
    let length = |path: &PathBuf| path.metadata().ok().filter(Metadata::is_file).map(|it| it.len());
    files.iter().map(length).sum()
}

/// An input whose bytes are counted.
struct Counted<'a, R> {
    from: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}
