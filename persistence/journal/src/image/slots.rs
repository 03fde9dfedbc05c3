//! The orders of a market in pages, so that a frozen state stays the same while the image changes.
//!
//! To freeze the state, a caller shares the pages, which copies none of them. If a page changes while it
//! is shared, only that page is copied, and only then. So the cost of a frozen state is spread over the
//! commands that follow, a few kilobytes each.

use std::sync::Arc;

use foldhash::HashMap;
use pricetime_engine::{AccountId, OrderId, OrderRecord};

use super::owners::Owners;

/// How many orders a page holds.
const PAGE: usize = 64;

/// A page of orders.
pub(super) type Page = [Option<OrderRecord>; PAGE];

/// The live orders, found by id and by account.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// The slot of each order.
    index: HashMap<OrderId, u32>,
    owners: Owners,
    pages: Vec<Arc<Page>>,
    /// The slots below `used` that are free.
    free: Vec<u32>,
    used: u32,
}

/// Returns the page of a slot, and the place in that page.
const fn place(slot: u32) -> (usize, usize) {
    (slot as usize / PAGE, slot as usize % PAGE)
}

impl Slots {
    /// Reserves space for this many more orders.
    pub(super) fn reserve(&mut self, orders: usize) {
        self.index.reserve(orders);
        self.owners.reserve(orders);
        self.pages.reserve(orders.div_ceil(PAGE));
    }

    pub(super) fn get(&self, order: OrderId) -> Option<&OrderRecord> {
        let (page, at) = place(*self.index.get(&order)?);
        self.pages.get(page)?.get(at)?.as_ref()
    }

    /// Returns the order in a slot, if there is one.
    pub(super) fn at(&self, slot: u32) -> Option<&OrderRecord> {
        let (page, at) = place(slot);
        self.pages.get(page)?.get(at)?.as_ref()
    }

    /// Returns an order and its slot.
    pub(super) fn get_mut(&mut self, order: OrderId) -> Option<(u32, &mut OrderRecord)> {
        let slot = *self.index.get(&order)?;
        Some((slot, self.slot(slot)?.as_mut()?))
    }

    /// Inserts an order. Returns its slot, and the order that had its id before.
    pub(super) fn insert(&mut self, order: OrderRecord) -> (u32, Option<OrderRecord>) {
        let Self { index, pages, free, used, .. } = self;
        let slot = *index.entry(order.party.order).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                let new_slot = *used;
                *used += 1;
                if place(new_slot).0 == pages.len() {
                    pages.push(Arc::new([None; PAGE]));
                }
                new_slot
            })
        });
        let account = order.party.account;
        let mut old = None;
        if let Some(entry) = self.slot(slot) {
            // Most slots are free, and then nothing is copied out of them.
            if entry.is_some() {
                old = entry.take();
            }
            *entry = Some(order);
        }
        if old.is_some() {
            self.owners.take(slot);
        }
        self.owners.add(account, slot);
        (slot, old)
    }

    /// Removes an order, if it exists. Before that, passes its slot and the order to `seen`.
    pub(super) fn remove(&mut self, order: OrderId, seen: impl FnOnce(u32, &OrderRecord)) {
        let Some(slot) = self.index.remove(&order) else { return };
        self.free.push(slot);
        self.owners.take(slot);
        if let Some(entry) = self.slot(slot) {
            if let Some(record) = entry.as_ref() {
                seen(slot, record);
            }
            *entry = None;
        }
    }

    /// How many orders an account has.
    pub(super) fn count_of(&self, account: AccountId) -> usize {
        self.owners.count(account)
    }

    /// Returns the orders of an account, in no particular order.
    pub(super) fn of(&self, account: AccountId) -> impl Iterator<Item = &OrderRecord> {
        self.owners.of(account).filter_map(|slot| self.at(slot))
    }

    /// The pages as they are now.
    pub(super) fn pages(&self) -> &[Arc<Page>] {
        &self.pages
    }

    /// Returns all orders, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OrderRecord> {
        self.pages.iter().flat_map(|page| page.iter().flatten())
    }

    fn slot(&mut self, slot: u32) -> Option<&mut Option<OrderRecord>> {
        let (page, at) = place(slot);
        Arc::make_mut(self.pages.get_mut(page)?).get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{
        AccountId, OrderKind, Party, Price, Priority, Quantity, SelfTrade, Side, Until,
    };

    use super::*;

    fn order(id: u64, open: u64) -> OrderRecord {
        let account = AccountId(u128::from(id * open % 7));
        OrderRecord {
            party: Party { order: OrderId(id.into()), account, reference: 0 },
            side: Side::Buy,
            kind: OrderKind::Limit { price: Price(1) },
            until: Until::Cancelled,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
            open: Quantity(open),
            shown: Quantity(open),
            priority: Priority(id),
            session: None,
        }
    }

    fn sorted<'a>(orders: impl Iterator<Item = &'a OrderRecord>) -> Vec<OrderRecord> {
        let mut orders: Vec<_> = orders.copied().collect();
        orders.sort_unstable_by_key(|order| order.priority);
        orders
    }

    #[test]
    fn cloned_pages_keep_their_orders() {
        let mut slots = Slots::default();
        for id in 0..1_000 {
            assert_eq!(slots.insert(order(id, 1)).1, None);
        }
        let before = sorted(slots.iter());
        let pages = slots.pages().to_vec();
        for id in (0..1_000).step_by(3) {
            let (mut seen, gone) = (Vec::new(), OrderId(id.into()));
            slots.remove(gone, |_, record| seen.push(*record));
            slots.remove(gone, |_, record| seen.push(*record));
            assert_eq!(seen, [order(id, 1)]);
        }
        for id in (1..1_000).step_by(3) {
            assert_eq!(slots.insert(order(id, 2)).1, Some(order(id, 1)));
        }
        for id in 1_000..1_400 {
            assert_eq!(slots.insert(order(id, 3)).1, None);
        }
        assert_eq!(sorted(pages.iter().flat_map(|page| page.iter().flatten())), before);
        let open = |id: u64| match (id, id % 3) {
            (1_000.., _) => Some(3),
            (_, 0) => None,
            (_, 1) => Some(2),
            _ => Some(1),
        };
        let now: Vec<_> = (0..1_400).filter_map(|id| Some(order(id, open(id)?))).collect();
        assert_eq!(sorted(slots.iter()), now);
        for id in 0..1_400 {
            let expected = open(id).map(|open| order(id, open));
            assert_eq!(slots.get(OrderId(id.into())), expected.as_ref());
        }
        for account in (0..8).map(AccountId) {
            let own: Vec<_> =
                now.iter().filter(|it| it.party.account == account).copied().collect();
            assert_eq!(slots.count_of(account), own.len());
            assert_eq!(sorted(slots.of(account)), own);
        }
    }
}
