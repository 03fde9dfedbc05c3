//! Reports as text.

mod attacks;
mod growth;

use std::fmt::Write as _;

use pricetime_terminal::{Cell, Paint, Tone, table};

use super::machine::Busy;
use super::numbers::{format_ns, format_number};
use super::report::{
    Compared, GatewaySettings, Goal, Head, HostSettings, Latency, Measured, RecordingSettings,
    Report, Verdict,
};

/// A report as a table.
pub(super) fn report(report: &Report) -> String {
    let mut text = about(report);
    if report.head.settings.hostile.is_some() {
        text.push_str(&attacks::attacks(&report.workloads));
    } else if report.head.settings.growth.is_some() {
        text.push_str(&growth::growth(&report.workloads));
    } else if report.workloads.iter().any(|one| one.figures().is_some()) {
        figures(&mut text, &report.workloads);
    } else if report.workloads.iter().any(|one| one.host.is_some()) {
        report.workloads.iter().for_each(|one| host(&mut text, one));
    } else {
        core(&mut text, &report.workloads);
    }
    text
}

/// The lines before the tables: the machine, how busy it was, and what was measured.
pub(super) fn about(report: &Report) -> String {
    head(&report.head, &report.busy)
}

/// A comparison as a table.
pub(super) fn compared(before: &Report, after: &Report, compared: &[Compared]) -> String {
    let rows = compared.iter().map(|one| {
        let rate = |report: &Report| {
            let found = report.workloads.iter().find(|other| other.workload == one.workload);
            found.map_or_else(dash, |found| format_number(found.rate.median)).into()
        };
        let change = one.ratio.map_or_else(String::new, |r| format!("{:+.1} %", 100.0 * (r - 1.0)));
        let (tone, verdict) = match one.verdict {
            Verdict::Faster => (Tone::Good, "faster"),
            Verdict::Slower => (Tone::Bad, "slower"),
            Verdict::Same => (Tone::Faint, "same within the noise"),
            Verdict::New => (Tone::Warning, "not in the baseline"),
        };
        let other = if one.other_outcome { ", and the outcome differs" } else { "" };
        [
            one.workload.as_str().into(),
            rate(before),
            rate(after),
            change.into(),
            format!("{:.1} %", one.noise_percent).into(),
            Cell::new(tone, format!("{verdict}{other}")),
        ]
    });
    let heading = ["workload", " before /s", " now /s", " change", " noise", "verdict"];
    table(Paint::out(), heading, rows)
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string accepts every write");
}

/// How busy the machine was, in one line.
fn busy(busy: &Busy) -> String {
    let Busy { load_first, load_last, others_percent, stolen_percent } = *busy;
    let Some(((first, last), others)) = load_first.zip(load_last).zip(others_percent) else {
        return String::new();
    };
    let stolen = stolen_percent.unwrap_or(0.0);
    format!(
        "load {first:.2} before and {last:.2} after; other programs had {others:.1} % of the CPU time, and \
         {stolen:.1} % was withheld\n"
    )
}

fn head(head: &Head, busy_time: &Busy) -> String {
    let (machine, build, settings) = (&head.machine, &head.build, &head.settings);
    let commit = build.commit.as_ref().map_or_else(String::new, |commit| format!(" ({commit})"));
    let checked = if build.checked { ", checks on" } else { "" };
    let mut text = format!(
        "{machine}; pricetime {}{commit}{checked}\n{}{} commands of ",
        build.version,
        busy(busy_time),
        format_number(settings.commands as f64),
    );
    match &settings.recording {
        Some(RecordingSettings { file, skip, .. }) => {
            push(&mut text, format_args!("{file}"));
            if *skip > 0 {
                push(&mut text, format_args!(" after {}", format_number(*skip as f64)));
            }
        }
        None => push(&mut text, format_args!("seed {}", settings.seed)),
    }
    if let Some(orders) = settings.orders {
        push(&mut text, format_args!(", {} orders at the start", format_number(orders as f64)));
    }
    if let Some(host) = &settings.host {
        let HostSettings { policy, submitters, together } = host;
        push(&mut text, format_args!(", policy {policy}, submitters {submitters}"));
        if *together > 1 {
            push(&mut text, format_args!(", {together} commands together"));
        }
    }
    if let Some(GatewaySettings { address, connections, window }) = &settings.gateway {
        let market = match address.as_str() {
            "own" => "a market of its own",
            "unix" => "a Unix socket",
            _ => "a TCP socket",
        };
        push(
            &mut text,
            format_args!(", {market}, {connections} connections, {window} lines in flight on each"),
        );
    }
    if let Some(redis) = &settings.redis {
        let orders: Vec<String> = redis.orders.iter().map(|it| format_number(*it as f64)).collect();
        let (orders, changes) = (orders.join(" and "), format_number(redis.changes as f64));
        push(&mut text, format_args!(", books of {orders} orders, epochs of {changes} changes"));
    }
    if let Some(settle) = &settings.settle {
        let trades: Vec<String> =
            settle.trades.iter().map(|it| format_number(*it as f64)).collect();
        let (trades, small) = (trades.join(", "), format_number(settle.small as f64));
        push(&mut text, format_args!(", batches of {trades} trades, {small} small ones in a row"));
    }
    if let Some(settings) = &settings.subscribers {
        let (subscribers, orders) = (settings.subscribers as f64, settings.orders as f64);
        let (subscribers, orders) = (format_number(subscribers), format_number(orders));
        push(&mut text, format_args!(", {subscribers} subscribers, {orders} resting orders"));
    }
    if let Some(settings) = &settings.hostile {
        let numbers = [settings.orders as f64, settings.rate.into(), settings.hostile_rate.into()];
        let [orders, rate, hostile] = numbers.map(format_number);
        let text_of = format_args!(
            ", {orders} resting orders, {rate} honest and {hostile} other commands a second"
        );
        push(&mut text, text_of);
    }
    text.push('\n');
    text
}

