//! What judges the engine: a reference model that shares nothing with it but the words for what
//! goes in and comes out, a generator of random commands, and a language for tables of scenarios.

pub mod compare;
pub mod disk;
pub mod environment;
pub mod generate;
pub mod model;
pub mod patience;
pub mod record;
pub mod recount;
pub mod settle;
pub mod table;

#[cfg(feature = "servers")]
pub mod alone;
#[cfg(feature = "servers")]
pub mod certificates;
#[cfg(feature = "servers")]
pub mod group_buffer;
#[cfg(feature = "servers")]
pub mod load;
#[cfg(feature = "servers")]
pub mod log;
#[cfg(feature = "servers")]
pub mod metrics_recorder;
#[cfg(feature = "servers")]
pub mod obstacle;
#[cfg(feature = "servers")]
pub mod postgres;
#[cfg(feature = "servers")]
pub mod redis;
#[cfg(feature = "servers")]
pub mod redlock;
#[cfg(feature = "servers")]
pub mod server;

use pricetime_engine::{Command, EngineSnapshot, Group};

/// What takes commands and has a state: the engine, or the model that judges it.
pub trait Core {
    /// Carries out one command and tells what happened.
    fn apply(&mut self, command: &Command) -> Group;
    /// The whole deciding state.
    fn snapshot(&self) -> EngineSnapshot;
}

/// The README's example compiles and does what it says.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
