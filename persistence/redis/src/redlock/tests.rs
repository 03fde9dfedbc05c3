//! The exact steps of a lease.

use std::time::Duration;

use super::{Answer, Lease, NodeRequest, Operation, Reply, Rules, Step};

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// Five nodes and a time to live of one second: 50 ms for an answer, 12 ms for drift.
fn rules() -> Rules {
    Rules::new(5, ms(1_000)).unwrap()
}

fn steps(lease: &mut Lease) -> Vec<Step> {
    std::iter::from_fn(|| lease.next_step()).collect()
}

fn asks(steps: &[Step], operation: Operation) -> Vec<NodeRequest> {
    let ask = |step: &Step| match step {
        Step::NodeRequest(ask) if ask.operation == operation => Some(*ask),
        Step::NodeRequest(_) | Step::Notify(_) => None,
    };
    steps.iter().filter_map(ask).collect()
}

/// A lease that three nodes granted in 10 ms, while the other two have not answered.
fn held() -> (Lease, Vec<NodeRequest>) {
    let mut lease = Lease::new(rules(), ms(0), ms(0), 7);
    let takes = asks(&steps(&mut lease), Operation::Take);
    assert_eq!(takes.iter().map(|ask| ask.node).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(takes.iter().all(|ask| ask.deadline == ms(50)));
    lease.handle_answer(ms(5), &takes[0], Answer::Yes);
    lease.handle_answer(ms(5), &takes[1], Answer::Yes);
    assert_eq!(steps(&mut lease), []);
    lease.handle_answer(ms(10), &takes[4], Answer::Yes);
    (lease, takes)
}

#[test]
fn lock_is_held_at_a_quorum_without_waiting_for_other_nodes() {
    let (mut lease, _) = held();
    // The validity counts from the request, not from the answer.
    assert_eq!(steps(&mut lease), [Step::Notify(Reply::Held { until: ms(988) })]);
    assert_eq!(lease.held_until(), Some(ms(988)));
}

#[test]
fn unreachable_quorum_is_given_up_at_once_and_freed() {
    let mut lease = Lease::new(rules(), ms(0), ms(0), 7);
    let takes = asks(&steps(&mut lease), Operation::Take);
    lease.handle_answer(ms(1), &takes[0], Answer::Yes);
    lease.handle_answer(ms(2), &takes[1], Answer::No);
    lease.handle_answer(ms(3), &takes[2], Answer::No);
    assert_eq!(steps(&mut lease), []);
    lease.handle_answer(ms(4), &takes[3], Answer::Failed);
    let next = steps(&mut lease);
    assert_eq!(next[0], Step::Notify(Reply::Refused { taken: 2, failed: 1 }));
    // The node that granted it, and the node that still may.
    let frees = asks(&next, Operation::Free);
    assert_eq!(frees.iter().map(|ask| ask.node).collect::<Vec<_>>(), [0, 4]);
    lease.handle_answer(ms(5), &frees[0], Answer::Yes);
    lease.handle_answer(ms(5), &frees[1], Answer::No);
    // As far as is known, that node was freed before it granted. So it is freed once more.
    assert_eq!(steps(&mut lease), []);
    lease.handle_answer(ms(400), &takes[4], Answer::Yes);
    let again = asks(&steps(&mut lease), Operation::Free);
    assert_eq!(again.iter().map(|ask| ask.node).collect::<Vec<_>>(), [4]);
    assert!(!lease.is_over());
    lease.handle_answer(ms(401), &again[0], Answer::Yes);
    assert!(lease.is_over());
}

#[test]
fn expiry_is_reported_before_anything_else() {
    let (mut lease, takes) = held();
    steps(&mut lease);
    // The lease notices its end late, with another answer.
    lease.handle_answer(ms(1_500), &takes[2], Answer::Yes);
    let next = steps(&mut lease);
    assert_eq!(next[0], Step::Notify(Reply::Lost));
    assert_eq!(asks(&next, Operation::Free).len(), next.len() - 1);
    assert_eq!(lease.held_until(), None);
}

#[test]
fn kept_lock_is_extended_after_a_third_of_its_ttl() {
    let (mut lease, takes) = held();
    lease.handle_answer(ms(11), &takes[2], Answer::No);
    lease.keep(ms(12));
    steps(&mut lease);
    assert_eq!(lease.wakes_at(), Some(Duration::from_secs(1) / 3));
    lease.tick(ms(334));
    let more = asks(&steps(&mut lease), Operation::Extend);
    // One node has not answered the first request yet.
    assert_eq!(more.iter().map(|ask| ask.node).collect::<Vec<_>>(), [0, 1, 2, 4]);
    for ask in &more[1..] {
        lease.handle_answer(ms(340), ask, Answer::Yes);
    }
    assert_eq!(steps(&mut lease), [Step::Notify(Reply::Extended { until: ms(1_322) })]);
}

#[test]
fn lock_is_lost_if_most_nodes_belong_to_another_holder() {
    let (mut lease, takes) = held();
    lease.handle_answer(ms(11), &takes[2], Answer::Yes);
    lease.handle_answer(ms(11), &takes[3], Answer::Yes);
    steps(&mut lease);
    lease.extend(ms(20));
    let more = asks(&steps(&mut lease), Operation::Extend);
    lease.handle_answer(ms(21), &more[0], Answer::No);
    lease.handle_answer(ms(22), &more[1], Answer::No);
    assert_eq!(steps(&mut lease), []);
    lease.handle_answer(ms(23), &more[2], Answer::No);
    assert_eq!(steps(&mut lease)[0], Step::Notify(Reply::Lost));
}

#[test]
fn retries_wait_a_short_random_time() {
    let mut waits = Vec::new();
    for random in 0..50 {
        let mut lease = Lease::new(rules(), ms(0), ms(500), random);
        for ask in asks(&steps(&mut lease), Operation::Take) {
            lease.handle_answer(ms(0), &ask, Answer::No);
        }
        let wait = lease.wakes_at().unwrap();
        assert!(wait >= ms(25) && wait < ms(100), "{wait:?}");
        waits.push(wait);
        lease.tick(wait);
        let takes = asks(&steps(&mut lease), Operation::Take);
        assert!(takes.iter().all(|ask| ask.attempt == 2), "each attempt has its own value");
    }
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 30, "{waits:?}");
}
