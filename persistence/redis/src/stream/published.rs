//! The highest numbers that the streams have published. A new history begins above them.

use std::collections::BTreeMap;

use pricetime_engine::{
    EngineSnapshot, EpochNumber, MarketId, MarketSnapshot, Sequence, TradeNumber, Until,
};
use redis::RedisResult;

use super::plan::StoredStream;
use super::writer::read_stream;
use super::{EntryId, Stream};
use crate::count::HIGHEST;
use crate::keys::KeyNames;
use crate::link::{Link, ReplyTimeout};
use crate::options::RedisError;
use crate::wire::Wire;
use pricetime_journal::keyed_engine;

/// An entry as the server returns it: its id, then field names and values in turn.
type Fields = (String, Vec<String>);

/// How many entries are read at a time.
const PAGE: usize = 1_000;

/// What was published after a state, in whatever history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The last command.
    sequence: Sequence,
    /// The highest market that was added.
    added: MarketId,
    markets: BTreeMap<MarketId, Market>,
}

/// The highest numbers of a market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Market {
    /// Commands up to this one are already in the state.
    after: Sequence,
    epoch: EpochNumber,
    trade: TradeNumber,
    /// The price of that trade, as it was published.
    price: String,
}

/// Reads what the streams of trades and epochs published after this state. For each market, only entries
/// after its own last command count, because one market's state may be much older than another's.
///
/// # Errors
/// Returns an error if the server refuses or does not answer, and [`RedisError::Count`] if a stream names
/// a command that no engine reaches.
pub fn published_after(
    link: &mut Link,
    names: &KeyNames,
    state: &EngineSnapshot,
) -> Result<Published, RedisError> {
    let mut highest = Published::after(state);
    highest.sequence = last_published(link, names)?;
    let oldest = state.markets.iter().map(|it| it.head.last_sequence).min();
    let first = oldest.unwrap_or(state.last_sequence);
    let first = EntryId { sequence: first.0.saturating_add(1), number: 0 }.to_string();
    for stream in [Stream::Trades, Stream::Epochs] {
        let (key, mut last) = (names.stream(stream), String::from("+"));
        loop {
            let page =
                link.with(&key, ReplyTimeout::Bulk, |wire| page(wire, &key, &last, &first))?;
            let Some((oldest, _)) = page.last() else { break };
            last = format!("({oldest}");
            page.iter().for_each(|(_, fields)| highest.add_entry(fields));
        }
    }
    Ok(highest)
}

/// A page of entries, newest first. Empty if there is no stream.
fn page(wire: &mut Wire, key: &str, last: &str, first: &str) -> RedisResult<Vec<Fields>> {
    let kind: String = redis::cmd("TYPE").arg(key).query(wire)?;
    if kind != "stream" {
        return Ok(Vec::new());
    }
    redis::cmd("XREVRANGE").arg(key).arg(last).arg(first).arg("COUNT").arg(PAGE).query(wire)
}

/// The last command that any stream names.
///
/// # Errors
/// Returns an error if the server refuses or does not answer, and [`RedisError::Count`] if a stream names
/// a command that no engine reaches.
pub fn last_published(link: &mut Link, names: &KeyNames) -> Result<Sequence, RedisError> {
    let mut last = 0;
    for stream in Stream::ALL {
        let (key, published) = (names.stream(stream), names.published(stream));
        let seen = link.with(&key, ReplyTimeout::Control, |connection| {
            let mut seen = StoredStream::default();
            let kind: String = redis::cmd("TYPE").arg(&key).query(connection)?;
            if kind == "stream" {
                let value = redis::cmd("XINFO").arg("STREAM").arg(&key).query(connection)?;
                read_stream(value, &mut seen);
            }
            let progress: [Option<String>; 1] =
                redis::cmd("HMGET").arg(&published).arg("sequence").query(connection)?;
            Ok((seen, progress))
        })?;
        let (seen, [progress]) = seen;
        let progress = progress.and_then(|progress| progress.parse().ok()).unwrap_or(0);
        for (key, sequence) in [(key, seen.last.sequence), (published, progress)] {
            if sequence > HIGHEST {
                return Err(RedisError::Count { key, sequence, most: HIGHEST });
            }
            last = last.max(sequence);
        }
    }
    Ok(Sequence(last))
}

