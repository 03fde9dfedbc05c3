//! The core thread: many threads submit, one works, batch by batch.
//!
//! The work is a [`Work`]: the sequencer with its engine. Any thread that has a [`Submitter`] may submit
//! without waiting. If there is no room, it gets the item back. If the work fails or panics, the thread
//! ends, the reason is kept, and later items are refused as stopped.
//!
//! Nothing here reads a clock: the work says how long it may be left alone, and is called in time even if
//! nothing is submitted.

use core::time::Duration;
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TryRecvError, TrySendError};

/// The work of the thread.
pub(crate) trait Work: Send + 'static {
    /// An item that is submitted.
    type Item: Send + 'static;

    /// Handles a batch and leaves it empty. The batch comes empty if only time has passed. Returns the time
    /// after which the work must be called again, if there is such a time.
    ///
    /// # Errors
    /// Returns the reason if the work cannot continue. The thread then ends.
    fn step(&mut self, batch: &mut Vec<Self::Item>) -> Result<Option<Duration>, String>;
}

/// How the thread waits for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It polls without a pause: the lowest latency, at the price of a whole core.
    Spin,
    /// It yields the core to other threads and polls again.
    Yield,
    /// It sleeps until there is work.
    Park,
}

impl Default for Wait {
    /// Returns [`Wait::Park`] if there are two cores or fewer, otherwise [`Wait::Yield`].
    fn default() -> Self {
        match std::thread::available_parallelism() {
            Ok(cores) if cores.get() > 2 => Self::Yield,
            Ok(_) | Err(_) => Self::Park,
        }
    }
}

/// The options of the core thread.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name.
    pub name: String,
    /// How many items may wait for it. Commands that are submitted together count one by one, but are
    /// taken if there is room for the first.
    pub capacity: usize,
    /// How many of those places are reserved for urgent items.
    pub reserve: usize,
    /// How many items it takes at a time.
    pub batch: usize,
    /// How it waits for work.
    pub wait: Wait,
}

impl Default for Options {
    fn default() -> Self {
        let name = String::from("pt-core");
        Self { name, capacity: 65_536, reserve: 1_024, batch: 1_024, wait: Wait::default() }
    }
}

/// Why an item was not taken, with the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused<T> {
    /// There is no room now.
    Busy(T),
    /// The thread has ended.
    Stopped(T),
}

/// An entry of the thread's queue.
enum Entry<T> {
    Item(T),
    /// Entries after this one are not read.
    Close,
}

/// The sending side of the thread's queue.
#[derive(Debug)]
pub(crate) struct Submitter<T> {
    sender: Sender<Entry<T>>,
    /// Only used to empty the queue once the thread has ended.
    receiver: Receiver<Entry<T>>,
    /// Items that are not urgent are refused while this many wait.
    room: usize,
    /// Those that are urgent and count as several are refused while this many wait.
    capacity: usize,
    /// How many more items those count as that were submitted and are not done.
    extra: Arc<AtomicUsize>,
    end: Arc<End>,
}

/// What an item counts as if it stands for several. It belongs to the item, and ends with it.
#[derive(Debug)]
pub(crate) struct Places {
    count: usize,
    extra: Arc<AtomicUsize>,
}

impl Drop for Places {
    fn drop(&mut self) {
        self.extra.fetch_sub(self.count, Ordering::SeqCst);
    }
}

/// How the thread ended, once it has: in order, or with the reason.
type End = OnceLock<Result<(), String>>;

impl<T> Clone for Submitter<T> {
    fn clone(&self) -> Self {
        let (sender, receiver) = (self.sender.clone(), self.receiver.clone());
        let (extra, end) = (Arc::clone(&self.extra), Arc::clone(&self.end));
        Self { sender, receiver, room: self.room, capacity: self.capacity, extra, end }
    }
}

