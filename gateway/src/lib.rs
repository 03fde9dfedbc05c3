//! The client interface: JSON lines over sockets.
//!
//! [`json`] has the lines as types, [`Tokens`] maps tokens to principals, and [`Listeners`] serves the
//! sockets. Each connection is a [`Session`] of one principal. All sessions share a [`Connected`].

mod access;
mod account;
mod admission;
pub mod amount;
mod answers;
mod balances;
mod connected;
mod connections;
mod first;
pub mod json;
mod lines;
mod listen;
mod outcomes;
mod outgoing;
mod owed;
mod push;
mod session;
mod socket;
mod tokens;
mod turns;
mod words;

pub use answers::no_spec;
pub use balances::{BalanceLine, read_balances};
pub use connected::{Connected, Times};
pub use connections::Connections;
pub use first::{first_line, why_not_json_lines};
pub use listen::{Addresses, Listeners};
pub use outcomes::Outcomes;
pub use session::{Met, Session};
pub use tokens::{Tokens, digest as token_digest};
pub use words::{grouped, word};
