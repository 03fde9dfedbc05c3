//! The request window: what became of the last commands that carried a request id.

use std::collections::VecDeque;

use crate::index::{Index, IndexKey};
use crate::quantity::{AccountId, RequestId};
use crate::snapshot::RequestRecord;

/// The remembered requests, oldest first, and where to find them.
///
/// A request's handle is its number in the row of all requests ever remembered, cut to 31 bits: the
/// window holds at most 2^30, so no two in it share one.
#[derive(Debug)]
pub(crate) struct Window {
    requests: VecDeque<RequestRecord>,
    first: u32,
    index: Index,
}

const MASK: u32 = u32::MAX >> 1;

fn key(account: AccountId, request: RequestId) -> u128 {
    // Rotated, so that an account that uses its own id as a request id does not fold to zero.
    account.0.rotate_left(64) ^ request.0
}

impl Window {
    /// A window that remembers nothing yet, and whose index has this key.
    pub(crate) const fn new(key: IndexKey) -> Self {
        Self { requests: VecDeque::new(), first: 0, index: Index::new(key) }
    }

    /// What the window knows of this request.
    pub(crate) fn find(&self, account: AccountId, request: RequestId) -> Option<&RequestRecord> {
        let is_it =
            |handle| self.at(handle).is_some_and(|r| r.account == account && r.request == request);
        self.index.find(key(account, request), is_it).and_then(|handle| self.at(handle))
    }

    fn at(&self, handle: u32) -> Option<&RequestRecord> {
        let back = handle.wrapping_sub(self.first) & MASK;
        self.requests.get(usize::try_from(back).ok()?)
    }

    /// Remembers a request that the window does not know, and forgets the oldest beyond `max`.
    pub(crate) fn remember(&mut self, record: RequestRecord, max: u32) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if max == 0 {
            return;
        }
        if self.requests.len() >= max
            && let Some(oldest) = self.requests.pop_front()
        {
            self.index.remove(key(oldest.account, oldest.request), self.first);
            self.first = self.first.wrapping_add(1) & MASK;
        }
        let back = u32::try_from(self.requests.len()).unwrap_or(u32::MAX);
        let handle = self.first.wrapping_add(back) & MASK;
        self.requests.push_back(record);
        self.index.insert(key(record.account, record.request), handle);
    }

    /// The remembered requests, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RequestRecord> {
        self.requests.iter()
    }

    /// Whether every request is found where it stands.
    pub(crate) fn check(&self) -> bool {
        self.index.len() == self.requests.len()
            && self.requests.iter().all(|r| self.find(r.account, r.request) == Some(r))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Outcome;
    use crate::quantity::Sequence;
    use crate::random::Random;

    #[test]
    fn it_remembers_the_last_ones_and_no_others() {
        let mut random = Random(7);
        let first = MASK.wrapping_sub(100);
        let mut window = Window { first, ..Window::new(IndexKey::FIXED) };
        let mut known: VecDeque<RequestRecord> = VecDeque::new();
        for sequence in 1..20_000 {
            let account = AccountId(u128::from(random.below(3)));
            let request = RequestId(u128::from(random.below(60)));
            let found = known.iter().find(|r| (r.account, r.request) == (account, request));
            assert_eq!(window.find(account, request), found);
            if found.is_none() {
                let outcome = Outcome::Accepted;
                let sequence = Sequence(sequence);
                let record = RequestRecord { account, request, sequence, outcome, content: 0 };
                window.remember(record, 40);
                known.push_back(record);
                if known.len() > 40 {
                    known.pop_front();
                }
            }
            assert!(window.iter().eq(&known) && window.check());
        }
    }
}
