//! From a command to its line.

use pricetime_engine::{
    Action, Command, Limits, MarketSpec, OrderKind, Place, Price, Quantity, TimeInForce,
};
use uuid::Uuid;

use super::super::input::{self, Line, OrderType, Whose};
use super::super::value::{Amount, StepText, Time};
use super::{Units, is_for_operators};

impl Line {
    /// The line of a command, with its time. `spec` describes its market. If the market does not exist, a
    /// command with prices has no line.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm for each action")]
    pub fn of(command: &Command, spec: Option<&MarketSpec>) -> Option<Self> {
        let market = command.market.0;
        let account = Uuid::from(command.account);
        let request = command.request.map(Uuid::from);
        let time = Some(Time(command.timestamp));
        let operator = unless_default(command.operator, is_for_operators(&command.action));
        Some(match &command.action {
            Action::Place(it) => Self::Place(place_line(command, it, &Units(spec?))),
            Action::Amend(it) => {
                let units = Units(spec?);
                let price = |price: Option<Price>| price.map(|price| units.show_price(price));
                let quantity = |lots: Option<Quantity>| lots.map(|lots| units.show_quantity(lots));
                Self::Amend(input::Amend {
                    market,
                    account,
                    order: it.order.into(),
                    price: price(it.price),
                    quantity: quantity(it.quantity),
                    stop: price(it.stop_price),
                    if_open: quantity(it.if_open),
                    requeue: it.requeue,
                    request,
                    operator,
                    time,
                })
            }
            Action::Cancel { order } => {
                let order = (*order).into();
                Self::Cancel(input::Cancel { market, account, order, request, operator, time })
            }
            Action::CancelAll { account: target, side } => Self::CancelAll(input::CancelAll {
                market,
                account,
                whose: match target {
                    None => Whose::Everybody,
                    Some(own) if *own == command.account => Whose::Own,
                    Some(other) => Whose::Account((*other).into()),
                },
                side: *side,
                request,
                operator,
                time,
            }),
            Action::CancelSession { session } => Self::CancelSession(input::CancelSession {
                market,
                account,
                session: session.map(|session| session.0),
                request,
                operator,
                time,
            }),
            Action::AddMarket(spec) => Self::AddMarket(add_market_line(command, spec)),
            Action::SetMarket(terms) => {
                let units = Units(spec?);
                Self::SetMarket(input::SetMarket {
                    market,
                    account,
                    price_min: units.show_price(terms.price_min),
                    price_max: units.show_price(terms.price_max),
                    protection_ticks: terms.protection_ticks,
                    reference_price: terms.reference.map(|price| units.show_price(price)),
                    maker_ppm: terms.fees.maker_ppm,
                    taker_ppm: terms.fees.taker_ppm,
                    request,
                    operator,
                    time,
                })
            }
            Action::RemoveMarket => {
                Self::RemoveMarket(input::RemoveMarket { market, account, request, operator, time })
            }
            Action::SetPhase(phase) => {
                let phase = *phase;
                Self::SetPhase(input::SetPhase { market, account, phase, request, operator, time })
            }
            Action::CloseEpoch { number } => {
                let number = number.0;
                Self::CloseEpoch(input::CloseEpoch {
                    market,
                    account,
                    number,
                    request,
                    operator,
                    time,
                })
            }
            Action::AdvanceTime => {
                Self::AdvanceTime(input::AdvanceTime { market, account, request, operator, time })
            }
            Action::BlockAccount(target) => {
                let blocked = (*target).into();
                Self::BlockAccount(input::BlockAccount {
                    market,
                    account,
                    blocked,
                    request,
                    operator,
                    time,
                })
            }
            Action::UnblockAccount(target) => {
                let blocked = (*target).into();
                let body =
                    input::UnblockAccount { market, account, blocked, request, operator, time };
                Self::UnblockAccount(body)
            }
        })
    }
}

