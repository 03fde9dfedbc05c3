//! One adapter for each engine.

pub mod limitbook;
pub mod lobster;
pub mod matchcore;
pub mod nanobook;
pub mod obcore;
pub mod orderbook_rs;
pub mod pricetime;
pub mod rust_ob;
pub mod rust_order_book;
