//! Reports as text.

mod attacks;

use std::fmt::Write as _;

use super::numbers::{long, whole};
use super::report::{Compared, Goal, Head, Latency, Load, Measured, Report, Verdict};

/// A report as a table.
pub(super) fn report(report: &Report) -> String {
    let mut text = head(&report.head);
    if report.head.settings.hostile.is_some() {
        text.push_str(&attacks::table(&report.workloads));
    } else if report.workloads.iter().any(|one| one.figures().is_some()) {
        figures(&mut text, &report.workloads);
    } else if report.head.settings.host.is_some() {
        report.workloads.iter().for_each(|one| host(&mut text, one));
    } else {
        core(&mut text, &report.workloads);
    }
    text
}

/// A comparison as a table.
pub(super) fn compared(before: &Report, after: &Report, compared: &[Compared]) -> String {
    let mut text = format!(
        "{:<13} {:>13} {:>13} {:>7} {:>7}  verdict\n",
        "workload", "before /s", "now /s", "change", "noise"
    );
    for one in compared {
        let rate = |report: &Report| {
            let found = report.workloads.iter().find(|other| other.workload == one.workload);
            found.map_or_else(|| String::from("-"), |found| whole(found.rate.median))
        };
        let change = one.ratio.map_or_else(String::new, |r| format!("{:+.1} %", 100.0 * (r - 1.0)));
        let verdict = match one.verdict {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::Same => "same within the noise",
            Verdict::New => "not in the baseline",
        };
        let other = if one.other_outcome { ", and the outcome differs" } else { "" };
        push(
            &mut text,
            format_args!(
                "{:<13} {:>13} {:>13} {change:>7} {:>5.1} %  {verdict}{other}\n",
                one.workload,
                rate(before),
                rate(after),
                one.noise_percent
            ),
        );
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string accepts every write");
}

fn head(head: &Head) -> String {
    let (machine, build, settings) = (&head.machine, &head.build, &head.settings);
    let commit = build.commit.as_ref().map_or_else(String::new, |commit| format!(" ({commit})"));
    let checked = if build.checked { ", checks on" } else { "" };
    let mut text = format!(
        "{}, {} cores, {} {}; pricetime {}{commit}{checked}\n{} commands of seed {}",
        machine.cpu,
        machine.cores,
        machine.os,
        machine.architecture,
        build.version,
        whole(settings.commands as f64),
        settings.seed
    );
    if let Some(host) = &settings.host {
        let (policy, submitters) = (&host.policy, host.submitters);
        push(&mut text, format_args!(", policy {policy}, submitters {submitters}"));
    }
    if let Some(redis) = &settings.redis {
        let orders: Vec<String> = redis.orders.iter().map(|it| whole(*it as f64)).collect();
        let (orders, changes) = (orders.join(" and "), whole(redis.changes as f64));
        push(&mut text, format_args!(", books of {orders} orders, epochs of {changes} changes"));
    }
    if let Some(settle) = &settings.settle {
        let trades: Vec<String> = settle.trades.iter().map(|it| whole(*it as f64)).collect();
        let (trades, small) = (trades.join(", "), whole(settle.small as f64));
        push(&mut text, format_args!(", batches of {trades} trades, {small} small ones in a row"));
    }
    if let Some(settings) = &settings.subscribers {
        let (subscribers, orders) = (settings.subscribers as f64, settings.orders as f64);
        let (subscribers, orders) = (whole(subscribers), whole(orders));
        push(&mut text, format_args!(", {subscribers} subscribers, {orders} resting orders"));
    }
    if let Some(settings) = &settings.hostile {
        let numbers = [settings.orders as f64, settings.rate.into(), settings.hostile_rate.into()];
        let [orders, rate, hostile] = numbers.map(whole);
        let text_of = format_args!(
            ", {orders} resting orders, {rate} honest and {hostile} other commands a second"
        );
        push(&mut text, text_of);
    }
    text.push('\n');
    text
}

fn figures(text: &mut String, measured: &[Measured]) {
    push(
        text,
        format_args!(
            "\n{:<18} {:>11} {:>8} {:>14} {:>14}  {:<6} what\n",
            "", "a second", "spread", "figure", "goal", ""
        ),
    );
    for one in measured {
        let Some(figures) = one.figures() else { continue };
        let unit = figures.unit.as_str();
        let figure = |value: f64| match unit {
            "bytes" => format!("{value:.0} {unit}"),
            "ms" if value < 10.0 => format!("{value:.3} {unit}"),
            "ms" => format!("{value:.1} {unit}"),
            _ => format!("{value:.2} {unit}"),
        };
        // A figure that is not a rate is printed in its own unit.
        let rate = if matches!(unit, "bytes" | "ms") { dash() } else { whole(one.rate.median) };
        let goal = figures.goal.map_or_else(String::new, |goal| match goal {
            Goal::AtLeast(least) => format!("\u{2265} {}", figure(least)),
            Goal::AtMost(most) => format!("\u{2264} {}", figure(most)),
        });
        let met = match figures.goal.map(|goal| goal.is_met(figures.value)) {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        push(
            text,
            format_args!(
                "{:<18} {rate:>11} {:>6.1} % {:>14} {goal:>14}  {met:<6} {}\n",
                one.workload,
                one.rate.spread_percent,
                figure(figures.value),
                figures.what
            ),
        );
    }
}

fn core(text: &mut String, workloads: &[Measured]) {
    push(
        text,
        format_args!(
            "\n{:<13} {:>12} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8}\n",
            "workload",
            "commands/s",
            "spread",
            "p50",
            "p99",
            "p99.9",
            "max",
            "orders",
            "bytes each",
            "peak",
            "faults/M",
            "allocs/M"
        ),
    );
    let mut clock = 0;
    for one in workloads {
        let Some(core) = &one.core else { continue };
        clock = core.clock_ns;
        let memory = &core.memory;
        let peak =
            memory.peak_growth_bytes.map_or_else(dash, |b| format!("{:.1} MB", b as f64 / 1e6));
        push(
            text,
            format_args!(
                "{:<13} {:>12} {:>5.1} % {} {:>8} {:>10} {peak:>8} {:>8} {:>8}\n",
                one.workload,
                whole(one.rate.median),
                one.rate.spread_percent,
                times(&core.latency),
                whole(core.resting_first as f64),
                memory.bytes_per_order.map_or_else(dash, |bytes| bytes.to_string()),
                memory.faults_per_million.map_or_else(dash, |faults| format!("{faults:.0}")),
                memory.allocations_per_million.map_or_else(dash, |count| format!("{count:.0}")),
            ),
        );
    }
    push(text, format_args!("Times include the reading of the clock, {clock} ns.\n"));
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
            whole(rate.median),
            whole(rate.min),
            whole(rate.max),
            rate.spread_percent,
            host.refused_percent
        ),
    );
    push(
        text,
        format_args!(
            "  {:>5} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}\n",
            "load", "due/s", "done/s", "p50", "p99", "p99.9", "max", "late p99", "generator"
        ),
    );
    for load in &host.loads {
        self::load(text, load);
    }
}

fn load(text: &mut String, load: &Load) {
    let percent = load.percent.map_or_else(dash, |percent| format!("{percent} %"));
    push(
        text,
        format_args!(
            "  {percent:>5} {:>10} {:>10} {} {:>9} {:>7.0} %\n",
            whole(load.rate_due),
            whole(load.rate),
            times(&load.latency),
            long(load.late_p99_ns),
            load.generator_cpu_percent
        ),
    );
}

fn times(latency: &Latency) -> String {
    let Latency { p50_ns, p99_ns, p999_ns, max_ns, .. } = *latency;
    [p50_ns, p99_ns, p999_ns, max_ns].map(|ns| format!("{:>8}", long(ns))).join(" ")
}
