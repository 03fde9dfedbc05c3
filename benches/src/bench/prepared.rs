//! The commands of a measurement, made before anything is timed.

use pricetime_engine::Command;

use crate::workload::Workload;

/// The commands of a workload.
pub(super) struct PreparedCommands {
    pub(super) markets: u32,
    pub(super) opening: Vec<Command>,
    pub(super) flow: Vec<Command>,
}

/// Makes the commands of a workload and calls `then` with them. The generator is dropped only after that, so that
/// the measured code cannot reuse its memory.
pub(super) fn prepare<T>(
    workload: Workload,
    (seed, commands, orders): (u64, usize, Option<usize>),
    then: impl FnOnce(&PreparedCommands) -> T,
) -> T {
    let (opening, mut flow) = orders
        .and_then(|orders| workload.begin_with_orders(seed, orders))
        .unwrap_or_else(|| workload.begin(seed));
    let mut list = Vec::with_capacity(commands);
    list.extend(flow.by_ref().take(commands));
    let prepared = PreparedCommands { markets: workload.markets(), opening, flow: list };
    let done = then(&prepared);
    drop(flow);
    done
}