impl<T> Submitter<T> {
    /// Returns `true` if the thread has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// Returns `true` if there is room for an item that is not urgent.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting() < self.room
    }

    /// How many items wait, and how many more those count as that are carried out now.
    fn waiting(&self) -> usize {
        self.sender.len().saturating_add(self.extra.load(Ordering::SeqCst))
    }

    /// Submits without waiting.
    ///
    /// # Errors
    /// Returns the item if there is no room or the thread has ended.
    pub(crate) fn submit(&self, item: T) -> Result<(), Refused<T>> {
        // Others may submit between this check and the send. They then use a little of the reserve.
        if self.has_room() || self.has_ended() {
            self.submit_urgently(item)
        } else {
            Err(Refused::Busy(item))
        }
    }

    /// Submits an item that counts as several. It is taken if there is room for one; an urgent item may
    /// use the reserve for that.
    ///
    /// # Errors
    /// Returns `Busy` if there is no room, and `Stopped` if the thread has ended.
    pub(crate) fn submit_several(
        &self,
        count: usize,
        urgent: bool,
        item: impl FnOnce(Places) -> T,
    ) -> Result<(), Refused<()>> {
        let room = if urgent { self.capacity } else { self.room };
        if self.waiting() >= room && !self.has_ended() {
            return Err(Refused::Busy(()));
        }
        let places = Places { count: count.saturating_sub(1), extra: Arc::clone(&self.extra) };
        self.extra.fetch_add(places.count, Ordering::SeqCst);
        self.submit_urgently(item(places)).map_err(|refused| match refused {
            Refused::Busy(_) => Refused::Busy(()),
            Refused::Stopped(_) => Refused::Stopped(()),
        })
    }

    /// Submits an urgent item without waiting. It may use the reserve.
    ///
    /// # Errors
    /// Returns the item if there is no room or the thread has ended.
    pub(crate) fn submit_urgently(&self, item: T) -> Result<(), Refused<T>> {
        if self.end.get().is_some() {
            return Err(Refused::Stopped(item));
        }
        match self.sender.try_send(Entry::Item(item)) {
            Ok(()) | Err(TrySendError::Full(Entry::Close)) => {}
            Err(TrySendError::Full(Entry::Item(item))) => return Err(Refused::Busy(item)),
            // Cannot happen, because this submitter holds a receiver itself.
            Err(TrySendError::Disconnected(_)) => {}
        }
        // The thread may have ended in between and never read the item. Then no caller may wait for it.
        if self.end.get().is_some() {
            drain(&self.receiver);
        }
        Ok(())
    }
}

/// Drops everything that waits.
fn drain<T>(receiver: &Receiver<T>) {
    while receiver.try_recv().is_ok() {}
}

/// A running thread.
#[derive(Debug)]
pub(crate) struct Thread<W: Work> {
    handle: JoinHandle<Option<W>>,
    sender: Sender<Entry<W::Item>>,
    end: Arc<End>,
}

impl<W: Work> Thread<W> {
    /// Lets the thread handle what was submitted so far, ends it, and returns the work.
    ///
    /// # Errors
    /// Returns the reason if the work failed or panicked.
    pub(crate) fn close(self) -> Result<W, String> {
        let retry_after = Duration::from_millis(10);
        while self.end.get().is_none() {
            if !matches!(
                self.sender.send_timeout(Entry::Close, retry_after),
                Err(SendTimeoutError::Timeout(_))
            ) {
                break;
            }
        }
        let work = self.handle.join().ok().flatten();
        work.ok_or_else(|| self.end.get().cloned().and_then(Result::err).unwrap_or_default())
    }
}

/// Starts a thread for this work. When the thread ends, it calls `ended`, with the reason if the work
/// failed or panicked. It does so before it drops anything that waits for an answer.
///
/// # Errors
/// Returns the system's error if it cannot start a thread.
pub(crate) fn spawn<W: Work>(
    options: &Options,
    mut work: W,
    ended: impl FnOnce(Option<&str>) + Send + 'static,
) -> io::Result<(Submitter<W::Item>, Thread<W>)> {
    let (sender, receiver) = crossbeam_channel::bounded(options.capacity.max(1));
    let (end, drain_receiver) = (Arc::new(End::new()), receiver.clone());
    let (state, wait, batch_max) = (Arc::clone(&end), options.wait, options.batch.max(1));
    let room = options.capacity.saturating_sub(options.reserve).max(1);
    let handle = std::thread::Builder::new().name(options.name.clone()).spawn(move || {
        let mut batch = Vec::with_capacity(batch_max);
        let run = AssertUnwindSafe(|| run(&mut work, &receiver, wait, &mut batch));
        let run = catch_unwind(run).unwrap_or_else(|panic| Err(reason(panic.as_ref())));
        let _ = state.set(run.clone());
        ended(run.as_ref().err().map(String::as_str));
        drain(&receiver);
        run.ok().map(|()| work)
    })?;
    let submitter = Submitter {
        sender: sender.clone(),
        receiver: drain_receiver,
        room,
        capacity: options.capacity.max(1),
        extra: Arc::default(),
        end: Arc::clone(&end),
    };
    Ok((submitter, Thread { handle, sender, end }))
}

