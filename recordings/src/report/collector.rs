//! Follows a replay.

use std::time::Duration;

use pricetime_engine::{
    Action, ActionKind, Command, Engine, EpochNumber, EpochSummary, Event, Group, Header, MarketId,
    MarketSpec, Notional, Outcome, Phase, Price, Quantity, Timestamp,
};

use super::epochs::{Curves, Epoch, Epochs};
use super::latency::Times;
use super::series::{BookSample, Bucket, Series};
use super::totals::Totals;

/// The number of markets that are shown. Others are only counted.
pub(super) const MARKETS_MAX: usize = 8;

/// What the horizontal axis shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Axis {
    /// The sequences of the commands, as long as all commands of the trading have the same time.
    #[default]
    Sequence,
    /// The times of the commands.
    Time,
}

/// Follows the commands and events of a replay, in constant memory: values over time are thinned to some
/// thousand, and epochs to some hundred. The first eight markets with orders are shown.
///
/// Call [`before`](Self::before) and [`after`](Self::after) each command.
#[derive(Debug, Default)]
pub struct Collector {
    pub(super) axis: Axis,
    pub(super) latency: Series<Times>,
    pub(super) totals: Totals,
    pub(super) markets: Vec<MarketRun>,
    /// The markets that are not shown.
    pub(super) others: u64,
    /// The market that is the target of the open command, if it is shown.
    current: Option<usize>,
    /// The market of the open command, and where on the axis it is. Positions never go back.
    target: MarketId,
    position: u64,
    pub(super) first_time: Option<Timestamp>,
    pub(super) last_time: Timestamp,
    pub(super) trades: u64,
}

/// What happened in a market.
#[derive(Debug)]
pub(super) struct MarketRun {
    pub(super) id: MarketId,
    pub(super) spec: MarketSpec,
    pub(super) series: Series<Bucket>,
    pub(super) epochs: Epochs,
    /// The number of closed epochs.
    pub(super) closed: u64,
    pub(super) totals: Totals,
    pub(super) messages: u64,
    pub(super) trades: u64,
    pub(super) volume: u128,
    pub(super) notional: Notional,
    /// The lowest, the highest and the last price.
    pub(super) prices: Option<(Price, Price, Price)>,
    /// The current epoch.
    epoch: EpochNumber,
    /// `true` after the first iceberg.
    icebergs: bool,
    /// What the book was before the command that is being executed, if it ends an epoch or a call.
    curves: Option<Curves>,
    /// The trades of the command that is being executed: number, quantity and price.
    uncrossed: (u64, u128, Option<Price>),
}

impl Collector {
    /// Prepares for a command that the engine is about to execute: takes the curves of the book if the command
    /// can end an epoch or a call.
    pub fn before(&mut self, command: &Command, engine: &Engine) {
        let Some(book) = engine.market(command.market) else { return };
        let is_order = command.action.kind() == ActionKind::Place;
        let Some(at) = self.find(command.market, book.spec(), is_order) else { return };
        let market = &mut self.markets[at];
        market.epoch = book.head().epoch;
        let closes = Action::CloseEpoch { number: market.epoch };
        let opens = Action::SetPhase(Phase::Continuous);
        let ends = command.action == closes
            || command.action == opens && book.phase() != Phase::Continuous;
        market.curves =
            (ends && market.epochs.wants_next()).then(|| Curves::of(book, market.icebergs));
    }

    /// Follows the events of that command, and takes a sample of the book. `took` is the time that the engine
    /// needed for it, if it was measured.
    pub fn after(&mut self, group: &Group, engine: &Engine, took: Option<Duration>) {
        self.begin(&group.header);
        group.events.iter().for_each(|event| self.event(event));
        self.end(group.header.kind, group.outcome);
        if !is_trading(group.header.kind) {
            return;
        }
        if let Some(took) = took {
            self.latency.at(self.position).add(took);
        }
        if let Some(market) = self.current.and_then(|at| self.markets.get_mut(at))
            && let Some(book) = engine.market(market.id)
        {
            market.series.at(self.position).sample(BookSample::of(book));
        }
    }

    /// The position of a market in the list, to which it is added if there is room. With its first order it takes
    /// the place of a market without any.
    fn find(&mut self, id: MarketId, spec: &MarketSpec, is_order: bool) -> Option<usize> {
        let known = self.position_of(id);
        if known.is_some() {
            return known;
        }
        if self.markets.len() < MARKETS_MAX {
            self.markets.push(MarketRun::new(id, spec));
            return Some(self.markets.len() - 1);
        }
        let mut markets = self.markets.iter();
        let idle =
            is_order.then(|| markets.position(|it| it.messages == 0 && it.trades == 0))??;
        self.markets[idle] = MarketRun::new(id, spec);
        Some(idle)
    }

    fn position_of(&self, id: MarketId) -> Option<usize> {
        self.markets.iter().position(|it| it.id == id)
    }

    fn market(&mut self) -> Option<&mut MarketRun> {
        self.current.and_then(|at| self.markets.get_mut(at))
    }
}

