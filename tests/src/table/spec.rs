//! `key=value` words: the spec of a market, or changes to its terms.

use pricetime_engine::{
    Fees, Limits, MarketId, MarketSpec, Phase, Price, Pricing, Quantity, Step, Symbol, Terms,
};

use super::words::{Parsed, number};

/// A market from a `market` or `add` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarketLine {
    pub(super) market: MarketId,
    pub(super) spec: MarketSpec,
    pub(super) phase: Phase,
}

impl MarketLine {
    /// The default market of a scenario.
    pub(super) fn defaults(market: MarketId) -> Self {
        let symbol = Symbol::new(&format!("M{market}")).expect("letters and digits");
        let terms = Terms {
            price_min: Price(-1_000_000),
            price_max: Price(1_000_000),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        };
        let spec = MarketSpec {
            symbol,
            tick: Step::ONE,
            lot: Step::ONE,
            pricing: Pricing::Maker,
            quantity_max: Quantity(1_000_000_000_000),
            limits: Limits::default(),
            terms,
        };
        Self { market, spec, phase: Phase::Continuous }
    }

    /// Parses the words of a market.
    pub(super) fn read(market: MarketId, words: &[&str]) -> Parsed<Self> {
        let mut id = market;
        for (key, value) in pairs(words)? {
            if key == "id" {
                id = MarketId(number(value)?);
            }
        }
        let mut line = Self::defaults(id);
        for (key, value) in pairs(words)? {
            line.set(key, value)?;
        }
        Ok(line)
    }

    fn set(&mut self, key: &str, value: &str) -> Parsed<()> {
        let spec = &mut self.spec;
        match key {
            "id" => {}
            "symbol" => spec.symbol = Symbol::new(value).map_err(|e| e.to_string())?,
            "tick" => spec.tick = step(value)?,
            "lot" => spec.lot = step(value)?,
            "pricing" => {
                spec.pricing = match value {
                    "maker" => Pricing::Maker,
                    "midpoint" => Pricing::Midpoint,
                    other => return Err(format!("`{other}` is not a pricing")),
                }
            }
            "quantity_max" => spec.quantity_max = Quantity(number(value)?),
            "orders_max" => spec.limits.orders_max = number(value)?,
            "account_max" => spec.limits.orders_per_account_max = number(value)?,
            "requests_max" => spec.limits.requests_max = number(value)?,
            "blocked_max" => spec.limits.blocked_max = number(value)?,
            "parts_max" => spec.limits.parts_max = number(value)?,
            "phase" => self.phase = phase(value)?,
            other => set_term(&mut spec.terms, other, value)?,
        }
        Ok(())
    }
}

/// These terms with the changes in these words.
pub(super) fn changed(mut terms: Terms, words: &[&str]) -> Parsed<Terms> {
    for (key, value) in pairs(words)? {
        set_term(&mut terms, key, value)?;
    }
    Ok(terms)
}

/// Parses the name of a phase.
pub(super) fn phase(word: &str) -> Parsed<Phase> {
    match word {
        "continuous" => Ok(Phase::Continuous),
        "call" => Ok(Phase::Call),
        "halted" => Ok(Phase::Halted),
        "closed" => Ok(Phase::Closed),
        other => Err(format!("`{other}` is not a phase")),
    }
}

/// The name of a phase.
pub(super) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Continuous => "continuous",
        Phase::Call => "call",
        Phase::Halted => "halted",
        Phase::Closed => "closed",
    }
}

fn set_term(terms: &mut Terms, key: &str, value: &str) -> Parsed<()> {
    let two = |between| value.split_once(between).ok_or(format!("`{key}` requires two numbers"));
    match key {
        "band" => {
            let (low, high) = two("..")?;
            (terms.price_min, terms.price_max) = (Price(number(low)?), Price(number(high)?));
        }
        "protection" => terms.protection_ticks = optional(value)?,
        "reference" => terms.reference = optional(value)?.map(Price),
        "fees" => {
            let (maker, taker) = two("/")?;
            terms.fees = Fees { maker_ppm: number(maker)?, taker_ppm: number(taker)? };
        }
        other => return Err(format!("a market has no setting `{other}`")),
    }
    Ok(())
}

fn optional<N: super::words::NumberLimits>(value: &str) -> Parsed<Option<N>> {
    if value == "none" { Ok(None) } else { number(value).map(Some) }
}

fn step(value: &str) -> Parsed<Step> {
    let (mantissa, exponent) = value.split_once('e').unwrap_or((value, "0"));
    Ok(Step { mantissa: number(mantissa)?, exponent: number(exponent)? })
}

fn pairs<'a>(words: &[&'a str]) -> Parsed<Vec<(&'a str, &'a str)>> {
    let pair = |word: &&'a str| word.split_once('=').ok_or(format!("`{word}` is not key=value"));
    words.iter().map(pair).collect()
}
