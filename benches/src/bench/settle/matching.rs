//! The rate of matching with settlement, and without it.

use std::path::Path;
use std::time::Duration;

use pricetime::persistence::settlement::ledger::EmbeddedLedger;
use pricetime::{EpochSchedule, Host, Options, Settlement};

use super::super::host::Scratch;
use super::super::load;
use super::super::prepared::PreparedCommands;
use super::super::progress::Progress;
use super::super::report::Measured;
use super::super::runs::Runs;
use super::{RATE_GOAL, figure};
use crate::failure::Failure;

/// The number of commands in an epoch.
const EPOCH: u64 = 100_000;
/// The longest time of a run.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Measures a host with settlement and without, in turns.
pub(super) fn measure(
    prepared: &PreparedCommands,
    (runs, folder): (u32, &Path),
    progress: &Progress,
) -> Result<Vec<Measured>, Failure> {
    let (mut alone, mut settled, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        progress.now("a host with settlement and without");
        // Each comes first equally often.
        let (without, with) = if run % 2 == 0 {
            let without = rate(prepared, folder, false)?;
            (without, rate(prepared, folder, true)?)
        } else {
            let with = rate(prepared, folder, true)?;
            (rate(prepared, folder, false)?, with)
        };
        alone.push(without);
        settled.push(with);
        parts.push(with / without);
        progress.done();
    }
    let what = "commands of a host without settlement".to_owned();
    let first = figure("matching-alone".to_owned(), alone, 1.0, (what, "of alone"));
    let what = "commands of a host that settles into a ledger of its own".to_owned();
    let part = Runs::new(parts).median;
    let mut second = figure("matching-settled".to_owned(), settled, part, (what, "of alone"));
    if let Some(figures) = &mut second.settle {
        figures.goal = Some(RATE_GOAL);
    }
    Ok(vec![first, second])
}

/// The commands a second of a host.
fn rate(prepared: &PreparedCommands, folder: &Path, settles: bool) -> Result<f64, Failure> {
    let scratch = Scratch::new(folder, "host")?;
    let options = Options::new(scratch.0.join("data"));
    let ledger = scratch.0.join("ledger");
    let settlement = settles.then(|| Settlement::shared(move || EmbeddedLedger::open(&ledger)));
    let markets_max = options.markets_max.max(prepared.markets);
    let gates = EpochSchedule::Commands(EPOCH);
    let options = Options { markets_max, gates, settlement, ..options };
    let host = Host::open(options).map_err(Failure::failed)?;
    let opening = load::distribute(&prepared.opening, 1);
    load::closed(&host, &opening, Duration::MAX)?;
    let flow = load::distribute(&prepared.flow, 1);
    let closed = load::closed(&host, &flow, TIME_LIMIT)?;
    host.close().map_err(Failure::failed)?;
    Ok(closed.done as f64 / closed.elapsed.as_secs_f64())
}
