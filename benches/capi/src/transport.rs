//! The queue of this crate as a transport.

use core::ffi::{c_int, c_void};
use std::ffi::OsStr;

use crate::abi::{Report, Transport};
use crate::queue::Queue;

pub(crate) static TRANSPORT: Transport = Transport { create, push, drain, flush, destroy };

/// Returns this crate's transport, or null if `choice` is `default`.
pub(crate) fn choose(choice: Option<&OsStr>) -> *const Transport {
    if choice.is_some_and(|choice| choice == "default") {
        core::ptr::null()
    } else {
        &raw const TRANSPORT
    }
}

extern "C" fn create(capacity: u32) -> *mut c_void {
    match Queue::new(capacity) {
        Some(queue) => Box::into_raw(Box::new(queue)).cast(),
        None => core::ptr::null_mut(),
    }
}

extern "C" fn push(queue: *mut c_void, report: *const Report) -> c_int {
    // SAFETY: `create` made the queue, and only the producer pushes.
    unsafe { (*queue.cast::<Queue>()).push(*report) }.into()
}

extern "C" fn drain(queue: *mut c_void, out: *mut Report, max: u32) -> u32 {
    // SAFETY: `create` made the queue, and only the consumer drains. `out` has room for `max` reports.
    unsafe { (*queue.cast::<Queue>()).drain(out, max) }
}

extern "C" fn flush(queue: *mut c_void) {
    // SAFETY: `create` made the queue, and only the producer flushes.
    unsafe { (*queue.cast::<Queue>()).publish() }
}

extern "C" fn destroy(queue: *mut c_void) {
    // SAFETY: `create` made the queue, and neither thread uses it any more.
    drop(unsafe { Box::from_raw(queue.cast::<Queue>()) });
}