/// Returns `true` for a command that changes the book in the course of trading. The others, which prepare a market,
/// can be long before.
const fn is_trading(kind: ActionKind) -> bool {
    !matches!(
        kind,
        ActionKind::AddMarket
            | ActionKind::SetMarket
            | ActionKind::RemoveMarket
            | ActionKind::SetPhase
            | ActionKind::BlockAccount
            | ActionKind::UnblockAccount
    )
}

impl Collector {
    fn begin(&mut self, header: &Header) {
        self.current = self.position_of(header.market);
        self.target = header.market;
        if is_trading(header.kind) {
            let first = *self.first_time.get_or_insert(header.timestamp);
            self.last_time = self.last_time.max(header.timestamp);
            if self.axis == Axis::Sequence && header.timestamp > first {
                self.show_times(first.0);
            }
        }
        let position = match self.axis {
            Axis::Time => header.timestamp.0,
            Axis::Sequence => header.sequence.0,
        };
        self.position = self.position.max(position);
    }

    /// Changes the axis from sequences to times. Everything so far has this time.
    fn show_times(&mut self, time: u64) {
        self.axis = Axis::Time;
        self.position = time;
        self.latency.collapse(time);
        for market in &mut self.markets {
            market.series.collapse(time);
            market.epochs.kept.iter_mut().for_each(|epoch| epoch.position = time);
        }
    }

    fn event(&mut self, event: &Event) {
        let position = self.position;
        match event {
            Event::MarketAdded(spec) => {
                self.current = self.find(self.target, spec, false);
                self.others += u64::from(self.current.is_none());
            }
            Event::Traded { price, quantity, .. } => {
                self.trades += 1;
                if let Some(market) = self.market() {
                    market.trade(position, *price, *quantity);
                }
            }
            Event::Accepted { place, .. } => {
                if let Some(market) = self.market() {
                    market.icebergs |= place.display_quantity.is_some();
                }
            }
            Event::EpochClosed(summary) => {
                if let Some(market) = self.market() {
                    market.close(position, summary);
                }
            }
            Event::MarketSet(terms) => {
                if let Some(market) = self.market() {
                    market.spec.terms = *terms;
                }
            }
            Event::PhaseChanged { to: Phase::Continuous, .. } => {
                if let Some(market) = self.market() {
                    market.open(position);
                }
            }
            Event::PhaseChanged { .. }
            | Event::Rejected { .. }
            | Event::Reduced { .. }
            | Event::Amended { .. }
            | Event::Cancelled { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }

    fn end(&mut self, kind: ActionKind, outcome: Outcome) {
        let position = self.position;
        self.totals.add(kind, outcome);
        let Some(market) = self.market() else { return };
        market.totals.add(kind, outcome);
        market.curves = None;
        market.uncrossed = (0, 0, None);
        let is_message = matches!(kind, ActionKind::Place | ActionKind::Amend | ActionKind::Cancel);
        if is_message && outcome == Outcome::Accepted {
            market.messages += 1;
            market.series.at(position).messages += 1;
        }
    }
}

impl MarketRun {
    fn new(id: MarketId, spec: &MarketSpec) -> Self {
        Self {
            id,
            spec: *spec,
            series: Series::default(),
            epochs: Epochs::default(),
            closed: 0,
            totals: Totals::default(),
            messages: 0,
            trades: 0,
            volume: 0,
            notional: Notional(0),
            prices: None,
            epoch: EpochNumber(0),
            icebergs: false,
            curves: None,
            uncrossed: (0, 0, None),
        }
    }

    fn trade(&mut self, position: u64, price: Price, quantity: Quantity) {
        self.trades += 1;
        self.volume = self.volume.saturating_add(quantity.0.into());
        self.notional = self.notional.plus(price.times(quantity));
        let (low, high, _) = self.prices.unwrap_or((price, price, price));
        self.prices = Some((low.min(price), high.max(price), price));
        self.series.at(position).trade(price, quantity);
        let (trades, volume, _) = self.uncrossed;
        self.uncrossed = (trades + 1, volume.saturating_add(quantity.0.into()), Some(price));
    }

    /// Adds an epoch that has closed.
    fn close(&mut self, position: u64, summary: &EpochSummary) {
        self.closed += 1;
        self.epochs.add(Epoch {
            number: summary.number.0,
            position,
            opens: false,
            uncross: summary.clearing.is_some(),
            price: summary
                .clearing
                .map(|it| it.price)
                .or(summary.turnover.prices.map(|it| it.close)),
            trades: summary.turnover.trades,
            volume: summary.turnover.volume,
            cleared: self.uncrossed.1,
            surplus: summary.clearing.map(|it| it.surplus),
            curves: self.curves.take().unwrap_or_default(),
        });
    }

    /// Adds the uncross with which continuous trading begins, if there is one.
    fn open(&mut self, position: u64) {
        let (trades, volume, price) = self.uncrossed;
        if trades == 0 {
            return;
        }
        self.epochs.add(Epoch {
            number: self.epoch.0,
            position,
            opens: true,
            uncross: true,
            price,
            trades,
            volume,
            cleared: volume,
            surplus: None,
            curves: self.curves.take().unwrap_or_default(),
        });
    }
}
