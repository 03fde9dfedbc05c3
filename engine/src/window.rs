//! The request window: the outcomes of the latest commands that had a request id.

#[cfg(test)]
mod tests;

use core::cmp::Reverse;
use core::iter::successors;

use crate::heap::Heap;
use crate::index::{Index, IndexKey};
use crate::quantity::{AccountId, RequestId, Sequence};
use crate::snapshot::RequestRecord;

/// The requests that a market remembers. If there are more than its limit, it forgets the oldest
/// request of the account that has the most. So an account with no more than an equal share loses
/// none to others.
///
/// The order of the requests and the number that each account has follow from the records alone.
#[derive(Clone, Debug)]
pub struct Window {
    key: IndexKey,
    slots: Vec<Slot>,
    /// The free slots.
    free_slots: Vec<u32>,
    /// The ends of the list of all requests.
    oldest: u32,
    newest: u32,
    index: Index,
    holders: Vec<Holder>,
    /// The free holders.
    free_holders: Vec<u32>,
    accounts: Index,
    /// The holders in the order in which they lose requests: most requests first, then the one
    /// whose oldest request is older.
    ranking: Heap<(Reverse<u32>, Sequence)>,
}

/// A request and its links.
#[derive(Clone, Copy, Debug)]
struct Slot {
    record: RequestRecord,
    older: u32,
    newer: u32,
    /// The account's next newer request.
    next: u32,
}

/// An account and the ends of the list of its requests.
#[derive(Clone, Copy, Debug)]
struct Holder {
    account: AccountId,
    count: u32,
    oldest: u32,
    newest: u32,
}

/// No slot.
const NONE: u32 = u32::MAX;

impl Window {
    /// Creates an empty window whose index uses this key.
    #[must_use]
    pub fn new(key: IndexKey) -> Self {
        Self {
            key,
            slots: Vec::new(),
            free_slots: Vec::new(),
            oldest: NONE,
            newest: NONE,
            index: Index::new(key),
            holders: Vec::new(),
            free_holders: Vec::new(),
            accounts: Index::new(key),
            ranking: Heap::default(),
        }
    }

    /// The record of a request, if the window has it.
    #[must_use]
    pub fn find(&self, account: AccountId, request: RequestId) -> Option<&RequestRecord> {
        let is_match = |handle| {
            self.slot(handle)
                .is_some_and(|it| it.record.account == account && it.record.request == request)
        };
        let handle = self.index.find(self.index_id(account, request), is_match)?;
        self.slot(handle).map(|slot| &slot.record)
    }

