//! Tests the queue in the way the harness uses it.

use super::*;

/// A report with `number` in every field.
fn report(number: u64) -> Report {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    Report {
        kind: a,
        side: b,
        reserved: [c, d, e, f, g, h],
        sequence: number,
        order: !number,
        price: number as i64 - 7,
        quantity: number as u32,
        reserved2: !number as u32,
        maker: number << 8,
        taker: number << 16,
        reserved3: number.rotate_right(9),
    }
}

fn reports(numbers: core::ops::Range<u64>) -> Vec<Report> {
    numbers.map(report).collect()
}

fn push(queue: &Queue, number: u64) -> bool {
    // SAFETY: each test has one producer.
    unsafe { queue.push(report(number)) }
}

fn publish(queue: &Queue) {
    // SAFETY: each test has one producer.
    unsafe { queue.publish() };
}

fn drain(queue: &Queue, max: u32) -> Vec<Report> {
    let mut out = vec![Report::default(); max as usize];
    // SAFETY: each test has one consumer, and there is room for `max` reports.
    let count = unsafe { queue.drain(out.as_mut_ptr(), max) };
    out.truncate(count as usize);
    out
}

/// Drains `count` reports and compares each with its number.
fn drain_all(queue: &Queue, count: u64) {
    let mut next = 0;
    while next < count {
        let batch = drain(queue, 256);
        if batch.is_empty() {
            std::thread::yield_now();
        }
        for drained in batch {
            assert_eq!(drained, report(next));
            next += 1;
        }
    }
    assert!(drain(queue, 256).is_empty());
}

#[test]
fn threads_pass_reports_in_order() {
    // In a small queue the threads take turns, which takes long if other processes use the cores.
    for (capacity, count) in [(8, 2_000), (256, 50_000), (1, 200), (1 << 16, 200_000)] {
        let queue = Queue::new(capacity).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| drain_all(&queue, count));
            for number in 0..count {
                while !push(&queue, number) {
                    std::thread::yield_now();
                }
            }
            publish(&queue);
        });
    }
}

#[test]
fn write_waits_for_room() {
    let queue = Queue::new(128).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| drain_all(&queue, 1_000));
        for number in 0..1_000 {
            // SAFETY: this thread is the only producer.
            unsafe { queue.write(report(number)) };
        }
        publish(&queue);
    });
}

#[test]
fn capacity_is_rounded_up() {
    for (capacity, places) in [(0, 1), (1, 1), (3, 4), (64, 64), (65, 128)] {
        let queue = Queue::new(capacity).unwrap();
        let pushed = (0..).take_while(|number| push(&queue, *number)).count();
        assert_eq!(pushed, places);
    }
}

#[test]
fn memory_is_aligned_to_huge_pages() {
    let queue = Queue::new(1 << 16).unwrap();
    assert_eq!(queue.place(0).addr() % HUGE_PAGE, 0);
    assert_eq!(queue.layout.size(), 4 << 20);
}

#[test]
fn reports_are_published_by_64_and_on_request() {
    let queue = Queue::new(256).unwrap();
    assert!((0..63).all(|number| push(&queue, number)));
    assert!(drain(&queue, 256).is_empty());
    assert!(push(&queue, 63) && push(&queue, 64));
    assert_eq!(drain(&queue, 256), reports(0..64));
    assert!(drain(&queue, 256).is_empty());
    publish(&queue);
    assert_eq!(drain(&queue, 256), reports(64..65));
    publish(&queue);
    assert!(drain(&queue, 256).is_empty());
}

#[test]
fn full_queue_publishes_and_refuses() {
    let queue = Queue::new(8).unwrap();
    assert!((0..8).all(|number| push(&queue, number)));
    assert!(drain(&queue, 8).is_empty());
    assert!(!push(&queue, 8) && !push(&queue, 8));
    assert_eq!(drain(&queue, 3), reports(0..3));
    assert!((8..11).all(|number| push(&queue, number)));
    assert!(!push(&queue, 11));
    assert_eq!(drain(&queue, 100), reports(3..11));
}

#[test]
fn drain_takes_at_most_max_across_the_end() {
    let queue = Queue::new(8).unwrap();
    let (mut written, mut read) = (0, 0);
    for step in 1..=7 {
        while push(&queue, written) {
            written += 1;
        }
        assert_eq!(drain(&queue, step), reports(read..read + u64::from(step)));
        read += u64::from(step);
        assert!(drain(&queue, 0).is_empty());
    }
}

#[test]
fn positions_wrap() {
    let queue = Queue::new(8).unwrap();
    let start = usize::MAX - 3;
    queue.producer.0.tail.set(start);
    queue.producer.0.head.set(start);
    queue.tail.0.store(start, Ordering::Relaxed);
    queue.head.0.store(start, Ordering::Relaxed);
    assert!((0..8).all(|number| push(&queue, number)));
    assert!(!push(&queue, 8));
    assert_eq!(drain(&queue, 8), reports(0..8));
    assert!(push(&queue, 8));
    publish(&queue);
    assert_eq!(drain(&queue, 8), reports(8..9));
}
