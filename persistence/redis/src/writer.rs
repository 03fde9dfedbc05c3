//! Writes the image of each market. Before each transaction the writer checks that no other writer has
//! taken over.
//!
//! The writer remembers the place and the digest of each order in Redis, some 60 bytes. So it removes an
//! order without reading it first, and knows the digest of 100,000 orders after 1,000 changes.

mod change;
mod claim;
mod cleanup;
mod footer;
mod generation;
mod verify;
mod without_journal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use pricetime_engine::{
    AccountId, MarketId, OrderId, OrderRecord, Priority, Sequence, Side, TradeNumber,
};
use redis::Pipeline;
use uuid::Uuid;

use super::CHANGES_MAX;
use super::keys::{Keys, Part};
use super::link::{Link, ReplyTimeout};
use super::options::RedisError;
use super::scores::scores_are_exact;
use super::trades::Trades;
use change::Change;
use generation::Spare;
use pricetime_journal::History;
use pricetime_journal::image::MarketState;

/// How many times a transaction is tried before the keys count as contended.
const TRIES: usize = 5;

/// Writes images. A history has one writer, on one thread.
///
/// ```no_run
/// use std::collections::BTreeMap;
///
/// use pricetime_engine::MarketId;
/// use pricetime_journal::History;
/// use pricetime_journal::image::Image;
/// use pricetime_redis::{ImageWriter, Link, RedisOptions};
///
/// # let engine = pricetime_journal::keyed_engine(1);
/// let mut image = Image::from_snapshot(&engine.snapshot());
/// let state = image.take_state(MarketId(1)).ok_or("no such market")?;
/// let link = Link::new(RedisOptions::parse("redis://127.0.0.1:6379")?);
/// let mut writer = ImageWriter::new(link, History::fresh(), 0);
/// writer.write(&state, &BTreeMap::new())?; // The first write of a market is whole.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ImageWriter {
    link: Link,
    history: History,
    /// This writer's name, random and therefore unique.
    name: String,
    /// Every term that this writer claims is above this.
    floor: u64,
    markets: BTreeMap<MarketId, Market>,
    /// Whether trades are stored in Redis too, because there is no journal that has them.
    trades: bool,
    /// Whether a new market is left to another writer that has already claimed it.
    yields_new_markets: bool,
}

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteSummary {
    /// How the state was written.
    pub how: WriteKind,
    /// How many orders were written or removed.
    pub orders: usize,
}

/// How a state was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// One transaction on the current keys.
    Changes,
    /// A second generation was updated and then replaced the current one.
    Spare,
    /// All keys were written from nothing.
    Whole,
}

/// What the writer knows of a market.
#[derive(Debug)]
struct Market {
    keys: Keys,
    /// The term in which the market is ours now. After a failure it is claimed again, so that no request
    /// of the old term can still take effect.
    term: Option<u64>,
    /// The last term in which the market was ours.
    last_term: u64,
    /// The name of the last claim.
    name: String,
    /// Set once another writer has taken the market. From then on every claim has this term, which is
    /// below that writer's. If that writer still runs, it takes the market again with its next write.
    reduced_term: Option<u64>,
    /// How many claims were made with that term. Each has a name of its own, because a name and a term
    /// together must identify one claim.
    reclaims: u64,
    /// Claims given up after a failure: those since the last success, then those before it. Pieces of
    /// their second generations may still arrive.
    abandoned: [Vec<(String, u64)>; 2],
    /// What the current keys contain, if that is known.
    contents: Option<Contents>,
    /// What they may contain instead, because the reply to its transaction was lost.
    attempt: Option<Attempt>,
    spare: Option<Spare>,
}

/// What the keys contain.
#[derive(Debug)]
struct Contents {
    version: Version,
    orders: HashMap<OrderId, StoredOrder>,
    /// The sum of the orders' digests.
    sum: u128,
    /// The sequences of the stored requests, oldest first.
    requests: Arc<[Sequence]>,
    blocked: BTreeSet<AccountId>,
    /// The last stored trade.
    trades: TradeNumber,
}

/// What the keys contain if a transaction was carried out.
#[derive(Debug)]
enum Attempt {
    /// All of this state.
    Whole(Contents),
    /// The state before, with these differences.
    Changed(Difference),
}

/// The difference between one state and the next.
#[derive(Clone, Debug)]
struct Difference {
    version: Version,
    orders: BTreeMap<OrderId, Option<StoredOrder>>,
    sum: u128,
    requests: Arc<[Sequence]>,
    blocked: BTreeSet<AccountId>,
    trades: TradeNumber,
}

impl Attempt {
    const fn version(&self) -> &Version {
        match self {
            Self::Whole(contents) => &contents.version,
            Self::Changed(difference) => &difference.version,
        }
    }

