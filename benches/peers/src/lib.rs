//! The same flow on Pricetime's engine and on open engines from the registry.
//!
//! A [`Flow`] holds only what every engine understands. An [`Adapter`] drives one engine through
//! its public API. [`check`](check::check) compares all fills with ours, and
//! [`measure`](measure::measure) times the engines that agree, in turn.

mod adapter;
pub mod adapters;
pub mod check;
mod engine;
mod flow;
mod machine;
pub mod measure;
mod reduction;
mod report;

pub use adapter::{Adapter, Fill, Reports};
pub use engine::Engine;
pub use flow::{Flow, Order, Side, Step};
pub use report::{Report, Settings};
