//! Growth as text.

use pricetime_terminal::{Paint, table};

use super::super::numbers::{format_ns, format_number};
use super::super::report::{GrowthFigures, Measured};

/// The columns: what is measured, in the order in which it is.
const KINDS: [&str; 9] =
    ["place", "cancel", "reduce", "replace", "trade", "close", "snapshot", "restart", "memory"];

/// A table for the number of orders and one for the number of markets.
pub(super) fn growth(measured: &[Measured]) -> String {
    let mut text = String::new();
    for axis in ["orders", "markets"] {
        let figures = || {
            let named = measured.iter().filter_map(|one| Some((one, one.growth.as_ref()?)));
            named.filter(|(_, it)| it.axis == axis)
        };
        let mut sizes: Vec<_> = figures().map(|(_, it)| (it.orders, it.markets)).collect();
        sizes.dedup();
        if sizes.is_empty() {
            continue;
        }
        let rows = sizes.iter().map(|(orders, markets)| {
            let cell = |kind: &&str| {
                let found = figures().find(|(one, it)| {
                    (it.orders, it.markets) == (*orders, *markets)
                        && one.workload.ends_with(&format!("-{kind}"))
                });
                found.map_or_else(|| String::from("-"), |(_, it)| cell(it))
            };
            let [place, cancel, reduce, replace, trade, close, snapshot, restart, memory] =
                KINDS.each_ref().map(cell);
            let [orders, markets] = [*orders as f64, f64::from(*markets)].map(format_number);
            [
                orders, markets, place, cancel, reduce, replace, trade, close, snapshot, restart,
                memory,
            ]
        });
        let heading = [
            " orders",
            " markets",
            " place",
            " cancel",
            " reduce",
            " replace",
            " trade",
            " close",
            " snapshot",
            " restart",
            " bytes each",
        ];
        text += &format!("\n{}", table(Paint::out(), heading, rows));
    }
    text + "In parentheses: how many times the first value of the column.\n"
}

fn cell(it: &GrowthFigures) -> String {
    let value = if it.unit == "ns" { format_ns(it.value as u64) } else { format_number(it.value) };
    let ratio = if it.ratio < 99.95 { format!("{:.1}", it.ratio) } else { format_number(it.ratio) };
    format!("{value} ({ratio})")
}
