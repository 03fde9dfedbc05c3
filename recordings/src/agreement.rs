//! How far the engine's trades agree with the exchange's executions.

use std::fmt;

use pricetime_engine::{
    Action, ActionKind, Book, Command, Engine, Group, MarketId, MarketSpec, OrderId, Outcome,
    Price, Quantity, Trade,
};

use crate::commands::{CommandSink, Execution, Unmatched};

/// The number of differences that a report describes, unless the caller wants another one.
const DIFFERENCES_MAX: usize = 10;

/// How far the engine's trades agree with the exchange's executions.
///
/// An execution agrees if the engine filled the same resting order at the same price with the same
/// quantity, for the same aggressor. Every other execution has a [`Cause`].
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The number of executions that the exchange reported. Executions of one order by one aggressor at one price
    /// count as one, because the engine makes one trade of them.
    pub executions: u64,
    /// The number of those that agree.
    pub agreed: u64,
    /// The quantity of all executions.
    pub quantity: u128,
    /// The quantity of those that agree.
    pub agreed_quantity: u128,
    /// The number of executions that do not agree, by their probable cause.
    causes: [u64; Cause::ALL.len()],
    /// The number of the engine's trades.
    pub trades: u64,
    /// The number of the engine's trades with an order that the exchange did not execute at that moment.
    pub unexpected: u64,
    differences: Vec<Difference>,
    differences_max: usize,
}

/// An execution of a known, visible order in continuous trading that the engine did not repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The market.
    pub market: MarketId,
    /// What the exchange reported.
    pub execution: Execution,
    /// A trade of the engine that took its place, if there is one: of the same order, or else the first one
    /// of the command with an order that the exchange did not execute.
    pub trade: Option<Trade>,
    /// The probable cause.
    pub cause: Cause,
}

/// Why the engine probably did not repeat an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// No message added the order that rested.
    Unknown,
    /// The order that rested is hidden.
    Hidden,
    /// The execution is part of a cross.
    Cross,
    /// The exchange executed the order at a price other than its own.
    OtherPrice,
    /// The engine filled the same order with another quantity.
    OtherQuantity,
    /// The engine filled another order at the same price first.
    OtherPriority,
    /// The engine had orders at a better price.
    BetterPrice,
    /// The engine no longer had the order, because of an earlier difference.
    Earlier,
    /// The engine refused the aggressor's order.
    Refused,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Hidden,
        Self::Cross,
        Self::OtherPrice,
        Self::OtherQuantity,
        Self::OtherPriority,
        Self::BetterPrice,
        Self::Earlier,
        Self::Refused,
    ];

    /// Returns `false` if the engine could not have repeated the execution: of an unknown or hidden order, or in a
    /// cross.
    #[must_use]
    pub const fn is_difference(self) -> bool {
        !matches!(self, Self::Unknown | Self::Hidden | Self::Cross)
    }
}

impl Default for Agreement {
    fn default() -> Self {
        Self::new(DIFFERENCES_MAX)
    }
}

impl Agreement {
    /// Starts a comparison that keeps this many differences.
    #[must_use]
    pub const fn new(differences_max: usize) -> Self {
        Self {
            executions: 0,
            agreed: 0,
            quantity: 0,
            agreed_quantity: 0,
            causes: [0; Cause::ALL.len()],
            trades: 0,
            unexpected: 0,
            differences: Vec::new(),
            differences_max,
        }
    }

    /// The number of executions that do not agree for this cause. The executions that agree and those of all
    /// causes are all executions.
    #[must_use]
    pub fn count(&self, cause: Cause) -> u64 {
        Cause::ALL
            .iter()
            .zip(self.causes)
            .find(|(it, _)| **it == cause)
            .map_or(0, |(_, count)| count)
    }

