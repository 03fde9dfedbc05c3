//! Everything for measurements: streams of commands, meters, and the harness of
//! `pricetime bench`.
//!
//! [`workload`] has command streams by name, for whole hosts; [`Bench`] measures with them. The
//! rest of this page is about the streams of the Criterion benches, each for a book with a given
//! number of resting orders.
//!
//! A stream is a plain list. It is made before anything is timed, and is the same for the same
//! seed. Every measurement begins with the initial book and ends before the number of orders has
//! changed much. So "100,000 resting orders" is true from the first command to the last. [`Orders`]
//! makes commands without knowing their effect. A [`Flow`] follows the effects, so it can cancel,
//! amend and sweep.
//!
//! There are two more programs: `latency` (the service time of each kind of command) and `memory`
//! (the memory that a resting order takes).

mod batch;
mod bench;
mod failure;
mod flow;
mod orders;
mod prepare_engine;
pub mod workload;

pub use batch::Batch;
pub use bench::Bench;
pub use failure::Failure;
pub use flow::Flow;
pub use orders::{Orders, Prices, Shape};
pub use prepare_engine::prepare_engine;
