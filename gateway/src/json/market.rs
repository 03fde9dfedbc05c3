//! A market's specification and its call as lines, and what is wrong with a refused market.

use pricetime_engine::{
    BrokenBound, Call, Clearing, Fees, Limits, MarketId, MarketOrders, MarketSpec, Outcome, Price,
    Pricing, Quantity, Reason, Side, Terms,
};
use serde::{Deserialize, Serialize};

use super::convert::Units;
use super::value::{Amount, StepText};

/// Everything that an operator sets in a market: all members of `add_market`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `add_market`")]
pub struct MarketSpecLine {
    pub symbol: String,
    pub tick: StepText,
    pub lot: StepText,
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Pricing"))]
    pub pricing: Pricing,
    pub quantity_max: Amount,
    pub price_min: Amount,
    pub price_max: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection_ticks: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_price: Option<Amount>,
    pub maker_ppm: i32,
    pub taker_ppm: i32,
    pub orders_max: u32,
    pub orders_per_account_max: u32,
    pub requests_max: u32,
    pub blocked_max: u32,
    pub parts_max: u32,
}

/// The terms of a market: all members of `set_market`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `set_market`")]
pub struct TermsLine {
    pub price_min: Amount,
    pub price_max: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection_ticks: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_price: Option<Amount>,
    pub maker_ppm: i32,
    pub taker_ppm: i32,
}

/// A market in call, as an uncross would find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CallLine {
    /// What would trade. Left out if nothing can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicative: Option<IndicativeLine>,
    /// The market orders to buy.
    pub market_bids: MarketOrdersLine,
    /// The market orders to sell.
    pub market_asks: MarketOrdersLine,
}

/// The uniform price of an uncross that has not happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IndicativeLine {
    /// The price of all trades.
    pub price: Amount,
    /// The quantity that would trade at it.
    pub volume: Amount,
    /// The quantity to buy beyond the quantity to sell. Negative if there is more to sell.
    pub surplus: Amount,
    /// The side with the surplus. Left out if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Side>"))]
    pub surplus_side: Option<Side>,
}

/// The waiting market orders of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MarketOrdersLine {
    /// The number of orders.
    pub orders: u32,
    /// Their open quantity.
    pub quantity: Amount,
}

/// What is wrong with a refused market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// The member of the command.
    pub field: String,
    /// Its value and the bound that it breaks.
    pub why: String,
}

impl MarketSpecLine {
    /// The line of a spec.
    #[must_use]
    pub fn of(spec: &MarketSpec) -> Self {
        let TermsLine {
            price_min,
            price_max,
            protection_ticks,
            reference_price,
            maker_ppm,
            taker_ppm,
        } = TermsLine::of(&spec.terms, spec);
        let Limits { orders_max, orders_per_account_max, requests_max, blocked_max, parts_max } =
            spec.limits;
        Self {
            symbol: spec.symbol.as_str().to_owned(),
            tick: spec.tick.into(),
            lot: spec.lot.into(),
            pricing: spec.pricing,
            quantity_max: Units(spec).show_quantity(spec.quantity_max),
            price_min,
            price_max,
            protection_ticks,
            reference_price,
            maker_ppm,
            taker_ppm,
            orders_max,
            orders_per_account_max,
            requests_max,
            blocked_max,
            parts_max,
        }
    }
}

impl TermsLine {
    /// The line of terms in a market with this `spec`.
    #[must_use]
    pub fn of(terms: &Terms, spec: &MarketSpec) -> Self {
        let price = |price: Price| Units(spec).show_price(price);
        let Fees { maker_ppm, taker_ppm } = terms.fees;
        Self {
            price_min: price(terms.price_min),
            price_max: price(terms.price_max),
            protection_ticks: terms.protection_ticks,
            reference_price: terms.reference.map(price),
            maker_ppm,
            taker_ppm,
        }
    }
}

impl CallLine {
    /// The line of a call in a market with this `spec`.
    #[must_use]
    pub fn of(call: &Call, spec: &MarketSpec) -> Self {
        let units = Units(spec);
        let waiting = |it: MarketOrders| MarketOrdersLine {
            orders: it.orders,
            quantity: units.show_quantity(it.quantity),
        };
        let indicative = |Clearing { price, volume, surplus }| IndicativeLine {
            price: units.show_price(price),
            volume: units.show_quantity(volume),
            surplus: units.show_lots(surplus),
            surplus_side: match surplus.signum() {
                1 => Some(Side::Buy),
                -1 => Some(Side::Sell),
                _ => None,
            },
        };
        Self {
            indicative: call.indicative.map(indicative),
            market_bids: waiting(call.market_bids),
            market_asks: waiting(call.market_asks),
        }
    }
}

