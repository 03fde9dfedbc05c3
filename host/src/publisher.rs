//! What is durable, told: the image that views read, and the subscribers.
//!
//! The image is folded from events that are durable and from nothing else, so a view never shows
//! what a crash could take back. Folding, subscribing and looking take turns at one lock: who
//! subscribes gets a book as of some sequence and is served from the very next one.

mod accounts;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use pricetime_engine::{
    AccountId, Call, Event, Group, Header, Level, MarketId, Outcome, Phase, Price, Quantity,
    Sequence, Side,
};
use pricetime_persistence::image::{AccountOrders, Image, MarketImage};
use tokio::sync::mpsc;

use self::accounts::Accounts;
use crate::access::public_epoch;
use crate::question::{Found, Question};
use crate::subscription::{AccountFeed, MarketFeed, MarketUpdate, TradeView, Updates, orders_of};
use crate::view::MarketView;

/// A level's place.
type Touched = (Side, Price);

/// The image, and who wants to hear of it.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) image: Image,
    markets: BTreeMap<MarketId, Vec<mpsc::Sender<Arc<MarketUpdate>>>>,
    accounts: Accounts,
    /// The last update of each watched market in call: the end of the batch adds to it what an uncross
    /// would do then.
    held: BTreeMap<MarketId, MarketUpdate>,
    /// What an uncross would do, as of which command: it takes time with the number of levels, and many
    /// may ask for it.
    calls: RefCell<BTreeMap<MarketId, (Sequence, Option<Call>)>>,
}

/// A subscription of an account that has begun. Its orders are as they were then, and it is made a feed
/// without the publisher's lock.
#[derive(Debug)]
pub(crate) struct Begun {
    sequence: Sequence,
    orders: AccountOrders,
    pub(crate) updates: Updates<Arc<Group>>,
}

impl Begun {
    pub(crate) fn into_feed(self) -> AccountFeed {
        let Self { sequence, orders, updates } = self;
        AccountFeed { sequence, orders: orders.into_records(), updates }
    }
}

impl Publisher {
    pub(crate) const fn new(image: Image) -> Self {
        Self {
            image,
            markets: BTreeMap::new(),
            accounts: Accounts::new(),
            held: BTreeMap::new(),
            calls: RefCell::new(BTreeMap::new()),
        }
    }

    /// Takes a durable group in and tells of it.
    pub(crate) fn publish(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        let watched = self.markets.contains_key(&header.market);
        let mut touched = if watched { self.touched(header.market, events) } else { Vec::new() };
        self.image.fold(header, events, outcome);
        if watched {
            touched.extend(self.touched(header.market, events));
            touched.sort_unstable_by_key(|(side, price)| (*side == Side::Sell, *price));
            touched.dedup();
            self.tell_market(header, events, touched);
        }
        self.accounts.tell(header, events, outcome);
    }

    /// Where the orders that these events name stand now.
    fn touched(&self, market: MarketId, events: &[Event]) -> Vec<Touched> {
        let Some(market) = self.image.market(market) else { return Vec::new() };
        let orders = events.iter().flat_map(orders_of).flatten();
        orders
            .filter_map(|order| market.order(order))
            .filter(|order| order.kind.stop().is_none())
            .filter_map(|order| Some((order.side, order.kind.price()?)))
            .collect()
    }

    fn tell_market(&mut self, header: &Header, events: &[Event], touched: Vec<Touched>) {
        let market = self.image.market(header.market);
        let in_call = market.is_some_and(|market| market.head().phase == Phase::Call);
        let update = update(header, events, market, touched);
        let nothing = update.trades.is_empty()
            && update.levels.is_empty()
            && update.phase.is_none()
            && update.closed.is_none()
            && !update.removed
            && !(in_call && events.iter().any(moves_call));
        if nothing {
            // A reader who went away is noticed in quiet times too.
            self.tell_readers(header.market, None);
            return;
        }
        let before = self.held.remove(&header.market);
        let now = if in_call { self.held.insert(header.market, update) } else { Some(update) };
        for update in before.into_iter().chain(now) {
            self.tell_readers(header.market, Some(update));
        }
    }

    /// Tells what is held back: a batch has ended. An uncross is computed once for each market in call
    /// that changed in the batch and is watched, however many commands and subscribers there are.
    pub(crate) fn end_batch(&mut self) {
        for (market, mut update) in std::mem::take(&mut self.held) {
            update.call = self.image.market(market).and_then(|image| self.call(image));
            self.tell_readers(market, Some(update));
        }
    }

    /// Sends an update to who watches the market, and lets those go who do not read.
    fn tell_readers(&mut self, market: MarketId, update: Option<MarketUpdate>) {
        let Some(readers) = self.markets.get_mut(&market) else { return };
        match update.map(Arc::new) {
            None => readers.retain(|reader| !reader.is_closed()),
            Some(update) => readers.retain(|reader| reader.try_send(Arc::clone(&update)).is_ok()),
        }
        if readers.is_empty() {
            self.markets.remove(&market);
        }
    }

    /// A market as of now.
    pub(crate) fn view(&self, market: MarketId, depth: usize) -> Option<MarketView> {
        let image = self.image.market(market)?;
        Some(MarketView::of_image(image, self.call(image), self.image.last_sequence(), depth))
    }

    /// What an uncross of a market in call would do now. It is computed once for each command.
    fn call(&self, image: &MarketImage) -> Option<Call> {
        let head = image.head();
        if head.phase != Phase::Call {
            return None;
        }
        let now = self.image.last_sequence();
        let mut calls = self.calls.borrow_mut();
        let known = calls.entry(head.market).or_insert((Sequence(0), None));
        if known.0 != now || now == Sequence(0) {
            *known = (now, image.call());
        }
        known.1
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

    pub(crate) fn subscribe(&mut self, market: MarketId, room: usize) -> Option<MarketFeed> {
        // What is held back is older than the book.
        self.end_batch();
        let book = self.view(market, usize::MAX)?;
        let (sender, receiver) = mpsc::channel(room.max(1));
        self.markets.entry(market).or_default().push(sender);
        Some(MarketFeed { book, updates: Updates::of(receiver) })
    }

    /// Begins a subscription of an account. Under the publisher's lock it costs what the account's orders
    /// or the pages of all orders cost, whichever are fewer.
    pub(crate) fn subscribe_account(
        &mut self,
        market: MarketId,
        account: AccountId,
        room: usize,
    ) -> Option<Begun> {
        let orders = self.image.market(market)?.freeze_orders_of(account);
        let updates = Updates::of(self.accounts.add(market, account, room));
        Some(Begun { sequence: self.image.last_sequence(), orders, updates })
    }

    /// Whether anybody is subscribed.
    pub(crate) fn is_heard(&self) -> bool {
        !self.markets.is_empty() || !self.accounts.is_empty()
    }

    /// Lets every subscriber go.
    pub(crate) fn let_go(&mut self) {
        self.markets.clear();
        self.accounts.clear();
    }

    /// Every command up to this one is in the image.
    pub(crate) const fn sequence(&self) -> Sequence {
        self.image.last_sequence()
    }
}

/// Whether an event may change what an uncross would do.
fn moves_call(event: &Event) -> bool {
    matches!(event, Event::MarketSet(_)) || orders_of(event).iter().any(Option::is_some)
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
