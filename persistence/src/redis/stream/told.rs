//! What the streams have told already: the numbers of a new history begin above that.

use std::collections::BTreeMap;

use pricetime_engine::{
    Engine, EngineSnapshot, EpochNumber, MarketId, MarketSnapshot, Sequence, TradeNumber, Until,
};

use redis::RedisResult;

use super::plan::Seen;
use super::writer::read_stream;
use super::{EntryId, Stream};
use crate::redis::keys::KeyNames;
use crate::redis::link::{Link, Patience};
use crate::redis::options::RedisError;
use crate::redis::wire::Wire;

/// An entry as the server gives it: its id, and fields and texts in turns.
type Fields = (String, Vec<String>);

/// How many entries are read at a time.
const PAGE: usize = 1_000;

/// What was told after a command, whatever history it was of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The last command.
    sequence: Sequence,
    markets: BTreeMap<MarketId, Market>,
}

/// The highest numbers of a market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Market {
    epoch: EpochNumber,
    trade: TradeNumber,
    /// The price of that trade, as it was told.
    price: String,
}

/// What the streams tell of what came after this command.
///
/// # Errors
/// Where the server does not answer or refuses.
pub fn told_after(link: &mut Link, names: &KeyNames, after: Sequence) -> Result<Told, RedisError> {
    let mut told = Told { sequence: last_told(link, names)?, markets: BTreeMap::new() };
    if told.sequence <= after {
        return Ok(told);
    }
    let first = EntryId { sequence: after.0.saturating_add(1), number: 0 }.to_string();
    for stream in [Stream::Trades, Stream::Epochs] {
        let (key, mut last) = (names.stream(stream), String::from("+"));
        loop {
            let page = link.with(&key, Patience::Bulk, |wire| page(wire, &key, &last, &first))?;
            let Some((oldest, _)) = page.last() else { break };
            last = format!("({oldest}");
            page.iter().for_each(|(_, fields)| told.hear(stream, fields));
        }
    }
    Ok(told)
}

/// Entries from the last one back; none where there is no stream.
fn page(wire: &mut Wire, key: &str, last: &str, first: &str) -> RedisResult<Vec<Fields>> {
    let kind: String = redis::cmd("TYPE").arg(key).query(wire)?;
    if kind != "stream" {
        return Ok(Vec::new());
    }
    redis::cmd("XREVRANGE").arg(key).arg(last).arg(first).arg("COUNT").arg(PAGE).query(wire)
}

/// The last command that any stream tells of.
fn last_told(link: &mut Link, names: &KeyNames) -> Result<Sequence, RedisError> {
    let mut last = 0;
    for stream in Stream::ALL {
        let (key, published) = (names.stream(stream), names.published(stream));
        let seen = link.with(&key, Patience::Control, |connection| {
            let mut seen = Seen::default();
            let kind: String = redis::cmd("TYPE").arg(&key).query(connection)?;
            if kind == "stream" {
                let says = redis::cmd("XINFO").arg("STREAM").arg(&key).query(connection)?;
                read_stream(says, &mut seen);
            }
            let said: [Option<String>; 1] =
                redis::cmd("HMGET").arg(&published).arg("sequence").query(connection)?;
            Ok((seen, said))
        })?;
        let (seen, [said]) = seen;
        let said = said.and_then(|said| said.parse().ok()).unwrap_or(0);
        last = last.max(seen.last.sequence).max(said);
    }
    Ok(Sequence(last))
}

impl Told {
    /// Takes in the fields of an entry.
    fn hear(&mut self, stream: Stream, fields: &[String]) {
        let says = |name: &str| {
            fields.chunks_exact(2).find_map(|pair| match pair {
                [field, text] if field == name => Some(text.as_str()),
                [..] => None,
            })
        };
        let number = |name: &str| says(name).and_then(|text| text.parse::<u64>().ok());
        // A marker is of no market.
        let Some(market) = says("market").and_then(|text| text.parse().ok()) else { return };
        let market = self.markets.entry(MarketId(market)).or_default();
        market.epoch = market.epoch.max(EpochNumber(number("epoch").unwrap_or(0)));
        let trade = TradeNumber(number("number").unwrap_or(0));
        if stream == Stream::Trades && trade > market.trade {
            (market.trade, market.price) = (trade, says("price").unwrap_or_default().to_owned());
        }
    }

    /// Raises the numbers of a state with which a new history begins: each market goes on in an epoch
    /// and with a trade that nobody was told of, and orders that end after so many epochs keep as many.
    ///
    /// What no engine could have come to was not told by us: then only the sequence is raised.
    pub fn raise(&self, state: &mut EngineSnapshot) {
        state.last_sequence = state.last_sequence.max(self.sequence);
        let mut raised = state.clone();
        for market in &mut raised.markets {
            if let Some(told) = self.markets.get(&market.head.market) {
                told.raise(market);
            }
        }
        let markets = u32::try_from(raised.markets.len()).unwrap_or(u32::MAX);
        if Engine::new(markets).restore(&raised).is_ok() {
            *state = raised;
        }
    }
}

impl Market {
    fn raise(&self, market: &mut MarketSnapshot) {
        let head = &mut market.head;
        if self.trade > head.last_trade {
            let told = || self.price.parse().ok().and_then(|price| head.spec.price(price).ok());
            head.last_price = head.last_price.or_else(told);
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
        AccountId, Action, Command, Fees, Limits, MarketSpec, OrderId, OrderKind, Phase, Place,
        Price, Pricing, Quantity, SelfTrade, Side, Step, Symbol, Terms, TimeInForce, Timestamp,
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
            };
            engine.apply(&command, &mut ());
        }
        engine.snapshot()
    }

    fn told(entries: &[(Stream, &[&str])]) -> Told {
        let mut told = Told { sequence: Sequence(40), ..Told::default() };
        for (stream, fields) in entries {
            told.hear(*stream, &fields.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        told
    }

    #[test]
    fn a_market_goes_on_above_what_was_told() {
        let mut raised = state();
        let head = raised.markets[0].head;
        assert_eq!((head.epoch, head.last_trade), (EpochNumber(1), TradeNumber(0)));
        told(&[
            (Stream::Trades, &["event", "marker"]),
            (Stream::Trades, &["market", "1", "number", "9", "price", "0.08", "epoch", "4"]),
            (Stream::Trades, &["market", "1", "number", "8", "price", "0.07", "epoch", "4"]),
            (Stream::Trades, &["market", "2", "number", "77", "price", "1", "epoch", "99"]),
            (Stream::Epochs, &["market", "1", "number", "3", "epoch", "3"]),
        ])
        .raise(&mut raised);
        let market = &raised.markets[0];
        let head = market.head;
        assert_eq!((raised.last_sequence, head.epoch), (Sequence(40), EpochNumber(5)));
        assert_eq!((head.last_trade, head.last_price), (TradeNumber(9), Some(Price(8))));
        assert_eq!(market.resting[0].until, Until::Epoch(EpochNumber(7)));
    }

    #[test]
    fn what_is_older_or_impossible_raises_nothing_but_the_sequence() {
        let old = Sequence(40);
        let before = EngineSnapshot { last_sequence: old, ..state() };
        for fields in [
            &["market", "1", "epoch", "0"][..],
            &["market", "1", "epoch", "18446744073709551615"],
            &["market", "1", "number", "9", "price", "cheap", "epoch", "0"],
        ] {
            let mut raised = state();
            told(&[(Stream::Trades, fields)]).raise(&mut raised);
            assert_eq!(raised, before, "{fields:?}");
        }
    }
}
