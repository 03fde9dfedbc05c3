//! The part of a row that belongs to its action.

use pricetime_engine::{
    AccountId, Action, ActionKind, Amend, EpochNumber, Fees, Limits, MarketId, MarketSpec, OrderId,
    OrderKind, Place, Pricing, SelfTrade, Step, Symbol, Terms, TimeInForce,
};

use super::amount::Units;
use super::column::Column;
use super::row::{BadRow, Row};
use super::words::{Kind, Lasting, parse as word};
use super::{id, time};
use crate::error::Fault;
use crate::number::{signed, unsigned};

/// Whose action it is, and in which market.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) market: MarketId,
    pub(super) units: &'a Units,
    /// The symbol of a market that is new.
    pub(super) symbol: Option<Symbol>,
    pub(super) account: AccountId,
    /// `false` if the file has no column for accounts.
    pub(super) many_accounts: bool,
}

impl<'a> Subject<'a> {
    /// A market, without an account.
    pub(super) const fn of(market: MarketId, units: &'a Units, symbol: Option<Symbol>) -> Self {
        Self { market, units, symbol, account: AccountId(0), many_accounts: true }
    }

    /// What happens if an order does not say what happens when it meets one of its own account. If all orders
    /// have one account, they must be able to trade.
    pub(super) const fn self_trade(many_accounts: bool) -> SelfTrade {
        if many_accounts { SelfTrade::CancelTaker } else { SelfTrade::None }
    }
}

/// Parses the action of a row.
#[inline]
pub(super) fn action<'a>(
    row: &Row<'a>,
    kind: ActionKind,
    subject: &Subject<'_>,
) -> Result<Action, BadRow<'a>> {
    let order = || row.needed(Column::Order, id::parse).map(OrderId);
    let blocked = || row.needed(Column::Blocked, id::parse).map(AccountId);
    Ok(match kind {
        ActionKind::Place => Action::Place(place(row, order()?, subject)?),
        ActionKind::Amend => Action::Amend(amend(row, order()?, subject.units)?),
        ActionKind::Cancel => Action::Cancel { order: order()? },
        ActionKind::CancelAll => Action::CancelAll {
            account: row
                .optional(Column::Whose, |text| whose(text, subject.account))?
                .unwrap_or(Some(subject.account)),
            side: row.optional(Column::Side, word)?,
        },
        ActionKind::CancelSession => {
            Action::CancelSession { session: row.optional(Column::EndedSession, id::session)? }
        }
        ActionKind::AddMarket => Action::AddMarket(spec(row, subject.symbol)?),
        ActionKind::SetMarket => {
            let units = subject.units;
            let price_min = row.needed(Column::PriceMin, |text| units.price(text))?;
            let price_max = row.needed(Column::PriceMax, |text| units.price(text))?;
            let terms = Terms { price_min, price_max, ..units.spec.terms };
            Action::SetMarket(self::terms(row, units, terms)?)
        }
        ActionKind::RemoveMarket => Action::RemoveMarket,
        ActionKind::SetPhase => Action::SetPhase(row.needed(Column::Phase, word)?),
        ActionKind::CloseEpoch => {
            Action::CloseEpoch { number: EpochNumber(row.needed(Column::Epoch, unsigned)?) }
        }
        ActionKind::AdvanceTime => Action::AdvanceTime,
        ActionKind::BlockAccount => Action::BlockAccount(blocked()?),
        ActionKind::UnblockAccount => Action::UnblockAccount(blocked()?),
    })
}

#[inline]
fn place<'a>(row: &Row<'a>, order: OrderId, subject: &Subject<'_>) -> Result<Place, BadRow<'a>> {
    let quantity = |text: &[u8]| subject.units.quantity(text);
    let price = || row.needed(Column::Price, |text| subject.units.price(text));
    let stop = || row.needed(Column::StopPrice, |text| subject.units.price(text));
    let kind = match row.optional(Column::Kind, word)?.unwrap_or(Kind::Limit) {
        Kind::Limit => OrderKind::Limit { price: price()? },
        Kind::Market => OrderKind::Market,
        Kind::Stop => OrderKind::Stop { stop: stop()? },
        Kind::StopLimit => OrderKind::StopLimit { stop: stop()?, price: price()? },
    };
    for (column, is_used) in
        [(Column::Price, kind.price().is_some()), (Column::StopPrice, kind.stop().is_some())]
    {
        if !is_used && row.text(column).is_some() {
            return Err(row.unused(column, "this kind of order"));
        }
    }
    Ok(Place {
        order,
        reference: row.optional(Column::Reference, unsigned)?.unwrap_or(0),
        side: row.needed(Column::Side, word)?,
        kind,
        quantity: row.needed(Column::Quantity, quantity)?,
        time_in_force: time_in_force(row)?,
        post_only: row.optional(Column::PostOnly, word)?.unwrap_or(false),
        minimum_quantity: row.optional(Column::MinimumQuantity, quantity)?,
        display_quantity: row.optional(Column::DisplayQuantity, quantity)?,
        self_trade: row
            .optional(Column::SelfTrade, word)?
            .unwrap_or(Subject::self_trade(subject.many_accounts)),
    })
}

