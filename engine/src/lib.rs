//! A deterministic price-time matching core.
//!
//! The engine is a value: commands go in, events come out, and the same commands give the same
//! events on every machine. It reads no clock, draws no random number, opens no file and starts no
//! thread. Everything it depends on, time included, is part of a command. So a recorded day replays
//! to the same bytes, a reference model can check every event, and any reader that folds the events
//! holds the same state.

mod amend;
mod arena;
mod auction;
mod audit;
mod book;
mod bounds;
mod cascade;
mod checks;
mod command;
mod crossing;
#[cfg(feature = "decimal")]
mod decimal;
mod digest;
mod dry_run;
mod engine;
mod epoch;
mod event;
mod group;
mod heap;
mod index;
mod invariant;
mod ladder;
mod live_orders;
mod make;
mod market;
mod owners;
mod parties;
mod parts;
mod plain;
mod price_map;
mod quantity;
#[cfg(test)]
mod random;
mod reason;
mod replenish;
mod restore;
mod snapshot;
mod step;
mod stops;
mod sweep;
mod trie;
mod uncross;
#[cfg(feature = "uuid")]
mod uuid;
mod view;
mod window;

#[doc = include_str!("../RULES.md")]
pub mod rules {
    /// The version of the rules that this engine follows. Snapshots of later versions are refused.
    pub const VERSION: u32 = 2;
}

pub use auction::{Call, MarketOrders};
pub use book::Book;
pub use bounds::BrokenBound;
pub use command::{Action, ActionKind, Amend, Command, OrderKind, Place, SelfTrade, TimeInForce};
#[cfg(feature = "decimal")]
pub use decimal::{Amount, BadDecimal, DisplayAmount};
pub use engine::Engine;
pub use event::{
    Clearing, EpochSummary, Event, Header, Outcome, Party, Prices, RequestMark, SideSummary, Sink,
    Turnover,
};
pub use group::{Group, NotAccepted, Trade};
pub use index::IndexKey;
pub use invariant::Broken;
pub use market::{BadSymbol, Fees, Limits, MarketSpec, Phase, Pricing, Symbol, Terms};
pub use quantity::{
    AccountId, EpochNumber, MarketId, Notional, OrderId, Price, Priority, Quantity, RequestId,
    Sequence, SessionId, Side, Timestamp, TradeNumber,
};
pub use reason::{CancelReason, Reason};
pub use snapshot::{EngineSnapshot, MarketHead, MarketSnapshot, OrderRecord, RequestRecord, Until};
pub use step::{BadStep, Step};
pub use view::{Level, OrderView};
pub use window::Window;
