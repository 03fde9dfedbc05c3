//! One number for the whole state, and the fingerprint of an action.
//!
//! Every record is written as 64-bit words, low byte first, and hashed under a fixed key. A
//! market's digest is the wrapping sum over its records, so it does not depend on their order. A
//! reader can keep it up to date: subtract the hash of the old record and add that of the new one.
//! The key is public: a digest detects accidents but not forgeries.

use core::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::command::{Action, Amend, OrderKind, Place, SelfTrade, TimeInForce};
use crate::event::{Outcome, Party, Prices, Turnover};
use crate::market::{Fees, Limits, MarketSpec, Phase, Pricing, Symbol, Terms};
use crate::quantity::{
    AccountId, EpochNumber, MarketId, Notional, OrderId, Price, Priority, Quantity, RequestId,
    Sequence, SessionId, Side, Timestamp, TradeNumber,
};
use crate::reason::Reason;
use crate::snapshot::{
    EngineSnapshot, MarketHead, MarketSnapshot, OrderRecord, RequestRecord, Until,
};
use crate::step::Step;

// The kinds of records. Records with the same words but different kinds have different hashes.
const ENGINE: u64 = 1;
const MARKET: u64 = 2;
const ORDER: u64 = 3;
const BLOCKED: u64 = 4;
const REQUEST: u64 = 5;
const ACTION: u64 = 6;

/// The hash of a record while its words are added.
struct Words(SipHasher13);

impl Words {
    fn of(kind: u64) -> Self {
        let mut words =
            Self(SipHasher13::new_with_keys(0x7072_6963_6574_696d, 0x6520_6469_6765_7374));
        words.put(kind);
        words
    }

    fn put(&mut self, word: u64) {
        self.0.write(&word.to_le_bytes());
    }

    fn sum(self) -> u128 {
        self.0.finish128().as_u128()
    }
}

/// A type that can be written as words.
trait Spell {
    fn spell(&self, words: &mut Words);
}

fn hash(kind: u64, record: &impl Spell) -> u128 {
    let mut words = Words::of(kind);
    record.spell(&mut words);
    words.sum()
}

impl Action {
    /// A hash of the action, which `Duplicate.same_content` compares. Different actions have
    /// different fingerprints, except by a collision of 128-bit hashes.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        hash(ACTION, self)
    }
}

impl MarketHead {
    /// This record's part of the market's digest.
    #[must_use]
    pub fn digest(&self) -> u128 {
        hash(MARKET, self)
    }
}

impl OrderRecord {
    /// This record's part of the market's digest.
    #[must_use]
    pub fn digest(&self) -> u128 {
        hash(ORDER, self)
    }
}

impl RequestRecord {
    /// This record's part of the market's digest.
    #[must_use]
    pub fn digest(&self) -> u128 {
        hash(REQUEST, self)
    }
}

/// A blocked account's part of the market's digest.
pub(crate) fn blocked_digest(account: AccountId) -> u128 {
    hash(BLOCKED, &account)
}

impl MarketSnapshot {
    /// The market's digest: the wrapping sum of its records' digests.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let orders = self.resting.iter().chain(&self.waiting).map(OrderRecord::digest);
        let blocked = self.blocked.iter().copied().map(blocked_digest);
        let requests = self.requests.iter().map(RequestRecord::digest);
        orders.chain(blocked).chain(requests).fold(self.head.digest(), u128::wrapping_add)
    }
}

impl EngineSnapshot {
    /// The engine's digest: a hash of its own numbers and of its markets' digests, in the order of
    /// their ids.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let markets = self.markets.iter().map(|m| (m.head.market, m.digest()));
        engine_digest(self, markets)
    }
}

/// The digest of an engine with the numbers in `own` and these markets.
pub(crate) fn engine_digest(
    own: &EngineSnapshot,
    markets: impl Iterator<Item = (MarketId, u128)>,
) -> u128 {
    let mut words = Words::of(ENGINE);
    own.rules_version.spell(&mut words);
    own.last_sequence.spell(&mut words);
    own.last_timestamp.spell(&mut words);
    own.last_market.spell(&mut words);
    for (market, digest) in markets {
        market.spell(&mut words);
        digest.spell(&mut words);
    }
    words.sum()
}

impl Spell for u128 {
    fn spell(&self, words: &mut Words) {
        words.0.write(&self.to_le_bytes());
    }
}

impl Spell for i128 {
    fn spell(&self, words: &mut Words) {
        words.0.write(&self.to_le_bytes());
    }
}

impl Spell for u64 {
    fn spell(&self, words: &mut Words) {
        words.put(*self);
    }
}

impl Spell for i64 {
    fn spell(&self, words: &mut Words) {
        words.put(self.cast_unsigned());
    }
}

impl Spell for Symbol {
    fn spell(&self, words: &mut Words) {
        words.0.write(self.as_bytes());
    }
}

/// Writes smaller integers as a word.
macro_rules! widened {
    ($($small:ty as $wide:ty),*) => {$(
        impl Spell for $small {
            fn spell(&self, words: &mut Words) {
                <$wide>::from(*self).spell(words);
            }
        }
    )*};
}

widened!(bool as u64, u32 as u64, i32 as i64, i8 as i64);

/// Writes a number type as the integer that it holds.
macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Spell for $name {
            fn spell(&self, words: &mut Words) {
                self.0.spell(words);
            }
        }
    )*};
}

