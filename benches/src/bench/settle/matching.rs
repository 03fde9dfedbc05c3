//! The rate of matching with settlement, and without it.

use std::path::Path;
use std::time::Duration;

use pricetime::persistence::settlement::ledger::EmbeddedLedger;
use pricetime::{EpochSchedule, Host, Options, Settlement};

use super::super::host::Scratch;
use super::super::load;
use super::super::plan::Made;
use super::super::progress::Progress;
use super::super::report::Measured;
use super::super::runs::Runs;
use super::{KEPT, told};
use crate::failure::Failure;

/// The number of commands in an epoch.
const EPOCH: u64 = 100_000;
/// The longest time of a run.
const LONG: Duration = Duration::from_secs(60);

/// Measures a host with settlement and without, in turns.
pub(super) fn measure(
    made: &Made,
    (runs, folder): (u32, &Path),
    progress: &Progress,
) -> Result<Vec<Measured>, Failure> {
    let (mut alone, mut beside, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        progress.now("a host with settlement and without");
        // Each comes first equally often.
        let (without, with) = if run % 2 == 0 {
            let without = rate(made, folder, false)?;
            (without, rate(made, folder, true)?)
        } else {
            let with = rate(made, folder, true)?;
            (rate(made, folder, false)?, with)
        };
        alone.push(without);
        beside.push(with);
        parts.push(with / without);
        progress.done();
    }
    let what = "commands of a host without settlement".to_owned();
    let first = told("matching-alone".to_owned(), alone, 1.0, (what, "of alone"));
    let what = "commands of a host that settles into a ledger of its own".to_owned();
    let part = Runs::new(parts).median;
    let mut second = told("matching-settled".to_owned(), beside, part, (what, "of alone"));
    if let Some(figures) = &mut second.settle {
        figures.goal = Some(KEPT);
    }
    Ok(vec![first, second])
}

/// The commands a second of a host.
fn rate(made: &Made, folder: &Path, settles: bool) -> Result<f64, Failure> {
    let scratch = Scratch::new(folder, "host")?;
    let options = Options::new(scratch.0.join("data"));
    let ledger = scratch.0.join("ledger");
    let settlement = settles.then(|| Settlement::shared(move || EmbeddedLedger::open(&ledger)));
    let markets_max = options.markets_max.max(made.markets);
    let gates = EpochSchedule::Commands(EPOCH);
    let options = Options { markets_max, gates, settlement, ..options };
    let host = Host::open(options).map_err(Failure::failed)?;
    let opening = load::deal(&made.opening, 1);
    load::closed(&host, &opening, Duration::MAX)?;
    let flow = load::deal(&made.flow, 1);
    let closed = load::closed(&host, &flow, LONG)?;
    host.close().map_err(Failure::failed)?;
    Ok(closed.done as f64 / closed.taken.as_secs_f64())
}
