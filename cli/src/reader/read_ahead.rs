//! Reads and decodes the commands of a journal on a separate thread, so that the core does not wait for the
//! disk.

use std::panic::resume_unwind;
use std::thread::{Builder, JoinHandle};
use std::vec::IntoIter;

use crossbeam_channel::{Receiver, Sender, bounded};
use pricetime_engine::Command;
use pricetime_journal::{Commands, JournalError};
use pricetime_terminal::Progress;

/// The number of commands in a batch, small enough for all batches to stay in a core's private cache.
const BATCH: usize = 512;
/// The number of batches in the channel.
const BATCHES: usize = 8;

/// The receiving end, with the progress bar.
#[derive(Debug)]
pub(in super::super) struct ReadAhead {
    batches: Receiver<Result<Vec<Command>, JournalError>>,
    batch: IntoIter<Command>,
    /// The reader thread, until it has ended.
    thread: Option<JoinHandle<()>>,
    progress: Progress,
}

impl ReadAhead {
    /// Starts the reader thread.
    pub(in super::super) fn of(commands: Commands, progress: Progress) -> std::io::Result<Self> {
        let (to_core, batches) = bounded(BATCHES);
        // The thread ends at the end of the journal, or when the receiver is dropped.
        let name = String::from("pt-ahead");
        let thread = Builder::new().name(name).spawn(move || read(commands, &to_core))?;
        Ok(Self { batches, batch: Vec::new().into_iter(), thread: Some(thread), progress })
    }
}

/// An error follows the commands that could be read, and is the last item.
impl Iterator for ReadAhead {
    type Item = Result<Command, JournalError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(command) = self.batch.next() {
                return Some(Ok(command));
            }
            match self.batches.recv() {
                Ok(Ok(batch)) => {
                    self.progress.add(batch.len() as u64);
                    self.batch = batch.into_iter();
                }
                Ok(Err(error)) => return Some(Err(error)),
                Err(_) => {
                    // A panic of the thread must not look like the end of the journal.
                    let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
                    return ended.map_or_else(|panic| resume_unwind(panic), |()| None);
                }
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
        // If the receiver is gone, the error no longer matters.
        let _ = to_core.send(Err(error));
    }
}
