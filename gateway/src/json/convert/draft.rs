//! From a line to a command.

use pricetime_engine::{
    AccountId, Action, Amend, Book, Command, Engine, EpochNumber, Fees, Limits, MarketId,
    MarketSpec, OrderId, OrderKind, Place, Price, Quantity, RequestId, Sequence, SessionId, Symbol,
    Terms, TimeInForce,
};

use super::super::input::{self, Line, OrderType, Whose};
use super::super::value::{Amount, Time};
use super::{BadLine, Units, head, is_for_operators};
use pricetime::Draft;

impl Line {
    /// The command in this line. `spec` describes its market, if that exists.
    ///
    /// The caller has to check that the sender may be an operator if the draft needs one.
    ///
    /// # Errors
    /// Returns [`BadLine`] if the line is not a command, or not a valid one in this market.
    pub fn draft(&self, spec: Option<&MarketSpec>) -> Result<Draft, BadLine> {
        let (market, account, request, operator) = head!(
            self,
            it => (MarketId(it.market), AccountId::from(it.account), it.request, it.operator),
            else return Err(BadLine::NoCommand)
        );
        let units = || spec.map(Units).ok_or(BadLine::UnknownMarket(market));
        let action = match self {
            Self::Place(it) => Action::Place(place(it, &units()?)?),
            Self::Amend(it) => Action::Amend(amend(it, &units()?)?),
            Self::Cancel(it) => Action::Cancel { order: OrderId::from(it.order) },
            Self::CancelAll(it) => {
                Action::CancelAll { account: whose(it.whose, account), side: it.side }
            }
            Self::CancelSession(it) => Action::CancelSession { session: it.session.map(SessionId) },
            Self::AddMarket(it) => Action::AddMarket(add_market(it)?),
            Self::SetMarket(it) => {
                let units = units()?;
                Action::SetMarket(Terms {
                    price_min: units.price("price_min", &it.price_min)?,
                    price_max: units.price("price_max", &it.price_max)?,
                    protection_ticks: it.protection_ticks,
                    reference: convert_optional(it.reference_price.as_ref(), |at| {
                        units.price("reference_price", at)
                    })?,
                    fees: Fees { maker_ppm: it.maker_ppm, taker_ppm: it.taker_ppm },
                })
            }
            Self::RemoveMarket(_) => Action::RemoveMarket,
            Self::SetPhase(it) => Action::SetPhase(it.phase),
            Self::CloseEpoch(it) => Action::CloseEpoch { number: EpochNumber(it.number) },
            Self::AdvanceTime(_) => Action::AdvanceTime,
            Self::BlockAccount(it) => Action::BlockAccount(AccountId::from(it.blocked)),
            Self::UnblockAccount(it) => Action::UnblockAccount(AccountId::from(it.blocked)),
            Self::Hello(_)
            | Self::Subscribe(_)
            | Self::View(_)
            | Self::Market(_)
            | Self::Order(_)
            | Self::Outcome(_)
            | Self::Markets(_)
            | Self::Status(_) => return Err(BadLine::NoCommand),
        };
        let operator = operator.unwrap_or_else(|| is_for_operators(&action));
        let session = if let Self::Place(it) = self { it.session.map(SessionId) } else { None };
        let request = request.map(RequestId::from);
        Ok(Draft { market, account, operator, request, session, action })
    }

    /// The command in this line of a recording, numbered as the next one of this engine. If the line has no
    /// time, the command has the time of the one before.
    ///
    /// # Errors
    /// Returns [`BadLine`] if the line is not a command, or not a valid one in its market.
    pub fn recorded(&self, engine: &Engine) -> Result<Command, BadLine> {
        let spec = self.market().and_then(|market| engine.market(market)).map(Book::spec);
        let Draft { market, account, operator, request, session, action } = self.draft(spec)?;
        Ok(Command {
            sequence: Sequence(engine.last_sequence().0.saturating_add(1)),
            timestamp: self.time().map_or(engine.last_timestamp(), |time| time.0),
            market,
            account,
            operator,
            request,
            action,
            session,
        })
    }
}

