//! A report as a page: one HTML file that needs no network.

use std::fs;
use std::path::Path;

use pricetime_recordings::look::{self, Escaped, SCRIPT, STYLE, fill, table, tile};
use serde::Serialize;

use super::numbers::{format_ns, format_number};
use super::report::{Compared, Latency, Measured, Report, Verdict};
use crate::failure::Failure;

const TEMPLATE: &str = include_str!("page/page.html");
const CHARTS: &str = include_str!("page/charts.js");
/// A table with more rows than this is closed at first.
const ROWS_OPEN: usize = 30;
/// The most latency curves of a page, one card each.
const CURVES_MAX: usize = 20;

/// The values of the charts. The first two fields are those that the shared script expects.
#[derive(Serialize)]
struct Charts<'a> {
    axis: &'static str,
    origin: u64,
    measured: Vec<Row<'a>>,
    growth: Vec<Axis<'a>>,
    latency: Vec<Curves<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    median: f64,
    spread: f64,
    runs: &'a [f64],
}

/// The costs by the number of orders or of markets.
#[derive(Serialize)]
struct Axis<'a> {
    axis: &'a str,
    sizes: Vec<usize>,
    kinds: Vec<Kind<'a>>,
}

#[derive(Serialize)]
struct Kind<'a> {
    name: &'a str,
    ratios: Vec<Option<f64>>,
    texts: Vec<String>,
}

/// The latencies of one workload.
#[derive(Serialize)]
struct Curves<'a> {
    name: &'a str,
    text: &'static str,
    curves: Vec<Curve>,
}

#[derive(Serialize)]
struct Curve {
    name: String,
    nines: Vec<f64>,
    ns: Vec<u64>,
}

/// Writes the page of a report.
pub(super) fn write(report: &Report, about: &str, path: &Path) -> Result<(), Failure> {
    let text = fill(TEMPLATE, |name| part(report, about, name));
    fs::write(path, text)
        .map_err(|error| Failure::failed(format_args!("cannot write {}: {error}", path.display())))
}

fn part(report: &Report, about: &str, name: &str) -> String {
    match name {
        "title" => Escaped(&title(report)).to_string(),
        "style" => STYLE.to_owned(),
        "script" => format!("{SCRIPT}{CHARTS}"),
        "tiles" => tiles(report),
        "figures" => figures(&report.workloads),
        "compared" => compared(&report.compared),
        "facts" => facts(report, about),
        // In a script element, `<` could end it.
        "data" => {
            serde_json::to_string(&charts(report)).unwrap_or_default().replace('<', "\\u003c")
        }
        _ => String::new(),
    }
}

fn title(report: &Report) -> String {
    let settings = &report.head.settings;
    let kinds = [
        (settings.growth.is_some(), "How costs grow"),
        (settings.hostile.is_some(), "Hostile clients"),
        (settings.subscribers.is_some(), "Subscribers"),
        (settings.settle.is_some(), "Settlement"),
        (settings.redis.is_some(), "The image in Redis"),
        (settings.gateway.is_some(), "A market behind a socket"),
        (settings.host.is_some(), "A whole host"),
    ];
    kinds.iter().find(|(is, _)| *is).map_or("The core alone", |(_, title)| title).to_owned()
}

fn tiles(report: &Report) -> String {
    let mut text = String::new();
    let (busy, machine) = (&report.busy, &report.head.machine);
    let cores = format!("{} cores", machine.cores);
    tile(&mut text, "Machine", &machine.cpu, &cores);
    tile(
        &mut text,
        "Commands",
        &format_number(report.head.settings.commands as f64),
        "of each run",
    );
    if let (Some(first), Some(last)) = (busy.load_first, busy.load_last) {
        tile(&mut text, "Load average", &format!("{first:.1}"), &format!("{last:.1} at the end"));
    }
    if let (Some(others), Some(stolen)) = (busy.others_percent, busy.stolen_percent) {
        let note = format!("of the CPU time; {stolen:.1} % withheld");
        tile(&mut text, "Other programs", &format!("{others:.1} %"), &note);
    }
    let slower = report.compared.iter().filter(|one| one.is_slower()).count();
    if !report.compared.is_empty() {
        let note = format!("of {} compared", report.compared.len());
        tile(&mut text, "Slower", &slower.to_string(), &note);
    }
    text
}

fn figures(measured: &[Measured]) -> String {
    let is_growth = measured.iter().any(|one| one.growth.is_some());
    let rows: Vec<_> = measured.iter().map(if is_growth { cost } else { rate }).collect();
    let heads: &[_] = if is_growth {
        &["Measurement", "Median", "Lowest", "Highest", "Spread"]
    } else {
        &["Measurement", "A second", "Lowest", "Highest", "Spread", "Figure"]
    };
    let table = table("Figures", heads, &rows);
    if rows.len() <= ROWS_OPEN {
        return table;
    }
    format!("<details><summary>All {} measurements</summary>{table}</details>", rows.len())
}

