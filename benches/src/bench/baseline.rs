//! The comparison of two reports of the same measurement.

use std::path::Path;

use super::report::{
    Compared, GatewaySettings, Head, HostSettings, HostileSettings, Measured, RecordingSettings,
    Report, Settings, Verdict,
};
use super::runs::Runs;
use crate::failure::Failure;

/// Two processes of one build can differ by this much, because the placement of their memory
/// varies.
const LEAST_PERCENT: f64 = 3.0;

/// Returns [`Failure::Usage`] if the baseline has other settings or is of another machine.
pub(super) fn check_comparable(before: &Report, now: &Head, path: &Path) -> Result<(), Failure> {
    let (then, now, machine) = (&before.head.settings, &now.settings, &now.machine);
    let describe = |settings: &Settings| {
        let what = settings.host.as_ref().map_or_else(
            || String::from("bench core"),
            |host| {
                let HostSettings { policy, submitters, together } = host;
                format!(
                    "bench host --policy {policy} --submitters {submitters} --together {together}"
                )
            },
        );
        let what = settings.redis.as_ref().map_or(what, |redis| {
            let orders: Vec<String> = redis.orders.iter().map(usize::to_string).collect();
            format!("bench redis --orders {} --changes {}", orders.join(","), redis.changes)
        });
        let what = settings.settle.as_ref().map_or(what, |settle| {
            let trades: Vec<String> = settle.trades.iter().map(usize::to_string).collect();
            format!("bench settle --trades {} --small {}", trades.join(","), settle.small)
        });
        let what = settings.subscribers.map_or(what, |settings| {
            let (subscribers, orders) = (settings.subscribers, settings.orders);
            format!("bench subscribers --subscribers {subscribers} --orders {orders}")
        });
        let what = settings.hostile.map_or(what, |settings| {
            let HostileSettings { orders, rate, hostile_rate } = settings;
            format!("bench hostile --orders {orders} --rate {rate} --hostile-rate {hostile_rate}")
        });
        let what = settings.gateway.as_ref().map_or(what, |it| {
            let GatewaySettings { address, connections, window } = it;
            format!("bench gateway ({address}) --connections {connections} --window {window}")
        });
        let what = settings.growth.as_ref().map_or(what, |it| {
            let orders: Vec<String> = it.orders.iter().map(usize::to_string).collect();
            let markets: Vec<String> = it.markets.iter().map(u32::to_string).collect();
            let (orders, markets, shared) = (orders.join(","), markets.join(","), it.shared);
            format!("bench growth --orders {orders} --markets {markets} --shared {shared}")
        });
        let orders = settings.orders.map_or_else(String::new, |it| format!(" --orders {it}"));
        let Settings { seed, commands, .. } = settings;
        let input = settings.recording.as_ref().map_or_else(
            || format!("--seed {seed}"),
            |it| {
                let RecordingSettings { file, skip, digest } = it;
                format!("--recording {file} --skip {skip} (digest {digest})")
            },
        );
        format!("`{what}{orders} {input} --commands {commands}`")
    };
    if !before.head.machine.is_comparable(machine) {
        let (path, then) = (path.display(), &before.head.machine);
        let text = format!(
            "{path} was measured on another machine ({then}) than this report ({machine}): measure both on one"
        );
        return Err(Failure::Usage(text));
    }
    if then == now {
        return Ok(());
    }
    let (path, then, now) = (path.display(), describe(then), describe(now));
    let text = format!("{path} is a report of {then} and cannot be compared with {now}");
    Err(Failure::Usage(text))
}

/// Compares every workload of the later report with the same one of the earlier report.
pub(super) fn compare(before: &Report, after: &Report) -> Vec<Compared> {
    let one = |now: &Measured| {
        let then = before.workloads.iter().find(|then| then.workload == now.workload);
        let (ratio, noise_percent, verdict) = then.map_or((None, 0.0, Verdict::New), |then| {
            let lost = cpu_lost_percent(before, then).max(cpu_lost_percent(after, now));
            let noise_min = LEAST_PERCENT.max(lost);
            let (ratio, noise, verdict) = compare_runs(&then.rate, &now.rate, noise_min);
            (Some(ratio), noise, verdict)
        });
        let digest = |one: &Measured| one.core.as_ref().map(|core| core.digest.clone());
        let other_outcome = then.is_some_and(|then| digest(then) != digest(now));
        Compared { workload: now.workload.clone(), ratio, noise_percent, verdict, other_outcome }
    };
    after.workloads.iter().map(one).collect()
}

/// The share of the core that other programs used, or else of all cores, in percent. A rate can be too low by as
/// much.
fn cpu_lost_percent(report: &Report, one: &Measured) -> f64 {
    one.core.as_ref().map_or_else(|| report.busy.lost_percent(), |core| 100.0 - core.cpu_percent)
}

fn compare_runs(then: &Runs, now: &Runs, noise_min: f64) -> (f64, f64, Verdict) {
    let ratio = if then.median > 0.0 { now.median / then.median } else { 1.0 };
    let noise = then.spread_percent.max(now.spread_percent).max(noise_min);
    let percent = 100.0 * (ratio - 1.0);
    // A disturbance that affects most runs of a report usually misses a few, and these show it.
    let above = now.median > then.max && now.min > then.median;
    let below = now.median < then.min && now.max < then.median;
    let verdict = if percent > noise && above {
        Verdict::Faster
    } else if percent < -noise && below {
        Verdict::Slower
    } else {
        Verdict::Same
    };
    (ratio, noise, verdict)
}

#[cfg(test)]
mod tests {
    use super::{LEAST_PERCENT, Runs, Verdict, compare_runs};

    fn verdict(then: &[f64], now: &[f64]) -> Verdict {
        compare_runs(&Runs::new(then.to_vec()), &Runs::new(now.to_vec()), LEAST_PERCENT).2
    }

    #[test]
    fn verdict_ignores_differences_within_the_noise() {
        let quiet = [99.0, 100.0, 101.0];
        assert_eq!(verdict(&quiet, &quiet), Verdict::Same);
        assert_eq!(verdict(&quiet, &[109.0, 110.0, 111.0]), Verdict::Faster);
        assert_eq!(verdict(&quiet, &[89.0, 90.0, 91.0]), Verdict::Slower);
        assert_eq!(verdict(&quiet, &[80.0, 92.0, 104.0]), Verdict::Same);
        assert_eq!(verdict(&[80.0, 92.0, 104.0], &quiet), Verdict::Same);
        assert_eq!(verdict(&[100.0; 3], &[102.0; 3]), Verdict::Same);
        // All runs but one of the first report were disturbed.
        assert_eq!(verdict(&[60.0, 61.0, 100.0, 62.0, 61.0], &quiet), Verdict::Same);
        assert_eq!(verdict(&[0.0], &[0.0]), Verdict::Same);
    }
}
