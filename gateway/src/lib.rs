//! The client interface: JSON lines over sockets.
//!
//! [`json`] has the lines as types, [`Tokens`] maps tokens to principals, and [`Listeners`] serves the
//! sockets. Each connection is a [`Session`] of one principal. All sessions share a [`GatewayContext`].

mod access;
mod account;
mod admission;
pub mod amount;
mod answers;
mod balances;
mod commands;
mod connections;
mod context;
mod first_line;
pub mod json;
mod lines;
mod listen;
mod outcomes;
mod outgoing;
mod push;
mod session;
mod socket;
mod tokens;
mod turns;
mod unsent;
mod words;

pub use answers::placeholder_spec;
pub use balances::{BalanceLine, read_balances};
pub use connections::ConnectionLimits;
pub use context::{GatewayContext, TimePolicy};
pub use first_line::{first_line, why_not_json_lines};
pub use listen::{Addresses, Listeners};
pub use outcomes::Outcomes;
pub use session::{Session, SessionCounts};
pub use tokens::{Tokens, digest as token_digest};
pub use words::{grouped, word};
