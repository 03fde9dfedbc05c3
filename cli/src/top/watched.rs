//! An engine, and the last trades and epochs of its markets.

use std::collections::BTreeMap;

use pricetime_engine::{Book, Command, Engine, Event, Header, MarketId, Outcome, Sink, Timestamp};

use super::super::screen::{self, History, Market, Tab};

/// An engine that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) engine: Engine,
    seen: Seen,
}

/// What its events said. A market that is removed is forgotten, so there are at most as many entries as
/// the engine may have markets.
#[derive(Debug, Default)]
struct Seen {
    markets: BTreeMap<MarketId, History>,
    header: Option<Header>,
    trades: u64,
}

impl Sink for Seen {
    fn begin(&mut self, header: &Header) {
        self.header = Some(*header);
    }

    fn event(&mut self, event: &Event) {
        let Some(header) = &self.header else { return };
        if let Event::MarketRemoved = event {
            self.markets.remove(&header.market);
            return;
        }
        if let Event::Traded { .. } = event {
            self.trades += 1;
        } else if !matches!(event, Event::EpochClosed(_) | Event::MarketAdded(_)) {
            return;
        }
        self.markets.entry(header.market).or_default().note(header, event);
    }

    fn end(&mut self, _: Outcome) {}
}

impl Watched {
    /// Watches this engine from its state on.
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, seen: Seen::default() }
    }

    /// Executes a command.
    pub(super) fn apply(&mut self, command: &Command) {
        self.engine.apply(command, &mut self.seen);
    }

    /// How many trades were seen.
    pub(super) const fn trades(&self) -> u64 {
        self.seen.trades
    }

    /// Every market.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let tab = |book: &Book| Tab {
            market: book.head().market.0,
            symbol: book.spec().symbol.to_string(),
        };
        self.engine.markets().map(tab).collect()
    }

    /// This market or the first one, at this time. `gate` returns when a market's epoch closes.
    pub(super) fn market(
        &self,
        market: Option<u32>,
        now: Timestamp,
        gate: impl FnOnce(MarketId) -> Option<Timestamp>,
    ) -> Option<Market> {
        let chosen = market.and_then(|market| self.engine.market(MarketId(market)));
        let book = chosen.or_else(|| self.engine.markets().next())?;
        let id = book.head().market;
        let none = History::default();
        let history = self.seen.markets.get(&id).unwrap_or(&none);
        Some(screen::market(book, history, now, gate(id)))
    }
}
