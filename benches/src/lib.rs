//! All that measures: streams of commands, meters, and the harness behind `pricetime bench`.
//!
//! [`workload`] has command streams by name, for whole hosts; [`Bench`] measures with them. The rest of this
//! page is about the streams of the Criterion benches: a book of so many standing orders, and what happens
//! to it.
//!
//! A flow is a plain list, made before anything is timed and the same for the same seed. Every
//! measurement begins with the standing book and ends before the flow has changed its size by much,
//! so that "100,000 resting orders" is true from the first command to the last. [`Orders`] makes
//! commands without looking at what they do; a [`Flow`] looks, and so can cancel, amend and sweep.
//!
//! Beside the Criterion benches there are two programs: `latency` (the service time of each kind of
//! command) and `memory` (what a resting order takes).

mod batch;
mod bench;
mod failure;
mod flow;
mod orders;
mod stand;
pub mod workload;

pub use batch::Batch;
pub use bench::Bench;
pub use failure::Failure;
pub use flow::Flow;
pub use orders::{Orders, Prices, Shape};
pub use stand::stand;
