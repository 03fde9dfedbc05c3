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

/// Hashes a record, word by word.
struct RecordHasher(SipHasher13);

impl RecordHasher {
    fn new(kind: u64) -> Self {
        let mut hasher =
            Self(SipHasher13::new_with_keys(0x7072_6963_6574_696d, 0x6520_6469_6765_7374));
        hasher.put(kind);
        hasher
    }

    fn put(&mut self, word: u64) {
        self.0.write(&word.to_le_bytes());
    }

    fn finish(self) -> u128 {
        self.0.finish128().as_u128()
    }
}

/// A type that is hashed as words.
trait HashInto {
    fn hash_into(&self, hasher: &mut RecordHasher);
}

fn hash(kind: u64, record: &impl HashInto) -> u128 {
    let mut hasher = RecordHasher::new(kind);
    record.hash_into(&mut hasher);
    hasher.finish()
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
    let mut hasher = RecordHasher::new(ENGINE);
    own.rules_version.hash_into(&mut hasher);
    own.last_sequence.hash_into(&mut hasher);
    own.last_timestamp.hash_into(&mut hasher);
    own.last_market.hash_into(&mut hasher);
    for (market, digest) in markets {
        market.hash_into(&mut hasher);
        digest.hash_into(&mut hasher);
    }
    hasher.finish()
}

impl HashInto for u128 {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        hasher.0.write(&self.to_le_bytes());
    }
}

impl HashInto for i128 {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        hasher.0.write(&self.to_le_bytes());
    }
}

impl HashInto for u64 {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        hasher.put(*self);
    }
}

impl HashInto for i64 {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        hasher.put(self.cast_unsigned());
    }
}

impl HashInto for Symbol {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        hasher.0.write(self.as_bytes());
    }
}

/// Writes smaller integers as a word.
macro_rules! widened {
    ($($small:ty as $wide:ty),*) => {$(
        impl HashInto for $small {
            fn hash_into(&self, hasher: &mut RecordHasher) {
                <$wide>::from(*self).hash_into(hasher);
            }
        }
    )*};
}

widened!(bool as u64, u32 as u64, i32 as i64, i8 as i64);

/// Writes a number type as the integer that it holds.
macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl HashInto for $name {
            fn hash_into(&self, hasher: &mut RecordHasher) {
                self.0.hash_into(hasher);
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
        impl HashInto for $name {
            fn hash_into(&self, hasher: &mut RecordHasher) {
                let Self { $($field),* } = self;
                $($field.hash_into(hasher);)*
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

impl HashInto for Limits {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        let Self { orders_max, orders_per_account_max, requests_max, blocked_max, parts_max } =
            self;
        orders_max.hash_into(hasher);
        requests_max.hash_into(hasher);
        blocked_max.hash_into(hasher);
        parts_max.hash_into(hasher);
        // A market without a limit per account keeps the digest that it had under version 1.
        if orders_per_account_max < orders_max {
            orders_per_account_max.hash_into(hasher);
        }
    }
}

impl HashInto for OrderRecord {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        let Self { party, side, kind, until, post_only, minimum_quantity, .. } = self;
        let Self { display_quantity, self_trade, open, shown, priority, session, .. } = self;
        party.hash_into(hasher);
        side.hash_into(hasher);
        kind.hash_into(hasher);
        until.hash_into(hasher);
        post_only.hash_into(hasher);
        minimum_quantity.hash_into(hasher);
        display_quantity.hash_into(hasher);
        self_trade.hash_into(hasher);
        open.hash_into(hasher);
        shown.hash_into(hasher);
        priority.hash_into(hasher);
        // An order without a session keeps the digest that it had under version 1 of the rules.
        if let Some(session) = session {
            session.hash_into(hasher);
        }
    }
}

impl HashInto for SessionId {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        self.0.get().hash_into(hasher);
    }
}

/// Writes an enum as the number of its variant followed by its content. The numbers are part of
/// every stored digest and never change.
macro_rules! enums {
    ($($name:ident {
        $($number:literal $variant:ident $(($value:ident))? $({ $($field:ident),* })?),* $(,)?
    })*) => {$(
        impl HashInto for $name {
            fn hash_into(&self, hasher: &mut RecordHasher) {
                match self {
                    $(Self::$variant $(($value))? $({ $($field),* })? => {
                        hasher.put($number);
                        $($value.hash_into(hasher);)?
                        $($($field.hash_into(hasher);)*)?
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

impl<T: HashInto> HashInto for Option<T> {
    fn hash_into(&self, hasher: &mut RecordHasher) {
        match self {
            None => hasher.put(0),
            Some(value) => {
                hasher.put(1);
                value.hash_into(hasher);
            }
        }
    }
}
