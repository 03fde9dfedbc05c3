//! Nodes, holders, clocks and faults that are all invented, for the lock over several servers: an
//! hour of them takes a moment, and the same seed gives the same one.

mod judge;
mod node;
pub mod plan;
mod send;
pub mod world;