numbers!(
    Price,
    Quantity,
    Notional,
    MarketId,
    Sequence,
    Timestamp,
    Priority,
    TradeNumber,
    EpochNumber,
    OrderId,
    AccountId,
    RequestId
);

/// Writes a struct field by field. If a field is missing here, the code does not compile.
macro_rules! structs {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl Spell for $name {
            fn spell(&self, words: &mut Words) {
                let Self { $($field),* } = self;
                $($field.spell(words);)*
            }
        }
    )*};
}

structs! {
    Amend { order, price, quantity, stop_price, if_open, requeue }
    Fees { maker_ppm, taker_ppm }
    MarketHead {
        market, spec, phase, last_sequence, last_price, last_trade, next_priority, epoch,
        epoch_first_sequence, turnover, accepted, cancelled,
    }
    MarketSpec { symbol, tick, lot, pricing, quantity_max, limits, terms }
    Party { order, account, reference }
    Place {
        order, reference, side, kind, quantity, time_in_force, post_only, minimum_quantity,
        display_quantity, self_trade,
    }
    Prices { open, high, low, close }
    RequestRecord { account, request, sequence, outcome, content }
    Step { mantissa, exponent }
    Terms { price_min, price_max, protection_ticks, reference, fees }
    Turnover { prices, volume, notional, trades }
}

impl Spell for Limits {
    fn spell(&self, words: &mut Words) {
        let Self { orders_max, orders_per_account_max, requests_max, blocked_max, parts_max } =
            self;
        orders_max.spell(words);
        requests_max.spell(words);
        blocked_max.spell(words);
        parts_max.spell(words);
        // A market without a limit per account keeps the digest that it had under version 1.
        if orders_per_account_max < orders_max {
            orders_per_account_max.spell(words);
        }
    }
}

impl Spell for OrderRecord {
    fn spell(&self, words: &mut Words) {
        let Self { party, side, kind, until, post_only, minimum_quantity, .. } = self;
        let Self { display_quantity, self_trade, open, shown, priority, session, .. } = self;
        party.spell(words);
        side.spell(words);
        kind.spell(words);
        until.spell(words);
        post_only.spell(words);
        minimum_quantity.spell(words);
        display_quantity.spell(words);
        self_trade.spell(words);
        open.spell(words);
        shown.spell(words);
        priority.spell(words);
        // An order without a session keeps the digest that it had under version 1 of the rules.
        if let Some(session) = session {
            session.spell(words);
        }
    }
}

impl Spell for SessionId {
    fn spell(&self, words: &mut Words) {
        self.0.get().spell(words);
    }
}

/// Writes an enum as the number of its variant followed by its content. The numbers are part of
/// every stored digest and never change.
macro_rules! enums {
    ($($name:ident { $($number:literal $variant:ident $(($held:ident))? $({ $($field:ident),* })?),* $(,)? })*) => {$(
        impl Spell for $name {
            fn spell(&self, words: &mut Words) {
                match self {
                    $(Self::$variant $(($held))? $({ $($field),* })? => {
                        words.put($number);
                        $($held.spell(words);)?
                        $($($field.spell(words);)*)?
                    })*
                }
            }
        }
    )*};
}

enums! {
    Action {
        1 AddMarket(spec), 2 SetMarket(terms), 3 RemoveMarket, 4 Place(place), 5 Amend(amend),
        6 Cancel { order }, 7 CancelAll { account, side }, 8 SetPhase(phase),
        9 CloseEpoch { number }, 10 AdvanceTime, 11 BlockAccount(account),
        12 UnblockAccount(account), 13 CancelSession { session },
    }
    OrderKind { 1 Limit { price }, 2 Market, 3 Stop { stop }, 4 StopLimit { stop, price } }
    Outcome { 1 Accepted, 2 Rejected(reason), 3 Duplicate }
    Phase { 1 Continuous, 2 Call, 3 Halted, 4 Closed }
    Pricing { 1 Maker, 2 Midpoint }
    Reason {
        1 UnknownMarket, 2 OutOfSequence, 3 NotOperator, 4 MarketExists, 5 BadSpec,
        6 MarketsFull, 7 MarketNotEmpty, 8 BlockedFull, 9 NoChange, 10 WrongEpoch,
        11 UnknownOrder, 12 NotOwner, 13 WrongPhase, 14 Changed, 15 AccountBlocked,
        16 ZeroQuantity, 17 QuantityTooLarge, 18 PriceOutOfBand, 19 DuplicateOrderId,
        20 BadDisplayQuantity, 21 BadMinimumQuantity, 22 BadCombination, 23 AlreadyExpired,
        24 WouldTake, 25 BookFull, 26 ZeroMarketId, 27 UsedMarketId,
        28 AccountFull,
    }
    SelfTrade { 1 None, 2 CancelTaker, 3 CancelMaker, 4 CancelBoth, 5 Decrement }
    Side { 1 Buy, 2 Sell }
    TimeInForce {
        1 GoodTillCancel, 2 ImmediateOrCancel, 3 FillOrKill, 4 GoodTillDate(time), 5 ForEpochs(n),
    }
    Until { 1 Cancelled, 2 Immediate, 3 Filled, 4 Time(time), 5 Epoch(number) }
}

impl<T: Spell> Spell for Option<T> {
    fn spell(&self, words: &mut Words) {
        match self {
            None => words.put(0),
            Some(held) => {
                words.put(1);
                held.spell(words);
            }
        }
    }
}
