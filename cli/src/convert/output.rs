//! The output of a conversion: created under temporary names, and named when it is complete.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use pricetime_engine::{Group, Timestamp};
use pricetime_journal::keyed_engine;
use pricetime_recordings::{FromEvents, OrderNumbers};
use pricetime_terminal::{Paint, disable_progress};

use super::super::failure::{Code, Failure};
use super::super::reader::recording::Mode;
use super::super::reader::{self, MARKETS_MAX, Stop, grouped};
use super::file::Names;
use super::format::TargetFormat;
use super::input::{self, Found};
use super::options::TargetOptions;
use super::run::{Run, Tally};
use super::summary::Summary;
use super::target::Creation;

/// The output of a conversion.
pub(super) struct Output<'a> {
    to: &'a Path,
    options: &'a TargetOptions,
    format: TargetFormat,
    /// Whether the summary is printed as one JSON line.
    json: bool,
}

/// How the input is read.
pub(super) struct Reading {
    /// How messages become commands, if an exchange's are read.
    pub(super) mode: Option<Mode>,
    /// Whether faulty rows are skipped.
    pub(super) lenient: bool,
    /// The midnight of the times, if it was said.
    pub(super) midnight: Option<Timestamp>,
    pub(super) markets_max: u32,
    /// Whether what was written before a failure may not be there to be read again.
    pub(super) is_only_copy: bool,
}

impl<'a> Output<'a> {
    /// Refuses options and names that do not go together.
    pub(super) fn new(
        to: &'a Path,
        options: &'a TargetOptions,
        json: bool,
    ) -> Result<Self, Failure> {
        let format = options.format(to)?;
        if to == Path::new("-") && io::stdout().is_terminal() {
            disable_progress();
        }
        let output = Self { to, options, format, json };
        if output.book().as_deref() == Some(to) {
            let text = "the messages and the order book need two files: name another --book";
            return Err(Failure::new(Code::Usage, text));
        }
        Ok(output)
    }

    /// The name of the order-book file, if there is one.
    fn book(&self) -> Option<PathBuf> {
        self.options.book(self.to).filter(|_| self.format == TargetFormat::Lobster)
    }

    /// Refuses an output that is also an input.
    pub(super) fn check_apart<'b>(
        &self,
        from: impl Iterator<Item = &'b PathBuf> + Clone,
    ) -> Result<(), Failure> {
        let book = self.book();
        let mut all = [Some(self.to), book.as_deref()].into_iter().flatten();
        all.try_for_each(|to| input::check_apart(from.clone(), to))
    }

    /// Writes what `read` reads, gives the output its name, and prints the summary.
    pub(super) fn write(
        &self,
        reading: &Reading,
        read: impl FnOnce(&mut Run) -> Result<Found, Stop>,
    ) -> Result<(), Stop> {
        let mut names = Vec::new();
        match self.write_all(reading, read, &mut names) {
            Ok((summary, failed)) => self.finish(&summary, failed, &names),
            Err(stop) if reading.is_only_copy => {
                names.iter().for_each(Names::keep);
                Err(stop)
            }
            Err(stop) => {
                names.iter().for_each(Names::discard);
                Err(stop)
            }
        }
    }

    /// Writes the output under its temporary names.
    fn write_all(
        &self,
        reading: &Reading,
        read: impl FnOnce(&mut Run) -> Result<Found, Stop>,
        names: &mut Vec<Names>,
    ) -> Result<(Summary, Option<Failure>), Stop> {
        let Self { to, options, format, .. } = *self;
        let Reading { mode, lenient, midnight, markets_max, .. } = *reading;
        let target = Creation { format, to, options, markets_max, midnight }.create(names)?;
        let is_of_commands = !target.is_of_events() && !target.is_of_groups();
        let ids = if mode.is_some() { OrderNumbers::Keep } else { OrderNumbers::Count };
        let tally = Tally::new(
            target.is_of_events().then(|| FromEvents::new(ids)),
            target.is_of_groups().then(Group::default),
        );
        let mut run = Run { engine: keyed_engine(markets_max), tally, target, lenient };
        let mut found = read(&mut run)?;
        let failed = found.end.failed.take();
        let Run { engine, tally, target, .. } = run;
        let (written, mut left_out) = target.end(tally.messages.as_ref())?;
        let text = "numbers of commands after skipped rows: these got the next ones";
        left_out.push((tally.renumbered, text.to_owned()));
        left_out.retain(|(count, _)| *count > 0);
        let markets = engine.markets().count();
        if markets > MARKETS_MAX as usize && is_of_commands {
            let text = format!("to read the output, give --markets-max {markets}");
            reader::note(format_args!("there are {} markets: {text}", grouped(markets as u64)));
        }
        let to = to.display().to_string();
        Ok((Summary { found, mode, format, to, tally, written, left_out, engine }, failed))
    }

    /// Gives the output its name, and prints the summary.
    fn finish(
        &self,
        summary: &Summary,
        failed: Option<Failure>,
        names: &[Names],
    ) -> Result<(), Stop> {
        if failed.is_none() {
            names.iter().try_for_each(Names::complete)?;
        } else if summary.is_empty() {
            names.iter().for_each(Names::discard);
        }
        if failed.is_none() || !summary.is_empty() {
            self.print(summary)?;
        }
        let refused = summary.refused();
        if let Some(failed) = failed {
            if !summary.is_empty() {
                names.iter().for_each(Names::keep);
            }
            return Err(failed.into());
        }
        if refused > 0 {
            let text =
                format!("refused {}; the others were converted", reader::many(refused, "line"));
            return Err(Failure::new(Code::Refused, text).into());
        }
        Ok(())
    }

    /// Prints the summary: on standard error if standard output is taken.
    fn print(&self, summary: &Summary) -> Result<(), Stop> {
        let is_stdout_used = self.to == Path::new("-");
        let mut text = Vec::new();
        if self.json {
            reader::json_line(&mut text, &summary.line())?;
        } else {
            summary.write(&mut text, if is_stdout_used { Paint::err() } else { Paint::out() })?;
        }
        if is_stdout_used {
            io::stderr().write_all(&text)?;
        } else {
            io::stdout().write_all(&text)?;
        }
        Ok(())
    }
}
