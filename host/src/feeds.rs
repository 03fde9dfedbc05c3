//! The publisher's state: the image that views read, and the subscribers.
//!
//! The image is folded only from durable events, so a view never shows what a crash could take back.
//! Folding, subscribing and reading take turns at one lock. So a subscriber gets a book as of some
//! sequence, and its updates begin with the very next command.

mod accounts;

use std::collections::BTreeMap;
use std::sync::Arc;

use pricetime_engine::{
    AccountId, Event, Group, Header, Level, MarketId, Outcome, Phase, Price, Quantity, Sequence,
    Side,
};
use pricetime_journal::image::{AccountOrders, FrozenBook, Image, MarketImage};
use tokio::sync::mpsc;

use self::accounts::Accounts;
use crate::access::public_epoch;
use crate::question::{Found, PendingQuestion, Question};
use crate::subscription::{AccountFeed, MarketFeed, MarketUpdate, TradeView, Updates};
use crate::view::MarketView;

/// The side and price of a level.
type Touched = (Side, Price);

/// The image and its subscribers.
#[derive(Debug)]
pub(crate) struct Feeds {
    pub(crate) image: Image,
    markets: BTreeMap<MarketId, Vec<mpsc::Sender<Arc<MarketUpdate>>>>,
    accounts: Accounts,
    /// The last update of each watched market in Call. The end of the batch adds what an uncross would do
    /// then.
    deferred: BTreeMap<MarketId, MarketUpdate>,
    /// Whether all subscriptions have ended. A later one ends after its book.
    ended: bool,
}

/// A book as of a command. It is turned into a view without the lock of the feeds.
#[derive(Debug)]
pub(crate) struct BookAsOf {
    sequence: Sequence,
    pub(crate) book: FrozenBook,
}

impl BookAsOf {
    /// Returns the best `depth` levels of each side.
    pub(crate) fn view(&self, depth: usize) -> MarketView {
        MarketView::of_frozen(&self.book, self.sequence, depth)
    }
}

/// A market subscription that has begun. Its book is frozen as of that moment, and is turned into a feed
/// without the lock of the feeds.
#[derive(Debug)]
pub(crate) struct MarketSubscription {
    book: BookAsOf,
    pub(crate) updates: Updates<Arc<MarketUpdate>>,
}

impl MarketSubscription {
    pub(crate) fn into_feed(self) -> MarketFeed {
        let Self { book, updates } = self;
        MarketFeed { book: book.view(usize::MAX), updates }
    }
}

/// An account subscription that has begun. Its orders are frozen as of that moment, and are turned into a
/// feed without the lock of the feeds.
#[derive(Debug)]
pub(crate) struct AccountSubscription {
    sequence: Sequence,
    orders: AccountOrders,
    pub(crate) updates: Updates<Arc<Group>>,
}

impl AccountSubscription {
    pub(crate) fn into_feed(self) -> AccountFeed {
        let Self { sequence, orders, updates } = self;
        AccountFeed { sequence, orders: orders.into_records(), updates }
    }
}

impl Feeds {
    pub(crate) const fn new(image: Image) -> Self {
        Self {
            image,
            markets: BTreeMap::new(),
            accounts: Accounts::new(),
            deferred: BTreeMap::new(),
            ended: false,
        }
    }

    /// Folds a durable group into the image and sends it to subscribers.
    pub(crate) fn publish(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        let watched = self.markets.contains_key(&header.market);
        let mut touched = if watched { self.touched(header.market, events) } else { Vec::new() };
        self.image.fold(header, events, outcome);
        if watched {
            touched.extend(self.touched(header.market, events));
            touched.sort_unstable_by_key(|(side, price)| (*side == Side::Sell, *price));
            touched.dedup();
            self.publish_market(header, events, touched);
        }
        self.accounts.publish(header, events, outcome);
    }

    /// Returns the levels where the orders that these events name rest now.
    fn touched(&self, market: MarketId, events: &[Event]) -> Vec<Touched> {
        let Some(market) = self.image.market(market) else { return Vec::new() };
        let parties = events.iter().flat_map(Event::parties);
        parties
            .filter_map(|party| market.order(party.order))
            .filter(|order| order.kind.stop().is_none())
            .filter_map(|order| Some((order.side, order.kind.price()?)))
            .collect()
    }