    /// Stores a request, which must not be in the window and must be newer than all that are. If
    /// the window then has more than `max` requests (at most 2^30), it forgets some.
    pub fn remember(&mut self, record: RequestRecord, max: u32) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if max == 0 {
            return;
        }
        let handle = self.add(record);
        self.index.insert(self.index_id(record.account, record.request), handle);
        let holder = self.holder(record.account);
        self.append_to_holder(holder, handle);
        while self.index.len() > max {
            let Some((_, holder)) = self.ranking.first() else { return };
            self.forget_oldest_of(holder);
        }
    }

    /// The remembered requests, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &RequestRecord> {
        let newer = |slot: &&Slot| self.slot(slot.newer);
        successors(self.slot(self.oldest), newer).map(|slot| &slot.record)
    }

    /// The id of a request in the index. A client without the key cannot choose requests of two
    /// accounts that share an id.
    fn index_id(&self, account: AccountId, request: RequestId) -> u128 {
        request.0 ^ u128::from(self.key.mix(account.0))
    }

    fn slot(&self, handle: u32) -> Option<&Slot> {
        self.slots.get(at(handle))
    }

    /// Appends a record to the list of all requests.
    fn add(&mut self, record: RequestRecord) -> u32 {
        let slot = Slot { record, older: self.newest, newer: NONE, next: NONE };
        let handle = put(&mut self.slots, &mut self.free_slots, slot);
        match self.slots.get_mut(at(self.newest)) {
            Some(before) => before.newer = handle,
            None => self.oldest = handle,
        }
        self.newest = handle;
        handle
    }

    /// Returns the holder of an account, and creates one if the account has no requests.
    fn holder(&mut self, account: AccountId) -> u32 {
        let is_match =
            |holder| self.holders.get(at(holder)).is_some_and(|it| it.account == account);
        match self.accounts.find_position(account.0, is_match) {
            Ok((holder, _)) => holder,
            Err(position) => {
                let new = Holder { account, count: 0, oldest: NONE, newest: NONE };
                let holder = put(&mut self.holders, &mut self.free_holders, new);
                // All holders may become free later, and that must not allocate.
                self.free_holders.reserve(self.holders.len());
                self.accounts.insert_at(position, holder);
                holder
            }
        }
    }

    /// Appends a request to the list of its account.
    #[expect(clippy::indexing_slicing, reason = "a holder is below the number of holders")]
    fn append_to_holder(&mut self, holder: u32, handle: u32) {
        let held = &mut self.holders[at(holder)];
        match self.slots.get_mut(at(held.newest)) {
            Some(before) => before.next = handle,
            None => held.oldest = handle,
        }
        held.newest = handle;
        held.count = held.count.saturating_add(1);
        self.rank(holder);
    }

    /// Forgets the oldest request of an account that has one.
    #[expect(clippy::indexing_slicing, reason = "a holder's oldest request has a slot")]
    fn forget_oldest_of(&mut self, holder: u32) {
        let held = &mut self.holders[at(holder)];
        let handle = held.oldest;
        let Slot { record, older, newer, next } = self.slots[at(handle)];
        held.oldest = next;
        held.count = held.count.saturating_sub(1);
        if next == NONE {
            held.newest = NONE;
        }
        match self.slots.get_mut(at(older)) {
            Some(before) => before.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(at(newer)) {
            Some(after) => after.older = older,
            None => self.newest = older,
        }
        self.index.remove(self.index_id(record.account, record.request), handle);
        self.free_slots.push(handle);
        if next == NONE {
            self.ranking.remove(holder);
            self.accounts.remove(record.account.0, holder);
            self.free_holders.push(holder);
        } else {
            self.rank(holder);
        }
    }

    /// Updates the position of a holder after its count or its oldest request has changed.
    #[inline]
    fn rank(&mut self, holder: u32) {
        if let Some(rank) = self.rank_of(holder) {
            self.ranking.set(holder, rank);
        }
    }

    fn rank_of(&self, holder: u32) -> Option<(Reverse<u32>, Sequence)> {
        let held = self.holders.get(at(holder))?;
        self.slot(held.oldest).map(|oldest| (Reverse(held.count), oldest.record.sequence))
    }

    /// Returns `true` if the index finds every request, and every account's requests are counted.
    pub(crate) fn check(&self) -> bool {
        let is_found = |it: &RequestRecord| self.find(it.account, it.request) == Some(it);
        let is_held = |(holder, held): (u32, &Holder)| {
            let own = successors(self.slot(held.oldest), |slot| self.slot(slot.next));
            let own_count = own.filter(|slot| slot.record.account == held.account).count();
            self.ranking.key(holder) == self.rank_of(holder) && own_count == at(held.count)
        };
        let counts = self.holders.iter().map(|held| at(held.count));
        self.iter().count() == self.index.len()
            && self.iter().is_sorted_by(|a, b| a.sequence < b.sequence)
            && self.iter().all(is_found)
            && counts.fold(0, usize::saturating_add) == self.index.len()
            && self.ranking.len() == self.accounts.len()
            && self.ranking.check()
            && (0..).zip(&self.holders).all(is_held)
    }
}

/// Stores an entry in a free place, or at the end, and returns its number.
fn put<T>(entries: &mut Vec<T>, free: &mut Vec<u32>, entry: T) -> u32 {
    let last = free.pop().and_then(|handle| Some((handle, entries.get_mut(at(handle))?)));
    if let Some((handle, place)) = last {
        *place = entry;
        return handle;
    }
    entries.push(entry);
    u32::try_from(entries.len().saturating_sub(1)).unwrap_or(NONE)
}

/// Converts a handle to an index.
fn at(handle: u32) -> usize {
    usize::try_from(handle).unwrap_or(usize::MAX)
}
