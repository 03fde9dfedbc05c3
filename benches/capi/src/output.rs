//! Where the reports go.

use core::ffi::c_void;

use crate::abi::{Push, Report, Transport};
use crate::queue::Queue;
use crate::transport::TRANSPORT;

/// The number of reports that are sent in one batch, as the product publishes events in batches.
///
/// If reports are sent one by one, the two threads contend for the same cache lines. Millions of messages a
/// second in the worst of the five scenarios, medians of three rounds on a shared machine: 3 to 12 one by
/// one (in two modes), 9.7 in batches of 64, 12.4 of 512, 13.7 of 4,096.
const BATCH: usize = 512;

/// The destination of the reports.
pub(crate) enum Output {
    /// The queue of this crate. Reports are written in place.
    Own(&'static Queue),
    /// Another transport.
    Other(Batches),
}

impl Output {
    /// # Safety
    /// `queue` must have been created by `transport`, and it must exist as long as the output.
    pub(crate) unsafe fn new(transport: &Transport, queue: *mut c_void) -> Self {
        if core::ptr::eq(transport, &raw const TRANSPORT) {
            // SAFETY: as the caller promises.
            Self::Own(unsafe { &*queue.cast::<Queue>() })
        } else {
            let reports = Vec::with_capacity(BATCH);
            Self::Other(Batches { push: transport.push, queue, reports })
        }
    }

    #[inline(always)]
    pub(crate) fn write(&mut self, report: Report) {
        match self {
            // SAFETY: the engine's thread is the producer.
            Self::Own(queue) => unsafe { queue.write(report) },
            Self::Other(batches) => batches.add(report),
        }
    }

    /// Makes all reports visible to the other thread.
    pub(crate) fn flush(&mut self) {
        match self {
            // SAFETY: the engine's thread is the producer.
            Self::Own(queue) => unsafe { queue.publish() },
            Self::Other(batches) => batches.flush(),
        }
    }
}

/// A queue of another transport, and the reports that are still buffered.
pub(crate) struct Batches {
    push: Push,
    queue: *mut c_void,
    reports: Vec<Report>,
}

impl Batches {
    #[inline]
    fn add(&mut self, report: Report) {
        self.reports.push(report);
        if self.reports.len() == BATCH {
            self.flush();
        }
    }

    /// Sends all buffered reports. Waits while the queue is full.
    fn flush(&mut self) {
        for report in &self.reports {
            while (self.push)(self.queue, report) == 0 {
                core::hint::spin_loop();
            }
        }
        self.reports.clear();
    }
}
