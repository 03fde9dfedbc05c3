//! The live orders, as the events of an engine report them.

use pricetime_engine::{
    AccountId, ActionKind, Event, Header, MarketId, OrderId, Outcome, Party, Place, Price,
    Quantity, Side, Sink,
};
use pricetime_journal::random::Random;

/// A live order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) order: OrderId,
    pub(super) market: MarketId,
    pub(super) account: AccountId,
    pub(super) side: Side,
    /// Its limit price; `None` for a stop, whose prices are never changed.
    pub(super) price: Option<Price>,
    pub(super) open: Quantity,
    /// Its index among the live orders.
    at: usize,
}

/// All live orders. The slot of an order is its reference, which every event repeats.
#[derive(Debug, Default)]
pub(super) struct LiveOrders {
    slots: Vec<Option<Order>>,
    live: Vec<u32>,
    free: Vec<u32>,
    /// The market of the open group.
    market: MarketId,
    kind: Option<ActionKind>,
}

impl LiveOrders {
    /// The number of live orders.
    pub(super) fn count(&self) -> usize {
        self.live.len()
    }

    /// A reference that no live order has.
    pub(super) fn reference(&mut self) -> u64 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("a flow holds fewer orders")
        });
        u64::from(slot)
    }

    /// A random live order.
    pub(super) fn any(&self, random: &mut Random) -> Option<Order> {
        let slot = *random.any(&self.live)?;
        self.slots[slot as usize]
    }

    /// Of this many random orders, the one nearest to a price.
    pub(super) fn near(&self, random: &mut Random, price: Price, of: usize) -> Option<Order> {
        // A stop counts as distance zero.
        let distance = |order: &Order| order.price.map_or(0, |own| own.0.abs_diff(price.0));
        (0..of).filter_map(|_| self.any(random)).min_by_key(distance)
    }

    fn add(&mut self, account: AccountId, place: &Place) {
        let price = if place.kind.stop().is_some() { None } else { place.kind.price() };
        let order = Order {
            order: place.order,
            market: self.market,
            account,
            side: place.side,
            price,
            open: place.quantity,
            at: self.live.len(),
        };
        self.slots[place.reference as usize] = Some(order);
        self.live.push(place.reference as u32);
    }

    fn note(&mut self, party: &Party, open: Quantity) {
        let Some(order) = self.slots[party.reference as usize].as_mut() else { return };
        order.open = open;
        let at = order.at;
        if !open.is_zero() {
            return;
        }
        self.slots[party.reference as usize] = None;
        self.free.push(self.live.swap_remove(at));
        if let Some(moved) = self.live.get(at)
            && let Some(moved) = self.slots[*moved as usize].as_mut()
        {
            moved.at = at;
        }
    }
}

impl Sink for LiveOrders {
    fn begin(&mut self, header: &Header) {
        self.market = header.market;
        self.kind = Some(header.kind);
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Accepted { account, place, .. } => self.add(*account, place),
            Event::Rejected { reference, .. } if self.kind == Some(ActionKind::Place) => {
                self.free.extend(reference.map(|slot| slot as u32));
            }
            Event::Traded { maker, taker, maker_remaining, taker_remaining, .. } => {
                self.note(maker, *maker_remaining);
                self.note(taker, *taker_remaining);
            }
            Event::Amended { party, kind, remaining, .. } => {
                if let Some(order) = self.slots[party.reference as usize].as_mut()
                    && order.price.is_some()
                {
                    order.price = kind.price();
                }
                self.note(party, *remaining);
            }
            Event::Reduced { party, remaining, .. } => self.note(party, *remaining),
            Event::Cancelled { party, .. } => self.note(party, Quantity::ZERO),
            Event::Rejected { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }

    fn end(&mut self, _: Outcome) {}
}
