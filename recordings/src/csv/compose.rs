//! Turns a command into the fields of a row.

use pricetime_engine::{
    Action, Amend, Amount, Command, Limits, MarketSpec, Place, Pricing, Step, Terms, TimeInForce,
    Timestamp,
};

use super::action::Subject;
use super::amount::Units;
use super::cells::Cells;
use super::column::Column;
use super::markets::Markets;
use super::parse::is_for_operators;
use super::words::{Kind, Lasting};
use super::{id, time};

/// Fills the fields of a row.
pub(super) fn compose(
    cells: &mut Cells,
    command: &Command,
    markets: &Markets,
    many_accounts: bool,
) {
    cells.clear();
    let Command { sequence, timestamp, market, account, operator, request, session, action } =
        command;
    time_cell(cells, Column::Time, *timestamp);
    cells.whole(Column::Sequence, sequence.0);
    cells.word(Column::Action, action.kind());
    cells.whole(Column::Market, market.0.into());
    cells.word_unless(Column::Operator, *operator, is_for_operators(action.kind()));
    if account.0 != 0 || many_accounts && !operator {
        id_cell(cells, Column::Account, account.0);
    }
    if let Some(request) = request {
        id_cell(cells, Column::Request, request.0);
    }
    if let Some(session) = session {
        cells.number(Column::Session, session);
    }
    let units = markets.units(*market);
    match action {
        Action::AddMarket(spec) => self::spec(cells, spec),
        Action::SetMarket(terms) => self::terms(cells, terms, units),
        Action::Place(place) => {
            self::place(cells, place, units);
            let default = Subject::self_trade(many_accounts);
            cells.word_unless(Column::SelfTrade, place.self_trade, default);
        }
        Action::Amend(amend) => self::amend(cells, amend, units),
        Action::Cancel { order } => id_cell(cells, Column::Order, order.0),
        Action::CancelAll { account: whose, side } => {
            match whose {
                None => cells.put(Column::Whose, |text| text.extend_from_slice(b"everybody")),
                Some(whose) if whose != account => id_cell(cells, Column::Whose, whose.0),
                Some(_) => {}
            }
            if let Some(side) = side {
                cells.word(Column::Side, *side);
            }
        }
        Action::CancelSession { session } => {
            if let Some(session) = session {
                cells.number(Column::EndedSession, session);
            }
        }
        Action::RemoveMarket | Action::AdvanceTime => {}
        Action::SetPhase(phase) => cells.word(Column::Phase, *phase),
        Action::CloseEpoch { number } => cells.number(Column::Epoch, number),
        Action::BlockAccount(account) | Action::UnblockAccount(account) => {
            id_cell(cells, Column::Blocked, account.0);
        }
    }
}

fn id_cell(cells: &mut Cells, column: Column, id: u128) {
    cells.put(column, |text| id::write(id, text));
}

fn time_cell(cells: &mut Cells, column: Column, time: Timestamp) {
    cells.put(column, |text| time::write(time, text));
}

/// A price or a quantity, if there is one.
fn amount(cells: &mut Cells, column: Column, amount: Option<impl Amount>, units: &Units) {
    if let Some(amount) = amount {
        cells.put(column, |text| units.spec.show(amount).append_to(text));
    }
}

fn place(cells: &mut Cells, place: &Place, units: &Units) {
    let Place { order, reference, side, kind, quantity, time_in_force, post_only, .. } = place;
    id_cell(cells, Column::Order, order.0);
    if *reference != 0 {
        cells.whole(Column::Reference, *reference);
    }
    cells.word(Column::Side, *side);
    cells.word_unless(Column::Kind, Kind::of(*kind), Kind::Limit);
    amount(cells, Column::Price, kind.price(), units);
    amount(cells, Column::StopPrice, kind.stop(), units);
    amount(cells, Column::Quantity, Some(*quantity), units);
    match *time_in_force {
        TimeInForce::GoodTillDate(until) => time_cell(cells, Column::Until, until),
        TimeInForce::ForEpochs(epochs) => cells.whole(Column::Epochs, epochs),
        TimeInForce::GoodTillCancel | TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {}
    }
    let lasting = Lasting::of(*time_in_force);
    cells.word_unless(Column::TimeInForce, lasting, Lasting::Cancelled);
    cells.word_unless(Column::PostOnly, *post_only, false);
    amount(cells, Column::MinimumQuantity, place.minimum_quantity, units);
    amount(cells, Column::DisplayQuantity, place.display_quantity, units);
}

fn amend(cells: &mut Cells, amend: &Amend, units: &Units) {
    let Amend { order, price, quantity, stop_price, if_open, requeue } = amend;
    id_cell(cells, Column::Order, order.0);
    amount(cells, Column::Price, *price, units);
    amount(cells, Column::Quantity, *quantity, units);
    amount(cells, Column::StopPrice, *stop_price, units);
    amount(cells, Column::IfOpen, *if_open, units);
    cells.word_unless(Column::Requeue, *requeue, false);
}

fn spec(cells: &mut Cells, spec: &MarketSpec) {
    let MarketSpec { symbol, tick, lot, pricing, quantity_max, limits, terms } = spec;
    let units = &Units::of(spec);
    cells.number(Column::Symbol, symbol);
    step(cells, Column::Tick, *tick);
    step(cells, Column::Lot, *lot);
    cells.word_unless(Column::Pricing, *pricing, Pricing::Maker);
    amount(cells, Column::QuantityMax, Some(*quantity_max), units);
    let default = Limits::default();
    for (column, limit, default) in [
        (Column::OrdersMax, limits.orders_max, default.orders_max),
        (
            Column::OrdersPerAccountMax,
            limits.orders_per_account_max,
            default.orders_per_account_max,
        ),
        (Column::RequestsMax, limits.requests_max, default.requests_max),
        (Column::BlockedMax, limits.blocked_max, default.blocked_max),
        (Column::PartsMax, limits.parts_max, default.parts_max),
    ] {
        if limit != default {
            cells.number(column, limit);
        }
    }
    self::terms(cells, terms, units);
}

fn terms(cells: &mut Cells, terms: &Terms, units: &Units) {
    let Terms { price_min, price_max, protection_ticks, reference, fees } = terms;
    amount(cells, Column::PriceMin, Some(*price_min), units);
    amount(cells, Column::PriceMax, Some(*price_max), units);
    if let Some(ticks) = protection_ticks {
        cells.number(Column::ProtectionTicks, ticks);
    }
    amount(cells, Column::ReferencePrice, *reference, units);
    for (column, fee) in [(Column::MakerPpm, fees.maker_ppm), (Column::TakerPpm, fees.taker_ppm)] {
        if fee != 0 {
            cells.number(column, fee);
        }
    }
}

/// A decimal, or mantissa and exponent if the decimal would be read as other ones.
fn step(cells: &mut Cells, column: Column, step: Step) {
    if step.to_string().parse() == Ok(step) {
        cells.number(column, step);
    } else {
        cells.number(column, format_args!("{}e{}", step.mantissa, step.exponent));
    }
}