#[inline]
fn time_in_force<'a>(row: &Row<'a>) -> Result<TimeInForce, BadRow<'a>> {
    let lasting = match row.optional(Column::TimeInForce, word)? {
        Some(lasting) => lasting,
        None if row.text(Column::Until).is_some() => Lasting::Date,
        None if row.text(Column::Epochs).is_some() => Lasting::Epochs,
        None => Lasting::Cancelled,
    };
    for (column, user) in [(Column::Until, Lasting::Date), (Column::Epochs, Lasting::Epochs)] {
        if lasting != user && row.text(column).is_some() {
            return Err(row.unused(column, "this time in force"));
        }
    }
    Ok(match lasting {
        Lasting::Cancelled => TimeInForce::GoodTillCancel,
        Lasting::Immediate => TimeInForce::ImmediateOrCancel,
        Lasting::Filled => TimeInForce::FillOrKill,
        Lasting::Date => TimeInForce::GoodTillDate(row.needed(Column::Until, time::parse)?),
        Lasting::Epochs => TimeInForce::ForEpochs(row.needed(Column::Epochs, unsigned)?),
    })
}

fn amend<'a>(row: &Row<'a>, order: OrderId, units: &Units) -> Result<Amend, BadRow<'a>> {
    Ok(Amend {
        order,
        price: row.optional(Column::Price, |text| units.price(text))?,
        quantity: row.optional(Column::Quantity, |text| units.quantity(text))?,
        stop_price: row.optional(Column::StopPrice, |text| units.price(text))?,
        if_open: row.optional(Column::IfOpen, |text| units.quantity(text))?,
        requeue: row.optional(Column::Requeue, word)?.unwrap_or(false),
    })
}

/// Whose orders are cancelled: those of this account, or all if it is `None`.
fn whose(text: &[u8], sender: AccountId) -> Result<Option<AccountId>, Fault> {
    if text.eq_ignore_ascii_case(b"own") {
        return Ok(Some(sender));
    }
    if text.eq_ignore_ascii_case(b"everybody") {
        return Ok(None);
    }
    let account =
        id::parse(text).map_err(|_| Fault::UnknownCode("own, everybody or an account"))?;
    Ok(Some(AccountId(account)))
}

/// The market that a row adds. What is left out is as in [`MarketSpec::new`].
fn spec<'a>(row: &Row<'a>, symbol: Option<Symbol>) -> Result<MarketSpec, BadRow<'a>> {
    let symbol = match (row.optional(Column::Symbol, id::symbol)?, symbol) {
        (Some(symbol), _) | (None, Some(symbol)) => symbol,
        (None, None) => row.needed(Column::Symbol, id::symbol)?,
    };
    let tick = row.needed(Column::Tick, step)?;
    let spec = MarketSpec::new(symbol, tick, row.needed(Column::Lot, step)?);
    let units = Units::of(&spec);
    let quantity_max = row.optional(Column::QuantityMax, |text| units.quantity(text))?;
    let Limits { orders_max, orders_per_account_max, requests_max, blocked_max, parts_max } =
        spec.limits;
    let limit = |column, default| Ok(row.optional(column, count)?.unwrap_or(default));
    Ok(MarketSpec {
        pricing: row.optional(Column::Pricing, word)?.unwrap_or(Pricing::Maker),
        quantity_max: quantity_max.unwrap_or(spec.quantity_max),
        limits: Limits {
            orders_max: limit(Column::OrdersMax, orders_max)?,
            orders_per_account_max: limit(Column::OrdersPerAccountMax, orders_per_account_max)?,
            requests_max: limit(Column::RequestsMax, requests_max)?,
            blocked_max: limit(Column::BlockedMax, blocked_max)?,
            parts_max: limit(Column::PartsMax, parts_max)?,
        },
        terms: terms(row, &units, spec.terms)?,
        ..spec
    })
}

/// The terms of a market. If the band is left out, it is that of `band`.
fn terms<'a>(row: &Row<'a>, units: &Units, band: Terms) -> Result<Terms, BadRow<'a>> {
    let price = |column| row.optional(column, |text| units.price(text));
    let fee = |column| Ok(row.optional(column, ppm)?.unwrap_or(0));
    Ok(Terms {
        price_min: price(Column::PriceMin)?.unwrap_or(band.price_min),
        price_max: price(Column::PriceMax)?.unwrap_or(band.price_max),
        protection_ticks: row.optional(Column::ProtectionTicks, unsigned)?,
        reference: price(Column::ReferencePrice)?,
        fees: Fees { maker_ppm: fee(Column::MakerPpm)?, taker_ppm: fee(Column::TakerPpm)? },
    })
}

fn count(text: &[u8]) -> Result<u32, Fault> {
    let range = |_| Fault::OutOfRange("a number up to 4294967295");
    u32::try_from(unsigned(text)?).map_err(range)
}

fn ppm(text: &[u8]) -> Result<i32, Fault> {
    let range = |_| Fault::OutOfRange("a number of 32 bits");
    i32::try_from(signed(text)?).map_err(range)
}

/// Parses a step: a decimal, or a mantissa and an exponent as `25e-4`.
fn step(text: &[u8]) -> Result<Step, Fault> {
    const STEP: Fault = Fault::NotNumber("a decimal above 0, such as 0.01");
    let text = str::from_utf8(text).map_err(|_| STEP)?;
    if let Some((mantissa, exponent)) = text.split_once('e') {
        let mantissa = unsigned(mantissa.as_bytes())?;
        return Ok(Step { mantissa, exponent: exponent.parse().map_err(|_| STEP)? });
    }
    text.parse().map_err(|_| STEP)
}