    /// The number of executions that the engine could have repeated: those of known, visible orders in continuous
    /// trading.
    #[must_use]
    pub fn comparable(&self) -> u64 {
        let others = Cause::ALL.into_iter().filter(|cause| !cause.is_difference());
        others.fold(self.executions, |sum, cause| sum - self.count(cause))
    }

    /// The first differences among the [comparable](Self::comparable) executions.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// Compares the executions that an aggressor's order was inferred from with the group of events that it
    /// caused. `book` is its market afterwards.
    pub fn compare(&mut self, executions: &[Execution], group: &Group, book: Option<&Book>) {
        let of = |trade: &Trade, it: &Execution| it.order == Some(trade.maker.order);
        let is_unexpected = |trade: &Trade| !executions.iter().any(|it| of(trade, it));
        let other = group.trades().find(is_unexpected);
        self.add_trades(group, is_unexpected);
        for (at, first) in executions.iter().enumerate() {
            let same = |it: &&Execution| it.order == first.order && it.price == first.price;
            let (before, rest) = executions.split_at(at);
            if before.iter().any(|it| same(&it)) {
                continue;
            }
            let quantity =
                rest.iter().filter(same).fold(0_u64, |sum, it| sum.saturating_add(it.quantity.0));
            let execution = Execution { quantity: Quantity(quantity), ..*first };
            let trade = group.trades().find(|trade| of(trade, first));
            let cause = match trade {
                Some(it) if Some(it.price) != execution.price => Some(Cause::OtherPrice),
                Some(it) if it.quantity != execution.quantity => Some(Cause::OtherQuantity),
                Some(_) => None,
                None => Some(cause_of_absence(&execution, group, book)),
            };
            self.add(&execution, cause);
            if let Some(cause) = cause.filter(|_| self.differences.len() < self.differences_max) {
                let (market, trade) = (group.header.market, trade.or(other));
                self.differences.push(Difference { market, execution, trade, cause });
            }
        }
    }

    /// Counts an execution that became no part of an aggressor's order.
    pub fn unmatched(&mut self, execution: &Execution, why: Unmatched) {
        let cause = match why {
            Unmatched::Unknown => Cause::Unknown,
            Unmatched::Hidden => Cause::Hidden,
            Unmatched::Cross => Cause::Cross,
        };
        self.add(execution, Some(cause));
    }

    /// Counts the trades of a command for which the exchange reported no execution.
    pub fn unexpected(&mut self, group: &Group) {
        self.add_trades(group, |_| true);
    }

    fn add_trades(&mut self, group: &Group, is_unexpected: impl Fn(&Trade) -> bool) {
        for trade in group.trades() {
            self.trades += 1;
            self.unexpected += u64::from(is_unexpected(&trade));
        }
    }

    fn add(&mut self, execution: &Execution, cause: Option<Cause>) {
        let quantity = u128::from(execution.quantity.0);
        self.executions += 1;
        self.quantity = self.quantity.saturating_add(quantity);
        let Some(cause) = cause else {
            self.agreed += 1;
            self.agreed_quantity = self.agreed_quantity.saturating_add(quantity);
            return;
        };
        let all = Cause::ALL.iter().zip(&mut self.causes);
        all.filter(|(it, _)| **it == cause).for_each(|(_, count)| *count += 1);
    }
}

/// Why the engine did not fill an order at all.
fn cause_of_absence(execution: &Execution, group: &Group, book: Option<&Book>) -> Cause {
    if group.outcome != Outcome::Accepted {
        return Cause::Refused;
    }
    let is_live = |order: OrderId| book.is_some_and(|book| book.order(order).is_some());
    if !execution.order.is_some_and(is_live) {
        return Cause::Earlier;
    }
    let at_its_price = |price: Price| Some(price) == execution.limit;
    if group.trades().any(|trade| at_its_price(trade.price)) {
        Cause::OtherPriority
    } else {
        Cause::BetterPrice
    }
}

/// Executes the commands of a recording.
pub trait Executor {
    /// Executes a command. Its events replace those in `group`. Returns `false` if the command was not taken.
    fn execute(&mut self, command: &Command, group: &mut Group) -> bool;

