//! The words for reasons.

use pricetime_engine::{CancelReason, Reason};

/// The word for why a command was refused.
pub(super) const fn refusal(reason: Reason) -> &'static str {
    match reason {
        Reason::UnknownMarket => "unknown_market",
        Reason::OutOfSequence => "out_of_sequence",
        Reason::NotOperator => "not_operator",
        Reason::MarketExists => "market_exists",
        Reason::BadSpec => "bad_spec",
        Reason::MarketsFull => "markets_full",
        Reason::MarketNotEmpty => "market_not_empty",
        Reason::BlockedFull => "blocked_full",
        Reason::NoChange => "no_change",
        Reason::WrongEpoch => "wrong_epoch",
        Reason::UnknownOrder => "unknown_order",
        Reason::NotOwner => "not_owner",
        Reason::WrongPhase => "wrong_phase",
        Reason::Changed => "changed",
        Reason::AccountBlocked => "account_blocked",
        Reason::ZeroQuantity => "zero_quantity",
        Reason::QuantityTooLarge => "quantity_too_large",
        Reason::PriceOutOfBand => "price_out_of_band",
        Reason::DuplicateOrderId => "duplicate_order_id",
        Reason::BadDisplayQuantity => "bad_display_quantity",
        Reason::BadMinimumQuantity => "bad_minimum_quantity",
        Reason::BadCombination => "bad_combination",
        Reason::AlreadyExpired => "already_expired",
        Reason::WouldTake => "would_take",
        Reason::BookFull => "book_full",
        Reason::ZeroMarketId => "zero_market_id",
        Reason::UsedMarketId => "used_market_id",
        Reason::AccountFull => "account_full",
    }
}

/// The word for why an order was cancelled.
pub(super) const fn cancellation(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Requested => "requested",
        CancelReason::ImmediateOrCancel => "immediate_or_cancel",
        CancelReason::FillOrKill => "fill_or_kill",
        CancelReason::NoLiquidity => "no_liquidity",
        CancelReason::SelfTrade => "self_trade",
        CancelReason::Expired => "expired",
        CancelReason::EpochEnded => "epoch_ended",
        CancelReason::PriceProtection => "price_protection",
        CancelReason::MarketClosed => "market_closed",
        CancelReason::SessionEnded => "session_ended",
    }
}
