//! The engine that a measurement begins with.

use pricetime_engine::{Command, Engine, MarketId};

/// An engine for so many markets on which these commands were carried out. The market has room for
/// more orders, as a host would make it when it starts; of many markets each grows by itself.
#[must_use]
pub fn stand(markets: u32, commands: &[Command]) -> Engine {
    let mut engine = Engine::new(markets);
    for (at, command) in commands.iter().enumerate() {
        engine.apply(command, &mut ());
        if at == 0 && markets == 1 {
            let room = commands.len() + commands.len() / 4;
            engine.reserve(MarketId(1), u32::try_from(room).unwrap_or(u32::MAX));
        }
    }
    engine
}
