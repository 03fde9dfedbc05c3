//! One market of a running host.

use std::time::Duration;

use pricetime_engine::{MarketSpec, Price, Prices, Quantity, Timestamp, Turnover};
use pricetime_gateway::json::{
    Amount, Book, CallLine, EpochLine, IndicativeLine, LevelLine, TradeLine, Update,
};

use super::super::screen::{self, Call, Countdown, Epoch, History, LevelRow, Market, Trade};

/// How often a subscription to the past is tried, because each attempt is work for the host.
const ATTEMPTS_MAX: u32 = 5;

/// A market, and what was received about it.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) spec: MarketSpec,
    pub(super) is_subscribed: bool,
    /// The last command that was received.
    pub(super) sequence: Option<u64>,
    /// How many subscriptions were refused in a row.
    attempts: u32,
    /// The last answer to a `view`.
    pub(super) book: Option<Book>,
    history: History,
    /// The trades of the current epoch that were received.
    turnover: Turnover,
    /// Whether nothing had traded when the subscription began.
    is_fresh: bool,
}

impl Listed {
    /// A market of which nothing is known yet, except that it is of interest after the command `sequence`.
    pub(super) fn new(spec: MarketSpec, sequence: Option<u64>) -> Self {
        Self {
            spec,
            is_subscribed: false,
            sequence,
            attempts: 0,
            book: None,
            history: History::default(),
            turnover: Turnover::default(),
            is_fresh: false,
        }
    }

    /// Takes in the answer to a subscription.
    pub(super) fn subscribed(&mut self, book: &Book) {
        if self.sequence.is_none() {
            self.is_fresh = book.epoch == 1 && book.last_price.is_none();
        }
        self.sequence = self.sequence.max(Some(book.sequence));
        self.attempts = 0;
    }

    /// A subscription was refused: the host no longer has what was missed, or the market is younger. Asks
    /// for half of it, and after some attempts for nothing before now.
    pub(super) fn refused(&mut self, durable: Option<u64>) {
        // If it was refused without a beginning, it stays as it is.
        self.is_subscribed = self.sequence.is_none();
        self.attempts += 1;
        let from = self.sequence.filter(|_| self.attempts < ATTEMPTS_MAX);
        self.sequence = from.zip(durable).map(|(from, durable)| from.midpoint(durable));
        self.discard_incomplete();
    }

    /// The subscription has ended, because the updates came faster than they were read. Goes on from now,
    /// because otherwise a host that is busy would replay the same commands again and again.
    pub(super) fn ended(&mut self) {
        (self.is_subscribed, self.sequence) = (false, None);
        self.discard_incomplete();
    }

    /// Some updates were missed, so everything that needs all of them is gone.
    fn discard_incomplete(&mut self) {
        self.is_fresh = false;
        self.history.begin = None;
        self.turnover = Turnover::default();
    }

    /// Adds the trades and the close of an update.
    pub(super) fn update(&mut self, update: &Update) {
        self.sequence = self.sequence.max(Some(update.sequence));
        let time = update.time.0;
        for line in &update.trades {
            let Some(trade) = self.trade(line, time) else { continue };
            self.history.trade(trade);
            let Trade { price, quantity, .. } = trade;
            let prices = self.turnover.prices.get_or_insert(Prices {
                open: price,
                high: price,
                low: price,
                close: price,
            });
            prices.high = prices.high.max(price);
            prices.low = prices.low.min(price);
            prices.close = price;
            self.turnover.volume += u128::from(quantity.0);
            self.turnover.trades += 1;
        }
        if let Some(closed) = &update.closed {
            let epoch = self.epoch(closed, self.history.begin);
            self.history.closed(time, epoch);
            self.turnover = Turnover::default();
        }
    }

    fn price(&self, text: &Amount) -> Option<Price> {
        self.spec.price(text.decimal()?).ok()
    }

    fn quantity(&self, text: &Amount) -> Option<Quantity> {
        self.spec.quantity(text.decimal()?).ok()
    }

    fn trade(&self, line: &TradeLine, time: Timestamp) -> Option<Trade> {
        let (price, quantity) = (self.price(&line.price)?, self.quantity(&line.quantity)?);
        Some(Trade { time, taker_side: line.taker_side, price, quantity })
    }

    fn epoch(&self, line: &EpochLine, begin: Option<Timestamp>) -> Epoch {
        let price = |text: &Option<Amount>| text.as_ref().and_then(|text| self.price(text));
        let prices = || {
            let (open, high) = (price(&line.open)?, price(&line.high)?);
            Some(Prices { open, high, low: price(&line.low)?, close: price(&line.close)? })
        };
        let volume = self.quantity(&line.volume).map_or(0, |volume| u128::from(volume.0));
        let turnover =
            Turnover { prices: prices(), volume, trades: line.trades, ..Turnover::default() };
        let gate = line.clearing.as_ref().and_then(|clearing| self.price(&clearing.price));
        Epoch { number: line.number, begin, turnover, gate }
    }

    /// The market as it is to be shown, if its book has been received.
    pub(super) fn shown(&self, now: Timestamp) -> Option<Market> {
        let (spec, book) = (&self.spec, self.book.as_ref()?);
        let best = |levels: &[LevelLine]| levels.first().and_then(|it| self.price(&it.price));
        let call = book.call.as_ref().map(|CallLine { indicative, .. }| indicative);
        let mut running = screen::running(spec, book.epoch, self.history.begin, &self.turnover);
        running.gate = call.and_then(|it| it.as_ref()).map(|it| it.price.to_string());
        Some(Market {
            number: book.market,
            symbol: book.symbol.clone(),
            phase: book.phase,
            epoch: book.epoch,
            last_price: book.last_price.as_ref().map(ToString::to_string),
            spread: screen::spread(spec, best(&book.bids), best(&book.asks)),
            call: call.map(|it| it.as_ref().map_or(Call::Nothing, indicative)),
            levels: [book.bids.len() + book.more_bids, book.asks.len() + book.more_asks],
            bids: book.bids.iter().map(level).collect(),
            asks: book.asks.iter().map(level).collect(),
            trades: screen::trade_rows(spec, &self.history),
            running: self.is_whole().then_some(running),
            epochs: screen::epoch_rows(spec, &self.history),
            countdown: self.countdown(now),
        })
    }

    /// Returns `true` if the current epoch was received from its beginning.
    fn is_whole(&self) -> bool {
        self.is_fresh || self.history.begin.is_some()
    }

    /// If the last epoch was received from its beginning to its end, the current one should be as long.
    fn countdown(&self, now: Timestamp) -> Option<Countdown> {
        let (begin, before) = (self.history.begin?, self.history.epochs.front()?.begin?);
        let whole = begin.0.checked_sub(before.0)?;
        let left = begin.0.checked_add(whole)?.checked_sub(now.0)?;
        Some(Countdown { left: Duration::from_nanos(left), whole: Duration::from_nanos(whole) })
    }
}

fn indicative(line: &IndicativeLine) -> Call {
    let IndicativeLine { price, volume, surplus, .. } = line;
    let [price, volume, surplus] = [price, volume, surplus].map(ToString::to_string);
    Call::Uncross { price, volume, surplus }
}

fn level(line: &LevelLine) -> LevelRow {
    LevelRow {
        price: line.price.to_string(),
        quantity: line.quantity.to_string(),
        orders: line.orders,
        weight: line.quantity.as_str().parse().unwrap_or(0.0),
    }
}
