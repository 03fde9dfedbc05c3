//! A queue of reports from one thread to another, in memory that is allocated and touched beforehand.

use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::{Layout, alloc, dealloc};

use crate::abi::Report;

/// The number of reports after which the producer publishes. If it published each one, the two threads
/// would contend for the position.
const STRIDE: usize = 64;

/// The size of a huge page on x86_64.
const HUGE_PAGE: usize = 2 << 20;

/// Keeps a value on cache lines of its own. Processors fetch lines of 64 bytes in pairs.
#[repr(align(128))]
struct Apart<T>(T);

/// The producer's own positions.
struct Producer {
    /// The number of reports that it has written.
    tail: Cell<usize>,
    /// The last value of the consumer's position that it has read.
    head: Cell<usize>,
}

/// A queue with one producer and one consumer.
///
/// Positions count reports from the start. They may wrap, because the capacity is a power of two.
pub(crate) struct Queue {
    places: NonNull<Report>,
    capacity: usize,
    layout: Layout,
    producer: Apart<Producer>,
    /// The number of reports that the producer has published.
    tail: Apart<AtomicUsize>,
    /// The number of reports that the consumer has removed.
    head: Apart<AtomicUsize>,
}

// SAFETY: the callers of `push`, `write` and `publish` promise to be on one thread, those of `drain` too.
// The producer owns the places from `tail` on, the consumer the published ones before it.
unsafe impl Sync for Queue {}

impl Queue {
    /// Creates a queue for at least `capacity` reports. Returns `None` if there is not enough memory.
    pub(crate) fn new(capacity: u32) -> Option<Self> {
        let capacity = (capacity as usize).checked_next_power_of_two()?;
        let bytes = capacity.checked_mul(size_of::<Report>())?.max(HUGE_PAGE);
        let layout = Layout::from_size_align(bytes, HUGE_PAGE).ok()?;
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc(layout) })?;
        advise(memory, bytes);
        // SAFETY: the memory has this size. Writing makes the system provide every page now.
        unsafe { memory.write_bytes(0, bytes) };
        Some(Self {
            places: memory.cast(),
            capacity,
            layout,
            producer: Apart(Producer { tail: Cell::new(0), head: Cell::new(0) }),
            tail: Apart(AtomicUsize::new(0)),
            head: Apart(AtomicUsize::new(0)),
        })
    }

    #[inline(always)]
    const fn place(&self, position: usize) -> *mut Report {
        // SAFETY: the masked position is less than the capacity.
        unsafe { self.places.as_ptr().add(position & (self.capacity - 1)) }
    }

    /// Adds a report. Returns `false` if the queue is full.
    ///
    /// # Safety
    /// Only the producer's thread may call this.
    #[inline]
    pub(crate) unsafe fn push(&self, report: Report) -> bool {
        if self.seems_full() && !self.has_room() {
            return false;
        }
        // SAFETY: there is room.
        unsafe { self.append(report) };
        true
    }

    /// Adds a report. Waits while the queue is full.
    ///
    /// # Safety
    /// Only the producer's thread may call this.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, report: Report) {
        if self.seems_full() {
            self.wait();
        }
        // SAFETY: there is room.
        unsafe { self.append(report) };
    }

    /// Makes all added reports visible to the consumer.
    ///
    /// # Safety
    /// Only the producer's thread may call this.
    pub(crate) unsafe fn publish(&self) {
        self.publish_to(self.producer.0.tail.get());
    }

    /// Removes up to `max` published reports, writes them to `out` and returns their number.
    ///
    /// # Safety
    /// Only the consumer's thread may call this. `out` must have room for `max` reports.
    pub(crate) unsafe fn drain(&self, out: *mut Report, max: u32) -> u32 {
        let head = self.head.0.load(Ordering::Relaxed);
        let tail = self.tail.0.load(Ordering::Acquire);
        let count = tail.wrapping_sub(head).min(max as usize);
        if count == 0 {
            return 0;
        }
        let place = self.place(head);
        let until_end = self.capacity - (head & (self.capacity - 1));
        let first = count.min(until_end);
        // SAFETY: the reports are published, and `out` has room for them.
        unsafe {
            place.copy_to_nonoverlapping(out, first);
            self.places.as_ptr().copy_to_nonoverlapping(out.add(first), count - first);
        }
        self.head.0.store(head.wrapping_add(count), Ordering::Release);
        count as u32
    }

    /// Compares with the last known position of the consumer.
    #[inline(always)]
    const fn seems_full(&self) -> bool {
        let Producer { tail, head } = &self.producer.0;
        tail.get().wrapping_sub(head.get()) == self.capacity
    }

    /// Reads the consumer's position. Publishes first, so that the consumer can make room.
    #[cold]
    fn has_room(&self) -> bool {
        let Producer { tail, head } = &self.producer.0;
        if self.tail.0.load(Ordering::Relaxed) != tail.get() {
            self.publish_to(tail.get());
        }
        head.set(self.head.0.load(Ordering::Acquire));
        !self.seems_full()
    }

    #[cold]
    fn wait(&self) {
        while !self.has_room() {
            core::hint::spin_loop();
        }
    }

    /// # Safety
    /// There must be room for a report.
    #[inline(always)]
    unsafe fn append(&self, report: Report) {
        let tail = self.producer.0.tail.get();
        // SAFETY: the consumer has left this place, and it reads it only after the next `publish_to`.
        unsafe { store(self.place(tail), report) };
        let tail = tail.wrapping_add(1);
        self.producer.0.tail.set(tail);
        if tail.is_multiple_of(STRIDE) {
            self.publish_to(tail);
        }
    }

    #[inline(always)]
    fn publish_to(&self, tail: usize) {
        // Non-temporal stores are not ordered before later stores.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86_64 processor has SSE.
        unsafe {
            core::arch::x86_64::_mm_sfence();
        }
        self.tail.0.store(tail, Ordering::Release);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the memory was allocated with this layout.
        unsafe { dealloc(self.places.as_ptr().cast(), self.layout) };
    }
}

/// Asks for huge pages. The queue works without them.
#[cfg(target_os = "linux")]
fn advise(memory: NonNull<u8>, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    // SAFETY: the memory belongs to the caller, and the advice changes no content.
    let _ = unsafe { madvise(memory.as_ptr().cast(), bytes, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
const fn advise(_: NonNull<u8>, _: usize) {}

/// Writes a report past the caches, so that the processor need not read the old line first.
///
/// # Safety
/// `place` must be valid for writing and aligned to 64 bytes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store(place: *mut Report, report: Report) {
    use core::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_stream_si128};
    // SAFETY: a report has no padding.
    let words: [i64; 8] = unsafe { core::mem::transmute(report) };
    let place = place.cast::<__m128i>();
    for (index, [low, high]) in words.as_chunks().0.iter().enumerate() {
        // SAFETY: as the caller promises.
        unsafe { _mm_stream_si128(place.add(index), _mm_set_epi64x(*high, *low)) };
    }
}

/// Writes a report.
///
/// # Safety
/// `place` must be valid for writing.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
unsafe fn store(place: *mut Report, report: Report) {
    // SAFETY: as the caller promises.
    unsafe { place.write(report) };
}

#[cfg(test)]
mod tests;
