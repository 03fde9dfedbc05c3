//! A data folder, read without its lock: the state at its end, and then what its owner adds.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pricetime_engine::{Sequence, Timestamp};
use pricetime_gateway::grouped;
use pricetime_journal::JournalError;

use super::super::failure::Failure;
use super::super::reader::{Followed, Moment, OpenFolder, Origin, PreparedReplay, Stop};
use super::super::screen::{self, Figure, Notice, Picture};
use super::meter::Meter;
use super::source::Source;
use super::watched::Watched;

/// How many commands before the end are replayed for their trades, if a snapshot is there to begin with.
const PAST: u64 = 20_000;
/// How many commands are executed between two looks at the clock.
const BATCH: u32 = 64;

/// A data folder that is watched.
#[derive(Debug)]
pub(super) struct Folder {
    followed: Followed,
    snapshot: Sequence,
    watched: Watched,
    meter: Meter,
    fault: Option<String>,
}

impl Folder {
    /// Opens a folder and replays it to its end.
    pub(super) fn open(path: &Path, markets: u32) -> Result<Self, Stop> {
        let data = OpenFolder::open(path)?;
        let PreparedReplay { engine, commands, .. } = data.begin(origin(&data), markets)?;
        let mut watched = Watched::new(engine);
        let mut fault = data.damaged;
        for command in commands {
            match command {
                Ok(command) => watched.apply(&command),
                Err(error) => fault = Some(error.to_string()),
            }
        }
        let snapshot = data.snapshots.last().copied().unwrap_or_default();
        let last = watched.engine.last_sequence();
        let followed = Followed::after(last, data.reader, data.journal);
        Ok(Self { followed, snapshot, watched, meter: Meter::default(), fault })
    }

    /// Looks for new commands and snapshots.
    fn look(&mut self) -> Result<(), JournalError> {
        self.followed.look()?;
        let snapshots = self.followed.reader.snapshots().list();
        self.snapshot = snapshots.ok().and_then(|all| all.last().copied()).unwrap_or(self.snapshot);
        Ok(())
    }

    /// Executes new commands until this moment. Returns `true` if all of them are executed.
    fn catch_up(&mut self, until: Instant) -> Result<bool, JournalError> {
        loop {
            for _ in 0..BATCH {
                let Some(command) = self.followed.next()? else { return Ok(true) };
                self.watched.apply(&command);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
    }

    /// Executes new commands until this moment, and looks for more if it is time.
    fn read_on(&mut self, until: Instant) -> Result<(), JournalError> {
        if self.catch_up(until)? && Instant::now() >= self.followed.due {
            self.fault = None;
            self.look()?;
            self.catch_up(until)?;
        }
        Ok(())
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
        if let Err(error) = self.read_on(until) {
            // The owner may be replacing a file at this moment, so the next read may succeed.
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
        let now =
            if self.followed.journal.in_use { wall } else { self.watched.engine.last_timestamp() };
        let rate = self.meter.rate().map_or_else(|| String::from("-"), grouped);
        let mut figures = vec![
            Figure::new(rate, "commands/s"),
            Figure::new(grouped(last.0), "commands"),
            Figure::new(grouped(last.0.saturating_sub(self.snapshot.0)), "after the snapshot"),
        ];
        if self.followed.journal.in_use {
            figures.push(Figure::new(grouped(self.followed.journal.left_out()), "not durable yet"));
        } else {
            figures.push(Figure::new("no", "process has it open"));
        }
        Picture {
            title: format!("top {}", self.followed.reader.path().display()),
            clock: screen::clock(now),
            tabs: self.watched.tabs(),
            market: self.watched.market(market, now, |_| None),
            empty: "there is no market in this folder yet",
            figures,
            notice: self.fault.clone().map(Notice::Fault),
        }
    }
}