/// How many times a thread that does not sleep polls in vain before it calls the work with an empty batch.
const POLLS_MAX: u32 = 1_024;

fn run<W: Work>(
    work: &mut W,
    receiver: &Receiver<Entry<W::Item>>,
    wait: Wait,
    batch: &mut Vec<W::Item>,
) -> Result<(), String> {
    let batch_max = batch.capacity();
    let mut timeout = work.step(batch)?;
    loop {
        let mut open = true;
        match next(receiver, wait, timeout) {
            Some(Entry::Item(first)) => batch.push(first),
            Some(Entry::Close) => open = false,
            None => {}
        }
        while open && batch.len() < batch_max {
            match receiver.try_recv() {
                Ok(Entry::Item(item)) => batch.push(item),
                Ok(Entry::Close) | Err(TryRecvError::Disconnected) => open = false,
                Err(TryRecvError::Empty) => break,
            }
        }
        timeout = work.step(batch)?;
        batch.clear();
        if !open {
            return Ok(());
        }
    }
}

/// Returns the next entry, or `None` if the work is to be called without one.
fn next<T>(receiver: &Receiver<T>, wait: Wait, timeout: Option<Duration>) -> Option<T> {
    if wait == Wait::Park {
        return match timeout {
            None => receiver.recv().ok(),
            Some(timeout) => receiver.recv_timeout(timeout).ok(),
        };
    }
    let mut polls = 0_u32;
    loop {
        match receiver.try_recv() {
            Ok(item) => return Some(item),
            Err(TryRecvError::Empty) if polls < POLLS_MAX || timeout.is_none() => {}
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
        }
        polls = polls.saturating_add(1);
        if wait == Wait::Spin {
            core::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| String::from("a panic without a message"))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Passes on each item, and panics at zero.
    struct Echo(mpsc::Sender<u64>);

    impl Work for Echo {
        type Item = u64;

        fn step(&mut self, batch: &mut Vec<u64>) -> Result<Option<Duration>, String> {
            for item in batch.drain(..) {
                assert_ne!(item, 0, "zero was submitted");
                self.0.send(item).expect("the test listens");
            }
            Ok(None)
        }
    }

    fn options(wait: Wait) -> Options {
        Options { capacity: 64, reserve: 4, batch: 8, wait, ..Options::default() }
    }

    #[test]
    fn each_submitter_is_served_in_its_order() {
        for wait in [Wait::Spin, Wait::Yield, Wait::Park] {
            let (sender, received) = mpsc::channel();
            let (submitter, thread) =
                spawn(&options(wait), Echo(sender), |_| ()).expect("a thread");
            std::thread::scope(|scope| {
                for from in 0..3_u64 {
                    let submitter = submitter.clone();
                    scope.spawn(move || {
                        for item in 1..=2_000 {
                            while submitter.submit(from << 32 | item).is_err() {
                                std::thread::yield_now();
                            }
                        }
                    });
                }
            });
            thread.close().expect("the thread ends without an error");
            let mut last = [0; 3];
            for item in received {
                let from = usize::try_from(item >> 32).expect("a number");
                let last = last.get_mut(from).expect("one of three");
                assert_eq!(
                    item & 0xffff_ffff,
                    *last + 1,
                    "items keep the order of their submitter"
                );
                *last += 1;
            }
            assert_eq!(last, [2_000; 3]);
            assert_eq!(submitter.submit(1), Err(Refused::Stopped(1)));
        }
    }

    /// Waits for a message before it handles a batch.
    struct Held(mpsc::Receiver<()>, usize);

    impl Work for Held {
        type Item = u64;

        fn step(&mut self, batch: &mut Vec<u64>) -> Result<Option<Duration>, String> {
            if !batch.is_empty() {
                // Once the test has dropped the sender, nothing blocks here.
                let _ = self.0.recv();
            }
            self.1 += batch.len();
            Ok(None)
        }
    }

    #[test]
    fn urgent_items_have_a_reserve() {
        let (open, held) = mpsc::channel();
        let (submitter, thread) =
            spawn(&options(Wait::Park), Held(held, 0), |_| ()).expect("a thread");
        let mut taken = 0;
        while submitter.submit(1).is_ok() {
            taken += 1;
        }
        assert!(taken >= 60, "items that are not urgent get all but the reserve");
        let mut urgent = 0;
        while submitter.submit_urgently(2).is_ok() {
            urgent += 1;
        }
        assert!(urgent >= 4, "urgent items get the reserve");
        assert_eq!(submitter.submit(1), Err(Refused::Busy(1)));
        drop(open);
        assert_eq!(thread.close().expect("the thread ends without an error").1, taken + urgent);
    }

    #[test]
    fn item_that_counts_as_several_takes_their_places_until_it_is_dropped() {
        let (open, held) = mpsc::channel();
        let (submitter, thread) =
            spawn(&options(Wait::Park), Held(held, 0), |_| ()).expect("a thread");
        let mut places = Vec::new();
        let mut several = |count, urgent| {
            submitter.submit_several(count, urgent, |it| {
                places.push(it);
                1
            })
        };
        assert_eq!(several(63, false), Ok(()));
        assert_eq!(several(2, false), Err(Refused::Busy(())));
        assert_eq!(submitter.submit(1), Err(Refused::Busy(1)));
        assert_eq!(several(2, true), Ok(()), "urgent items have a reserve");
        assert_eq!(several(2, true), Err(Refused::Busy(())), "which has an end");
        drop(places);
        assert!(submitter.has_room());
        drop(open);
        assert_eq!(thread.close().expect("the thread ends without an error").1, 2);
    }

    /// Reports when it is dropped.
    struct Dropped(mpsc::Sender<()>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    /// Fails at its first batch.
    struct Failing(mpsc::Receiver<()>);

    impl Work for Failing {
        type Item = Dropped;

        fn step(&mut self, batch: &mut Vec<Dropped>) -> Result<Option<Duration>, String> {
            if batch.is_empty() {
                return Ok(None);
            }
            let _ = self.0.recv();
            Err(String::from("failed on purpose"))
        }
    }

    #[test]
    fn items_that_a_dead_thread_never_read_are_dropped() {
        for _ in 0..50 {
            let (open, held) = mpsc::channel();
            let (submitter, thread) =
                spawn(&options(Wait::Park), Failing(held), |_| ()).expect("a thread");
            let (report, dropped) = mpsc::channel();
            let mut taken = 0;
            while submitter.submit(Dropped(report.clone())).is_ok() {
                taken += 1;
                if taken == 30 {
                    open.send(()).expect("the thread waits");
                }
                if taken > 60 {
                    std::thread::yield_now();
                }
            }
            drop(open);
            assert!(thread.close().is_err_and(|why| why == "failed on purpose"));
            drop(report);
            assert!(dropped.iter().count() >= taken, "the items are dropped before the submitter");
            drop(submitter);
        }
    }

    #[test]
    fn panic_stops_the_thread_and_its_reason_is_kept() {
        let (sender, _got) = mpsc::channel();
        let (report, reported) = mpsc::channel();
        let ended = move |why: Option<&str>| drop(report.send(why.map(ToOwned::to_owned)));
        let started = spawn(&options(Wait::Park), Echo(sender), ended);
        let (submitter, thread) = started.expect("a thread");
        submitter.submit(0).expect("the thread runs");
        while submitter.submit(1) != Err(Refused::Stopped(1)) {
            std::thread::yield_now();
        }
        assert!(submitter.has_ended());
        let reported = reported.recv().expect("the reason");
        assert!(reported.is_some_and(|why| why.contains("zero was submitted")));
        assert!(thread.close().is_err_and(|why| why.contains("zero was submitted")));
    }

    /// Counts how often it is called without work.
    struct Idle(mpsc::Sender<()>);

    impl Work for Idle {
        type Item = ();

        fn step(&mut self, batch: &mut Vec<()>) -> Result<Option<Duration>, String> {
            batch.clear();
            // The test may have dropped the receiver.
            let _ = self.0.send(());
            Ok(Some(Duration::from_millis(1)))
        }
    }

    #[test]
    fn idle_thread_is_called_in_time() {
        for wait in [Wait::Spin, Wait::Yield, Wait::Park] {
            let (sender, calls) = mpsc::channel();
            let (_submitter, thread) =
                spawn(&options(wait), Idle(sender), |_| ()).expect("a thread");
            assert_eq!(calls.iter().take(5).count(), 5);
            assert!(thread.close().is_ok());
        }
    }
}
