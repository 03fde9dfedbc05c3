//! What can be tested: the engine, and anything that behaves like it.

use pricetime_engine::{
    Book, Clearing, Command, Engine, EngineSnapshot, Group, IndexKey, MarketId, MarketSnapshot,
    OrderRecord, Price, Quantity, Side,
};

use super::corrupt;
use super::differ::same;
use crate::Core;
use crate::generate::random::Random;

/// A core that supports all queries of the model.
pub trait Subject: Core + Sized {
    /// Creates one without markets.
    fn new(markets_max: u32) -> Self;

    /// Executes commands in sequence.
    fn apply_all(&mut self, commands: &[Command]) -> Vec<Group> {
        commands.iter().map(|command| self.apply(command)).collect()
    }

    /// Creates another one with this state.
    ///
    /// # Errors
    /// Returns the reason that the snapshot is refused.
    fn restored(&self, markets_max: u32, snapshot: &EngineSnapshot) -> Result<Self, String>;

    /// Checks that a snapshot with an error does no harm.
    ///
    /// # Errors
    /// Returns the harm that one did.
    fn check_corrupt_restore(
        &self,
        _markets_max: u32,
        _snapshot: &EngineSnapshot,
    ) -> Result<(), String> {
        Ok(())
    }

    /// The digest of the state.
    fn digest(&self) -> u128 {
        self.snapshot().digest()
    }

    /// Checks its own invariants.
    ///
    /// # Errors
    /// Returns the first one that does not hold.
    fn audit(&self) -> Result<(), String> {
        Ok(())
    }

    /// A side's levels, best first: price, shown quantity, number of orders.
    fn levels(&self, market: MarketId, side: Side) -> Vec<(Price, Quantity, u32)>;

    /// What an uncross would do now.
    fn indicative(&self, market: MarketId) -> Option<Clearing>;

    /// Checks that every other query returns what this state implies.
    ///
    /// # Errors
    /// Returns the first wrong answer.
    fn check_queries(&self, _state: &EngineSnapshot) -> Result<(), String> {
        Ok(())
    }
}

impl Core for Engine {
    fn apply(&mut self, command: &Command) -> Group {
        let mut groups = Vec::with_capacity(1);
        let outcome = Self::apply(self, command, &mut groups);
        let group = groups.pop().expect("a command has a group");
        assert!(groups.is_empty(), "a command has one group");
        assert_eq!(outcome, group.outcome, "the outcome is the group's");
        group
    }

    fn snapshot(&self) -> EngineSnapshot {
        Self::snapshot(self)
    }
}

impl Subject for Engine {
    fn new(markets_max: u32) -> Self {
        Self::new(markets_max)
    }

    fn apply_all(&mut self, commands: &[Command]) -> Vec<Group> {
        let mut groups = Vec::with_capacity(commands.len());
        for command in commands {
            Self::apply(self, command, &mut groups);
        }
        groups
    }

    fn restored(&self, markets_max: u32, snapshot: &EngineSnapshot) -> Result<Self, String> {
        // The place of ids in the index affects no result, so it may change here.
        let key = IndexKey::new(snapshot.last_sequence.0, snapshot.last_timestamp.0);
        let mut engine = Self::with_key(markets_max, key);
        // Restores twice: into an empty engine, and over an existing state.
        engine.restore(snapshot).map_err(|e| e.to_string())?;
        engine.restore(snapshot).map_err(|e| e.to_string())?;
        Self::audit(&engine).map_err(|e| format!("audit after it: {e}"))?;
        Ok(engine)
    }

    fn check_corrupt_restore(
        &self,
        markets_max: u32,
        snapshot: &EngineSnapshot,
    ) -> Result<(), String> {
        let mut random = Random::new(snapshot.last_sequence.0);
        (0..4).try_for_each(|_| corrupt::check(markets_max, snapshot, &mut random))
    }

    fn digest(&self) -> u128 {
        Self::digest(self)
    }

    fn audit(&self) -> Result<(), String> {
        Self::audit(self).map_err(|e| e.to_string())
    }

    fn levels(&self, market: MarketId, side: Side) -> Vec<(Price, Quantity, u32)> {
        let market = self.market(market);
        let levels = market.into_iter().flat_map(|market| market.levels(side));
        levels.map(|level| (level.price, level.quantity, level.orders)).collect()
    }

    fn indicative(&self, market: MarketId) -> Option<Clearing> {
        self.market(market)?.indicative()
    }

    fn check_queries(&self, state: &EngineSnapshot) -> Result<(), String> {
        same("markets", &self.markets().count(), &state.markets.len())?;
        for market in &state.markets {
            let book = self.market(market.head.market);
            let book = book.ok_or("a market is not found by its id")?;
            check_book_queries(book, market)?;
        }
        Ok(())
    }
}

fn check_book_queries(book: &Book, market: &MarketSnapshot) -> Result<(), String> {
    let orders = || market.resting.iter().chain(&market.waiting);
    same("a market's snapshot", &book.snapshot(), market)?;
    same("a market's digest", &book.digest(), &market.digest())?;
    same("a market's head", book.head(), &market.head)?;
    same("live orders", &(book.live() as usize), &orders().count())?;
    for side in [Side::Buy, Side::Sell] {
        same("the best level", &book.best(side), &book.levels(side).next())?;
        for level in book.levels(side) {
            same("a level", &book.depth(side, level.price), &Some(level))?;
        }
    }
    for order in orders() {
        let view = book.order(order.party.order);
        let record = view.map(|view| view.record);
        same("an order looked up by its id", &record, &Some(*order))?;
        let ahead = view.and_then(|view| view.ahead);
        let ahead = ahead.map(|ahead| (ahead.orders, ahead.quantity));
        same("the orders ahead of it", &ahead, &ahead_of(market, order))?;
    }
    let Some(account) = orders().next().map(|order| order.party.account) else {
        return Ok(());
    };
    let own = orders().filter(|order| order.party.account == account);
    let mut own: Vec<_> = own.copied().collect();
    own.sort_unstable_by_key(|order| order.priority);
    same("an account's orders", &book.orders_of(account), &own)
}

/// The orders before an order at its price: their number and visible quantity.
fn ahead_of(market: &MarketSnapshot, order: &OrderRecord) -> Option<(u32, Quantity)> {
    let before = |other: &&OrderRecord| {
        other.side == order.side && other.kind == order.kind && other.priority < order.priority
    };
    let add = |(orders, quantity): (u32, Quantity), other: &OrderRecord| {
        (orders + 1, Quantity(quantity.0 + other.shown.0))
    };
    let rests = order.kind.stop().is_none();
    let queue = market.resting.iter().filter(before);
    rests.then(|| queue.fold((0, Quantity::ZERO), add))
}
