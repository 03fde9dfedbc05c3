//! The memory of this process. Only Linux reports it.

use std::fs;

/// The resident memory now, in bytes.
pub(super) fn resident() -> Option<u64> {
    field("VmRSS:")
}

/// The peak of the resident memory since [`reset_peak`], in bytes.
pub(super) fn peak() -> Option<u64> {
    field("VmHWM:")
}

/// Resets the peak to the memory that is resident now.
pub(super) fn reset_peak() -> Option<()> {
    fs::write("/proc/self/clear_refs", "5").ok()
}

/// The number of minor page faults of this process.
pub(super) fn faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The eighth field after the process name, which may contain anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

/// The number of allocations that `work` makes, if the build counts them.
#[cfg(feature = "count-allocations")]
pub(super) fn allocations(work: impl FnOnce()) -> Option<u64> {
    Some(allocation_counter::measure(work).count_total)
}

/// The number of allocations that `work` makes, if the build counts them.
#[cfg(not(feature = "count-allocations"))]
pub(super) fn allocations(work: impl FnOnce()) -> Option<u64> {
    work();
    None
}

fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