fn rate(one: &Measured) -> Vec<String> {
    let rate = &one.rate;
    let [median, min, max] = [rate.median, rate.min, rate.max].map(format_number);
    let figure = one
        .figures()
        .map_or_else(|| String::from("–"), |it| format!("{:.2} {}", it.value, it.unit));
    vec![one.workload.clone(), median, min, max, format!("{:.1} %", rate.spread_percent), figure]
}

/// The cost itself. Its rate is how many times it fits into a second, or into a billion bytes.
fn cost(one: &Measured) -> Vec<String> {
    let (rate, unit) = (&one.rate, one.growth.as_ref().map_or("", |it| it.unit.as_str()));
    let [median, min, max] = [rate.median, rate.max, rate.min].map(|rate| amount(1e9 / rate, unit));
    vec![one.workload.clone(), median, min, max, format!("{:.1} %", rate.spread_percent)]
}

/// A cost in its unit.
fn amount(value: f64, unit: &str) -> String {
    if unit == "ns" { format_ns(value as u64) } else { format!("{} {unit}", format_number(value)) }
}

fn compared(compared: &[Compared]) -> String {
    if compared.is_empty() {
        return String::new();
    }
    let row = |one: &Compared| {
        let change =
            one.ratio.map_or_else(String::new, |it| format!("{:+.1} %", 100.0 * (it - 1.0)));
        let verdict = match one.verdict {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::Same => "same within the noise",
            Verdict::New => "not in the baseline",
        };
        vec![
            one.workload.clone(),
            change,
            format!("{:.1} %", one.noise_percent),
            verdict.to_owned(),
        ]
    };
    let rows: Vec<_> = compared.iter().map(row).collect();
    let table =
        table("Compared with the baseline", &["Measurement", "Change", "Noise", "Verdict"], &rows);
    format!("<section class=\"card\">\n<h2>Compared with the baseline</h2>\n{table}</section>\n")
}

/// The lines above a table on a terminal.
fn facts(report: &Report, about: &str) -> String {
    let lines: Vec<_> = about.lines().collect();
    // The line in the middle is missing where the system does not report it.
    let names: &[_] =
        if lines.len() < 3 { &["Machine", "Commands"] } else { &["Machine", "Busy", "Commands"] };
    let settings = serde_json::to_string(&report.head.settings).unwrap_or_default();
    let facts = names.iter().copied().zip(lines);
    look::facts(facts.chain([("Settings", settings.as_str())]))
}

fn charts(report: &Report) -> Charts<'_> {
    let measured = &report.workloads;
    Charts {
        axis: "sequence",
        origin: 0,
        measured: measured.iter().map(row).collect(),
        growth: ["orders", "markets"].iter().filter_map(|name| axis(name, measured)).collect(),
        latency: measured.iter().filter_map(curves).take(CURVES_MAX).collect(),
    }
}

fn row(one: &Measured) -> Row<'_> {
    let Measured { workload, rate, .. } = one;
    Row { name: workload, median: rate.median, spread: rate.spread_percent, runs: &rate.runs }
}

fn curve(name: String, latency: &Latency) -> Curve {
    let (nines, ns) = latency.curve.iter().copied().unzip();
    Curve { name, nines, ns }
}

fn curves(one: &Measured) -> Option<Curves<'_>> {
    let name = one.workload.as_str();
    if let Some(core) = &one.core {
        let curves = vec![curve(String::from("a command"), &core.latency)];
        let text = "The time that this share of the commands took at most in the core.";
        return Some(Curves { name, text, curves });
    }
    let host = one.host.as_ref()?;
    let of = |load: &super::report::Load| {
        let rate = format!("{} a second", format_number(load.rate_due));
        curve(load.percent.map_or(rate, |it| format!("{it} % load")), &load.latency)
    };
    let text =
        "The time that this share took at most, from when a command was due to its durable answer.";
    Some(Curves { name, text, curves: host.loads.iter().map(of).collect() })
}

fn axis<'a>(axis: &'a str, measured: &'a [Measured]) -> Option<Axis<'a>> {
    let all: Vec<_> = measured
        .iter()
        .filter_map(|one| {
            let (_, kind) = one.workload.rsplit_once('-')?;
            Some((kind, one.growth.as_ref().filter(|it| it.axis == axis)?))
        })
        .map(|(kind, it)| {
            (kind, if axis == "orders" { it.orders } else { it.markets as usize }, it)
        })
        .collect();
    let (mut sizes, mut names) = (Vec::new(), Vec::new());
    for (kind, size, _) in &all {
        if !sizes.contains(size) {
            sizes.push(*size);
        }
        if !names.contains(kind) {
            names.push(*kind);
        }
    }
    let kind = |name: &'a str| {
        let of = |size: &usize| all.iter().find(|it| (it.0, it.1) == (name, *size)).map(|it| it.2);
        let text = |size| of(size).map_or_else(String::new, |it| amount(it.value, &it.unit));
        Kind {
            name,
            ratios: sizes.iter().map(|size| of(size).map(|it| it.ratio)).collect(),
            texts: sizes.iter().map(text).collect(),
        }
    };
    let kinds = names.into_iter().map(kind).collect();
    (!all.is_empty()).then(|| Axis { axis, sizes: sizes.clone(), kinds })
}
