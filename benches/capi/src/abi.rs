//! Messages, reports and transports, laid out as in the challenge's header file.

use core::ffi::{c_int, c_void};

/// A new order, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct NewOrder {
    /// The order's id.
    pub order: u64,
    /// The message's number.
    pub sequence: u64,
    /// The limit price in ticks.
    pub price: i64,
    /// The quantity.
    pub quantity: u32,
    /// 0 for a buy, 1 for a sell.
    pub side: u8,
    /// Not 0 for an immediate-or-cancel order.
    pub ioc: u8,
    /// Unused.
    pub reserved: [u8; 2],
}

/// A cancel, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Cancel {
    /// The order's id.
    pub order: u64,
    /// The message's number.
    pub sequence: u64,
}

/// A change to an order that gives up its place in the queue, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Modify {
    /// The order's id.
    pub order: u64,
    /// The message's number.
    pub sequence: u64,
    /// The new limit price.
    pub price: i64,
    /// The new open quantity.
    pub quantity: u32,
    /// The order's side.
    pub side: u8,
    /// Unused.
    pub reserved: [u8; 3],
}

/// A report, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The kind of report: one of the constants of this type.
    pub kind: u8,
    /// The side of the message's order.
    pub side: u8,
    /// Unused.
    pub reserved: [u8; 6],
    /// The number of the message that caused it.
    pub sequence: u64,
    /// The order that the report is about.
    pub order: u64,
    /// Its price; for a trade, the maker's price.
    pub price: i64,
    /// Its quantity.
    pub quantity: u32,
    /// Unused.
    pub reserved2: u32,
    /// For a trade, the maker's order.
    pub maker: u64,
    /// For a trade, the taker's order.
    pub taker: u64,
    /// Unused.
    pub reserved3: u64,
}

impl Report {
    /// An order was accepted.
    pub const ACCEPTED: u8 = 0;
    /// Two orders traded.
    pub const TRADED: u8 = 1;
    /// An order, or the rest of an IOC order, was cancelled.
    pub const CANCELLED: u8 = 2;
    /// An order was changed.
    pub const MODIFIED: u8 = 3;
    /// A cancel found no live order.
    pub const CANCEL_REFUSED: u8 = 4;
    /// A modify found no live order.
    pub const MODIFY_REFUSED: u8 = 5;
}

/// Adds a report to a queue. Returns 1, or 0 if the queue is full.
pub(crate) type Push = extern "C" fn(*mut c_void, *const Report) -> c_int;

/// A queue of reports as a table of functions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Creates a queue that holds this number of reports.
    pub create: extern "C" fn(u32) -> *mut c_void,
    /// Adds a report to the queue. Returns 1, or 0 if the queue is full.
    pub push: extern "C" fn(*mut c_void, *const Report) -> c_int,
    /// Removes reports from the queue, on the other thread.
    pub drain: extern "C" fn(*mut c_void, *mut Report, u32) -> u32,
    /// Makes the added reports visible to the other thread.
    pub flush: extern "C" fn(*mut c_void),
    /// Destroys the queue.
    pub destroy: extern "C" fn(*mut c_void),
}

const _: () = assert!(
    size_of::<NewOrder>() == 32
        && size_of::<Cancel>() == 16
        && size_of::<Modify>() == 32
        && size_of::<Report>() == 64
);
