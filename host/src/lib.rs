//! An embeddable price-time order-matching engine: the matching core with its clock, journal, subscriptions
//! and threads.
//!
//! A [`Host`] runs the engine on a thread of its own. You submit commands from any thread or task, without
//! waiting. The core thread numbers and timestamps each command and applies it. The journal thread makes it
//! durable. Only then are its effects visible: in the answer to the sender, in views and to subscribers.
//! After a crash, opening the same folder restores everything that was ever visible.
//!
//! The [`guide`] covers everything from `Cargo.toml` to backups.
//!
//! ```text
//!  submit ──▶ ring ──▶ core ──▶ journal ──▶ publisher ──▶ tickets, views, subscribers
//!                      stamp,    write,      image           │
//!                      apply     sync                        └▶ snapshot thread: local snapshots
//! ```
//!
//! Each arrow is a bounded queue; only a lone small batch is published by the journal thread itself. If the
//! disk is slow, the ring fills up and commands are refused with `Busy`. A subscriber that is too slow is
//! disconnected. The core waits only for the journal.

mod access;
mod answer;
mod answers;
mod batch;
mod builder;
mod call_error;
mod core_thread;
mod draft;
mod empty_batches;
mod epoch_schedule;
mod feeds;
mod folder_store;
mod follower;
mod groups;
pub mod guide;
mod handles;
mod host;
mod journal_replay;
mod journal_thread;
mod lease;
mod opening;
mod options;
mod pending;
mod publisher;
mod publisher_thread;
mod question;
mod redis;
mod redis_store;
mod refused;
mod resume;
mod secret;
mod sequencer;
mod serial;
mod session;
mod settle;
mod signal;
mod snapshot_thread;
mod start;
mod status;
mod stopped;
mod store;
mod subscription;
mod threads;
mod ticket;
mod view;

pub use pricetime_engine as engine;

/// The crates that store something: in a data folder, in Redis or in a ledger.
pub mod persistence {
    pub use pricetime_journal as journal;
    pub use pricetime_redis as redis;
    pub use pricetime_settlement as settlement;
}

pub use access::{Denied, Principal};
pub use answer::Answer;
pub use answers::Answers;
pub use builder::Builder;
pub use call_error::CallError;
pub use core_thread::{Options as CoreOptions, Wait};
pub use draft::Draft;
pub use epoch_schedule::EpochSchedule;
pub use follower::Follower;
pub use handles::{Account, Operator};
pub use host::Host;
pub use journal_replay::ReplayError;
pub use lease::{LockStatus, RunnerLock, Standby};
pub use opening::LockedBy;
pub use opening::{OpenError, Start};
pub use options::{Options, Policy, Retention};
pub use pending::Pending;
pub use question::{Found, Question};
pub use redis::{EventsStatus, FencedMarket, RedisState, RedisStatus};
pub use refused::Refused;
pub use resume::SubscribeError;
pub use secret::Secret;
pub use sequencer::{Clock, WallClock};
pub use session::Session;
pub use settle::SettlementLock;
#[cfg(feature = "outlets")]
pub use settle::{BadAddress, ProgramOutlet, WebOutlet};
pub use settle::{
    Delivery, Dropped, MarketDelivery, MarketSettlement, NotDelivered, OpenLedger, OperatorRequest,
    OperatorRequests, Outlet, Receipt, Settlement, Undelivered,
};
pub use status::Status;
pub use stopped::Stopped;
pub use subscription::{AccountFeed, Ended, MarketFeed, MarketUpdate, TradeView, Updates};
pub use ticket::Ticket;
pub use view::MarketView;