    fn publish_market(&mut self, header: &Header, events: &[Event], touched: Vec<Touched>) {
        let market = self.image.market(header.market);
        let in_call = market.is_some_and(|market| market.head().phase == Phase::Call);
        let update = update(header, events, market, touched);
        let is_empty = update.trades.is_empty()
            && update.levels.is_empty()
            && update.phase.is_none()
            && update.closed.is_none()
            && !update.removed
            && !(in_call && events.iter().any(affects_call));
        if is_empty {
            // Nothing to send, but readers that were dropped are removed.
            self.send_update(header.market, None);
            return;
        }
        let before = self.deferred.remove(&header.market);
        let now = if in_call { self.deferred.insert(header.market, update) } else { Some(update) };
        for update in before.into_iter().chain(now) {
            self.send_update(header.market, Some(update));
        }
    }

    /// Sends the deferred updates, at the end of a batch. An uncross is computed once for each
    /// watched market in Call that changed in the batch, however many commands and subscribers there are.
    pub(crate) fn end_batch(&mut self) {
        for (market, mut update) in std::mem::take(&mut self.deferred) {
            update.call = self.image.market(market).and_then(MarketImage::call);
            self.send_update(market, Some(update));
        }
    }

    /// Sends an update to the readers of a market. Readers whose queue is full are disconnected.
    fn send_update(&mut self, market: MarketId, update: Option<MarketUpdate>) {
        let Some(readers) = self.markets.get_mut(&market) else { return };
        match update.map(Arc::new) {
            None => readers.retain(|reader| !reader.is_closed()),
            Some(update) => readers.retain(|reader| reader.try_send(Arc::clone(&update)).is_ok()),
        }
        if readers.is_empty() {
            self.markets.remove(&market);
        }
    }

    /// Returns a market as of now. Takes time in proportion to the depth.
    pub(crate) fn view(&self, market: MarketId, depth: usize) -> Option<MarketView> {
        let image = self.image.market(market)?;
        Some(MarketView::of_image(image, self.image.last_sequence(), depth))
    }

    /// Returns a market's book as of now, without copying it.
    pub(crate) fn freeze(&self, market: MarketId) -> Option<BookAsOf> {
        let book = self.image.market(market)?.freeze_book();
        Some(BookAsOf { sequence: self.image.last_sequence(), book })
    }

    /// Answers a question that was asked between commands.
    pub(crate) fn answer(&self, pending: PendingQuestion) {
        // The caller may have dropped its ticket.
        let _ = pending.reply.send(self.find(pending.question));
    }

    /// Answers a question as of now.
    pub(crate) fn find(&self, question: Question) -> Found {
        let image = |market| self.image.market(market);
        match question {
            Question::View { market, depth } => {
                let spec = image(market).map(|image| image.head().spec);
                Found::View(market, self.view(market, depth).zip(spec))
            }
            Question::Market { market } => {
                Found::Market(market, image(market).map(|image| image.head().spec))
            }
            Question::Markets { after, count } => {
                let heads = self.image.markets().map(MarketImage::head);
                let mut heads = heads.filter(|head| head.market > after);
                let listed = heads.by_ref().take(count).copied().collect();
                Found::Markets(listed, heads.count())
            }
            Question::Order { market, order } => {
                let found = image(market).and_then(|it| Some((*it.order(order)?, it.head().spec)));
                Found::Order(market, found)
            }
            Question::Outcome { market, account, request } => {
                let record = image(market).and_then(|image| image.request(account, request));
                Found::Outcome(market, request, record.copied())
            }
        }
    }

    /// Begins a market subscription. Copies no level under the lock of the feeds.
    pub(crate) fn subscribe(
        &mut self,
        market: MarketId,
        capacity: usize,
    ) -> Option<MarketSubscription> {
        // The deferred updates are older than the book.
        self.end_batch();
        let book = self.freeze(market)?;
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        if !self.ended {
            self.markets.entry(market).or_default().push(sender);
        }
        Some(MarketSubscription { book, updates: Updates::of(receiver) })
    }

    /// Begins an account subscription. Under the lock of the feeds, this copies the account's orders, or
    /// takes the pages of all orders if those are fewer.
    pub(crate) fn subscribe_account(
        &mut self,
        market: MarketId,
        account: AccountId,
        capacity: usize,
    ) -> Option<AccountSubscription> {
        let orders = self.image.market(market)?.freeze_orders_of(account);
        let updates = Updates::of(self.accounts.add(market, account, capacity));
        if self.ended {
            self.accounts.clear();
        }
        Some(AccountSubscription { sequence: self.image.last_sequence(), orders, updates })
    }

    /// Returns `true` if there is any subscriber.
    pub(crate) fn has_subscribers(&self) -> bool {
        !self.markets.is_empty() || !self.accounts.is_empty()
    }