    /// A market, if it exists.
    fn market(&self, id: MarketId) -> Option<&Book>;
}

impl Executor for Engine {
    fn execute(&mut self, command: &Command, group: &mut Group) -> bool {
        self.apply(command, group);
        true
    }

    fn market(&self, id: MarketId) -> Option<&Book> {
        Self::market(self, id)
    }
}

/// An engine that executes the commands of a recording, and compares its trades with the executions.
#[derive(Debug)]
pub struct ComparedEngine<E = Engine> {
    /// The engine, or what drives it.
    pub engine: E,
    /// The comparison.
    pub agreement: Agreement,
    /// The number of commands that the engine refused.
    pub refused: u64,
    group: Group,
}

impl<E: Executor> ComparedEngine<E> {
    /// Compares an engine, which has no commands yet.
    #[must_use]
    pub fn new(engine: E, agreement: Agreement) -> Self {
        Self { engine, agreement, refused: 0, group: Group::default() }
    }

    fn execute(&mut self, command: &Command) -> bool {
        let executed = self.engine.execute(command, &mut self.group);
        self.refused += u64::from(executed && self.group.outcome != Outcome::Accepted);
        executed
    }
}

impl<E: Executor> CommandSink for ComparedEngine<E> {
    fn command(&mut self, command: &Command) {
        let can_trade = matches!(
            command.action.kind(),
            ActionKind::Place | ActionKind::Amend | ActionKind::SetPhase
        );
        if self.execute(command) && can_trade {
            self.agreement.unexpected(&self.group);
        }
    }

    fn aggressor(&mut self, command: &Command, executions: &[Execution]) {
        if self.execute(command) {
            let book = self.engine.market(command.market);
            self.agreement.compare(executions, &self.group, book);
        }
    }

    fn leftover(&mut self, command: &Command) -> bool {
        let Action::Cancel { order } = command.action else { return false };
        let book = self.engine.market(command.market);
        book.is_some_and(|book| book.order(order).is_some()) && self.execute(command)
    }

    fn unmatched(&mut self, execution: &Execution, why: Unmatched) {
        self.agreement.unmatched(execution, why);
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no message before it added the order",
            Self::Hidden => "the order is hidden",
            Self::Cross => "the execution is part of a cross",
            Self::OtherPrice => "the exchange executed it at a price other than the order's own",
            Self::OtherQuantity => "the engine filled another quantity of it",
            Self::OtherPriority => "the engine filled another order at this price first",
            Self::BetterPrice => "the engine had orders at a better price",
            Self::Earlier => "the engine no longer had the order, because of an earlier difference",
            Self::Refused => "the engine refused the aggressor's order",
        })
    }
}

impl Difference {
    /// Describes the difference in the units of its market, or in ticks and lots if there is no spec.
    #[must_use]
    pub fn text(&self, spec: Option<&MarketSpec>) -> String {
        let of = |quantity: Quantity| {
            spec.map_or_else(|| quantity.to_string(), |spec| spec.show_quantity(quantity))
        };
        let at =
            |price: Price| spec.map_or_else(|| price.to_string(), |spec| spec.show_price(price));
        let Execution { number, order, price, quantity, .. } = &self.execution;
        let order = order.map(|order| format!(" of order {order}")).unwrap_or_default();
        let price = price.map(|price| format!(" at {}", at(price))).unwrap_or_default();
        let engine = self.trade.map_or_else(
            || String::from("nothing"),
            |Trade { maker, price, quantity, .. }| {
                format!("{} of order {} at {}", of(quantity), maker.order, at(price))
            },
        );
        let (quantity, cause) = (of(*quantity), self.cause);
        format!(
            "message {number}: the exchange executed {quantity}{order}{price}, the engine {engine}: {cause}"
        )
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(None))
    }
}

#[cfg(test)]
mod tests;