fn figures(text: &mut String, measured: &[Measured]) {
    let rows = measured.iter().filter_map(|one| {
        let figures = one.figures()?;
        let unit = figures.unit.as_str();
        let figure = |value: f64| match unit {
            "bytes" => format!("{value:.0} {unit}"),
            "ms" if value < 10.0 => format!("{value:.3} {unit}"),
            "ms" => format!("{value:.1} {unit}"),
            _ => format!("{value:.2} {unit}"),
        };
        // A figure that is not a rate is printed in its own unit.
        let rate =
            if matches!(unit, "bytes" | "ms") { dash() } else { format_number(one.rate.median) };
        let goal = figures.goal.map_or_else(String::new, |goal| match goal {
            Goal::AtLeast(least) => format!("\u{2265} {}", figure(least)),
            Goal::AtMost(most) => format!("\u{2264} {}", figure(most)),
        });
        let met = match figures.goal.map(|goal| goal.is_met(figures.value)) {
            Some(true) => Cell::new(Tone::Good, "met"),
            Some(false) => Cell::new(Tone::Bad, "missed"),
            None => "".into(),
        };
        Some([
            one.workload.as_str().into(),
            rate.into(),
            format!("{:.1} %", one.rate.spread_percent).into(),
            figure(figures.value).into(),
            goal.into(),
            met,
            figures.what.as_str().into(),
        ])
    });
    let heading = ["", " a second", " spread", " figure", " goal", "", "what"];
    push(text, format_args!("\n{}", table(Paint::out(), heading, rows)));
}

fn core(text: &mut String, workloads: &[Measured]) {
    let cores = || workloads.iter().filter_map(|one| Some((one, one.core.as_ref()?)));
    let rows = cores().map(|(one, core)| {
        let memory = &core.memory;
        let [p50, p99, p999, max] = times(&core.latency);
        [
            one.workload.clone(),
            format_number(one.rate.median),
            format!("{:.1} %", one.rate.spread_percent),
            p50,
            p99,
            p999,
            max,
            format_number(core.resting_first as f64),
            memory.bytes_per_order.map_or_else(dash, |bytes| bytes.to_string()),
            memory.peak_growth_bytes.map_or_else(dash, |b| format!("{:.1} MB", b as f64 / 1e6)),
            memory.faults_per_million.map_or_else(dash, |faults| format!("{faults:.0}")),
            memory.allocations_per_million.map_or_else(dash, |count| format!("{count:.0}")),
        ]
    });
    let heading = [
        "workload",
        " commands/s",
        " spread",
        " p50",
        " p99",
        " p99.9",
        " max",
        " orders",
        " bytes each",
        " peak",
        " faults/M",
        " allocs/M",
    ];
    let clock = cores().next_back().map_or(0, |(_, core)| core.clock_ns);
    push(
        text,
        format_args!(
            "\n{}Times include the reading of the clock, {clock} ns.\n",
            table(Paint::out(), heading, rows)
        ),
    );
}

fn dash() -> String {
    String::from("-")
}

fn host(text: &mut String, one: &Measured) {
    let Some(host) = &one.host else { return };
    let rate = &one.rate;
    push(
        text,
        format_args!(
            "\n{}: {} commands a second ({} to {}, spread {:.1} %), {:.2} % refused\n",
            one.workload,
            format_number(rate.median),
            format_number(rate.min),
            format_number(rate.max),
            rate.spread_percent,
            host.refused_percent
        ),
    );
    let rows = host.loads.iter().map(|load| {
        let [p50, p99, p999, max] = times(&load.latency);
        [
            load.percent.map_or_else(dash, |percent| format!("{percent} %")),
            format_number(load.rate_due),
            format_number(load.rate),
            p50,
            p99,
            p999,
            max,
            format_ns(load.late_p99_ns),
            format!("{:.0} %", load.generator_cpu_percent),
        ]
    });
    let heading =
        [" load", " due/s", " done/s", " p50", " p99", " p99.9", " max", " late p99", " generator"];
    text.push_str(&table(Paint::out(), heading, rows));
}

/// Median, p99, p99.9 and maximum.
fn times(latency: &Latency) -> [String; 4] {
    let Latency { p50_ns, p99_ns, p999_ns, max_ns, .. } = *latency;
    [p50_ns, p99_ns, p999_ns, max_ns].map(format_ns)
}
