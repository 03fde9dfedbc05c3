//! Reads the messages of an exchange and turns them into commands on a separate thread, while the engine executes
//! the commands before.

use std::mem;
use std::panic::resume_unwind;
use std::thread::Builder;

use crossbeam_channel::{Sender, bounded};
use pricetime_engine::{Command, Sequence};
use pricetime_recordings::{
    CommandSink, Commands, Counts, Execution, RecordingError, Unmatched, VenueEvent, VenueReader,
};

use super::super::failure::{Code, Failure};
use super::recording::{Mode, NOTES_MAX, RecordingOptions, failure};
use super::{Stop, many, note};

/// The number of steps in a batch and of batches in the channel, small enough for a core's private cache.
const BATCH: usize = 256;
const BATCHES: usize = 4;

/// What was found in the messages of an exchange.
#[derive(Debug, Default)]
pub(in super::super) struct VenueEnd {
    /// What was found up to the last command that was executed.
    pub(in super::super) counts: Counts,
    /// The number of messages that could not be read. The first ten have been reported.
    pub(in super::super) faulty: u64,
    /// Why reading ended early.
    pub(in super::super) failed: Option<Failure>,
}

/// A sink that may have enough.
pub(in super::super) trait VenueSink: CommandSink {
    /// Returns `false` if no more is wanted.
    fn goes_on(&self) -> bool;
}

/// What a message led to.
#[derive(Debug)]
enum Step {
    Command(Command),
    /// An order that was inferred from executions: this many of the batch, after those of the orders before.
    Aggressor(Command, usize),
    Leftover(Command),
    Unmatched(Execution, Unmatched),
    Faulty(RecordingError),
}

/// Steps, each with what was found up to its message.
#[derive(Debug, Default)]
struct Batch {
    steps: Vec<(Step, Counts)>,
    executions: Vec<Execution>,
    /// Why there is no more to come.
    end: Option<End>,
}

#[derive(Debug)]
struct End {
    counts: Counts,
    failed: Option<RecordingError>,
    /// A stock that was asked for and is not in the recording.
    missing: Option<String>,
}

/// Executes the commands of an exchange's messages.
pub(in super::super) fn execute(
    messages: Box<dyn VenueReader + Send>,
    options: &RecordingOptions,
    sink: &mut impl VenueSink,
) -> Result<VenueEnd, Stop> {
    let (to_core, batches) = bounded(BATCHES);
    let (options, name) = (options.clone(), String::from("pt-ahead"));
    // The thread ends with the last message, or when the receiver is dropped.
    let thread = Builder::new().name(name).spawn(move || read(messages, &options, &to_core))?;
    let (mut found, mut last) = (VenueEnd::default(), Sequence(0));
    while let Ok(batch) = batches.recv() {
        if !found.take(batch, &mut last, sink) {
            return Ok(found);
        }
    }
    // The thread did not send the end, so it panicked.
    thread.join().map_or_else(|panic| resume_unwind(panic), |()| Ok(found))
}

/// The failure of a reconstruction whose commands were not all accepted, if there are any.
pub(in super::super) fn not_reconstructed(mode: Mode, refused: u64) -> Option<Failure> {
    (mode == Mode::Reconstruct && refused > 0).then(|| {
        let refused = many(refused, "command");
        let text = format!("refused {refused}, so the book is not the exchange's");
        Failure::new(Code::Unsound, text)
    })
}

impl VenueEnd {
    /// Executes a batch. Returns `false` after the last one, or if no more is wanted.
    fn take(&mut self, batch: Batch, last: &mut Sequence, sink: &mut impl VenueSink) -> bool {
        let mut executions = batch.executions.as_slice();
        for (step, counts) in batch.steps {
            // Whether a leftover is a command shows only here, so commands are numbered here.
            let next = Sequence(last.0 + 1);
            let numbered = |command| Command { sequence: next, ..command };
            match step {
                Step::Command(command) => {
                    *last = next;
                    sink.command(&numbered(command));
                }
                Step::Aggressor(command, count) => {
                    let (its, rest) = executions.split_at(count);
                    executions = rest;
                    *last = next;
                    sink.aggressor(&numbered(command), its);
                }
                Step::Leftover(command) => {
                    if sink.leftover(&numbered(command)) {
                        *last = next;
                    }
                }
                Step::Unmatched(execution, why) => sink.unmatched(&execution, why),
                Step::Faulty(error) => {
                    self.faulty += 1;
                    if self.faulty <= NOTES_MAX {
                        note(error);
                    }
                }
            }
            if !sink.goes_on() {
                self.counts = counts;
                return false;
            }
        }
        let Some(End { counts, failed, missing }) = batch.end else { return true };
        self.counts = counts;
        self.failed = failed.as_ref().map(failure).or_else(|| {
            let name = missing?;
            let text =
                format!("stock {name} is not in the recording; names are in capital letters");
            Some(Failure::failed(text))
        });
        false
    }
}

/// Reads messages, and sends what they lead to.
fn read(mut messages: Box<dyn VenueReader + Send>, options: &RecordingOptions, to: &Sender<Batch>) {
    let mut commands = Commands::new(options.mode().into());
    let (mut batch, mut failed) = (Batch::default(), None);
    let mut missing = options.stock.clone();
    loop {
        match messages.next() {
            Ok(Some(message)) => {
                if let VenueEvent::Listed(instrument) = &message.event {
                    missing.retain(|name| name.as_bytes() != instrument.name.as_bytes());
                }
                let before = batch.steps.len();
                commands.apply(&message, &mut batch);
                batch.count_from(before, commands.counts());
            }
            Ok(None) => break,
            Err(error) if options.lenient && error.is_in_one_message() => {
                batch.steps.push((Step::Faulty(error), commands.counts()));
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        let is_full = batch.steps.len().max(batch.executions.len() / 4) >= BATCH;
        if is_full && to.send(mem::take(&mut batch)).is_err() {
            return;
        }
    }
    let before = batch.steps.len();
    commands.finish(&mut batch);
    let counts = commands.counts();
    batch.count_from(before, counts);
    batch.end = Some(End { counts, failed, missing: missing.into_iter().next() });
    // If the receiver is gone, the end no longer matters.
    let _ = to.send(batch);
}

impl Batch {
    #[inline]
    fn push(&mut self, step: Step) {
        self.steps.push((step, Counts::default()));
    }

    /// Says what was found up to the message that led to the steps from this one on.
    #[inline]
    fn count_from(&mut self, step: usize, counts: Counts) {
        self.steps.iter_mut().skip(step).for_each(|(_, found)| *found = counts);
    }
}

impl CommandSink for Batch {
    #[inline]
    fn command(&mut self, command: &Command) {
        self.push(Step::Command(*command));
    }

    #[inline]
    fn aggressor(&mut self, command: &Command, executions: &[Execution]) {
        self.executions.extend_from_slice(executions);
        self.push(Step::Aggressor(*command, executions.len()));
    }

    #[inline]
    fn leftover(&mut self, command: &Command) -> bool {
        self.push(Step::Leftover(*command));
        true
    }

    #[inline]
    fn unmatched(&mut self, execution: &Execution, why: Unmatched) {
        self.push(Step::Unmatched(*execution, why));
    }
}