    /// What the keys contain after the transaction was carried out.
    fn into_contents(self, before: Option<Contents>) -> Option<Contents> {
        let difference = match self {
            Self::Whole(contents) => return Some(contents),
            Self::Changed(difference) => difference,
        };
        let mut orders = before?.orders;
        for (order, known) in difference.orders {
            match known {
                Some(known) => orders.insert(order, known),
                None => orders.remove(&order),
            };
        }
        let Difference { version, sum, requests, blocked, trades, .. } = difference;
        Some(Contents { version, orders, sum, requests, blocked, trades })
    }
}

/// Identifies a stored state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    history: String,
    epoch: String,
    sequence: String,
    digest: String,
}

/// What the writer has to know of an order to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StoredOrder {
    part: Part,
    priority: Priority,
    digest: u128,
}

impl StoredOrder {
    fn of(order: &OrderRecord) -> Self {
        Self { part: part_of(order), priority: order.priority, digest: order.digest() }
    }
}

/// The part that holds an order's place in the queue.
fn part_of(order: &OrderRecord) -> Part {
    match (order.kind.stop(), order.side) {
        (Some(_), _) => Part::Stops,
        (None, Side::Buy) => Part::Bids,
        (None, Side::Sell) => Part::Asks,
    }
}

/// The part that holds the record of an order in this part.
const fn record_part_of(part: Part) -> Part {
    match part {
        Part::Stops => Part::Stops,
        Part::Bids | Part::Asks | Part::Orders | Part::Requests | Part::Blocked | Part::Trades => {
            Part::Orders
        }
    }
}

impl ImageWriter {
    /// Creates a writer of this history's images. `floor` is the highest term that is known to have been
    /// used.
    #[must_use]
    pub fn new(link: Link, history: History, floor: u64) -> Self {
        let name = Uuid::new_v4().simple().to_string();
        Self {
            link,
            history,
            name,
            floor,
            markets: BTreeMap::new(),
            trades: false,
            yields_new_markets: false,
        }
    }

    /// The highest term used so far. It is the floor of the next writer.
    #[must_use]
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// The connections to the servers.
    pub const fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Sends `PING` to the server that owns the set of markets.
    ///
    /// # Errors
    /// Returns an error if the server does not answer.
    pub fn ping(&mut self) -> Result<(), RedisError> {
        let key = self.link.options().names.markets();
        self.link.ping(&key)
    }

    /// Writes a market's state. `changed` has each order that may differ from the last state that was
    /// written successfully; `None` means that the order is gone. More orders than that do no harm.
    ///
    /// After [`RedisError::Fenced`] the call may be repeated. It writes nothing as long as the other
    /// writer's claim stands, and writes the market again once no claim holds it.
    ///
    /// # Errors
    /// Returns an error if the state was not written, or may not have been. Redis then has either this
    /// state or the one before it, complete. The next call finds out which, and its `changed` must still
    /// contain all of these changes.
    pub fn write(
        &mut self,
        state: &MarketState,
        changed: &BTreeMap<OrderId, Option<OrderRecord>>,
    ) -> Result<WriteSummary, RedisError> {
        self.write_with(state, changed, &Trades::default())
    }

    /// Like [`write`](Self::write), and also writes the kept trades if this writer writes trades.
    ///
    /// # Errors
    /// See [`write`](Self::write).
    pub fn write_with(
        &mut self,
        state: &MarketState,
        changed: &BTreeMap<OrderId, Option<OrderRecord>>,
        trades: &Trades,
    ) -> Result<WriteSummary, RedisError> {
        let (id, history) = (state.head.market, self.history);
        if !scores_are_exact(&state.head.spec.terms) {
            return Err(RedisError::Options(format!(
                "the prices of market {id} go beyond ±2^53 ticks, where scores in Redis are not \
                 exact: the market is not written to Redis"
            )));
        }
        if self.yields_new_markets {
            self.register_new_market(id)?;
        }
        let mut task = self.task(id);
        let next = Next { state, changed, trades };
        let wrote = task.with_retries(id, |task| task.try_write(id, history, next))?;
        task.unlink_abandoned();
        task.register(id)?;
        Ok(wrote)
    }

    /// Forgets what a market's keys contain. The next write of the market is a whole one, whatever has
    /// changed.
    pub fn forget(&mut self, id: MarketId) {
        let _: Option<()> = self.task(id).give_up();
    }

    /// Removes all keys of a market that no longer exists.
    ///
    /// # Errors
    /// Returns an error if that failed. The call may be repeated.
    pub fn remove(&mut self, id: MarketId) -> Result<(), RedisError> {
        let mut task = self.task(id);
        task.with_retries(id, |task| task.try_remove(id))?;
        task.unlink_abandoned();
        let set = self.link.options().names.markets();
        self.link.with(&set, ReplyTimeout::Control, |connection| {
            redis::cmd("SREM").arg(&set).arg(id.0).exec(connection)
        })?;
        self.markets.remove(&id);
        Ok(())
    }

