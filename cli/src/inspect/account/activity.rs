//! What an account did up to a moment.

use std::collections::{BTreeMap, VecDeque};

use pricetime_engine::{
    AccountId, Engine, Event, Group, MarketId, MarketSpec, Notional, Outcome, Side,
};
use pricetime_gateway::json::Amount;
use serde::Serialize;
use uuid::Uuid;

/// The totals of an account in a market.
pub(super) struct Totals {
    spec: MarketSpec,
    commands: u64,
    refused: u64,
    accepted: u64,
    cancelled: u64,
    trades: u64,
    bought: u128,
    sold: u128,
    paid: Notional,
    received: Notional,
}

/// The totals as a line, with exact decimals.
#[derive(Debug, Serialize)]
pub(super) struct TotalsLine {
    pub(super) account: Uuid,
    pub(super) market: u32,
    pub(super) symbol: String,
    pub(super) commands: u64,
    pub(super) refused: u64,
    pub(super) accepted: u64,
    pub(super) cancelled: u64,
    pub(super) trades: u64,
    pub(super) bought: Option<Amount>,
    pub(super) sold: Option<Amount>,
    pub(super) paid: Option<Amount>,
    pub(super) received: Option<Amount>,
}

/// What the replay showed of an account.
pub(super) struct AccountActivity {
    pub(super) account: AccountId,
    pub(super) totals: BTreeMap<MarketId, Totals>,
    /// The last groups in which it traded, with only those trades.
    pub(super) last: VecDeque<(Group, MarketSpec)>,
    keep: usize,
}

impl AccountActivity {
    /// Starts empty; keeps the last `keep` groups with trades.
    pub(super) const fn new(account: AccountId, keep: usize) -> Self {
        Self { account, totals: BTreeMap::new(), last: VecDeque::new(), keep }
    }

    /// Adds the events of a command.
    pub(super) fn record(&mut self, engine: &Engine, group: &Group) {
        let header = &group.header;
        let is_own_command = header.account == self.account;
        let is_named = |event: &Event| self.concerns(event);
        if !is_own_command && !group.events.iter().any(is_named) {
            return;
        }
        let Some(book) = engine.market(header.market) else { return };
        let spec = *book.spec();
        let totals = self.totals.entry(header.market).or_insert_with(|| Totals::new(spec));
        if is_own_command {
            totals.commands += 1;
            totals.refused += u64::from(matches!(group.outcome, Outcome::Rejected(_)));
        }
        for event in &group.events {
            totals.add(event, self.account);
        }
        let trades: Vec<_> = group
            .events
            .iter()
            .filter(|event| matches!(event, Event::Traded { .. }) && self.concerns(event))
            .copied()
            .collect();
        if !trades.is_empty() && self.keep > 0 {
            if self.last.len() == self.keep {
                self.last.pop_front();
            }
            let group = Group { header: *header, events: trades, outcome: group.outcome };
            self.last.push_back((group, spec));
        }
    }

    /// Returns `true` if an event is about an order of this account.
    fn concerns(&self, event: &Event) -> bool {
        event.parties().any(|party| party.account == self.account)
    }
}

impl Totals {
    const fn new(spec: MarketSpec) -> Self {
        Self {
            spec,
            commands: 0,
            refused: 0,
            accepted: 0,
            cancelled: 0,
            trades: 0,
            bought: 0,
            sold: 0,
            paid: Notional(0),
            received: Notional(0),
        }
    }

    fn add(&mut self, event: &Event, own: AccountId) {
        if let Event::Accepted { account, .. } = event {
            self.accepted += u64::from(*account == own);
        } else if let Event::Cancelled { party, .. } = event {
            self.cancelled += u64::from(party.account == own);
        } else if let Event::Traded { maker, taker, taker_side, price, quantity, .. } = event {
            self.trades += u64::from(maker.account == own || taker.account == own);
            for (party, side) in [(maker, taker_side.opposite()), (taker, *taker_side)] {
                if party.account != own {
                    continue;
                }
                let (lots, notional) = (u128::from(quantity.0), price.times(*quantity));
                match side {
                    Side::Buy => {
                        self.bought += lots;
                        self.paid = self.paid.plus(notional);
                    }
                    Side::Sell => {
                        self.sold += lots;
                        self.received = self.received.plus(notional);
                    }
                }
            }
        }
    }

    pub(super) fn line(&self, account: Uuid, market: MarketId) -> TotalsLine {
        let lots = |lots: u128| {
            Amount::new(self.spec.show_lots(i128::try_from(lots).unwrap_or(i128::MAX)))
        };
        TotalsLine {
            account,
            market: market.0,
            symbol: self.spec.symbol.to_string(),
            commands: self.commands,
            refused: self.refused,
            accepted: self.accepted,
            cancelled: self.cancelled,
            trades: self.trades,
            bought: lots(self.bought),
            sold: lots(self.sold),
            paid: Amount::new(self.spec.show_notional(self.paid)),
            received: Amount::new(self.spec.show_notional(self.received)),
        }
    }
}
