//! The engine with which a measurement begins.

use pricetime_engine::{Command, Engine, MarketId};

/// Creates an engine for this many markets and applies these commands. A single market gets memory
/// for more orders, as a host allocates it at its start. If there are many markets, each grows on
/// demand.
#[must_use]
pub fn prepare_engine(markets: u32, commands: &[Command]) -> Engine {
    let mut engine = Engine::new(markets);
    for (at, command) in commands.iter().enumerate() {
        engine.apply(command, &mut ());
        if at == 0 && markets == 1 {
            let capacity = commands.len() + commands.len() / 4;
            engine.reserve(MarketId(1), u32::try_from(capacity).unwrap_or(u32::MAX));
        }
    }
    engine
}
