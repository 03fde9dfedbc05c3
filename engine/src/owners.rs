//! Who owns the live orders of a market: how many orders an account has, and which are an account's or a
//! session's.
//!
//! While there are no more orders than one account may have, no account can exceed its limit, and to look
//! for an account's orders is to look at few. So a market has no register of owners until it has more
//! orders than that, and keeps it from then on, because its slots stay that many.
//!
//! To count each account by itself would cost every order a search, so in the register accounts share
//! counters. A counter is never below what one of its accounts takes up, so while it is within the
//! limit of an account, nothing else needs to be known. When one exceeds that limit, its accounts are
//! counted one by one from then on.
//!
//! The register also has a mark for each order's slot, made of the order's account and session. Whoever
//! looks for the orders of an account reads four bytes a slot, and of the orders only those with the
//! right mark.
//!
//! The counters cost a plain order up to a tenth of its time, so a market that never has so many orders
//! does not pay for them.

use std::collections::BTreeMap;

use crate::arena::{Arena, Handle, Order, slot};
use crate::index::IndexKey;
use crate::quantity::{AccountId, SessionId};

/// Whose orders are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    /// Everybody's.
    All,
    /// Those of an account.
    Account(AccountId),
    /// Those placed under a session, or under any.
    Session(Option<SessionId>),
}

/// The owners of a market's live orders.
#[derive(Debug)]
pub(crate) struct Owners {
    key: IndexKey,
    register: Option<Box<Register>>,
}

/// Every owner of a live order.
#[derive(Debug)]
pub(crate) struct Register {
    key: IndexKey,
    counters: Vec<Counter>,
    /// By order slot; zero if the slot is free.
    marks: Vec<u32>,
}

/// How many orders the accounts have that share a counter.
#[derive(Clone, Debug, Default)]
struct Counter {
    orders: u32,
    #[expect(clippy::box_collection, reason = "nearly all counters have none and should be small")]
    accounts: Option<Box<BTreeMap<AccountId, u32>>>,
}

/// The bits of a mark that are made of the account. The highest of them number its counter.
const ACCOUNT: u32 = !SESSION;
/// Those that are made of the session.
const SESSION: u32 = 0xffff;
/// Set in every mark, so that a free slot has no account's.
const TAKEN: u32 = 1 << 16;
/// Set in the mark of every order that has a session.
const IN_SESSION: u32 = 1;
const COUNTER_BITS: u32 = if cfg!(any(test, tight)) { 1 } else { 8 };
const COUNTERS: usize = 1 << COUNTER_BITS;
/// The bits that accounts with the same counter have in common.
const COUNTER: u32 = !(u32::MAX >> COUNTER_BITS) | TAKEN;
/// So many marks are compared at once.
const STRIDE: usize = 64;

const fn session_mark(session: SessionId) -> u32 {
    session.0.get() & SESSION | IN_SESSION
}

fn counter(mark: u32) -> usize {
    slot(mark >> (u32::BITS - COUNTER_BITS))
}

impl Whose {
    pub(crate) fn fits(self, order: &Order) -> bool {
        match self {
            Self::All => true,
            Self::Account(account) => order.account == account,
            Self::Session(None) => order.session.is_some(),
            Self::Session(session) => order.session == session,
        }
    }
}

impl Owners {
    pub(crate) const fn new(key: IndexKey) -> Self {
        Self { key, register: None }
    }

    pub(crate) fn register(&self) -> Option<&Register> {
        self.register.as_deref()
    }

    /// Notes an order that has taken its slot.
    #[inline(always)]
    pub(crate) fn admit(&mut self, arena: &Arena, handle: Handle) {
        if let Some(register) = &mut self.register {
            register.admit(arena, handle);
        }
    }

    /// Takes the note of an order back that is about to leave its slot.
    #[inline(always)]
    pub(crate) fn dismiss(&mut self, arena: &Arena, handle: Handle) {
        if let Some(register) = &mut self.register {
            register.dismiss(arena, handle);
        }
    }

    /// Whether an account has fewer than so many orders.
    #[inline(never)]
    pub(crate) fn has_room(&mut self, arena: &Arena, account: AccountId, most: u32) -> bool {
        let key = self.key;
        let register = self.register.get_or_insert_with(|| {
            let counters = vec![Counter::default(); COUNTERS];
            let mut register = Box::new(Register { key, counters, marks: Vec::new() });
            arena.handles().for_each(|handle| register.admit(arena, handle));
            register
        });
        let mark = register.mark(account);
        register.at_most(mark) < most || register.exactly(arena, account, mark) < most
    }
}

impl Register {
    /// The account's part of its orders' marks.
    fn mark(&self, account: AccountId) -> u32 {
        let hash = u32::try_from(self.key.blend(account.0) >> 32).unwrap_or(0);
        hash & ACCOUNT | TAKEN
    }

