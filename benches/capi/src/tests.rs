//! Tests the interface in the way the harness uses it.

use core::ffi::{c_int, c_void};

use super::*;

extern "C" fn create(_: u32) -> *mut c_void {
    core::ptr::null_mut()
}

extern "C" fn push(queue: *mut c_void, report: *const Report) -> c_int {
    // SAFETY: the queue is the list that the test passed, and the report is valid.
    unsafe { (*queue.cast::<Vec<Report>>()).push(*report) };
    1
}

extern "C" fn drain(_: *mut c_void, _: *mut Report, _: u32) -> u32 {
    0
}

extern "C" fn nothing(_: *mut c_void) {}

fn new_order(order: u64, sequence: u64, (side, ioc): (u8, u8), quantity: u32, price: i64) {
    let message = NewOrder { order, sequence, price, quantity, side, ioc, ..NewOrder::default() };
    // SAFETY: the message is valid.
    unsafe { engine_on_new_order(&raw const message) };
}

/// A report as text, without the fields that never differ.
fn line(report: &Report) -> String {
    let Report { kind, side, sequence, order, price, quantity, maker, taker, .. } = report;
    match *kind {
        Report::TRADED => format!("{sequence} trade {maker} {taker} {quantity} @ {price}"),
        kind => format!("{sequence} {kind} {order} side {side} {quantity} @ {price}"),
    }
}

// There is only one test, because the interface has one run at a time.
#[test]
fn messages_become_reports() {
    let mut reports: Vec<Report> = Vec::new();
    let transport = Transport { create, push, drain, flush: nothing, destroy: nothing };
    // SAFETY: the transport's functions accept a list of reports.
    unsafe { engine_init(7, &raw const transport, (&raw mut reports).cast()) };
    assert_eq!((engine_query_best_bid(), engine_query_best_ask()), (i64::MIN, i64::MAX));
    new_order(11, 1, (0, 0), 10, 100);
    new_order(12, 2, (0, 0), 5, 99);
    new_order(13, 3, (1, 1), 12, 100);
    let modify = Modify { order: 12, sequence: 4, price: 101, quantity: 6, ..Modify::default() };
    // SAFETY: the messages are valid.
    unsafe {
        engine_on_modify(&raw const modify);
        let stale = Modify { order: 11, sequence: 5, ..modify };
        engine_on_modify(&raw const stale);
        assert_eq!(engine_query_best_bid(), 101);
        assert_eq!((engine_query_depth_at(101, 0), engine_query_depth_at(101, 1)), (6, 0));
        let (first, second) =
            (Cancel { order: 12, sequence: 6 }, Cancel { order: 12, sequence: 7 });
        engine_on_cancel(&raw const first);
        engine_on_cancel(&raw const second);
    }
    engine_flush();
    engine_shutdown();
    let lines: Vec<String> = reports.iter().map(line).collect();
    let expected = [
        "1 0 11 side 0 10 @ 100",
        "2 0 12 side 0 5 @ 99",
        "3 0 13 side 1 12 @ 100",
        "3 trade 11 13 10 @ 100",
        "3 2 13 side 1 2 @ 100",
        "4 3 12 side 0 6 @ 101",
        "5 5 11 side 0 0 @ 0",
        "6 2 12 side 0 6 @ 101",
        "7 4 12 side 0 0 @ 0",
    ];
    assert_eq!(lines, expected);
}