impl Detail {
    /// What is wrong with a market or its terms, if they were refused for their id or a bound. `spec` is
    /// what was refused, with the terms in it.
    #[must_use]
    pub fn of(outcome: Outcome, market: MarketId, spec: &MarketSpec) -> Option<Self> {
        let (field, why) = if outcome == Outcome::Rejected(Reason::ZeroMarketId) {
            ("market", String::from("0 is not a market id: ids start at 1"))
        } else if outcome == Outcome::Rejected(Reason::UsedMarketId) {
            let why = "is not above every id used so far: ids only go up, so that no id is used \
                       twice";
            ("market", format!("{market} {why}"))
        } else if outcome == Outcome::Rejected(Reason::BadSpec) {
            broken(spec.broken()?, spec)
        } else {
            return None;
        };
        Some(Self { field: field.to_owned(), why })
    }
}

/// The member that breaks a bound, and a sentence with its value and the bound.
fn broken(bound: BrokenBound, spec: &MarketSpec) -> (&'static str, String) {
    let MarketSpec { tick, lot, quantity_max, limits, terms, .. } = spec;
    let units = Units(spec);
    let price = |price: Price| units.show_price(price);
    let step = |field, it| {
        let it = StepText::from(it);
        (field, format!("{it} is not 1 to 10^9 times a power of ten from 10^-28 to 10^28"))
    };
    let count = |field, it: u32, least| {
        (field, format!("{it} is not from {least} to {}", Limits::COUNT_MAX))
    };
    let fee = |field, it: i32| {
        let most = Fees::PPM_MAX;
        (
            field,
            format!("{it} is not from -{most} to {most}: no fee or rebate is above the notional"),
        )
    };
    match bound {
        BrokenBound::Tick => step("tick", *tick),
        BrokenBound::Lot => step("lot", *lot),
        BrokenBound::Band => {
            let (low, high) = (price(terms.price_min), price(terms.price_max));
            ("price_min", format!("{low} is above price_max {high}"))
        }
        BrokenBound::QuantityMax => {
            let least = units.show_quantity(Quantity(1));
            ("quantity_max", format!("0 is below the minimum, one lot of {least}"))
        }
        BrokenBound::OrdersMax => count("orders_max", limits.orders_max, 1),
        BrokenBound::OrdersPerAccountMax => {
            count("orders_per_account_max", limits.orders_per_account_max, 1)
        }
        BrokenBound::PartsMax => ("parts_max", String::from("0 is below the minimum, 1")),
        BrokenBound::RequestsMax => count("requests_max", limits.requests_max, 0),
        BrokenBound::BlockedMax => count("blocked_max", limits.blocked_max, 0),
        BrokenBound::MakerFee => fee("maker_ppm", terms.fees.maker_ppm),
        BrokenBound::TakerFee => fee("taker_ppm", terms.fees.taker_ppm),
        BrokenBound::Reference => {
            let (low, high) = (price(terms.price_min), price(terms.price_max));
            let own = terms.reference.map_or_else(String::new, |it| price(it).to_string());
            ("reference_price", format!("{own} is outside the band from {low} to {high}"))
        }
        BrokenBound::LargestOrder(end) => {
            let field = if end == terms.price_max { "price_max" } else { "price_min" };
            let most = MarketSpec::NOTIONAL_MAX / u128::from(end.0.unsigned_abs().max(1));
            let most = Quantity(u64::try_from(most).unwrap_or(u64::MAX));
            let why = format!(
                "{} ({} ticks) times quantity_max {} ({} lots) is above 2^94 ticks times lots: with \
                 this price quantity_max is at most {}",
                price(end),
                end,
                units.show_quantity(*quantity_max),
                quantity_max,
                units.show_quantity(most),
            );
            (field, why)
        }
        BrokenBound::AllOrders => ("orders_max", too_many_lots(spec)),
    }
}

/// Why the market would have too many lots when it is full.
fn too_many_lots(spec: &MarketSpec) -> String {
    let (orders_max, quantity_max) = (spec.limits.orders_max, spec.quantity_max);
    let lots = MarketSpec::LOTS_MAX / u128::from(orders_max.max(1));
    let lots = Quantity(u64::try_from(lots).unwrap_or(u64::MAX));
    let orders = MarketSpec::LOTS_MAX / u128::from(quantity_max.0.max(1));
    let units = Units(spec);
    format!(
        "{orders_max} times quantity_max {} ({quantity_max} lots) is above 2^63 lots: with this \
         quantity_max orders_max is at most {orders}, with this orders_max quantity_max is at most {}",
        units.show_quantity(quantity_max),
        units.show_quantity(lots),
    )
}
