//! Commands of a journal, read and decoded on a thread of their own, so that the core does not wait
//! for the disk. The batches go round: nothing is allocated once all of them are under way.

use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded};
use pricetime_engine::Command;
use pricetime_journal::{Commands, JournalError};

/// How many commands come at a time: together they should stay in a core's own cache.
const BATCH: usize = 512;
/// How many batches are under way.
const BATCHES: usize = 8;

/// The receiving end.
#[derive(Debug)]
pub(in super::super) struct Ahead {
    full: Receiver<Result<Vec<Command>, JournalError>>,
    empty: Sender<Vec<Command>>,
}

impl Ahead {
    /// Starts to read.
    pub(in super::super) fn of(commands: Commands) -> std::io::Result<Self> {
        let (to_reader, full) = bounded(BATCHES);
        let (empty, used) = bounded(BATCHES);
        let read = move || read(commands, &to_reader, &used);
        // It ends with the journal, or when nobody wants more of it.
        Builder::new().name(String::from("pt-ahead")).spawn(read)?;
        Ok(Self { full, empty })
    }

    /// The next commands, none behind the last; an error comes behind what could be read.
    pub(in super::super) fn next(&self) -> Result<Option<Vec<Command>>, JournalError> {
        self.full.recv().ok().transpose()
    }

    /// Gives a batch back to be filled again.
    pub(in super::super) fn give_back(&self, batch: Vec<Command>) {
        // A reader that has ended needs none.
        let _ = self.empty.try_send(batch);
    }
}

fn read(
    mut commands: Commands,
    full: &Sender<Result<Vec<Command>, JournalError>>,
    used: &Receiver<Vec<Command>>,
) {
    loop {
        let mut batch = used.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH));
        batch.clear();
        let mut failed = None;
        while batch.len() < BATCH {
            match commands.next() {
                Some(Ok(command)) => batch.push(command),
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
                None => break,
            }
        }
        let is_last = batch.len() < BATCH;
        let gone = !batch.is_empty() && full.send(Ok(batch)).is_err();
        if let Some(error) = failed {
            // Where nobody listens any more, nobody misses it.
            let _ = full.send(Err(error));
        }
        if gone || is_last {
            return;
        }
    }
}
