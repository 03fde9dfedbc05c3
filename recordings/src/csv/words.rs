//! The words of a file, such as `buy`, and what they stand for.

use pricetime_engine::{ActionKind, OrderKind, Phase, Pricing, SelfTrade, Side, TimeInForce};

use super::fault::CsvFault;
use crate::error::Fault;

/// Something that a file names with a word. The first word for a value is the one that is written.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// The values, side by side with their words.
    const VALUES: &'static [Self];
    const WORDS: &'static [&'static str];
}

/// Parses a word, in small or capital letters.
#[inline]
pub(super) fn parse<T: Word>(text: &[u8]) -> Result<T, Fault> {
    let mut known = T::WORDS.iter().zip(T::VALUES);
    let found = known.find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| CsvFault::UnknownWord(T::WORDS).into())
}

/// The word for a value.
pub(crate) fn word<T: Word>(value: T) -> &'static str {
    let mut known = T::WORDS.iter().zip(T::VALUES);
    known.find(|(_, it)| **it == value).map_or("", |(word, _)| word)
}

/// Declares words for values.
macro_rules! words {
    ($($type:ty: $($word:literal $value:expr),+;)+) => {$(
        impl Word for $type {
            const VALUES: &'static [Self] = &[$($value),+];
            const WORDS: &'static [&'static str] = &[$($word),+];
        }
    )+};
}

/// The kinds of orders, without their prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit,
    Market,
    Stop,
    StopLimit,
}

/// How long an order stays live, without the time or the number of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    Cancelled,
    Immediate,
    Filled,
    Date,
    Epochs,
}

impl Kind {
    pub(crate) const fn of(kind: OrderKind) -> Self {
        match kind {
            OrderKind::Limit { .. } => Self::Limit,
            OrderKind::Market => Self::Market,
            OrderKind::Stop { .. } => Self::Stop,
            OrderKind::StopLimit { .. } => Self::StopLimit,
        }
    }
}

impl Lasting {
    pub(crate) const fn of(time_in_force: TimeInForce) -> Self {
        match time_in_force {
            TimeInForce::GoodTillCancel => Self::Cancelled,
            TimeInForce::ImmediateOrCancel => Self::Immediate,
            TimeInForce::FillOrKill => Self::Filled,
            TimeInForce::GoodTillDate(_) => Self::Date,
            TimeInForce::ForEpochs(_) => Self::Epochs,
        }
    }
}

words! {
    ActionKind:
        "place" ActionKind::Place,
        "cancel" ActionKind::Cancel,
        "amend" ActionKind::Amend,
        "cancel_all" ActionKind::CancelAll,
        "cancel_session" ActionKind::CancelSession,
        "add_market" ActionKind::AddMarket,
        "set_market" ActionKind::SetMarket,
        "remove_market" ActionKind::RemoveMarket,
        "set_phase" ActionKind::SetPhase,
        "close_epoch" ActionKind::CloseEpoch,
        "advance_time" ActionKind::AdvanceTime,
        "block_account" ActionKind::BlockAccount,
        "unblock_account" ActionKind::UnblockAccount;
    Side: "buy" Side::Buy, "sell" Side::Sell;
    Kind: "limit" Kind::Limit, "market" Kind::Market, "stop" Kind::Stop, "stop_limit" Kind::StopLimit;
    Lasting:
        "good_till_cancel" Lasting::Cancelled,
        "immediate_or_cancel" Lasting::Immediate,
        "fill_or_kill" Lasting::Filled,
        "good_till_date" Lasting::Date,
        "for_epochs" Lasting::Epochs,
        "gtc" Lasting::Cancelled,
        "ioc" Lasting::Immediate,
        "fok" Lasting::Filled,
        "gtd" Lasting::Date;
    SelfTrade:
        "none" SelfTrade::None,
        "cancel_taker" SelfTrade::CancelTaker,
        "cancel_maker" SelfTrade::CancelMaker,
        "cancel_both" SelfTrade::CancelBoth,
        "decrement" SelfTrade::Decrement;
    Phase:
        "continuous" Phase::Continuous,
        "call" Phase::Call,
        "halted" Phase::Halted,
        "closed" Phase::Closed;
    Pricing: "maker" Pricing::Maker, "midpoint" Pricing::Midpoint;
    bool: "true" true, "false" false, "1" true, "0" false;
}