impl Published {
    /// Begins with this state and without any entry.
    fn after(state: &EngineSnapshot) -> Self {
        let heads = state.markets.iter().map(|market| market.head);
        let markets = heads
            .map(|head| (head.market, Market { after: head.last_sequence, ..Market::default() }));
        Self { markets: markets.collect(), ..Self::default() }
    }

    /// Takes in the fields of an entry.
    fn add_entry(&mut self, fields: &[String]) {
        let value = |name: &str| {
            fields.chunks_exact(2).find_map(|pair| match pair {
                [field, text] if field == name => Some(text.as_str()),
                [..] => None,
            })
        };
        let number = |name: &str| value(name).and_then(|text| text.parse::<u64>().ok());
        // A marker has no market.
        let Some(id) = value("market").and_then(|text| text.parse().ok()).map(MarketId) else {
            return;
        };
        if value("event") == Some("market_added") {
            self.added = self.added.max(id);
        }
        let Some(market) = self.markets.get_mut(&id) else { return };
        if number("sequence").is_none_or(|sequence| sequence <= market.after.0) {
            return;
        }
        market.epoch = market.epoch.max(EpochNumber(number("epoch").unwrap_or(0)));
        let (trade, price) = match value("event") {
            Some("traded") => (number("number"), value("price")),
            _ => (number("last_trade"), value("close")),
        };
        if let Some(trade) = trade.map(TradeNumber).filter(|trade| *trade > market.trade) {
            (market.trade, market.price) = (trade, price.unwrap_or_default().to_owned());
        }
    }

    /// Raises the numbers of the state that a new history begins with: the sequence and the highest
    /// market. Each market continues with a trade number and an epoch above those that were published.
    /// Orders that last for a number of epochs keep that number.
    ///
    /// Numbers that no engine can reach were not published by us. Returns the markets that have such
    /// numbers; they stay as they are.
    pub fn raise(&self, state: &mut EngineSnapshot) -> Vec<MarketId> {
        state.last_sequence = state.last_sequence.max(self.sequence);
        state.last_market = state.last_market.max(self.added);
        let (whole, mut left) = (EngineSnapshot { markets: Vec::new(), ..state.clone() }, vec![]);
        for market in &mut state.markets {
            let id = market.head.market;
            let Some(highest) = self.markets.get(&id).filter(|highest| highest.epoch.0 > 0) else {
                continue;
            };
            let mut raised = market.clone();
            highest.raise(&mut raised);
            let alone = EngineSnapshot { markets: vec![raised], ..whole.clone() };
            let in_range = highest.epoch.0.max(highest.trade.0) <= HIGHEST;
            match (keyed_engine(1).restore(&alone), alone.markets.into_iter().next()) {
                (Ok(()), Some(raised)) if in_range => *market = raised,
                _ => left.push(id),
            }
        }
        left
    }
}

