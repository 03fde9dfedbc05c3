//! Attacks as text.

use super::super::numbers::{long, whole};
use super::super::report::{Attacked, Beside, Measured, Resident};

/// A row for each attack, a description of each, and whether the goals are met.
pub(super) fn table(measured: &[Measured]) -> String {
    let all: Vec<_> = measured
        .iter()
        .filter_map(|one| Some((one.workload.as_str(), one.hostile.as_ref()?)))
        .collect();
    let mut text = format!(
        "\nhonest commands   beside a harmless client   beside the attacker                    \
         memory of the process, MiB  attacker\n\
         {:<15} {} {} {:>6}        {:>8} {:>8} {:>8} {:>10} {:>8}\n",
        "attack", TIMES, TIMES, "p99", "before", "highest", "after", "calls/s", "refused"
    );
    for (name, attacked) in &all {
        text += &row(name, attacked);
    }
    text.push('\n');
    for (name, attacked) in &all {
        text += &about(name, attacked);
    }
    text + &judged(&all)
}

const TIMES: &str = "     p50      p99  longest";
const MIB: f64 = 1_048_576.0;

fn row(name: &str, attacked: &Attacked) -> String {
    let Attacked { harmless, hostile, p99_ratio, memory, met, .. } = attacked;
    let memory = memory.map_or_else(
        || ["-"; 3].map(str::to_owned),
        |Resident { before_bytes, highest_bytes, after_bytes }| {
            [before_bytes, highest_bytes, after_bytes]
                .map(|bytes| format!("{:.1}", bytes as f64 / MIB))
        },
    );
    let [before, highest, after] = memory;
    format!(
        "{name:<15} {} {} {p99_ratio:>5.2}x {:<6} {before:>8} {highest:>8} {after:>8} {:>10} {:>8}\n",
        times(harmless),
        times(hostile),
        if *met { "met" } else { "missed" },
        whole(hostile.client_rate),
        whole(hostile.client.refused as f64),
    )
}

fn times(beside: &Beside) -> String {
    [beside.p50_ns, beside.p99_ns, beside.max_ns].map(|ns| format!("{:>8}", long(ns))).join(" ")
}

fn about(name: &str, attacked: &Attacked) -> String {
    let Attacked { what, opening, hostile, .. } = attacked;
    let before = match opening.sent {
        0 => String::new(),
        sent => {
            let [sent, refused] = [sent, opening.refused].map(|count| whole(count as f64));
            format!("; before that it sent {sent} commands, {refused} refused")
        }
    };
    let refused = match hostile.honest.refused {
        0 => String::new(),
        refused => format!("; {} honest commands were refused", whole(refused as f64)),
    };
    format!("{name:<15} {what}{before}{refused}\n")
}

/// Names the attacks that miss the goals.
fn judged(all: &[(&str, &Attacked)]) -> String {
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
