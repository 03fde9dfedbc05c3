//! Which slots hold an account's orders: a linked list for each account.

use foldhash::HashMap;
use pricetime_engine::AccountId;

/// Stands for no slot.
const NONE: u32 = u32::MAX;

/// The slots of each account, in no order that means anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    accounts: HashMap<AccountId, Own>,
    /// By slot: the neighbours in the list of the slot's account.
    links: Vec<Link>,
}

/// An account's list.
#[derive(Clone, Copy, Debug)]
struct Own {
    first: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

impl Owners {
    /// Makes room for so many more orders.
    pub(super) fn reserve(&mut self, orders: usize) {
        self.links.reserve(orders);
    }

    /// Notes that a slot holds an order of this account. It held none before.
    pub(super) fn add(&mut self, account: AccountId, slot: u32) {
        let own = self.accounts.entry(account).or_insert(Own { first: NONE, count: 0 });
        let after = std::mem::replace(&mut own.first, slot);
        own.count += 1;
        if self.links.len() <= slot as usize {
            self.links.resize(slot as usize + 1, Link { before: NONE, after: NONE });
        }
        if let Some(next) = self.links.get_mut(after as usize) {
            next.before = slot;
        }
        if let Some(link) = self.links.get_mut(slot as usize) {
            *link = Link { before: NONE, after };
        }
    }

    /// Notes that a slot does not hold an order of this account any more.
    pub(super) fn take(&mut self, account: AccountId, slot: u32) {
        let Some(&Link { before, after }) = self.links.get(slot as usize) else { return };
        if let Some(next) = self.links.get_mut(after as usize) {
            next.before = before;
        }
        if let Some(previous) = self.links.get_mut(before as usize) {
            previous.after = after;
        }
        let Some(own) = self.accounts.get_mut(&account) else { return };
        own.count -= 1;
        if own.first == slot {
            own.first = after;
        }
        if own.count == 0 {
            self.accounts.remove(&account);
        }
    }

    /// How many orders an account has.
    pub(super) fn count(&self, account: AccountId) -> usize {
        self.accounts.get(&account).map_or(0, |own| own.count as usize)
    }

    /// The slots of an account's orders.
    pub(super) fn of(&self, account: AccountId) -> impl Iterator<Item = u32> {
        let first = self.accounts.get(&account).map(|own| own.first);
        let next = |slot: &u32| Some(self.links.get(*slot as usize)?.after);
        std::iter::successors(first, next).take_while(|slot| *slot != NONE)
    }
}
