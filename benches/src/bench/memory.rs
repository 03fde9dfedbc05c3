//! What this process holds of memory, as Linux tells; elsewhere nobody says.

use std::fs;

/// What it holds now, in bytes.
pub(super) fn resident() -> Option<u64> {
    field("VmRSS:")
}

/// The most that it held since [`forget_peak`], in bytes.
pub(super) fn peak() -> Option<u64> {
    field("VmHWM:")
}

/// Lets the peak be what is held now.
pub(super) fn forget_peak() -> Option<()> {
    fs::write("/proc/self/clear_refs", "5").ok()
}

/// How often memory had to be given to this process page by page.
pub(super) fn faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything, the eighth.
    stat.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

/// How often this asks for memory, where that is counted.
#[cfg(feature = "count-allocations")]
pub(super) fn allocations(work: impl FnOnce()) -> Option<u64> {
    Some(allocation_counter::measure(work).count_total)
}

/// How often this asks for memory, where that is counted.
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
