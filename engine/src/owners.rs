//! The owners of a market's live orders: how many orders an account has, and which orders belong to
//! an account or a session.
//!
//! While a market has no more orders than one account may have, no account can exceed its limit,
//! and a search for an account's orders is short. So a market has no register of owners until it
//! has more orders than that. It then keeps the register, because its slots do not become fewer.
//!
//! A counter per account would cost a search for every order, so accounts share counters. A counter
//! is never below the count of any of its accounts. While it is within the limit of one account, no
//! exact count is needed. Once it exceeds that limit, its accounts are counted one by one from then
//! on.
//!
//! The register also has a mark for each order's slot, made of the order's account and session. A
//! search for the orders of an account reads four bytes a slot, and reads only the orders whose
//! mark matches.
//!
//! The counters cost a plain order up to a tenth of its time. A market that never has that many
//! orders does not pay for them.

use std::collections::BTreeMap;

use crate::arena::{Arena, Handle, Order, slot};
use crate::index::IndexKey;
use crate::quantity::{AccountId, SessionId};

/// Which orders a search returns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OrderFilter {
    /// All orders.
    All,
    /// The orders of an account.
    Account(AccountId),
    /// The orders placed under this session, or under any session if it is `None`.
    Session(Option<SessionId>),
}

/// The owners of a market's live orders.
#[derive(Debug)]
pub(crate) struct Owners {
    key: IndexKey,
    register: Option<Box<Register>>,
}

/// The account and session of every live order, as counters and marks.
#[derive(Debug)]
pub(crate) struct Register {
    key: IndexKey,
    counters: Vec<Counter>,
    /// The most orders that a counter ever had. While it is within the limit of one account, a new
    /// order needs no look at the counters.
    counter_max: u32,
    /// By order slot; zero for a free slot.
    marks: Vec<u32>,
}

/// The number of orders of all accounts that share a counter.
#[derive(Clone, Debug, Default)]
struct Counter {
    orders: u32,
    #[expect(clippy::box_collection, reason = "most counters have no map and should stay small")]
    accounts: Option<Box<BTreeMap<AccountId, u32>>>,
}

/// The bits of a mark that come from the account. The highest of them select its counter.
const ACCOUNT: u32 = !SESSION;
/// The bits of a mark that come from the session.
const SESSION: u32 = 0xffff;
/// Set in every mark, so that no account's mark equals that of a free slot.
const TAKEN: u32 = 1 << 16;
/// Set in the mark of every order that has a session.
const IN_SESSION: u32 = 1;
const COUNTER_BITS: u32 = if cfg!(any(test, tight)) { 1 } else { 8 };
const COUNTERS: usize = 1 << COUNTER_BITS;
/// The bits that accounts with the same counter have in common.
const COUNTER: u32 = !(u32::MAX >> COUNTER_BITS) | TAKEN;
/// How many marks are compared at a time.
const STRIDE: usize = 64;

const fn session_mark(session: SessionId) -> u32 {
    session.0.get() & SESSION | IN_SESSION
}

fn counter(mark: u32) -> usize {
    slot(mark >> (u32::BITS - COUNTER_BITS))
}

