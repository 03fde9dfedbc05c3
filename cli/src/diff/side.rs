//! One of the two recordings, read by a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::vec;

use pricetime_engine::{Command, Engine, EngineSnapshot};
use pricetime_journal::keyed_engine;

use super::super::failure::{Code, Failure};
use super::super::reader::Stop;
use super::super::reader::flow::{self, FlowEnd, FlowSink, FlowStart};
use super::super::reader::recording::RecordingOptions;

/// How many commands are passed on together, and how often before the reader waits.
const BATCH: usize = 512;
const BATCHES_AHEAD: usize = 4;

/// The commands of a recording, in order.
pub(super) struct Side {
    from: Receiver<Passed>,
    batch: vec::IntoIter<Command>,
}

/// What the reader passes on.
enum Passed {
    Start(Box<Start>),
    Commands(Vec<Command>),
}

/// The state in which a recording begins.
pub(super) struct Start {
    pub(super) state: EngineSnapshot,
    pub(super) digest: u128,
    markets_max: u32,
}

impl Start {
    /// An engine with this state.
    pub(super) fn engine(&self) -> Result<Engine, Failure> {
        restored(&self.state, self.markets_max)
    }
}

/// An engine with this state.
pub(super) fn restored(state: &EngineSnapshot, markets_max: u32) -> Result<Engine, Failure> {
    let mut engine = keyed_engine(markets_max);
    if let Err(broken) = engine.restore(state) {
        let text = format!("the state violates an invariant: {broken:?}");
        return Err(Failure::new(Code::Unsound, text));
    }
    Ok(engine)
}

impl Side {
    /// A side, and what reads it.
    pub(super) fn new() -> (Self, Reading) {
        let (to, from) = sync_channel(BATCHES_AHEAD);
        let reading = Reading { to, engine: keyed_engine(0), batch: Vec::with_capacity(BATCH) };
        (Self { from, batch: Vec::new().into_iter() }, reading)
    }

    /// The state in which it begins; `None` if it cannot be read.
    pub(super) fn start(&self) -> Option<Start> {
        match self.from.recv() {
            Ok(Passed::Start(start)) => Some(*start),
            Ok(Passed::Commands(_)) | Err(_) => None,
        }
    }

    /// The next command.
    pub(super) fn next(&mut self) -> Option<Command> {
        if let Some(command) = self.batch.next() {
            return Some(command);
        }
        let Ok(Passed::Commands(batch)) = self.from.recv() else { return None };
        self.batch = batch.into_iter();
        self.batch.next()
    }
}

/// Reads a recording and passes its commands on.
pub(super) struct Reading {
    to: SyncSender<Passed>,
    engine: Engine,
    batch: Vec<Command>,
}

impl Reading {
    /// Reads until the end, or until the receiver is dropped.
    pub(super) fn read(
        mut self,
        path: &Path,
        options: &RecordingOptions,
        markets_max: u32,
    ) -> Result<FlowEnd, Stop> {
        let end = flow::each(&[PathBuf::from(path)], options, markets_max, &mut self)?;
        self.pass_on();
        Ok(end)
    }

    /// Passes the batch on. Returns `false` if the receiver is dropped.
    fn pass_on(&mut self) -> bool {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        batch.is_empty() || self.to.send(Passed::Commands(batch)).is_ok()
    }
}

impl FlowStart for Reading {
    fn start(&mut self, engine: Engine) -> Result<(), Stop> {
        let (state, digest) = (engine.snapshot(), engine.digest());
        let start = Start { state, digest, markets_max: engine.markets_max() };
        self.engine = engine;
        // If the receiver is dropped, the first batch finds out.
        let _ = self.to.send(Passed::Start(Box::new(start)));
        Ok(())
    }
}

impl FlowSink for Reading {
    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn execute(&mut self, command: &Command) -> Result<bool, Stop> {
        self.engine.apply(command, &mut ());
        self.batch.push(*command);
        Ok(self.batch.len() < BATCH || self.pass_on())
    }
}
