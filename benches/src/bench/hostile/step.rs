//! What a client does repeatedly.

use pricetime::{Draft, Host, Ticket};

use super::super::load;
use super::super::report::Sent;
use super::market::{OTHER_ORDERS, client_account, plain};
use crate::failure::Failure;

/// One command or call of a client. The caller waits for the ticket later.
pub(super) type Step = Box<dyn FnMut(&Host) -> Result<Option<Ticket>, Failure> + Send>;

/// A client that has sent its opening. Without a step there is no client.
pub(super) struct StartedClient {
    pub(super) opening: Sent,
    pub(super) step: Option<Step>,
}

/// Sends these commands one by one.
pub(super) fn send(mut drafts: impl Iterator<Item = Draft> + Send + 'static) -> Step {
    Box::new(move |host| drafts.next().map(|draft| load::submit(host, &draft)).transpose())
}

/// The client with which every attacker is compared.
pub(super) fn harmless(seed: u64) -> Step {
    send(plain(seed, client_account(0).0..client_account(1).0, OTHER_ORDERS))
}
