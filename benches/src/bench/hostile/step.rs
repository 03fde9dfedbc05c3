//! What a client does again and again.

use pricetime::{Draft, Host, Ticket};

use super::super::load;
use super::super::report::Sent;
use super::market::{OTHER_ORDERS, other, plain};
use crate::failure::Failure;

/// One command or call of a client. A ticket is waited for later.
pub(super) type Step = Box<dyn FnMut(&Host) -> Result<Option<Ticket>, Failure> + Send>;

/// A client that has sent what comes before the first round. Without a step there is no client.
pub(super) struct Begun {
    pub(super) opening: Sent,
    pub(super) step: Option<Step>,
}

/// Sends these commands one after the other.
pub(super) fn send(mut drafts: impl Iterator<Item = Draft> + Send + 'static) -> Step {
    Box::new(move |host| drafts.next().map(|draft| load::submit(host, &draft)).transpose())
}

/// The client that every attacker is compared with.
pub(super) fn harmless(seed: u64) -> Step {
    send(plain(seed, other(0).0..other(1).0, OTHER_ORDERS))
}
