//! Attacks as text.

use pricetime_terminal::{Cell, Paint, Tone, table};

use super::super::numbers::{format_ns, format_number};
use super::super::report::{Attacked, HonestFigures, Measured, Resident};

/// A row for each attack, a description of each, and whether the goals are met.
pub(super) fn attacks(measured: &[Measured]) -> String {
    let all: Vec<_> = measured
        .iter()
        .filter_map(|one| Some((one.workload.as_str(), one.hostile.as_ref()?)))
        .collect();
    let heading = [
        "attack",
        " harmless p50",
        " p99",
        " longest",
        " attacker p50",
        " p99",
        " longest",
        " p99 ratio",
        "goals",
    ];
    let times = table(Paint::out(), heading, all.iter().map(|(name, one)| times(name, one)));
    let heading =
        ["attack", " MiB before", " highest", " after", " attacker's calls/s", " refused"];
    let load = table(Paint::out(), heading, all.iter().map(|(name, one)| load(name, one)));
    let mut text = format!(
        "\nhonest commands beside a harmless client and beside the attacker\n{times}\n{load}"
    );
    text.push('\n');
    for (name, attacked) in &all {
        text += &about(name, attacked);
    }
    text + &goals_line(&all)
}

const MIB: f64 = 1_048_576.0;

/// The times of honest commands beside each of the two clients.
fn times(name: &str, attacked: &Attacked) -> [Cell; 9] {
    let Attacked { harmless, hostile, p99_ratio, met, .. } = attacked;
    let of = |figures: &HonestFigures| {
        [figures.p50_ns, figures.p99_ns, figures.max_ns].map(|ns| Cell::from(format_ns(ns)))
    };
    let ([a, b, c], [d, e, f]) = (of(harmless), of(hostile));
    let goals = if *met { Cell::new(Tone::Good, "met") } else { Cell::new(Tone::Bad, "missed") };
    [name.into(), a, b, c, d, e, f, format!("{p99_ratio:.2}").into(), goals]
}

/// The memory of the process, and what the attacker did.
fn load(name: &str, attacked: &Attacked) -> [Cell; 6] {
    let Attacked { hostile, memory, .. } = attacked;
    let memory = memory.map_or_else(
        || ["-"; 3].map(str::to_owned),
        |Resident { before_bytes, highest_bytes, after_bytes }| {
            [before_bytes, highest_bytes, after_bytes]
                .map(|bytes| format!("{:.1}", bytes as f64 / MIB))
        },
    );
    let [before, highest, after] = memory.map(Cell::from);
    let [calls, refused] = [hostile.client_rate, hostile.client.refused as f64]
        .map(|it| Cell::from(format_number(it)));
    [name.into(), before, highest, after, calls, refused]
}

fn about(name: &str, attacked: &Attacked) -> String {
    let Attacked { what, opening, hostile, .. } = attacked;
    let before = match opening.sent {
        0 => String::new(),
        sent => {
            let [sent, refused] = [sent, opening.refused].map(|count| format_number(count as f64));
            format!("; before that it sent {sent} commands, {refused} refused")
        }
    };
    let refused = match hostile.honest.refused {
        0 => String::new(),
        refused => format!("; {} honest commands were refused", format_number(refused as f64)),
    };
    format!("{name:<15} {what}{before}{refused}\n")
}

/// Names the attacks that miss the goals.
fn goals_line(all: &[(&str, &Attacked)]) -> String {
    let Some((_, Attacked { goals, .. })) = all.first() else { return String::new() };
    let missed: Vec<_> = all.iter().filter(|(_, one)| !one.met).map(|(name, _)| *name).collect();
    let verdict = match missed.as_slice() {
        [] => String::from("met by all"),
        missed => format!("missed by {}", missed.join(", ")),
    };
    format!(
        "\ngoals: a p99 of at most {:.0} times that beside a harmless client, at most {:.0} MiB more memory, no \
         honest command refused: {verdict}\n",
        goals.p99_ratio_at_most,
        goals.growth_bytes_at_most as f64 / MIB
    )
}
