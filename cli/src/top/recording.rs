//! A recording, run through a bare engine at a multiple of its own speed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use pricetime_engine::{Command, Timestamp};
use pricetime_gateway::{grouped, why_not_json_lines};
use pricetime_journal::keyed_engine;
use pricetime_journal::lines::{NextLine, next_line};

use super::super::failure::{Code, Failure};
use super::super::reader::{self, BadLine};
use super::super::replay::Pace;
use super::super::screen::{self, Figure, Notice, Picture};
use super::gates::Gates;
use super::meter::Meter;
use super::source::Source;
use super::watched::Watched;

/// How many commands are executed between two looks at the clock.
const BATCH: u32 = 64;

/// A recording that is being run.
#[derive(Debug)]
pub(super) struct Recording {
    name: String,
    reader: BufReader<File>,
    text: Vec<u8>,
    line: u64,
    /// The next command, which is not due yet.
    next: Option<Command>,
    watched: Watched,
    gates: Gates,
    factor: Option<f64>,
    /// A moment here, and the time of the recording at that moment.
    anchor: Option<(Instant, Timestamp)>,
    /// The time of the recording while it is paused.
    paused: Option<Timestamp>,
    meter: Meter,
    refused: u64,
    first_refused: Option<String>,
    /// The digest of the state at the end, once that is reached, and the commands in a second until then.
    ended: Option<(u128, u64)>,
    /// When the first command was executed here.
    first: Option<Instant>,
}

impl Recording {
    /// Opens a recording.
    pub(super) fn open(path: &Path, pace: Pace, markets: u32) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let failed = |error: io::Error| Failure::failed(reader::unreadable(&name, &error));
        let file = File::open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            // Reading from a pipe could wait, and then no key would work.
            let text = format!("{name} is not a regular file: write the recording to a file first");
            return Err(Failure::new(Code::Usage, text));
        }
        let mut reader = BufReader::with_capacity(1 << 18, file);
        if let Some(why) = why_not_json_lines(&name, reader.fill_buf().map_err(failed)?) {
            return Err(Failure::new(Code::Usage, why));
        }
        Ok(Self {
            gates: Gates::read(path).map_err(failed)?,
            name,
            reader,
            text: Vec::new(),
            line: 0,
            next: None,
            watched: Watched::new(keyed_engine(markets)),
            factor: pace.factor(),
            anchor: None,
            paused: None,
            meter: Meter::default(),
            refused: 0,
            first_refused: None,
            ended: None,
            first: None,
        })
    }

    /// The next command of the file that is not refused.
    fn read(&mut self) -> Result<Option<Command>, Failure> {
        loop {
            let read = next_line(&mut self.reader, &mut self.text)
                .map_err(|error| Failure::failed(reader::unreadable(&self.name, &error)))?;
            if read == NextLine::End {
                return Ok(None);
            }
            self.line += 1;
            let command = match read {
                NextLine::Long => Err(BadLine::too_long()),
                NextLine::Line | NextLine::End if self.text.trim_ascii().is_empty() => continue,
                NextLine::Line | NextLine::End => reader::command(&self.text, &self.watched.engine),
            };
            match command {
                Ok(command) => return Ok(Some(command)),
                Err(bad) => {
                    self.refused += 1;
                    let (name, line) = (&self.name, self.line);
                    self.first_refused.get_or_insert_with(|| bad.text(name, line));
                }
            }
        }
    }

    /// The time of the recording now: that of its last command, or later.
    fn now(&self) -> Timestamp {
        if let Some(paused) = self.paused {
            return paused;
        }
        let last = self.watched.engine.last_timestamp();
        let (Some(factor), Some((started, first)), None) = (self.factor, self.anchor, self.ended)
        else {
            return last;
        };
        let passed = started.elapsed().as_secs_f64() * factor;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        let passed = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        // If the machine is too slow, the clock waits for the next command.
        let next = self.next.map_or(Timestamp(u64::MAX), |next| next.timestamp);
        Timestamp(first.0.saturating_add(passed)).min(next).max(last)
    }

    /// Executes the next command if it is due. Returns `false` if it is not, or if there is none.
    fn step(&mut self) -> Result<bool, Failure> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        let Some(next) = self.next else {
            if self.ended.is_none() {
                self.ended = Some((self.watched.engine.digest(), self.average()));
            }
            return Ok(false);
        };
        self.anchor.get_or_insert_with(|| (Instant::now(), next.timestamp));
        self.first.get_or_insert_with(Instant::now);
        if self.factor.is_some() && self.now() < next.timestamp {
            return Ok(false);
        }
        self.watched.apply(&next);
        self.next = None;
        Ok(true)
    }

    /// The commands in a second since the first one.
    fn average(&self) -> u64 {
        let passed = self.first.map_or(0, |first| first.elapsed().as_micros()).max(1);
        let rate = u128::from(self.watched.engine.last_sequence().0) * 1_000_000 / passed;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn notice(&self) -> Option<Notice> {
        let refused = self.first_refused.as_ref().map(|first| match self.refused {
            1 => format!("refused: {first}"),
            refused => format!("{refused} lines refused, the first: {first}"),
        });
        let commands = grouped(self.watched.engine.last_sequence().0);
        match (self.ended, refused) {
            (Some(_), Some(refused)) => Some(Notice::Fault(format!("ended; {refused}"))),
            (None, Some(refused)) => Some(Notice::Fault(refused)),
            (Some((digest, _)), None) => {
                Some(Notice::Note(format!("ended after {commands} commands, digest {digest:032x}")))
            }
            (None, None) => None,
        }
    }
}

impl Source for Recording {
    fn advance(&mut self, until: Instant, _: Option<u32>) -> Result<(), Failure> {
        loop {
            for _ in 0..BATCH {
                if !self.step()? {
                    self.meter.note(self.watched.engine.last_sequence().0, Instant::now());
                    return Ok(());
                }
            }
            let now = Instant::now();
            self.meter.note(self.watched.engine.last_sequence().0, now);
            if now >= until {
                return Ok(());
            }
        }
    }

    fn pause(&mut self, is_paused: bool) {
        let now = self.now();
        self.paused = is_paused.then_some(now);
        // The time here that passes in the meantime does not count.
        self.anchor = self.anchor.map(|_| (Instant::now(), now));
        self.meter = Meter::default();
    }

    fn picture(&self, market: Option<u32>) -> Picture {
        let now = self.now();
        let rate = self.ended.map(|(_, average)| average).or_else(|| self.meter.rate());
        let rate = rate.map_or_else(|| String::from("-"), grouped);
        let speed = self.factor.map_or_else(|| String::from("max"), |factor| format!("{factor}x"));
        Picture {
            title: format!("top {}", self.name),
            clock: screen::clock(now),
            tabs: self.watched.tabs(),
            market: self.watched.market(market, now, |market| self.gates.next(market, now)),
            empty: "the recording has added no market yet",
            figures: vec![
                Figure::new(speed, "speed"),
                Figure::new(rate, "commands/s"),
                Figure::new(grouped(self.watched.engine.last_sequence().0), "commands"),
                Figure::new(grouped(self.watched.trades()), "trades"),
            ],
            notice: self.notice(),
        }
    }
}
