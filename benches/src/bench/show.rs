//! Output of reports.

use std::io::{self, Write as _};

use pricetime_terminal::{Paint, Tone};
use serde::Serialize;

use super::report::{Attacked, Report};

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
        let spread = one.rate.spread_percent;
        if spread > SPREAD_MAX {
            let name = &one.workload;
            notes += &format!(
                "the runs of {name} spread by {spread:.0} %: other programs, or too few commands\n"
            );
        }
    }
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

/// Writes a note to standard error. If that is closed, the note is lost.
pub(super) fn note(line: &str) {
    let note = Paint::err().text(Tone::Warning, "note:");
    let _ = writeln!(io::stderr(), "{note} {line}");
}
