//! A data folder, read without its lock: the state at its end, and then what its owner adds.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pricetime_engine::{Sequence, Timestamp};
use pricetime_gateway::grouped;
use pricetime_journal::{Commands, JournalError, JournalState};

use super::super::failure::Failure;
use super::super::reader::{Moment, OpenFolder, Origin, PreparedReplay, Stop};
use super::super::screen::{self, Figure, Notice, Picture};
use super::meter::Meter;
use super::source::Source;
use super::watched::Watched;

/// The time between two reads of the folder.
const PAUSE: Duration = Duration::from_secs(1);
/// A read includes the journal's last file. If it takes long, the pause is this many times as long.
const PAUSE_FACTOR: u32 = 20;
/// How many commands before the end are replayed for their trades, if a snapshot is there to begin with.
const PAST: u64 = 20_000;
/// How many commands are executed between two looks at the clock.
const BATCH: u32 = 64;

/// A data folder that is watched.
#[derive(Debug)]
pub(super) struct Folder {
    data: OpenFolder,
    journal: JournalState,
    snapshot: Sequence,
    watched: Watched,
    /// The commands that are being read.
    commands: Option<Commands>,
    due: Instant,
    meter: Meter,
    fault: Option<String>,
}

impl Folder {
    /// Opens a folder and replays it to its end.
    pub(super) fn open(path: &Path, markets: u32) -> Result<Self, Stop> {
        let data = OpenFolder::open(path)?;
        let PreparedReplay { engine, commands, .. } = data.begin(origin(&data), markets)?;
        let mut watched = Watched::new(engine);
        let mut fault = data.damaged.clone();
        for command in commands {
            match command {
                Ok(command) => watched.apply(&command),
                Err(error) => fault = Some(error.to_string()),
            }
        }
        Ok(Self {
            journal: data.journal.clone(),
            snapshot: data.snapshots.last().copied().unwrap_or_default(),
            data,
            watched,
            commands: None,
            due: Instant::now() + PAUSE,
            meter: Meter::default(),
            fault,
        })
    }

    /// Reads how far the journal extends now, and begins to read new commands.
    fn read_journal(&mut self) -> Result<(), JournalError> {
        let reader = &self.data.reader;
        self.journal = reader.journal()?;
        if let Some(last) = reader.snapshots().list().ok().and_then(|all| all.last().copied()) {
            self.snapshot = last;
        }
        let (last, through) = (self.watched.engine.last_sequence(), self.journal.through());
        if last < through {
            let from = Sequence(last.0.saturating_add(1));
            self.commands = Some(reader.reader().read(from, through)?);
        }
        Ok(())
    }

    /// Executes new commands until this moment. Returns `false` if all of them are executed.
    fn catch_up(&mut self, until: Instant) -> Result<bool, JournalError> {
        let Some(commands) = &mut self.commands else { return Ok(false) };
        loop {
            for _ in 0..BATCH {
                let Some(command) = commands.next() else {
                    self.commands = None;
                    return Ok(false);
                };
                self.watched.apply(&command?);
            }
            if Instant::now() >= until {
                return Ok(true);
            }
        }
    }
}

/// Begins early enough to see the last trades, if there is a snapshot to begin with, or else late.
fn origin(data: &OpenFolder) -> Origin {
    let (first, end) = (data.journal.replayable, data.journal.through());
    let early = Sequence(end.0.saturating_sub(PAST));
    let fits = |snapshot: &Sequence| snapshot.0.saturating_add(1) >= first.0 && *snapshot <= early;
    let is_there =
        (first == Sequence(1) && early == Sequence(0)) || data.snapshots.iter().any(fits);
    Origin::Before(Moment::Sequence(if is_there { early } else { end }))
}

impl Source for Folder {
    fn advance(&mut self, until: Instant, _: Option<u32>) -> Result<(), Failure> {
        let started = Instant::now();
        let done = if self.commands.is_none() && started >= self.due {
            self.fault = None;
            let read = self.read_journal();
            self.due = Instant::now() + PAUSE.max(started.elapsed() * PAUSE_FACTOR);
            read
        } else {
            Ok(())
        };
        if let Err(error) = done.and_then(|()| self.catch_up(until).map(|_| ())) {
            // The owner may be replacing a file at this moment, so the next read may succeed.
            self.commands = None;
            self.fault = Some(format!("cannot read on: {error}"));
        }
        self.meter.note(self.watched.engine.last_sequence().0, Instant::now());
        Ok(())
    }

    fn pause(&mut self, _: bool) {
        self.meter = Meter::default();
    }

    fn picture(&self, market: Option<u32>) -> Picture {
        let last = self.watched.engine.last_sequence();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX));
        let now = if self.journal.in_use { wall } else { self.watched.engine.last_timestamp() };
        let rate = self.meter.rate().map_or_else(|| String::from("-"), grouped);
        let mut figures = vec![
            Figure::new(rate, "commands/s"),
            Figure::new(grouped(last.0), "commands"),
            Figure::new(grouped(last.0.saturating_sub(self.snapshot.0)), "after the snapshot"),
        ];
        if self.journal.in_use {
            figures.push(Figure::new(grouped(self.journal.left_out()), "not durable yet"));
        } else {
            figures.push(Figure::new("no", "process has it open"));
        }
        Picture {
            title: format!("top {}", self.data.reader.path().display()),
            clock: screen::clock(now),
            tabs: self.watched.tabs(),
            market: self.watched.market(market, now, |_| None),
            empty: "there is no market in this folder yet",
            figures,
            notice: self.fault.clone().map(Notice::Fault),
        }
    }
}