impl Market {
    fn raise(&self, market: &mut MarketSnapshot) {
        let head = &mut market.head;
        if self.trade > head.last_trade {
            let published_price = || head.spec.price(self.price.as_str()).ok();
            head.last_price = head.last_price.or_else(published_price);
            head.last_trade = self.trade;
        }
        if self.epoch < head.epoch {
            return;
        }
        let next = EpochNumber(self.epoch.0.saturating_add(1));
        let later = next.0.saturating_sub(head.epoch.0);
        head.epoch = next;
        for order in market.resting.iter_mut().chain(&mut market.waiting) {
            if let Until::Epoch(last) = &mut order.until {
                last.0 = last.0.saturating_add(later);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{
        AccountId, Action, Command, Engine, Fees, Limits, MarketSpec, OrderId, OrderKind, Phase,
        Place, Price, Pricing, Quantity, SelfTrade, Side, Step, Symbol, Terms, TimeInForce,
        Timestamp,
    };

    use super::*;

    /// Market 1 without a trade, with an order for three epochs.
    fn state() -> EngineSnapshot {
        let terms = Terms {
            price_min: Price(0),
            price_max: Price(1_000),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        };
        let spec = MarketSpec {
            symbol: Symbol::new("SUN").unwrap(),
            tick: Step { mantissa: 1, exponent: -2 },
            lot: Step::ONE,
            pricing: Pricing::Maker,
            quantity_max: Quantity(1_000),
            limits: Limits::default(),
            terms,
        };
        let place = Place {
            order: OrderId(1),
            reference: 0,
            side: Side::Buy,
            kind: OrderKind::Limit { price: Price(7) },
            quantity: Quantity(1),
            time_in_force: TimeInForce::ForEpochs(3),
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::None,
        };
        let actions =
            [Action::AddMarket(spec), Action::SetPhase(Phase::Continuous), Action::Place(place)];
        let mut engine = Engine::new(1);
        for (sequence, action) in (1..).zip(actions) {
            let command = Command {
                sequence: Sequence(sequence),
                timestamp: Timestamp(sequence),
                market: MarketId(1),
                account: AccountId(5),
                operator: sequence < 3,
                request: None,
                action,
                session: None,
            };
            engine.apply(&command, &mut ());
        }
        engine.snapshot()
    }

    fn highest(state: &EngineSnapshot, entries: &[&[&str]]) -> Published {
        let mut highest = Published { sequence: Sequence(40), ..Published::after(state) };
        for fields in entries {
            highest.add_entry(&fields.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        highest
    }

    #[test]
    fn market_continues_above_published_numbers() {
        let mut raised = state();
        let head = raised.markets[0].head;
        assert_eq!((head.epoch, head.last_trade), (EpochNumber(1), TradeNumber(0)));
        let trade = ["event", "traded", "market", "1", "epoch", "4", "sequence", "9"];
        let of = |number, price| [&trade[..], &["number", number, "price", price]].concat();
        let closed = ["event", "epoch_closed", "market", "1", "number", "3", "epoch", "3"];
        let closed = [&closed[..], &["sequence", "7", "last_trade", "5", "close", "0.09"]].concat();
        let added = ["event", "market_added", "market", "2", "epoch", "1", "sequence", "20"];
        let entries =
            [&["event", "marker"][..], &of("9", "0.08"), &of("8", "0.07"), &closed, &added];
        assert_eq!(highest(&raised, &entries).raise(&mut raised), []);
        let market = &raised.markets[0];
        let head = market.head;
        assert_eq!((raised.last_sequence, head.epoch), (Sequence(40), EpochNumber(5)));
        assert_eq!((head.last_trade, head.last_price), (TradeNumber(9), Some(Price(8))));
        assert_eq!(market.resting[0].until, Until::Epoch(EpochNumber(7)));
        assert_eq!(raised.last_market, MarketId(2));
    }

    #[test]
    fn closed_epoch_raises_the_trade_number_too() {
        let mut raised = state();
        let closed = ["event", "epoch_closed", "market", "1", "number", "1", "epoch", "1"];
        let closed = [&closed[..], &["sequence", "7", "last_trade", "5", "close", "0.09"]].concat();
        assert_eq!(highest(&raised, &[&closed]).raise(&mut raised), []);
        let head = raised.markets[0].head;
        assert_eq!((head.epoch, head.last_trade), (EpochNumber(2), TradeNumber(5)));
    }

    #[test]
    fn older_or_impossible_entry_raises_only_the_sequence() {
        let before = EngineSnapshot { last_sequence: Sequence(40), ..state() };
        let impossible = vec![MarketId(1)];
        let trade = ["event", "traded", "market", "1"];
        for (fields, left) in [
            (&["sequence", "3", "epoch", "1", "number", "9", "price", "0.08"][..], vec![]),
            (&["sequence", "9", "epoch", "18446744073709551615"], impossible.clone()),
            (&["sequence", "9", "epoch", "9223372036854775809"], impossible.clone()),
            (&["sequence", "9", "epoch", "1", "number", "9223372036854775809"], impossible.clone()),
            (&["sequence", "9", "epoch", "1", "number", "9", "price", "cheap"], impossible),
        ] {
            let mut raised = state();
            let fields = [&trade[..], fields].concat();
            assert_eq!(highest(&raised, &[&fields]).raise(&mut raised), left, "{fields:?}");
            assert_eq!(raised, before, "{fields:?}");
        }
    }
}
