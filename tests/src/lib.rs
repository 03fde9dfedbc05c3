//! Tools that test the engine: a reference model that shares only the input and output types with it, a
//! generator of random commands, and a language for tables of scenarios.

pub mod compare;
pub mod databento;
pub mod disk;
pub mod environment;
pub mod generate;
pub mod itch;
pub mod model;
pub mod record;
pub mod recount;
pub mod settle;
pub mod table;
pub mod wait;

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
pub mod redis_only;
#[cfg(feature = "servers")]
pub mod redlock;
#[cfg(feature = "servers")]
pub mod server;
#[cfg(feature = "servers")]
pub mod tables;
#[cfg(feature = "servers")]
pub mod terminal;

use pricetime_engine::{Command, EngineSnapshot, Group};

/// Something that executes commands and has a state: the engine, or the model that checks it.
pub trait Core {
    /// Executes one command and returns its events.
    fn apply(&mut self, command: &Command) -> Group;
    /// The whole state that decides future outcomes.
    fn snapshot(&self) -> EngineSnapshot;
}

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Compiles and runs the example of the tour.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tour.md")]
pub struct Tour;
