//! Messages, reports and transports as the challenge's header lays them out.

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
    /// How much.
    pub quantity: u32,
    /// 0 buys, 1 sells.
    pub side: u8,
    /// Not 0: immediate or cancel.
    pub ioc: u8,
    /// Nothing.
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

/// A change that gives up the place in the queue, 32 bytes.
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
    /// Nothing.
    pub reserved: [u8; 3],
}

/// A report, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What it reports: one of the constants of this type.
    pub kind: u8,
    /// The side of the message's order.
    pub side: u8,
    /// Nothing.
    pub reserved: [u8; 6],
    /// The number of the message that caused it.
    pub sequence: u64,
    /// The order it is about.
    pub order: u64,
    /// Its price; of a trade the maker's.
    pub price: i64,
    /// Its quantity.
    pub quantity: u32,
    /// Nothing.
    pub reserved2: u32,
    /// Of a trade, who was there.
    pub maker: u64,
    /// Of a trade, who came.
    pub taker: u64,
    /// Nothing.
    pub reserved3: u64,
}

impl Report {
    /// An order was accepted.
    pub const ACCEPTED: u8 = 0;
    /// Two orders traded.
    pub const TRADED: u8 = 1;
    /// An order, or what is left of an IOC order, is gone.
    pub const CANCELLED: u8 = 2;
    /// An order was changed.
    pub const MODIFIED: u8 = 3;
    /// There was nothing to cancel.
    pub const CANCEL_REFUSED: u8 = 4;
    /// There was nothing to change.
    pub const MODIFY_REFUSED: u8 = 5;
}

/// Puts a report into a queue: 1 where there was room, 0 where there was none.
pub(crate) type Push = extern "C" fn(*mut c_void, *const Report) -> c_int;

/// A queue of reports as a table of functions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Makes a queue for so many reports.
    pub create: extern "C" fn(u32) -> *mut c_void,
    /// Puts a report in: 1 where there was room, 0 where there was none.
    pub push: extern "C" fn(*mut c_void, *const Report) -> c_int,
    /// Takes reports out, on the other thread.
    pub drain: extern "C" fn(*mut c_void, *mut Report, u32) -> u32,
    /// Makes visible what was put in.
    pub flush: extern "C" fn(*mut c_void),
    /// Ends the queue.
    pub destroy: extern "C" fn(*mut c_void),
}

const _: () = assert!(
    size_of::<NewOrder>() == 32
        && size_of::<Cancel>() == 16
        && size_of::<Modify>() == 32
        && size_of::<Report>() == 64
);
