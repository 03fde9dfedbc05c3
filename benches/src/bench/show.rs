//! Where a report goes.

use std::io::{self, Write as _};

use serde::Serialize;

use super::report::{Attacked, Report};

/// Who has less of a core than this, in percent, was kept waiting.
const CPU_MIN: f64 = 97.0;
/// Above this a rate says little.
const SPREAD_MAX: f64 = 10.0;
/// Above this the longest times are those of a machine that waits, in percent.
const STOLEN_MAX: f64 = 2.0;

/// One line of JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    self::text(&format!("{text}\n"))
}

/// Text, as it is. Who stops reading early has read enough.
pub(super) fn text(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Says on standard error what makes the figures worth less.
pub(super) fn warn(report: &Report, before: Option<&Report>) {
    let mut said = String::new();
    if report.head.build.checked {
        said += "this build checks itself as it goes, so its figures are not those of a release \
                 build: cargo run --release -- bench\n";
    }
    for one in &report.workloads {
        let cpu = one.core.as_ref().map_or(100.0, |core| core.cpu_percent);
        if cpu < CPU_MIN {
            let (name, others) = (&one.workload, 100.0 - cpu);
            said += &format!("other programs had {others:.0} % of the core that {name} ran on\n");
        }
        let stolen = one.hostile.as_ref().map_or(0.0, Attacked::stolen_percent);
        if stolen > STOLEN_MAX {
            let name = &one.workload;
            said += &format!(
                "for {stolen:.1} % of {name} this machine got none of the cores that it has, so the p99 is \
                 that of waiting for them: ask for less with --rate and --hostile-rate\n"
            );
        }
        let spread = one.rate.spread_percent;
        if spread > SPREAD_MAX {
            let name = &one.workload;
            said += &format!(
                "the runs of {name} spread by {spread:.0} %: other programs, or too few commands\n"
            );
        }
    }
    if before.is_some_and(|before| before.head.machine != report.head.machine) {
        said += "the baseline was measured on another machine or under another system\n";
    }
    // Where standard error is closed nobody wants to know.
    let _ = said.lines().try_for_each(|line| {
        io::Write::write_fmt(&mut io::stderr(), format_args!("note: {line}\n"))
    });
}
