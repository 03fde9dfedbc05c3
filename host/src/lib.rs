//! The process around a matching core, to embed.
//!
//! A [`Host`] runs the engine on a thread of its own and loses nothing. Commands are submitted from
//! any thread or task, without waiting; the core's thread gives each a number and a time and carries
//! it out; the journal's thread makes it durable; and only then anybody hears of it: the ticket that
//! the submitter holds, the views, the subscribers. After a crash the same folder opens with
//! everything in it that anybody was told of.
//!
//! ```text
//!  submit ──▶ ring ──▶ core ──▶ journal ──▶ publisher ──▶ tickets, views, subscribers
//!                      stamp,    write,      image           │
//!                      apply     sync                        └▶ keeper: local snapshots
//! ```
//!
//! Each arrow is a bounded queue. A slow disk fills the ring until it answers `Busy`; a slow reader
//! is let go; nobody waits for anybody on the core's thread but the core for the journal.

mod access;
mod batch;
/// What only the program reads, for the fuzz targets. No build has this but theirs.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod cli {
    #![expect(dead_code, reason = "a target reads, and runs nothing")]

    #[cfg(feature = "program")]
    mod config;
    #[cfg(feature = "program")]
    mod failure;
    mod first;

    pub mod settle {
        mod amount;
        mod brought;

        use pricetime_engine::MarketSpec;
        use pricetime_persistence::ledger::Balance;

        /// Reads the balances in a text, and spells them again.
        ///
        /// # Errors
        /// Returns the line, and what is wrong with it.
        pub fn balances(text: &str, spec: &MarketSpec) -> Result<(Vec<Balance>, String), String> {
            let found = brought::read(text.as_bytes(), spec)?;
            let lines = found.iter().filter_map(|it| brought::Line::of(it, spec));
            let lines = lines.filter_map(|it| serde_json::to_string(&it).ok());
            let text = lines.collect::<Vec<_>>().join("\n");
            Ok((found, text))
        }
    }

    /// Reads a configuration. Returns what `Debug` shows of it.
    ///
    /// # Errors
    /// Returns what is wrong, as the program says it.
    #[cfg(feature = "program")]
    pub fn configuration(text: &str) -> Result<String, String> {
        let config = config::Config::of("FILE", text, &config::Layers::default());
        config.map(|config| format!("{config:?}")).map_err(|failure| failure.text().to_owned())
    }

    /// Why a text cannot be the beginning of JSON lines.
    #[must_use]
    pub fn why_not_json_lines(begun: &[u8]) -> Option<String> {
        first::why_not_json_lines("FILE", begun)
    }
}
mod core_thread;
mod draft;
mod follower;
mod gates;
mod handles;
mod host;
pub mod json;
mod keeper;
#[cfg(feature = "redis")]
mod lease;
mod opening;
mod options;
mod past;
mod publisher;
mod question;
#[cfg(feature = "redis")]
mod redis;
mod refused;
mod resume;
mod scribe;
mod secret;
mod sequencer;
mod session;
mod settle;
mod start;
mod status;
mod subscription;
mod teller;
mod threads;
mod ticket;
mod view;
pub mod workload;

#[cfg(fuzzing)]
extern crate self as pricetime;

pub use pricetime_engine as engine;
pub use pricetime_persistence as persistence;

pub use access::{Denied, Principal, Tokens, digest as token_digest};
pub use core_thread::{Options as CoreOptions, Wait};
pub use draft::Draft;
pub use follower::Follower;
pub use gates::Gates;
pub use handles::{Account, Operator};
pub use host::Host;
#[cfg(feature = "redis")]
pub use lease::{LockStatus, RunnerLock, Standby};
pub use opening::{OpenError, Start};
pub use options::{Options, Policy, Retention};
pub use past::PastError;
pub use question::{Found, Question};
#[cfg(feature = "redis")]
pub use redis::{EventsStatus, FencedMarket, RedisState, RedisStatus};
pub use refused::Refused;
pub use resume::SubscribeError;
pub use secret::Secret;
pub use sequencer::{Clock, WallClock};
pub use session::Session;
#[cfg(feature = "redis")]
pub use settle::SettlementLock;
#[cfg(feature = "outlets")]
pub use settle::{BadAddress, ProgramOutlet, WebOutlet};
pub use settle::{
    Delivery, Dropped, MarketDelivery, MarketSettlement, NotDelivered, OpenLedger, Order, Orders,
    Outlet, Receipt, Settlement, Undelivered,
};
pub use status::{Status, Stopped};
pub use subscription::{AccountFeed, Ended, MarketFeed, MarketUpdate, TradeView, Updates};
pub use ticket::Ticket;
pub use view::MarketView;