    /// Ends every subscription, now and later.
    pub(crate) fn end_subscriptions(&mut self) {
        self.ended = true;
        self.markets.clear();
        self.accounts.clear();
    }

    /// Returns the last command that is in the image.
    pub(crate) const fn sequence(&self) -> Sequence {
        self.image.last_sequence()
    }
}

/// Returns `true` if an event may change what an uncross would do.
fn affects_call(event: &Event) -> bool {
    matches!(event, Event::MarketSet(_)) || event.parties().next().is_some()
}

fn update(
    header: &Header,
    events: &[Event],
    market: Option<&MarketImage>,
    touched: Vec<Touched>,
) -> MarketUpdate {
    let level = |(side, price): Touched| {
        let level = market.and_then(|market| market.level(side, price));
        let (quantity, orders) =
            level.map_or((Quantity::ZERO, 0), |level| (level.quantity, level.orders));
        (side, Level { price, quantity, orders })
    };
    let mut update = MarketUpdate {
        market: header.market,
        sequence: header.sequence,
        timestamp: header.timestamp,
        trades: Vec::new(),
        levels: touched.into_iter().map(level).collect(),
        phase: None,
        call: None,
        closed: None,
        removed: false,
    };
    for event in events {
        match event {
            Event::Traded { number, price, quantity, taker_side, .. } => {
                let (number, price, quantity) = (*number, *price, *quantity);
                let trade = TradeView { number, price, quantity, taker_side: *taker_side };
                update.trades.push(trade);
            }
            Event::PhaseChanged { to, .. } => update.phase = Some(*to),
            Event::EpochClosed(summary) => update.closed = Some(public_epoch(summary)),
            Event::MarketRemoved => update.removed = true,
            Event::Accepted { .. }
            | Event::Rejected { .. }
            | Event::Reduced { .. }
            | Event::Amended { .. }
            | Event::Cancelled { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }
    update
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{
        Action, Command, Engine, OrderId, OrderKind, Place, SelfTrade, TimeInForce, Timestamp,
    };
    use pricetime_tests::load::{MARKET, spec};

    use super::*;

    /// The feeds, and the engine whose groups they receive.
    struct Fixture {
        engine: Engine,
        feeds: Feeds,
    }

    impl Fixture {
        fn publish(&mut self, action: Action) {
            let next = Sequence(self.engine.last_sequence().0 + 1);
            let command = Command {
                sequence: next,
                timestamp: Timestamp(next.0),
                market: MARKET,
                account: AccountId(1),
                operator: !matches!(action, Action::Place(_)),
                request: None,
                session: None,
                action,
            };
            let mut groups: Vec<Group> = Vec::new();
            self.engine.apply(&command, &mut groups);
            for Group { header, events, outcome } in groups {
                assert_eq!(outcome, Outcome::Accepted);
                self.feeds.publish(&header, &events, outcome);
            }
        }
    }

    fn place(order: u64, side: Side, price: i64) -> Action {
        Action::Place(Place {
            order: OrderId(order.into()),
            reference: 0,
            side,
            kind: OrderKind::Limit { price: Price(price) },
            quantity: Quantity(1 + order % 7),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        })
    }

    #[test]
    fn subscription_book_read_later_has_not_changed() {
        let (engine, feeds) = (Engine::new(1), Feeds::new(Image::default()));
        let mut fixture = Fixture { engine, feeds };
        fixture.publish(Action::AddMarket(spec()));
        fixture.publish(Action::SetPhase(Phase::Call));
        for (order, price) in (1..).zip(-90..=90) {
            let side = if price % 3 == 0 { Side::Buy } else { Side::Sell };
            fixture.publish(place(order, side, price));
        }
        let view = fixture.feeds.view(MARKET, usize::MAX).expect("the market");
        assert!(view.call.is_some_and(|call| call.indicative.is_some()));
        let subscription = fixture.feeds.subscribe(MARKET, 10).expect("the market");
        let frozen = fixture.feeds.freeze(MARKET).expect("the market");
        fixture.publish(place(1_000, Side::Buy, 50));
        fixture.publish(Action::CancelAll { account: None, side: None });
        fixture.feeds.end_batch();
        assert_eq!(frozen.view(usize::MAX), view);
        assert_eq!(frozen.view(3).bids, view.bids[..3]);
        let feed = subscription.into_feed();
        assert_eq!((feed.book, feed.updates.ready()), (view, 2));
    }
}
