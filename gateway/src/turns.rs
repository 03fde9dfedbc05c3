//! Turns for slow work: one at a time, and fair between clients. Waiting clients are served round-robin,
//! however many turns each of them waits for.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pricetime::Principal;
use pricetime::engine::AccountId;
use tokio::sync::oneshot;

/// The connections that share their turns: those of all operators, those of the same accounts, or those
/// without a token from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Operator,
    Accounts(Arc<BTreeSet<AccountId>>),
    Public(Option<IpAddr>),
}

impl Client {
    pub(crate) fn of(principal: &Principal, address: Option<IpAddr>) -> Self {
        match principal {
            Principal::Operator => Self::Operator,
            Principal::Accounts(accounts) => Self::Accounts(Arc::clone(accounts)),
            Principal::Public => Self::Public(address),
        }
    }
}

/// Hands out turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<State>>);

/// A turn, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Turns);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    /// The clients that wait, in the order of their next turns.
    waiting: VecDeque<(Client, VecDeque<oneshot::Sender<Turn>>)>,
}

impl Turns {
    /// Waits for a turn. Dropping the future gives up the place in the queue.
    pub(crate) async fn take(&self, client: Client) -> io::Result<Turn> {
        match self.try_take(client) {
            Ok(turn) => Ok(turn),
            Err(turn) => turn.await.map_err(io::Error::other),
        }
    }

    /// Takes the turn if it is free. Otherwise returns the receiver that it will come through.
    fn try_take(&self, client: Client) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut state = self.state();
        if !state.is_taken {
            state.is_taken = true;
            return Ok(Turn(self.clone()));
        }
        let (sender, turn) = oneshot::channel();
        match state.waiting.iter_mut().find(|(other, _)| *other == client) {
            Some((_, waiting)) => waiting.push_back(sender),
            None => state.waiting.push_back((client, VecDeque::from([sender]))),
        }
        Err(turn)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the sender of the next waiting client. If there is none, the turn is free.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some((client, mut waiting)) = self.waiting.pop_front() {
            waiting.retain(|it| !it.is_closed());
            let Some(next) = waiting.pop_front() else { continue };
            if !waiting.is_empty() {
                self.waiting.push_back((client, waiting));
            }
            return Some(next);
        }
        self.is_taken = false;
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The lock is not held any more when the turn is passed on.
        let next = self.0.state().next();
        if let Some(next) = next {
            // If the receiver has gone by now, the turn comes back here and is dropped again.
            let _ = next.send(Turn(self.0.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u128) -> Client {
        let principal = Principal::accounts([AccountId(number)]);
        Client::of(&principal, Some(IpAddr::from([127, 0, 0, 1])))
    }

    #[test]
    fn client_that_waits_for_many_turns_gets_every_other_one() {
        let public = Client::of(&Principal::Public, Some(IpAddr::from([127, 0, 0, 1])));
        let turns = Turns::default();
        let mut turn = turns.try_take(Client::Operator).expect("the turn is free");
        let one = std::iter::repeat_n(("one", account(1)), 4);
        let others = [("two", account(2)), ("public", public.clone()), ("public", public)];
        let mut waiting: Vec<_> = one
            .chain(others)
            .map(|(name, client)| (name, turns.try_take(client).expect_err("the turn is taken")))
            .collect();
        let mut order = Vec::new();
        loop {
            drop(turn);
            let next = waiting.iter_mut().find_map(|(name, it)| Some((*name, it.try_recv().ok()?)));
            let Some((name, next)) = next else { break };
            order.push(name);
            turn = next;
        }
        assert_eq!(order, ["one", "two", "public", "one", "public", "one", "one"]);
        assert!(turns.try_take(account(1)).is_ok(), "the turn is free again");
    }

    #[test]
    fn turn_skips_clients_that_have_disconnected() {
        let turns = Turns::default();
        let first = turns.try_take(account(1)).expect("the turn is free");
        let wait = |number| turns.try_take(account(number)).expect_err("the turn is taken");
        let (gone, mut last) = (wait(2), wait(3));
        let (late, later) = (wait(4), wait(5));
        drop(gone);
        drop(first);
        let second = last.try_recv().expect("the turn");
        drop(second);
        // It was sent the turn and has not noticed.
        drop(late);
        drop(later);
        assert!(turns.try_take(account(1)).is_ok(), "the turn is free again");
    }
}