fn place(it: &input::Place, units: &Units<'_>) -> Result<Place, BadLine> {
    let price = convert_optional(it.price.as_ref(), |price| units.price("price", price))?;
    let stop = convert_optional(it.stop.as_ref(), |stop| units.price("stop", stop))?;
    let kind = match (it.r#type, stop, price) {
        (OrderType::Limit, None, Some(price)) => OrderKind::Limit { price },
        (OrderType::Market, None, None) => OrderKind::Market,
        (OrderType::Stop, Some(stop), None) => OrderKind::Stop { stop },
        (OrderType::StopLimit, Some(stop), Some(price)) => OrderKind::StopLimit { stop, price },
        (OrderType::Limit, ..) => return Err(BadLine::Prices("limit", "has a price and no stop")),
        (OrderType::Market, ..) => {
            return Err(BadLine::Prices("market", "has neither price nor stop"));
        }
        (OrderType::Stop, ..) => return Err(BadLine::Prices("stop", "has a stop and no price")),
        (OrderType::StopLimit, ..) => {
            return Err(BadLine::Prices("stop_limit", "has a stop and a price"));
        }
    };
    let quantity =
        |field, text: Option<&Amount>| convert_optional(text, |text| units.quantity(field, text));
    Ok(Place {
        order: it.order.into(),
        reference: it.reference,
        side: it.side,
        kind,
        quantity: units.quantity("quantity", &it.quantity)?,
        time_in_force: match it.time_in_force {
            input::TimeInForce::GoodTillCancel => TimeInForce::GoodTillCancel,
            input::TimeInForce::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
            input::TimeInForce::FillOrKill => TimeInForce::FillOrKill,
            input::TimeInForce::GoodTillDate(Time(time)) => TimeInForce::GoodTillDate(time),
            input::TimeInForce::ForEpochs(epochs) => TimeInForce::ForEpochs(epochs),
        },
        post_only: it.post_only,
        minimum_quantity: quantity("minimum_quantity", it.minimum_quantity.as_ref())?,
        display_quantity: quantity("display_quantity", it.display_quantity.as_ref())?,
        self_trade: it.self_trade,
    })
}

fn amend(it: &input::Amend, units: &Units<'_>) -> Result<Amend, BadLine> {
    Ok(Amend {
        order: it.order.into(),
        price: convert_optional(it.price.as_ref(), |price| units.price("price", price))?,
        quantity: convert_optional(it.quantity.as_ref(), |lots| units.quantity("quantity", lots))?,
        stop_price: convert_optional(it.stop.as_ref(), |stop| units.price("stop", stop))?,
        if_open: convert_optional(it.if_open.as_ref(), |lots| units.quantity("if_open", lots))?,
        requeue: it.requeue,
    })
}

fn whose(whose: Whose, own: AccountId) -> Option<AccountId> {
    match whose {
        Whose::Own => Some(own),
        Whose::Everybody => None,
        Whose::Account(other) => Some(other.into()),
    }
}

fn add_market(it: &input::AddMarket) -> Result<MarketSpec, BadLine> {
    let default = Limits::default();
    let mut spec = MarketSpec {
        symbol: Symbol::new(&it.symbol).map_err(BadLine::Symbol)?,
        tick: it.tick.step().ok_or_else(|| BadLine::Step("tick", it.tick.clone()))?,
        lot: it.lot.step().ok_or_else(|| BadLine::Step("lot", it.lot.clone()))?,
        pricing: it.pricing,
        quantity_max: Quantity::ZERO,
        limits: Limits {
            orders_max: it.orders_max.unwrap_or(default.orders_max),
            orders_per_account_max: it
                .orders_per_account_max
                .unwrap_or(default.orders_per_account_max),
            requests_max: it.requests_max.unwrap_or(default.requests_max),
            blocked_max: it.blocked_max.unwrap_or(default.blocked_max),
            parts_max: it.parts_max.unwrap_or(default.parts_max),
        },
        terms: Terms {
            price_min: Price(0),
            price_max: Price(0),
            protection_ticks: it.protection_ticks,
            reference: None,
            fees: Fees { maker_ppm: it.maker_ppm, taker_ppm: it.taker_ppm },
        },
    };
    // The other values are in ticks and lots, whose sizes the spec has by now.
    let units = Units(&spec);
    let quantity_max = units.quantity("quantity_max", &it.quantity_max)?;
    let price_min = units.price("price_min", &it.price_min)?;
    let price_max = units.price("price_max", &it.price_max)?;
    let reference = convert_optional(it.reference_price.as_ref(), |price| {
        units.price("reference_price", price)
    })?;
    spec.quantity_max = quantity_max;
    spec.terms = Terms { price_min, price_max, reference, ..spec.terms };
    Ok(spec)
}

/// Converts a value that may be left out.
fn convert_optional<T, U>(
    value: Option<&T>,
    make: impl FnOnce(&T) -> Result<U, BadLine>,
) -> Result<Option<U>, BadLine> {
    value.map(make).transpose()
}
