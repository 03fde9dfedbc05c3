//! An order as encoded under version 1 of the rules, which had no sessions.

use pricetime_engine::{OrderKind, OrderRecord, Party, Priority, Quantity, SelfTrade, Side, Until};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct OrderOfRules1 {
    party: Party,
    side: Side,
    kind: OrderKind,
    until: Until,
    post_only: bool,
    minimum_quantity: Option<Quantity>,
    display_quantity: Option<Quantity>,
    self_trade: SelfTrade,
    open: Quantity,
    shown: Quantity,
    priority: Priority,
}

impl From<&OrderRecord> for OrderOfRules1 {
    fn from(order: &OrderRecord) -> Self {
        Self {
            party: order.party,
            side: order.side,
            kind: order.kind,
            until: order.until,
            post_only: order.post_only,
            minimum_quantity: order.minimum_quantity,
            display_quantity: order.display_quantity,
            self_trade: order.self_trade,
            open: order.open,
            shown: order.shown,
            priority: order.priority,
        }
    }
}

impl From<OrderOfRules1> for OrderRecord {
    fn from(order: OrderOfRules1) -> Self {
        Self {
            party: order.party,
            side: order.side,
            kind: order.kind,
            until: order.until,
            post_only: order.post_only,
            minimum_quantity: order.minimum_quantity,
            display_quantity: order.display_quantity,
            self_trade: order.self_trade,
            open: order.open,
            shown: order.shown,
            priority: order.priority,
            session: None,
        }
    }
}