impl OrderFilter {
    pub(crate) fn matches(self, order: &Order) -> bool {
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

    #[inline(always)]
    pub(crate) fn register(&self) -> Option<&Register> {
        self.register.as_deref()
    }

    /// Registers an order that has just been stored in its slot.
    #[inline(always)]
    pub(crate) fn insert(&mut self, arena: &Arena, handle: Handle) {
        if let Some(register) = &mut self.register {
            register.insert(arena, handle);
        }
    }

    /// Unregisters an order that is about to leave its slot.
    #[inline(always)]
    pub(crate) fn remove(&mut self, arena: &Arena, handle: Handle) {
        if let Some(register) = &mut self.register {
            register.remove(arena, handle);
        }
    }

    /// Returns `true` if an account has fewer than `limit` orders.
    #[inline(always)]
    pub(crate) fn has_room(&mut self, arena: &Arena, account: AccountId, limit: u32) -> bool {
        let has_surely = |register: &Register| register.counter_max < limit;
        self.register().is_some_and(has_surely) || self.has_counted_room(arena, account, limit)
    }

    #[inline(never)]
    fn has_counted_room(&mut self, arena: &Arena, account: AccountId, limit: u32) -> bool {
        let key = self.key;
        let register = self.register.get_or_insert_with(|| {
            let counters = vec![Counter::default(); COUNTERS];
            let register = Register { key, counters, counter_max: 0, marks: Vec::new() };
            let mut register = Box::new(register);
            arena.handles().for_each(|handle| register.insert(arena, handle));
            register
        });
        let mark = register.mark(account);
        register.upper_bound(mark) < limit || register.exact_count(arena, account, mark) < limit
    }
}

impl Register {
    /// The part of an order's mark that comes from its account.
    fn mark(&self, account: AccountId) -> u32 {
        let hash = u32::try_from(self.key.mix(account.0) >> 32).unwrap_or(0);
        hash & ACCOUNT | TAKEN
    }

    /// The number of orders of all accounts that share this counter: an upper bound for each of
    /// them.
    fn upper_bound(&self, mark: u32) -> u32 {
        self.counters.get(counter(mark)).map_or(0, |counter| counter.orders)
    }

    /// The number of orders of one account.
    fn exact_count(&mut self, arena: &Arena, account: AccountId, mark: u32) -> u32 {
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
    fn insert(&mut self, arena: &Arena, handle: Handle) {
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
        self.counter_max = self.counter_max.max(counter.orders);
        if let Some(accounts) = &mut counter.accounts {
            add(accounts, account);
        }
    }

    #[inline(never)]
    fn remove(&mut self, arena: &Arena, handle: Handle) {
        let Some(mark) = self.marks.get_mut(slot(handle.0)) else { return };
        let mark = core::mem::take(mark);
        let Some(counter) = self.counters.get_mut(counter(mark)) else { return };
        counter.orders = counter.orders.saturating_sub(1);
        if let Some(accounts) = &mut counter.accounts {
            take(accounts, arena.order(handle).account);
        }
    }

    /// The slots of all matching orders, and of a few others with the same mark.
    pub(crate) fn candidates(&self, filter: OrderFilter) -> impl Iterator<Item = Handle> {
        let (bits, mark) = match filter {
            OrderFilter::All => (TAKEN, TAKEN),
            OrderFilter::Account(account) => (ACCOUNT, self.mark(account)),
            OrderFilter::Session(None) => (IN_SESSION, IN_SESSION),
            OrderFilter::Session(Some(session)) => (SESSION, session_mark(session)),
        };
        let none = bits == ACCOUNT && self.upper_bound(mark) == 0;
        marked(if none { &[] } else { &self.marks }, bits, mark)
    }

    /// Returns `true` if the register agrees with the live orders.
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
            counter.orders == sum.orders
                && counter.orders <= self.counter_max
                && known.is_none_or(|known| *known == real)
        };
        let live = usize::try_from(arena.live()).unwrap_or(usize::MAX);
        is_marked
            && marked(&self.marks, TAKEN, TAKEN).count() == live
            && self.counters.iter().zip(&sums).all(is_counted)
    }
}

/// The slots whose marks have these bits.
fn marked(marks: &[u32], bits: u32, wanted: u32) -> impl Iterator<Item = Handle> {
    let matches = move |mark: &u32| mark & bits == wanted;
    let strides = marks.chunks(STRIDE).zip((0_u32..).step_by(STRIDE));
    // Every mark of a stride is compared, even after a match: this takes only a few vector
    // instructions.
    let found =
        strides.filter(move |(marks, _)| marks.iter().fold(false, |any, mark| any | matches(mark)));
    found.flat_map(move |(marks, first)| {
        marks.iter().zip(first..).filter_map(move |(mark, at)| matches(mark).then_some(Handle(at)))
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