    /// How many orders an account has, and those that share its counter.
    fn at_most(&self, mark: u32) -> u32 {
        self.counters.get(counter(mark)).map_or(0, |counter| counter.orders)
    }

    /// How many orders an account has.
    fn exactly(&mut self, arena: &Arena, account: AccountId, mark: u32) -> u32 {
        let orders = marked(&self.marks, COUNTER, mark & COUNTER);
        let Some(counter) = self.counters.get_mut(counter(mark)) else { return 0 };
        let accounts = counter.accounts.get_or_insert_with(|| {
            let mut accounts = Box::default();
            orders.for_each(|handle| add(&mut accounts, arena.order(handle).account));
            accounts
        });
        accounts.get(&account).copied().unwrap_or(0)
    }

    #[inline(never)]
    fn admit(&mut self, arena: &Arena, handle: Handle) {
        let Order { account, session, .. } = *arena.order(handle);
        let mark = self.mark(account) | session.map_or(0, session_mark);
        let at = slot(handle.0);
        if at >= self.marks.len() {
            self.marks.resize(at.saturating_add(1), 0);
        }
        if let Some(free) = self.marks.get_mut(at) {
            *free = mark;
        }
        let Some(counter) = self.counters.get_mut(counter(mark)) else { return };
        counter.orders = counter.orders.saturating_add(1);
        if let Some(accounts) = &mut counter.accounts {
            add(accounts, account);
        }
    }

    #[inline(never)]
    fn dismiss(&mut self, arena: &Arena, handle: Handle) {
        let Some(mark) = self.marks.get_mut(slot(handle.0)) else { return };
        let mark = core::mem::take(mark);
        let Some(counter) = self.counters.get_mut(counter(mark)) else { return };
        counter.orders = counter.orders.saturating_sub(1);
        if let Some(accounts) = &mut counter.accounts {
            take(accounts, arena.order(handle).account);
        }
    }

    /// The slots of all these orders, and of a few others with the same mark.
    pub(crate) fn candidates(&self, whose: Whose) -> impl Iterator<Item = Handle> {
        let (bits, mark) = match whose {
            Whose::All => (TAKEN, TAKEN),
            Whose::Account(account) => (ACCOUNT, self.mark(account)),
            Whose::Session(None) => (IN_SESSION, IN_SESSION),
            Whose::Session(Some(session)) => (SESSION, session_mark(session)),
        };
        let none = bits == ACCOUNT && self.at_most(mark) == 0;
        marked(if none { &[] } else { &self.marks }, bits, mark)
    }

    /// Whether this is the register of the live orders.
    pub(crate) fn check(&self, arena: &Arena) -> bool {
        let mut sums = vec![Counter::default(); COUNTERS];
        let mut is_marked = true;
        for handle in arena.handles() {
            let Order { account, session, .. } = *arena.order(handle);
            let mark = self.mark(account) | session.map_or(0, session_mark);
            is_marked &= self.marks.get(slot(handle.0)) == Some(&mark);
            if let Some(sum) = sums.get_mut(counter(mark)) {
                sum.orders = sum.orders.saturating_add(1);
                add(sum.accounts.get_or_insert_default(), account);
            }
        }
        let is_counted = |(counter, sum): (&Counter, &Counter)| {
            let real = sum.accounts.clone().unwrap_or_default();
            let known = counter.accounts.as_ref();
            counter.orders == sum.orders && known.is_none_or(|known| *known == real)
        };
        let live = usize::try_from(arena.live()).unwrap_or(usize::MAX);
        is_marked
            && marked(&self.marks, TAKEN, TAKEN).count() == live
            && self.counters.iter().zip(&sums).all(is_counted)
    }
}

/// The slots whose mark has these bits.
fn marked(marks: &[u32], bits: u32, wanted: u32) -> impl Iterator<Item = Handle> {
    let fits = move |mark: &u32| mark & bits == wanted;
    let strides = marks.chunks(STRIDE).zip((0_u32..).step_by(STRIDE));
    // Every mark of a stride is compared, found or not: this is a few vector instructions.
    let found =
        strides.filter(move |(marks, _)| marks.iter().fold(false, |any, mark| any | fits(mark)));
    found.flat_map(move |(marks, first)| {
        marks.iter().zip(first..).filter_map(move |(mark, at)| fits(mark).then_some(Handle(at)))
    })
}

#[inline(never)]
fn add(accounts: &mut BTreeMap<AccountId, u32>, account: AccountId) {
    let orders = accounts.entry(account).or_default();
    *orders = orders.saturating_add(1);
}

#[inline(never)]
fn take(accounts: &mut BTreeMap<AccountId, u32>, account: AccountId) {
    if let Some(orders) = accounts.get_mut(&account) {
        *orders = orders.saturating_sub(1);
        if *orders == 0 {
            accounts.remove(&account);
        }
    }
}
