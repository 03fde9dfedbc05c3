//! What an order-book file shows, and what comes into view from behind it.
//!
//! A message file has no messages about orders that are too deep for the order-book file. So the messages
//! alone do not tell what rests at a price that comes into view. The row does.

use std::collections::BTreeMap;

use pricetime_engine::{OrderId, Price, Quantity, Side};

use super::book_row::BookRow;
use super::correction::{Left, Resting};
use crate::venue::VenueEvent;
use crate::venue_book::{Change, VenueBook, VenueOrder};

/// What came into view in an order-book file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revealed {
    /// Levels that came into view, at the beginning or later.
    pub levels: u64,
    /// Those where more rested than the messages say.
    pub more: u64,
    /// Those where less rested than the messages say. A level that is no longer there counts as well.
    pub less: u64,
}

/// The book as messages and rows tell it.
#[derive(Debug)]
pub(super) struct Window {
    book: VenueBook,
    /// For each side, the live orders by price, the best first. At one price the oldest is first, and what rested
    /// without a message is last.
    orders: [BTreeMap<(Rank, OrderId), Live>; 2],
    /// For each side, the worst rank that the row before shows.
    shown: [Rank; 2],
    revealed: Revealed,
    /// The orders that entered so far, or were moved.
    places: u64,
    /// The levels that come into view, used again for each row.
    levels: Vec<(Rank, Quantity)>,
    /// The orders at the price of a message, used again for each message.
    here: Vec<Resting>,
}

/// A live order.
#[derive(Clone, Copy, Debug)]
struct Live {
    open: Quantity,
    /// How many orders entered before it, or were moved behind the others at their price.
    place: u64,
    /// `true` if its price was in view ever since it entered. Otherwise it may have left without a message.
    certain: bool,
}

/// A price as a number that is lower for a better price.
type Rank = i64;

/// Nothing is shown, not even the best price.
const NOTHING: Rank = i64::MIN;
/// A side has fewer levels than the file has room for, so all of them are shown.
const ALL: Rank = i64::MAX;

impl Window {
    pub(super) fn new() -> Self {
        Self {
            book: VenueBook::new(),
            orders: [BTreeMap::new(), BTreeMap::new()],
            shown: [NOTHING; 2],
            revealed: Revealed::default(),
            places: 0,
            levels: Vec::new(),
            here: Vec::new(),
        }
    }

    pub(super) const fn revealed(&self) -> Revealed {
        self.revealed
    }

    /// Forgets what was shown, so that the next row is taken for the truth.
    pub(super) const fn forget(&mut self) {
        self.shown = [NOTHING; 2];
    }

    /// Updates the book with a message.
    pub(super) fn apply(&mut self, event: &VenueEvent) {
        self.change(event, true);
    }

    /// Updates the book with what a message or a row tells. `certain` is `false` for a guess.
    fn change(&mut self, event: &VenueEvent, certain: bool) {
        match self.book.apply(event) {
            Change::None | Change::Unknown => {}
            Change::Placed { order, now } => self.enter(order, now, certain),
            Change::Shrunk { order, before, by } => {
                let open = before.open.minus(by);
                let orders = &mut self.orders[index(before.side)];
                let key = (rank(before.side, before.price), order);
                if open.is_zero() {
                    orders.remove(&key);
                } else if let Some(live) = orders.get_mut(&key) {
                    (live.open, live.certain) = (open, live.certain && certain);
                }
            }
            Change::Moved { order, before, new_order, now, .. } => {
                let key = (rank(before.side, before.price), order);
                let left = self.orders[index(before.side)].remove(&key);
                self.enter(new_order, now, left.is_some_and(|it| it.certain));
            }
            Change::Cleared => self.orders = [BTreeMap::new(), BTreeMap::new()],
        }
    }

    fn enter(
        &mut self,
        order: OrderId,
        VenueOrder { side, price, open, .. }: VenueOrder,
        certain: bool,
    ) {
        let place = self.places;
        self.places += 1;
        let live = Live { open, place, certain };
        self.orders[index(side)].insert((rank(side, price), order), live);
    }

    /// Finds what the row after a message reveals, applies it and adds it to `out`. The message is applied later.
    pub(super) fn reveal(&mut self, event: &VenueEvent, row: &BookRow, out: &mut Vec<VenueEvent>) {
        for side in [Side::Buy, Side::Sell] {
            let levels = row.side(side);
            let is_full = levels.len() == row.levels;
            let limit = levels.last().filter(|_| is_full).map_or(ALL, |it| rank(side, it.price));
            let shown = std::mem::replace(&mut self.shown[index(side)], limit);
            if limit > shown {
                let before = out.len();
                self.compare(event, row, (side, shown), out);
                out[before..].iter().for_each(|event| self.change(event, true));
            }
        }
        if let Some(left) = Left::of(event) {
            let mut here = std::mem::take(&mut self.here);
            here.clear();
            here.extend(self.resting(left.side, left.price));
            let before = out.len();
            left.correct(&here, out);
            out[before..].iter().for_each(|event| self.change(event, false));
            self.here = here;
        }
    }

