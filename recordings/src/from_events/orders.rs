//! What happens to orders, as messages.

use std::mem;

use pricetime_engine::{MarketSpec, OrderId, Party, Place, Priority, Quantity};

use super::market::{Amended, Fill, Market, Order, Taker};
use super::{FromEvents, LeftOut};
use crate::venue::{Cross, TradingState, VenueEvent};

impl FromEvents {
    /// Ends what goes on over several events: the uncross, and the order that takes.
    #[inline]
    pub(super) fn settle(&mut self) {
        if let Some((price, quantity)) = self.cross.take() {
            let (price, trade) = (self.price(price), self.execution());
            self.emit(VenueEvent::Crossed { kind: Cross::Unknown, price, quantity, trade });
        }
        if let Some(taker) = self.taker.take() {
            self.rest(taker);
        }
    }

    /// Lets what is left of an order enter the book.
    fn rest(&mut self, Taker { id, mut order, before }: Taker) {
        order.shown = order.display.map_or(order.open, |display| display.min(order.open));
        if let Some(price) = order.price {
            order.number = self.number(id);
            let (price, quantity, side) = (self.price(price), order.shown, order.side);
            self.emit(match before {
                None => {
                    let (order, account) = (order.number, order.account);
                    VenueEvent::Added { order, side, price, quantity, account }
                }
                Some(before) => VenueEvent::Replaced {
                    order: before.number,
                    new_order: order.number,
                    price,
                    quantity,
                    side: Some(side),
                    keeps_priority: false,
                },
            });
        } else {
            self.counted.add(LeftOut::Unpriced);
        }
        if let Some(market) = self.market() {
            market.orders.insert(id, order);
        }
    }

    /// Removes an amended order from the book, because it trades before it enters again.
    fn withdraw(&mut self) {
        if let Some(before) = self.taker.as_mut().and_then(|taker| taker.before.take()) {
            self.delete(&before);
        }
    }

    /// Reports that an order left the book, if it was visible there.
    fn delete(&mut self, order: &Order) {
        if let Some(price) = order.visible() {
            let (price, side, quantity) = (self.price(price), Some(order.side), order.shown);
            let (order, price, quantity) = (order.number, Some(price), Some(quantity));
            self.emit(VenueEvent::Deleted { order, quantity, side, price });
        }
    }

    /// Changes an order, and reports by how much less it shows.
    fn shrink(&mut self, id: OrderId, open: Quantity, shown: Quantity) {
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        let before = mem::replace(order, Order { open, shown, ..*order });
        if open.is_zero() {
            market.orders.remove(&id);
            self.delete(&before);
            return;
        }
        let by = Quantity(before.shown.0.saturating_sub(shown.0));
        match before.visible() {
            Some(price) if !by.is_zero() => {
                let (side, price) = (Some(before.side), Some(self.price(price)));
                let (order, quantity) = (before.number, by);
                self.emit(VenueEvent::Reduced { order, quantity, side, price });
            }
            Some(_) | None => self.counted.add(LeftOut::Unseen),
        }
    }

    /// Reports what an order in the book traded. `shown` is what it shows afterwards.
    #[inline]
    fn executed(&mut self, id: OrderId, fill: &Fill) {
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        let before = *order;
        let shown = if fill.cross {
            before.display.map_or(fill.open, |display| display.min(fill.open))
        } else {
            Quantity(before.shown.0.saturating_sub(fill.quantity.0))
        };
        (order.open, order.shown) = (fill.open, shown);
        if fill.open.is_zero() {
            market.orders.remove(&id);
        }
        let price = self.price(fill.price);
        let visible = Quantity(before.shown.0.saturating_sub(shown.0));
        let side = Some(before.side);
        if shown > before.shown {
            self.show_more(id, before, shown);
        } else if before.visible().is_some() && !visible.is_zero() {
            let (order, quantity, trade) = (before.number, visible, self.execution());
            let (price, aggressor, cross) = (Some(price), None, fill.cross);
            self.emit(VenueEvent::Executed {
                order,
                quantity,
                side,
                price,
                trade,
                aggressor,
                cross,
            });
        }
        let hidden = Quantity(fill.quantity.0.saturating_sub(visible.0));
        if !fill.cross && !hidden.is_zero() {
            let (quantity, trade) = (hidden, self.execution());
            self.emit(VenueEvent::HiddenExecuted { side, price, quantity, trade });
        }
    }

