//! Tests of the window against a plain list.

use super::Window;
use crate::event::Outcome;
use crate::index::IndexKey;
use crate::quantity::{AccountId, RequestId, Sequence};
use crate::random::Random;
use crate::snapshot::RequestRecord;

/// The requests, oldest first. Every operation searches the list.
#[derive(Default)]
struct List(Vec<RequestRecord>);

impl List {
    fn find(&self, account: AccountId, request: RequestId) -> Option<&RequestRecord> {
        self.0.iter().find(|it| (it.account, it.request) == (account, request))
    }

    fn held(&self, account: AccountId) -> usize {
        self.0.iter().filter(|it| it.account == account).count()
    }

    fn remember(&mut self, record: RequestRecord, max: usize) {
        self.0.push(record);
        if self.0.len() > max {
            let most = self.0.iter().map(|it| self.held(it.account)).max();
            let oldest = self.0.iter().position(|it| Some(self.held(it.account)) == most);
            self.0.remove(oldest.unwrap());
        }
    }
}

fn record(account: u64, request: u64, sequence: u64) -> RequestRecord {
    RequestRecord {
        account: AccountId(u128::from(account)),
        request: RequestId(u128::from(request)),
        sequence: Sequence(sequence),
        outcome: Outcome::Accepted,
        content: 0,
    }
}

/// Returns the same records in a new window under another key, as a restore does.
fn restored(window: &Window, random: &mut Random, max: u32) -> Window {
    let mut copy = Window::new(IndexKey::new(random.next(), random.next()));
    window.iter().for_each(|it| copy.remember(*it, max));
    copy
}

#[test]
fn window_behaves_like_a_plain_list() {
    let mut random = Random(7);
    let mut unequal = 0;
    for max in [1, 2, 3, 7, 40, 40, 90] {
        let mut window = Window::new(IndexKey::FIXED);
        let mut list = List::default();
        for sequence in 1..6_000 {
            // The flooding account changes, and sometimes there are more accounts than the window
            // can hold requests.
            let accounts = if sequence % 900 < 100 { 200 } else { 6 };
            let some = if random.below(2) == 0 { sequence / 500 } else { random.below(accounts) };
            let new = record(some, random.below(60), sequence);
            let found = list.find(new.account, new.request);
            assert_eq!(window.find(new.account, new.request), found);
            if found.is_none() {
                let before = list.0.first().copied();
                window.remember(new, max);
                list.remember(new, usize::try_from(max).unwrap());
                unequal += u32::from(list.0.len() > 1 && list.0.first().copied() == before);
            }
            assert!(window.iter().eq(&list.0), "at {sequence} of {max}");
            if sequence % 16 == 0 {
                assert!(window.check());
            }
            if random.below(300) == 0 {
                window = restored(&window, &mut random, max);
            }
        }
    }
    assert!(unequal > 1_000, "a newer request was forgotten only {unequal} times");
}

#[test]
fn account_never_loses_its_equal_share_to_others() {
    let mut window = Window::new(IndexKey::FIXED);
    // Three accounts have 25 requests each before a fourth sends 10,000.
    for request in 0..75 {
        window.remember(record(request % 3, request, 1 + request), 100);
    }
    for request in 0..10_000 {
        window.remember(record(9, request, 100 + request), 100);
    }
    for request in 0..75 {
        let own = record(request % 3, request, 1 + request);
        assert_eq!(window.find(own.account, own.request), Some(&own));
    }
    let of_the_fourth = window.iter().skip(75).map(|it| it.request.0);
    assert!(of_the_fourth.eq(9_975..10_000));
    assert!(window.check());
    assert_eq!(window.slots.len(), 101, "it grows to one slot more than its limit");
}

#[test]
fn smaller_limit_forgets_until_the_window_fits() {
    let mut window = Window::new(IndexKey::FIXED);
    for request in 0..50 {
        window.remember(record(request % 2, request, 1 + request), 50);
    }
    window.remember(record(2, 50, 51), 6);
    let left: Vec<_> = window.iter().map(|it| it.request.0).collect();
    assert_eq!(left, [45, 46, 47, 48, 49, 50]);
    assert!(window.check());
}

#[test]
fn requests_that_mirror_their_accounts_spread() {
    let mut window = Window::new(IndexKey::FIXED);
    // If a name were just a combination of both ids, all of these requests would have the same
    // name.
    for account in 0..2_000 {
        window.remember(record(account, account, 1 + account), 2_000);
    }
    let index_ids = window.iter().map(|it| window.index_id(it.account, it.request));
    let mut index_ids: Vec<_> = index_ids.collect();
    index_ids.sort_unstable();
    index_ids.dedup();
    assert_eq!(index_ids.len(), 2_000);
}
