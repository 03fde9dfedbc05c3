//! Output of reports.

use std::io::{self, Write as _};

use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::report::{Attacked, Measured, Report};

/// If a run had less of a core than this, in percent, it was kept waiting.
const CPU_MIN: f64 = 97.0;
/// A rate with a higher spread than this, in percent, means little.
const SPREAD_MAX: f64 = 10.0;
/// If this program could not have more than this share of all cores, in percent, its figures are too low.
const LOST_MAX: f64 = 10.0;
/// If more CPU time is withheld than this, in percent, the p99 is mostly that wait.
const STOLEN_MAX: f64 = 2.0;

/// One line of JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    self::text(&format!("{text}\n"))
}

/// Writes text to standard output. A reader that closes the pipe early is no error.
pub(super) fn text(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Writes notes to standard error about anything that makes the figures less reliable.
pub(super) fn warn(report: &Report, before: Option<&Report>) {
    let mut notes = String::new();
    if report.head.build.checked {
        notes += "this build has checks on, so its figures are not those of a release \
                 build: cargo run --release -- bench\n";
    }
    for one in &report.workloads {
        let cpu = one.core.as_ref().map_or(100.0, |core| core.cpu_percent);
        if cpu < CPU_MIN {
            let (name, others) = (&one.workload, 100.0 - cpu);
            notes += &format!("other programs used {others:.0} % of the core that {name} ran on\n");
        }
        let stolen = one.hostile.as_ref().map_or(0.0, Attacked::stolen_percent);
        if stolen > STOLEN_MAX {
            let name = &one.workload;
            notes += &format!(
                "{name}: the hypervisor or a CPU quota withheld {stolen:.1} % of the CPU time, and the p99 \
                 includes that wait; try lower values of --rate and --hostile-rate\n"
            );
        }
    }
    notes += &spread(&report.workloads);
    let lost = report.busy.lost_percent();
    if lost > LOST_MAX {
        notes += &format!(
            "other programs or the hypervisor had {lost:.0} % of the CPU time of all cores\n"
        );
    }
    if before.is_some_and(|before| before.head.machine != report.head.machine) {
        notes += "the baseline was measured under another version of the operating system\n";
    }
    notes.lines().for_each(note);
}

/// A note about runs that differ too much. A report with many measurements gets one for all.
fn spread(measured: &[Measured]) -> String {
    /// The most measurements that are named.
    const NAMED_MAX: usize = 3;
    let spread = |one: &&Measured| one.rate.spread_percent;
    let wide: Vec<_> = measured.iter().filter(|one| spread(one) > SPREAD_MAX).collect();
    let why = "other programs, or too few commands";
    let Some(widest) = wide.iter().copied().max_by(|a, b| spread(a).total_cmp(&spread(b))) else {
        return String::new();
    };
    if wide.len() > NAMED_MAX {
        let (count, all, name) = (wide.len(), measured.len(), &widest.workload);
        return format!(
            "the runs of {count} of {all} measurements spread by more than {SPREAD_MAX} %, those of {name} by \
             {:.0} %: {why}\n",
            spread(&widest)
        );
    }
    let one = |one: &&Measured| {
        format!("the runs of {} spread by {:.0} %: {why}\n", one.workload, spread(one))
    };
    wide.iter().map(one).collect()
}

/// Writes a note to standard error. If that is closed, the note is lost.
pub(super) fn note(line: &str) {
    let note = Paint::err().text(Tone::Warning, "note:");
    let _ = writeln!(io::stderr(), "{note} {line}");
}