    fn task(&mut self, id: MarketId) -> Task<'_> {
        let keys = self.link.options().names.of(id);
        let market = self.markets.entry(id).or_insert_with(|| Market {
            keys,
            term: None,
            last_term: 0,
            name: self.name.clone(),
            reduced_term: None,
            reclaims: 0,
            abandoned: Default::default(),
            contents: None,
            attempt: None,
            spare: None,
        });
        let (link, name, floor) = (&mut self.link, self.name.as_str(), &mut self.floor);
        Task {
            link,
            name,
            floor,
            trades: self.trades,
            yields_new_markets: self.yields_new_markets,
            market,
        }
    }
}

/// The task of writing one market.
struct Task<'a> {
    link: &'a mut Link,
    name: &'a str,
    floor: &'a mut u64,
    trades: bool,
    yields_new_markets: bool,
    market: &'a mut Market,
}

/// The state to write next.
#[derive(Clone, Copy)]
struct Next<'a> {
    state: &'a MarketState,
    changed: &'a BTreeMap<OrderId, Option<OrderRecord>>,
    trades: &'a Trades,
}

impl Task<'_> {
    /// The parts of a generation.
    const fn parts(&self) -> &'static [Part] {
        Part::of(self.trades)
    }

    /// Does something under a term of ours, and retries. `None` from `work` means that it has to be tried
    /// again.
    fn with_retries<T>(
        &mut self,
        id: MarketId,
        mut work: impl FnMut(&mut Self) -> Result<Option<T>, RedisError>,
    ) -> Result<T, RedisError> {
        for _ in 0..TRIES {
            match self.claim(id).and_then(|()| work(self)) {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => {}
                Err(error) => {
                    self.give_up_term();
                    if matches!(error, RedisError::Fenced { .. }) {
                        self.unlink_abandoned();
                    }
                    return Err(error);
                }
            }
        }
        Err(RedisError::Contended { market: id.0 })
    }

    /// Writes the state if the keys contain what we expect. Returns `None` if they did not; the next try
    /// knows what they contain.
    fn try_write(
        &mut self,
        id: MarketId,
        history: History,
        next: Next<'_>,
    ) -> Result<Option<WriteSummary>, RedisError> {
        let Some(stored) = self.stored(id)? else { return Ok(None) };
        self.resolve_attempt(stored.version.as_ref());
        let Some(contents) = self.market.contents.as_ref() else {
            return self.write_whole(history, next);
        };
        let change = Change::new(contents, next, history);
        let trades = if self.trades {
            next.trades.after(contents.trades).take(CHANGES_MAX).count()
        } else {
            0
        };
        if next.changed.len() + trades <= CHANGES_MAX {
            return self.write_changes(&change);
        }
        self.write_spare(&change)
    }

    /// Finds out which of two states the keys contain after the reply to a transaction was lost.
    fn resolve_attempt(&mut self, stored: Option<&Version>) {
        if let Some(attempt) = self.market.attempt.take() {
            // It is not known which generation is the second one now.
            self.market.spare = None;
            if Some(attempt.version()) == stored {
                self.market.contents = attempt.into_contents(self.market.contents.take());
            }
        }
        if self.market.contents.as_ref().map(|contents| &contents.version) != stored {
            self.market.contents = None;
            self.market.spare = None;
        }
    }

    /// Carries out the transaction that makes a state the current one. Returns `None` if another client
    /// changed the keys during the transaction, or had changed them before. Records the attempt before it
    /// sends the transaction, and the result after the reply.
    fn commit(
        &mut self,
        attempt: Attempt,
        transaction: &Pipeline,
        counts: Vec<u64>,
    ) -> Result<Option<()>, RedisError> {
        let metadata = self.market.keys.metadata.clone();
        self.market.attempt = Some(attempt);
        let answer: Option<Vec<i64>> =
            self.link
                .with(&metadata, ReplyTimeout::Bulk, |connection| transaction.query(connection))?;
        let Some(attempt) = self.market.attempt.take() else { return Ok(None) };
        let Some(found) = answer else { return Ok(None) };
        // Other counts show that another client changed entries but not the metadata. Then the market is
        // written again as a whole, now.
        let exact =
            found.iter().zip(counts).all(|(found, count)| u64::try_from(*found) == Ok(count));
        let before = self.market.contents.take();
        self.market.contents = attempt.into_contents(before).filter(|_| exact);
        Ok(exact.then_some(()))
    }
}
