//! The markets of a recording, one for each instrument.

use std::collections::BTreeSet;

use foldhash::HashMap;
use pricetime_engine::{Limits, MarketId, MarketSpec, Price, Quantity, Step, Symbol};

use crate::venue::{Instrument, InstrumentId};
use crate::venue_book::VenueBook;

/// The largest quantity of an order: enough for every format with 32 bits, and for the sum of a price level.
const QUANTITY_MAX: Quantity = Quantity(1 << 33);
/// The highest and the lowest price, in price units. With nine decimal places it is 2.3 billion. Together
/// these limits are the widest that a spec can have.
const PRICE_MAX: i64 = 1 << 61;

/// A market.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) id: MarketId,
    /// The orders as the exchange reports them.
    pub(super) book: VenueBook,
    /// `false` while the instrument is halted.
    pub(super) trades: bool,
}

/// The markets by their instruments.
#[derive(Debug, Default)]
pub(super) struct Markets {
    markets: Vec<Market>,
    /// The indices of the markets.
    index: HashMap<InstrumentId, usize>,
    /// The instrument that was asked for last, and its index. Most messages are about the same one as the message
    /// before.
    last: Option<(InstrumentId, usize)>,
    symbols: BTreeSet<Symbol>,
}

impl Markets {
    /// Returns the market of an instrument.
    #[inline]
    pub(super) fn get(&mut self, instrument: InstrumentId) -> Option<&mut Market> {
        let at = match self.last {
            Some((last, at)) if last == instrument => at,
            _ => {
                let at = *self.index.get(&instrument)?;
                self.last = Some((instrument, at));
                at
            }
        };
        self.markets.get_mut(at)
    }

    /// Adds a market for an instrument. Returns its id and its spec, or `None` if it exists.
    pub(super) fn add(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
    ) -> Option<(MarketId, MarketSpec)> {
        if self.index.contains_key(&id) {
            return None;
        }
        // The engine wants ascending ids, and instruments come in any order.
        let market = MarketId(u32::try_from(self.markets.len()).ok()?.checked_add(1)?);
        let symbol = self.symbol(instrument.name.as_bytes(), market)?;
        self.index.insert(id, self.markets.len());
        self.markets.push(Market { id: market, book: VenueBook::new(), trades: true });
        Some((market, spec(symbol, instrument.price_places)))
    }

    /// A symbol that no other market has. If the name is too long or taken, the market's id is part of it.
    fn symbol(&mut self, name: &[u8], market: MarketId) -> Option<Symbol> {
        let text = escaped(name);
        let whole = Symbol::new(&text).ok().filter(|symbol| !self.symbols.contains(symbol));
        let symbol = whole.or_else(|| {
            // No escaped name has `_m`, and no other market this number.
            let end = format!("_m{market}");
            let room = Symbol::LENGTH_MAX.checked_sub(end.len())?;
            Symbol::new(&format!("{}{end}", text.get(..room).unwrap_or(&text))).ok()
        })?;
        self.symbols.insert(symbol);
        Some(symbol)
    }
}

/// The name in characters that a symbol can have. Every other character becomes `_` and its code in
/// hexadecimal: `BRK+` becomes `BRK_2B`.
fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"-./".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("_{byte:02X}"));
        }
    }
    text
}

fn spec(symbol: Symbol, price_places: u8) -> MarketSpec {
    let exponent = i8::try_from(price_places).unwrap_or(i8::MAX);
    let tick = Step { mantissa: 1, exponent: -exponent };
    let limits = Limits {
        orders_max: Limits::COUNT_MAX,
        orders_per_account_max: Limits::COUNT_MAX,
        requests_max: 0,
        blocked_max: 0,
        ..Limits::default()
    };
    MarketSpec::new(symbol, tick, Step::ONE)
        .prices(Price(-PRICE_MAX), Price(PRICE_MAX))
        .quantity_max(QUANTITY_MAX)
        .limits(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::InstrumentName;

    #[test]
    fn every_name_becomes_a_valid_market_with_its_own_symbol() {
        let mut markets = Markets::default();
        for (number, name, expected) in [
            (7, "AAPL", "AAPL"),
            (3, "AAPL", "AAPL_m2"),
            (4, "BRK.A", "BRK.A"),
            (5, "BRK+", "BRK_2B"),
            (6, "BRK_2B", "BRK_5F2B"),
            (8, "", "_m6"),
            (9, "SPY   240315C00510000", "SPY_20_20_20240315C00_m7"),
            (2, "AAPL\u{22}", "AAPL_22"),
        ] {
            let instrument = Instrument {
                name: InstrumentName::new(name.as_bytes()),
                price_places: 9,
                round_lot: 1,
            };
            let (_, spec) = markets.add(InstrumentId(number), &instrument).unwrap();
            assert_eq!(spec.symbol.as_str(), expected);
            assert_eq!(spec.broken(), None, "{name}");
            assert_eq!(spec.tick, "0.000000001".parse().unwrap());
            assert_eq!(markets.add(InstrumentId(number), &instrument), None);
        }
    }
}