    /// The orders at a price, sorted by number, and behind them what rests there without a message.
    fn resting(&self, side: Side, price: Price) -> impl Iterator<Item = Resting> {
        let rank = rank(side, price);
        let here = self.orders[index(side)].range((rank, OrderId(0))..=(rank, OrderId(u128::MAX)));
        here.map(|((_, order), live)| {
            let Live { open, place, certain } = *live;
            Resting { number: number(*order), open, place, certain }
        })
    }

    /// Compares the levels of a row that are worse than `shown` with the book.
    fn compare(
        &mut self,
        event: &VenueEvent,
        row: &BookRow,
        (side, shown): (Side, Rank),
        out: &mut Vec<VenueEvent>,
    ) {
        let limit = self.shown[index(side)];
        let mut levels = std::mem::take(&mut self.levels);
        let ranked = row.side(side).iter().map(|it| (rank(side, it.price), it.quantity));
        levels.clear();
        levels.extend(ranked.skip_while(|it| it.0 <= shown));
        undo(event, side, (shown, limit), &mut levels);
        self.revealed.levels += levels.len() as u64;
        let hidden = (shown.saturating_add(1), OrderId(0))..=(limit, OrderId(u128::MAX));
        let orders = self.orders[index(side)].range_mut(hidden).map(|((rank, order), live)| {
            live.certain = false;
            (*rank, *order, live.open)
        });
        let mut orders = orders.peekable();
        let mut here: Vec<(OrderId, Quantity)> = Vec::new();
        let mut expected = levels.iter().peekable();
        while let Some(rank) = match (orders.peek(), expected.peek()) {
            (Some((own, ..)), Some((rank, _))) => Some((*own).min(*rank)),
            (Some((rank, ..)), None) | (None, Some((rank, _))) => Some(*rank),
            (None, None) => None,
        } {
            let in_file = expected.next_if(|it| it.0 == rank).map_or(Quantity::ZERO, |it| it.1);
            here.clear();
            while let Some((_, order, open)) = orders.next_if(|it| it.0 == rank) {
                here.push((order, open));
            }
            let found = here.iter().fold(0_u64, |sum, (_, open)| sum.saturating_add(open.0));
            let price = price(side, rank);
            if found < in_file.0 {
                self.revealed.more += 1;
                let quantity = Quantity(in_file.0 - found);
                out.push(VenueEvent::Rested { order: None, side, price, quantity });
            } else if found > in_file.0 {
                self.revealed.less += 1;
                vanish(Quantity(found - in_file.0), &here, (side, price), out);
            }
        }
        self.levels = levels;
    }
}

/// The exchange's number of an order; `None` if it is what rests without a message.
fn number(order: OrderId) -> Option<u64> {
    u64::try_from(order.0).ok()
}

/// Takes a quantity from the orders at a price. The file does not tell which ones left.
fn vanish(
    mut gone: Quantity,
    orders: &[(OrderId, Quantity)],
    (side, price): (Side, Price),
    out: &mut Vec<VenueEvent>,
) {
    let whole = orders.iter().rev().find(|it| it.1 == gone && number(it.0).is_some());
    for (order, open) in whole.into_iter().chain(orders.iter().rev()) {
        let quantity = gone.min(*open);
        if !quantity.is_zero() {
            out.push(VenueEvent::Vanished { order: number(*order), side, price, quantity });
        }
        gone = gone.minus(quantity);
    }
}

/// Turns the levels after a message into those before, between two ranks.
fn undo(
    event: &VenueEvent,
    side: Side,
    (shown, limit): (Rank, Rank),
    levels: &mut Vec<(Rank, Quantity)>,
) {
    let (at, price, quantity, entered) = match (event, Left::of(event)) {
        (VenueEvent::Added { side, price, quantity, .. }, _) => (*side, *price, *quantity, true),
        (_, Some(left)) => (left.side, left.price, left.quantity, false),
        _ => return,
    };
    let rank = rank(side, price);
    if at != side || rank <= shown || rank > limit {
        return;
    }
    match levels.binary_search_by_key(&rank, |it| it.0) {
        Ok(found) if entered => {
            levels[found].1 = Quantity(levels[found].1.0.saturating_sub(quantity.0));
            levels.retain(|it| !it.1.is_zero());
        }
        Ok(found) => levels[found].1 = Quantity(levels[found].1.0.saturating_add(quantity.0)),
        Err(_) if entered => {}
        Err(place) => levels.insert(place, (rank, quantity)),
    }
}

const fn index(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

const fn rank(side: Side, Price(price): Price) -> Rank {
    match side {
        Side::Buy => price.saturating_neg(),
        Side::Sell => price,
    }
}

const fn price(side: Side, rank: Rank) -> Price {
    match side {
        Side::Buy => Price(rank.saturating_neg()),
        Side::Sell => Price(rank),
    }
}
