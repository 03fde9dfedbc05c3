//! The head of a market as encoded under version 1 of the rules, which had no limit for an account.

use pricetime_engine::{
    EpochNumber, Limits, MarketHead, MarketId, MarketSpec, Phase, Price, Pricing, Priority,
    Quantity, Sequence, Step, Symbol, Terms, TradeNumber, Turnover,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct HeadOfRules1 {
    market: MarketId,
    spec: SpecOfRules1,
    phase: Phase,
    last_sequence: Sequence,
    last_price: Option<Price>,
    last_trade: TradeNumber,
    next_priority: Priority,
    epoch: EpochNumber,
    epoch_first_sequence: Sequence,
    turnover: Turnover,
    accepted: u64,
    cancelled: u64,
}

#[derive(Serialize, Deserialize)]
struct SpecOfRules1 {
    symbol: Symbol,
    tick: Step,
    lot: Step,
    pricing: Pricing,
    quantity_max: Quantity,
    limits: LimitsOfRules1,
    terms: Terms,
}

#[derive(Serialize, Deserialize)]
struct LimitsOfRules1 {
    orders_max: u32,
    requests_max: u32,
    blocked_max: u32,
    parts_max: u32,
}

impl From<&MarketHead> for HeadOfRules1 {
    fn from(head: &MarketHead) -> Self {
        let spec = &head.spec;
        let limits = LimitsOfRules1 {
            orders_max: spec.limits.orders_max,
            requests_max: spec.limits.requests_max,
            blocked_max: spec.limits.blocked_max,
            parts_max: spec.limits.parts_max,
        };
        Self {
            market: head.market,
            spec: SpecOfRules1 {
                symbol: spec.symbol,
                tick: spec.tick,
                lot: spec.lot,
                pricing: spec.pricing,
                quantity_max: spec.quantity_max,
                limits,
                terms: spec.terms,
            },
            phase: head.phase,
            last_sequence: head.last_sequence,
            last_price: head.last_price,
            last_trade: head.last_trade,
            next_priority: head.next_priority,
            epoch: head.epoch,
            epoch_first_sequence: head.epoch_first_sequence,
            turnover: head.turnover,
            accepted: head.accepted,
            cancelled: head.cancelled,
        }
    }
}

impl From<HeadOfRules1> for MarketHead {
    fn from(head: HeadOfRules1) -> Self {
        let spec = head.spec;
        let limits = Limits {
            orders_max: spec.limits.orders_max,
            orders_per_account_max: Limits::COUNT_MAX,
            requests_max: spec.limits.requests_max,
            blocked_max: spec.limits.blocked_max,
            parts_max: spec.limits.parts_max,
        };
        Self {
            market: head.market,
            spec: MarketSpec {
                symbol: spec.symbol,
                tick: spec.tick,
                lot: spec.lot,
                pricing: spec.pricing,
                quantity_max: spec.quantity_max,
                limits,
                terms: spec.terms,
            },
            phase: head.phase,
            last_sequence: head.last_sequence,
            last_price: head.last_price,
            last_trade: head.last_trade,
            next_priority: head.next_priority,
            epoch: head.epoch,
            epoch_first_sequence: head.epoch_first_sequence,
            turnover: head.turnover,
            accepted: head.accepted,
            cancelled: head.cancelled,
        }
    }
}
