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

/// Sends messages from `engine_init` to `engine_flush`, and compares the answers to the queries.
///
/// # Safety
/// As for `engine_init`.
unsafe fn run(transport: *const Transport, queue: *mut c_void) {
    // SAFETY: as the caller promises.
    unsafe { engine_init(7, transport, queue) };
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
}

fn reports_of_another_transport() -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    let transport = Transport { create, push, drain, flush: nothing, destroy: nothing };
    // SAFETY: the transport's functions accept a list of reports.
    unsafe { run(&raw const transport, (&raw mut reports).cast()) };
    engine_shutdown();
    reports
}

fn reports_of_own_transport() -> Vec<Report> {
    // SAFETY: the table is static.
    let transport = unsafe { &*transport::choose(None) };
    let queue = (transport.create)(64);
    // SAFETY: the transport created the queue.
    unsafe { run(transport, queue) };
    let mut reports = vec![Report::default(); 64];
    let count = (transport.drain)(queue, reports.as_mut_ptr(), 64);
    reports.truncate(count as usize);
    engine_shutdown();
    (transport.destroy)(queue);
    reports
}

// There is only one test that starts a run, because the interface has one run at a time.
#[test]
fn messages_become_reports() {
    let reports = reports_of_another_transport();
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
    assert_eq!(reports_of_own_transport(), reports);
}

#[test]
fn variable_selects_the_transport() {
    assert!(transport::choose(Some("default".as_ref())).is_null());
    assert!(core::ptr::eq(transport::choose(None), &raw const transport::TRANSPORT));
    assert!(core::ptr::eq(transport::choose(Some("".as_ref())), &raw const transport::TRANSPORT));
}

#[test]
fn own_transport_pushes_and_flushes() {
    let transport = &transport::TRANSPORT;
    let queue = (transport.create)(2);
    let report = Report { sequence: 5, ..Report::default() };
    let pushed = [(); 3].map(|()| (transport.push)(queue, &raw const report));
    assert_eq!(pushed, [1, 1, 0]);
    let mut out = [Report::default(); 2];
    assert_eq!((transport.drain)(queue, out.as_mut_ptr(), 2), 2);
    assert_eq!((transport.push)(queue, &raw const report), 1);
    assert_eq!((transport.drain)(queue, out.as_mut_ptr(), 2), 0);
    (transport.flush)(queue);
    assert_eq!((transport.drain)(queue, out.as_mut_ptr(), 2), 1);
    assert_eq!(out, [report; 2]);
    (transport.destroy)(queue);
}
