//! Tables of what an engine did, as Parquet files: its trades, the levels of its books, or its events.
//!
//! Prices and quantities are decimals, times are in nanoseconds, and ids are text. `docs/recordings-parquet.md` lists
//! the columns. Rows are written in groups, so memory does not depend on their number, except for what the end of the
//! file says about each group.
//!
//! ```
//! use pricetime_engine::{
//!     AccountId, Action, Command, Engine, Group, MarketId, MarketSpec, OrderId, Phase, Place, Price,
//!     Quantity, Sequence, Side, Timestamp,
//! };
//! use pricetime_recordings::parquet::{Options, Table, Writer};
//!
//! let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
//! let (price, quantity) = (Price(1_425), Quantity(300));
//! let actions = [
//!     Action::AddMarket(spec),
//!     Action::SetPhase(Phase::Continuous),
//!     Place::limit(OrderId(1), Side::Sell, quantity, price).into(),
//!     Place::limit(OrderId(2), Side::Buy, quantity, price).into(),
//! ];
//! let (mut engine, mut group) = (Engine::new(1), Group::default());
//! let mut trades = Writer::new(Vec::new(), "trades.parquet", Table::Trades, Options::default())?;
//! for (number, action) in (1..).zip(actions) {
//!     let account = AccountId(number.into());
//!     let command = Command::new(Sequence(number), Timestamp(0), MarketId(1), account, action);
//!     engine.apply(&Command { operator: number < 3, ..command }, &mut group);
//!     trades.write(&group, &engine)?;
//! }
//! assert_eq!(trades.rows(), 1);
//! assert!(trades.finish()?.ends_with(b"PAR1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod event;
mod market;
mod reason;
mod row;
mod table;
mod writer;

pub use table::{Options, Table};
pub use writer::Writer;

#[cfg(test)]
mod tests;
