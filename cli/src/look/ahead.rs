//! Commands of a journal, read and decoded on a thread of their own, so that the core does not wait
//! for the disk.

use std::thread::Builder;
use std::vec::IntoIter;

use crossbeam_channel::{Receiver, Sender, bounded};
use indicatif::ProgressBar;
use pricetime_engine::Command;
use pricetime_journal::{Commands, JournalError};

/// How many commands come at a time: together they should stay in a core's own cache.
const BATCH: usize = 512;
/// How many batches are under way.
const BATCHES: usize = 8;

/// The receiving end. The bar that shows how far it is goes with it.
#[derive(Debug)]
pub(in super::super) struct Ahead {
    batches: Receiver<Result<Vec<Command>, JournalError>>,
    batch: IntoIter<Command>,
    bar: ProgressBar,
}

impl Ahead {
    /// Starts to read.
    pub(in super::super) fn of(commands: Commands, bar: ProgressBar) -> std::io::Result<Self> {
        let (to_core, batches) = bounded(BATCHES);
        // It ends with the journal, or when nobody wants more of it.
        Builder::new().name(String::from("pt-ahead")).spawn(move || read(commands, &to_core))?;
        Ok(Self { batches, batch: Vec::new().into_iter(), bar })
    }
}

/// An error comes behind what could be read, and is the last.
impl Iterator for Ahead {
    type Item = Result<Command, JournalError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(command) = self.batch.next() {
                return Some(Ok(command));
            }
            match self.batches.recv().ok()? {
                Ok(batch) => {
                    self.bar.inc(batch.len() as u64);
                    self.batch = batch.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn read(mut commands: Commands, to_core: &Sender<Result<Vec<Command>, JournalError>>) {
    let mut failed = None;
    while failed.is_none() {
        let mut batch = Vec::with_capacity(BATCH);
        let next = commands.by_ref().take(BATCH);
        batch.extend(next.map_while(|command| command.map_err(|error| failed = Some(error)).ok()));
        if batch.is_empty() || to_core.send(Ok(batch)).is_err() {
            break;
        }
    }
    if let Some(error) = failed {
        // Where nobody listens any more, nobody misses it.
        let _ = to_core.send(Err(error));
    }
}