/// The type, the price and the stop of an order of this kind.
pub(in crate::json) fn kind_line(
    kind: OrderKind,
    spec: &MarketSpec,
) -> (OrderType, Option<Amount>, Option<Amount>) {
    let shown = |price: Price| Units(spec).show_price(price);
    (order_type(kind), kind.price().map(shown), kind.stop().map(shown))
}

/// The type of an order, as a line has it.
pub(in crate::json) const fn order_type(kind: OrderKind) -> OrderType {
    match kind {
        OrderKind::Limit { .. } => OrderType::Limit,
        OrderKind::Market => OrderType::Market,
        OrderKind::Stop { .. } => OrderType::Stop,
        OrderKind::StopLimit { .. } => OrderType::StopLimit,
    }
}

/// How long an order stays, as a line has it.
pub(in crate::json) const fn time_in_force_line(it: TimeInForce) -> input::TimeInForce {
    match it {
        TimeInForce::GoodTillCancel => input::TimeInForce::GoodTillCancel,
        TimeInForce::ImmediateOrCancel => input::TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill => input::TimeInForce::FillOrKill,
        TimeInForce::GoodTillDate(time) => input::TimeInForce::GoodTillDate(Time(time)),
        TimeInForce::ForEpochs(epochs) => input::TimeInForce::ForEpochs(epochs),
    }
}

fn place_line(command: &Command, it: &Place, units: &Units<'_>) -> input::Place {
    let (r#type, price, stop) = kind_line(it.kind, units.0);
    let quantity = |lots: Option<Quantity>| lots.map(|lots| units.show_quantity(lots));
    input::Place {
        market: command.market.0,
        account: command.account.into(),
        order: it.order.into(),
        reference: it.reference,
        side: it.side,
        r#type,
        price,
        stop,
        quantity: units.show_quantity(it.quantity),
        time_in_force: time_in_force_line(it.time_in_force),
        post_only: it.post_only,
        minimum_quantity: quantity(it.minimum_quantity),
        display_quantity: quantity(it.display_quantity),
        self_trade: it.self_trade,
        session: command.session.map(|session| session.0),
        request: command.request.map(Uuid::from),
        operator: unless_default(command.operator, is_for_operators(&command.action)),
        time: Some(Time(command.timestamp)),
    }
}

fn add_market_line(command: &Command, spec: &MarketSpec) -> input::AddMarket {
    let (units, terms) = (Units(spec), &spec.terms);
    let default = Limits::default();
    input::AddMarket {
        market: command.market.0,
        account: command.account.into(),
        symbol: spec.symbol.as_str().to_owned(),
        tick: StepText::from(spec.tick),
        lot: StepText::from(spec.lot),
        pricing: spec.pricing,
        quantity_max: units.show_quantity(spec.quantity_max),
        price_min: units.show_price(terms.price_min),
        price_max: units.show_price(terms.price_max),
        protection_ticks: terms.protection_ticks,
        reference_price: terms.reference.map(|price| units.show_price(price)),
        maker_ppm: terms.fees.maker_ppm,
        taker_ppm: terms.fees.taker_ppm,
        orders_max: unless_default(spec.limits.orders_max, default.orders_max),
        orders_per_account_max: unless_default(
            spec.limits.orders_per_account_max,
            default.orders_per_account_max,
        ),
        requests_max: unless_default(spec.limits.requests_max, default.requests_max),
        blocked_max: unless_default(spec.limits.blocked_max, default.blocked_max),
        parts_max: unless_default(spec.limits.parts_max, default.parts_max),
        request: command.request.map(Uuid::from),
        operator: unless_default(command.operator, is_for_operators(&command.action)),
        time: Some(Time(command.timestamp)),
    }
}

/// Returns `None` if the value is the default.
fn unless_default<T: PartialEq>(value: T, default: T) -> Option<T> {
    (value != default).then_some(value)
}
