//! The values of the charts, for the script of the page.

use std::fmt::{Display, Write};

use pricetime_engine::{Price, Step};

use super::collector::{Axis, Collector, MarketRun};
use super::epochs::{Curve, Epoch};
use super::series::{BookSample, LEVELS, SideSample};

/// The nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// Writes everything as one JSON object. Its positions count from `origin`, so that they fit in the numbers of a
/// script.
pub(super) fn write(collector: &Collector, text: &mut String) -> std::fmt::Result {
    let starts = collector.markets.iter().filter_map(|it| Some(it.series.iter().next()?.0));
    let first = match collector.axis {
        Axis::Time => collector.first_time.map_or(0, |it| it.0),
        Axis::Sequence => starts.min().unwrap_or(0),
    };
    let (axis, origin) = match collector.axis {
        Axis::Time => ("time", first / MILLISECOND * MILLISECOND),
        Axis::Sequence => ("sequence", first),
    };
    // An interval can begin before the first command in it.
    let offset = |position: u64| position.max(first) - origin;
    write!(
        text,
        "{{\"axis\":\"{axis}\",\"origin\":{},\"levels\":{LEVELS},\"markets\":[",
        if collector.axis == Axis::Time { origin / MILLISECOND } else { origin }
    )?;
    for (number, market) in collector.markets.iter().enumerate() {
        text.push_str(if number > 0 { ",\n" } else { "\n" });
        self::market(market, &offset, text)?;
    }
    text.push_str("],\"latency\":{");
    array(text, "t", collector.latency.iter().map(|(position, _)| Some(offset(position))))?;
    let times = collector.latency.iter().map(|(_, times)| times);
    for (name, thousandths) in [("p50", 500), ("p99", 990), ("p999", 999)] {
        array(text, name, times.clone().map(|it| Some(it.quantile(thousandths))))?;
    }
    array(text, "max", times.map(|it| Some(it.max)))?;
    text.push_str("\"unit\":\"ns\"}}");
    Ok(())
}

fn market(market: &MarketRun, offset: &impl Fn(u64) -> u64, text: &mut String) -> std::fmt::Result {
    let step = |step: Step| format!("[{},{}]", step.mantissa, step.exponent);
    // A symbol has no character that JSON or HTML would escape.
    write!(
        text,
        "{{\"name\":\"{}\",\"tick\":{},\"lot\":{},",
        market.spec.symbol,
        step(market.spec.tick),
        step(market.spec.lot)
    )?;
    let buckets = market.series.iter();
    array(text, "t", buckets.clone().map(|(position, _)| Some(offset(position))))?;
    let buckets = buckets.map(|(_, bucket)| bucket);
    let price = |of: fn(&(Price, Price, Price)) -> Price| {
        buckets.clone().map(move |it| it.prices.as_ref().map(of).map(|it| it.0))
    };
    array(text, "messages", buckets.clone().map(|it| Some(it.messages)))?;
    array(text, "trades", buckets.clone().map(|it| Some(it.trades)))?;
    array(text, "volume", buckets.clone().map(|it| Some(it.volume)))?;
    array(text, "low", price(|it| it.0))?;
    array(text, "high", price(|it| it.1))?;
    array(text, "last", price(|it| it.2))?;
    for (name, of) in [("bid", bids as fn(&BookSample) -> SideSample), ("ask", asks)] {
        // In a call, no order can trade at the best price yet.
        let open = buckets.clone().map(|it| it.book.filter(|book| book.continuous));
        array(text, name, open.map(|it| it.and_then(|it| of(&it).best).map(|it| it.0)))?;
        let side = buckets.clone().map(|it| it.book.as_ref().map(of));
        array(text, &format!("{name}_best"), side.clone().map(|it| it.map(|it| it.quantity)))?;
        array(text, &format!("{name}_depth"), side.map(|it| it.map(|it| it.depth)))?;
    }
    array(text, "narrow", buckets.clone().map(|it| it.spread.map(|it| it.0)))?;
    array(text, "wide", buckets.clone().map(|it| it.spread.map(|it| it.1)))?;
    array(text, "spread", buckets.map(|it| it.book.and_then(|it| it.spread)))?;
    write!(text, "\"closed\":{},\"every\":{},\"epochs\":[", market.closed, market.epochs.stride)?;
    for (number, it) in market.epochs.kept.iter().enumerate() {
        text.push_str(if number > 0 { ",\n" } else { "" });
        epoch(it, offset(it.position), text)?;
    }
    text.push_str("]}");
    Ok(())
}

const fn bids(book: &BookSample) -> SideSample {
    book.bids
}

const fn asks(book: &BookSample) -> SideSample {
    book.asks
}

fn epoch(epoch: &Epoch, position: u64, text: &mut String) -> std::fmt::Result {
    let Epoch { number, opens, uncross, trades, volume, cleared, .. } = epoch;
    write!(
        text,
        "{{\"number\":{number},\"t\":{position},\"opens\":{opens},\"uncross\":{uncross},\
         \"trades\":{trades},\"volume\":{volume},\"cleared\":{cleared},\"price\":",
    )?;
    value(text, epoch.price.map(|it| it.0))?;
    text.push_str(",\"surplus\":");
    value(text, epoch.surplus)?;
    for (name, curve) in [("demand", &epoch.curves.demand), ("supply", &epoch.curves.supply)] {
        let Curve { unpriced, points } = curve;
        write!(text, ",\"{name}\":{{")?;
        array(text, "price", points.iter().map(|(price, _)| Some(price.0)))?;
        array(text, "quantity", points.iter().map(|(_, quantity)| Some(*quantity)))?;
        write!(text, "\"unpriced\":{unpriced}}}")?;
    }
    text.push('}');
    Ok(())
}

/// Writes a member with an array, and a comma.
fn array<T: Display>(
    text: &mut String,
    name: &str,
    values: impl Iterator<Item = Option<T>>,
) -> std::fmt::Result {
    write!(text, "\"{name}\":[")?;
    for (number, it) in values.enumerate() {
        if number > 0 {
            text.push(',');
        }
        value(text, it)?;
    }
    text.push_str("],");
    Ok(())
}

fn value(text: &mut String, value: Option<impl Display>) -> std::fmt::Result {
    match value {
        Some(value) => write!(text, "{value}"),
        None => text.write_str("null"),
    }
}