    /// Reports that an order shows more after an uncross. The engine leaves it in its place, but no message can.
    fn show_more(&mut self, id: OrderId, before: Order, quantity: Quantity) {
        let Some(price) = before.visible() else { return };
        let (new_order, price, side) = (self.number(id), self.price(price), Some(before.side));
        if let Some(order) = self.market().and_then(|market| market.orders.get_mut(&id)) {
            order.number = new_order;
        }
        let (order, keeps_priority) = (before.number, false);
        let event =
            VenueEvent::Replaced { order, new_order, price, quantity, side, keeps_priority };
        self.emit(event);
        self.counted.add(LeftOut::Place);
    }

    pub(super) fn accepted(&mut self, order: Order, place: &Place) {
        self.settle();
        if place.display_quantity.is_some() {
            self.counted.add(LeftOut::HiddenPart);
        }
        if place.kind.stop().is_some() {
            self.counted.add(LeftOut::Stop);
            if let Some(market) = self.market() {
                market.orders.insert(place.order, order);
            }
        } else {
            self.taker = Some(Taker { id: place.order, order, before: None });
        }
    }

    pub(super) fn triggered(&mut self, id: OrderId, priority: Priority) {
        self.settle();
        if let Some(order) = self.market().and_then(|market| market.orders.remove(&id)) {
            let order = Order { waits: false, priority, ..order };
            self.taker = Some(Taker { id, order, before: None });
        }
    }

    pub(super) fn amended(&mut self, id: OrderId, now: Amended) {
        self.settle();
        let Amended { price, open, shown, priority } = now;
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        if order.waits {
            (order.price, order.open) = (price, open);
            self.counted.add(LeftOut::Unseen);
        } else if order.priority == priority {
            self.shrink(id, open, shown);
        } else {
            let before = *order;
            market.orders.remove(&id);
            let order = Order { price, open, priority, ..before };
            let before = before.visible().map(|_| before);
            self.taker = Some(Taker { id, order, before });
        }
    }

    pub(super) fn traded(&mut self, maker: &Party, taker: &Party, fill: [Fill; 2]) {
        let [maker_fill, taker_fill] = fill;
        if self.taker.as_ref().is_some_and(|it| it.id == taker.order) {
            self.withdraw();
            self.executed(maker.order, &maker_fill);
            if taker_fill.open.is_zero() {
                self.taker = None;
                self.counted.add(LeftOut::NeverRested);
            } else if let Some(taker) = &mut self.taker {
                taker.order.open = taker_fill.open;
            }
            return;
        }
        let before = self.cross.map_or(0, |(_, quantity)| quantity.0);
        let sum = Quantity(before.saturating_add(maker_fill.quantity.0));
        self.cross = Some((maker_fill.price, sum));
        self.executed(maker.order, &Fill { cross: true, ..maker_fill });
        self.executed(taker.order, &Fill { cross: true, ..taker_fill });
    }

    pub(super) fn reduced(&mut self, id: OrderId, remaining: Quantity, shown: Quantity) {
        if self.taker.as_ref().is_none_or(|it| it.id != id) {
            self.shrink(id, remaining, shown);
            return;
        }
        self.withdraw();
        if remaining.is_zero() {
            self.taker = None;
            self.counted.add(LeftOut::NeverRested);
        } else if let Some(taker) = &mut self.taker {
            taker.order.open = remaining;
        }
    }

    pub(super) fn cancelled(&mut self, id: OrderId) {
        if self.taker.as_ref().is_some_and(|it| it.id == id) {
            self.withdraw();
            self.taker = None;
            self.counted.add(LeftOut::NeverRested);
        } else if let Some(order) = self.market().and_then(|market| market.orders.remove(&id)) {
            self.delete(&order);
        }
    }

    pub(super) fn replenished(&mut self, id: OrderId, now: Amended) {
        let Amended { open, shown, priority, .. } = now;
        let number = self.number(id);
        let Some(market) = self.market() else { return };
        let Some(order) = market.orders.get_mut(&id) else { return };
        *order = Order { number, open, shown, priority, ..*order };
        let order = *order;
        let Some(price) = order.price else { return };
        let (price, side, account) = (self.price(price), order.side, order.account);
        let (order, quantity) = (order.number, shown);
        self.emit(VenueEvent::Added { order, side, price, quantity, account });
    }

    pub(super) fn listed(&mut self, spec: &MarketSpec) {
        let Some((.., id)) = self.header else { return };
        let market = Market::new(spec);
        self.emit(VenueEvent::Listed(market.instrument));
        self.emit(VenueEvent::StateChanged(TradingState::Halted));
        self.turn_to(id);
        self.current = Some((id, market));
    }
}
