//! The slots of the orders of each account: a linked list for each account.

use foldhash::HashMap;
use pricetime_engine::AccountId;

/// Means no slot.
const NONE: u32 = u32::MAX;

/// The slots of each account, in no particular order.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    accounts: HashMap<AccountId, u32>,
    lists: Vec<List>,
    /// The lists that no account uses.
    free: Vec<u32>,
    /// For each slot, the list that it is in, and its neighbors there.
    links: Vec<Link>,
}

/// The list of an account.
#[derive(Clone, Copy, Debug)]
struct List {
    account: AccountId,
    first: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    list: u32,
    before: u32,
    after: u32,
}

impl Owners {
    /// Reserves space for this many more orders.
    pub(super) fn reserve(&mut self, orders: usize) {
        self.links.reserve(orders);
    }

    /// Records that a slot holds an order of this account. The slot must have been free.
    pub(super) fn add(&mut self, account: AccountId, slot: u32) {
        let Self { accounts, lists, free, links } = self;
        let list = *accounts.entry(account).or_insert_with(|| {
            let list = free.pop().unwrap_or_else(|| {
                lists.push(List { account, first: NONE, count: 0 });
                lists.len() as u32 - 1
            });
            if let Some(own) = lists.get_mut(list as usize) {
                *own = List { account, first: NONE, count: 0 };
            }
            list
        });
        let Some(own) = lists.get_mut(list as usize) else { return };
        let after = std::mem::replace(&mut own.first, slot);
        own.count += 1;
        if links.len() <= slot as usize {
            links.resize(slot as usize + 1, Link { list: NONE, before: NONE, after: NONE });
        }
        if let Some(next) = links.get_mut(after as usize) {
            next.before = slot;
        }
        if let Some(link) = links.get_mut(slot as usize) {
            *link = Link { list, before: NONE, after };
        }
    }

    /// Records that a slot no longer holds its order.
    pub(super) fn take(&mut self, slot: u32) {
        let Some(&Link { list, before, after }) = self.links.get(slot as usize) else { return };
        if let Some(next) = self.links.get_mut(after as usize) {
            next.before = before;
        }
        if let Some(previous) = self.links.get_mut(before as usize) {
            previous.after = after;
        }
        let Some(own) = self.lists.get_mut(list as usize) else { return };
        own.count -= 1;
        if own.first == slot {
            own.first = after;
        }
        if own.count == 0 {
            self.accounts.remove(&own.account);
            self.free.push(list);
        }
    }

    fn list(&self, account: AccountId) -> Option<&List> {
        self.lists.get(*self.accounts.get(&account)? as usize)
    }

    /// How many orders an account has.
    pub(super) fn count(&self, account: AccountId) -> usize {
        self.list(account).map_or(0, |own| own.count as usize)
    }

    /// The slots of an account's orders.
    pub(super) fn of(&self, account: AccountId) -> impl Iterator<Item = u32> {
        let first = self.list(account).map(|own| own.first);
        let next = |slot: &u32| Some(self.links.get(*slot as usize)?.after);
        std::iter::successors(first, next).take_while(|slot| *slot != NONE)
    }
}
