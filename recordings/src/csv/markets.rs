//! The markets that the rows so far have added.

use foldhash::HashMap;
use pricetime_engine::{Action, Command, MarketId, MarketSpec, Symbol};

use super::amount::Units;
use crate::number::unsigned;

/// The number of markets that a file can add. It is more than an engine usually has.
const MARKETS_MAX: usize = 1 << 20;

/// The markets with their units. The reader and the writer follow the same commands, so they agree.
#[derive(Debug)]
pub(super) struct Markets {
    units: Vec<Units>,
    /// Positions in `units`.
    ids: HashMap<MarketId, usize>,
    symbols: HashMap<Symbol, (MarketId, usize)>,
    /// The highest id.
    last: MarketId,
    unknown: Units,
}

impl Markets {
    pub(super) fn new() -> Self {
        let symbol = Symbol::new("unknown").expect("it is a symbol");
        let unknown = Units::unknown(symbol);
        let (ids, symbols) = (HashMap::default(), HashMap::default());
        Self { units: Vec::new(), ids, symbols, last: MarketId(0), unknown }
    }

    /// The units of a market, for the writer.
    pub(super) fn units(&self, id: MarketId) -> &Units {
        self.ids.get(&id).and_then(|at| self.units.get(*at)).unwrap_or(&self.unknown)
    }

    /// The market that a field names: by its number, or by its symbol. A number need not have been added.
    /// Without `numbers`, only those that were added are numbers.
    #[inline]
    pub(super) fn find(&self, text: &[u8], numbers: bool) -> Option<(MarketId, &Units)> {
        let id = unsigned(text).ok().and_then(|it| u32::try_from(it).ok()).map(MarketId);
        if let Some(id) = id
            && (numbers || self.ids.contains_key(&id))
        {
            return Some((id, self.units(id)));
        }
        let symbol = str::from_utf8(text).ok().and_then(|text| Symbol::new(text).ok())?;
        let (id, at) = self.symbols.get(&symbol)?;
        self.units.get(*at).map(|units| (*id, units))
    }

    /// The id that a new market gets.
    pub(super) fn next_id(&self) -> MarketId {
        MarketId(self.last.0.saturating_add(1))
    }

    /// Learns a market from a command that adds one, if the engine accepts the command.
    #[inline]
    pub(super) fn follow(&mut self, command: &Command) {
        if !command.operator {
            return;
        }
        if let Action::AddMarket(spec) = &command.action {
            if self.add(command.market, spec) {
                self.ids.insert(command.market, self.units.len() - 1);
            }
        } else if let Action::RemoveMarket = command.action {
            // Its number stays, because numbers are never used again.
            let symbol = self.units(command.market).spec.symbol;
            self.symbols.remove(&symbol);
        }
    }

    /// Adds a market that only its symbol names. Returns `false` if the engine refuses it, or if there are too many.
    pub(super) fn add(&mut self, id: MarketId, spec: &MarketSpec) -> bool {
        let has_room = self.units.len() < MARKETS_MAX;
        let is_new = has_room
            && id > self.last
            && spec.is_valid()
            && !self.symbols.contains_key(&spec.symbol);
        if is_new {
            self.last = id;
            self.symbols.insert(spec.symbol, (id, self.units.len()));
            self.units.push(Units::of(spec));
        }
        is_new
    }
}
