//! The subscriptions of accounts, indexed by account.
//!
//! A command visits only the subscriptions of accounts that its events concern. An event that concerns the
//! whole market visits all subscriptions, which share one message. Queues hold pointers: a group that a
//! reader leaves unread is freed with its subscription. If nothing happens to an account, its dropped
//! subscriptions are removed by a sweep once there are twice as many subscriptions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pricetime_engine::{AccountId, Event, Group, Header, MarketId, Outcome};
use tokio::sync::mpsc;

use crate::access::{Concerned, concerned, seen};

/// Below this number of subscriptions, there is no sweep for dropped ones.
const SWEEP_MIN: usize = 64;

/// One account's subscriptions in one market.
type Subscriptions = Vec<mpsc::Sender<Arc<Group>>>;

/// The subscriptions, by market and account.
#[derive(Debug)]
pub(super) struct Accounts {
    markets: BTreeMap<MarketId, HashMap<AccountId, Subscriptions>>,
    /// An upper bound on the number of subscriptions. It includes dropped ones until a sweep.
    count: usize,
    /// The count at which dropped subscriptions are removed.
    sweep_at: usize,
    /// The subscribed accounts that a command concerns, each with the index of an event.
    affected: Vec<(AccountId, usize)>,
}

impl Accounts {
    pub(super) const fn new() -> Self {
        Self { markets: BTreeMap::new(), count: 0, sweep_at: SWEEP_MIN, affected: Vec::new() }
    }

    /// Returns `true` if there is no subscription.
    pub(super) fn is_empty(&self) -> bool {
        self.markets.is_empty()
    }

    /// Ends every subscription.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Adds a subscription with room for `capacity` updates. It receives every later command that
    /// concerns the account.
    pub(super) fn add(
        &mut self,
        market: MarketId,
        account: AccountId,
        capacity: usize,
    ) -> mpsc::Receiver<Arc<Group>> {
        if self.count >= self.sweep_at {
            self.sweep();
        }
        self.count += 1;
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        self.markets.entry(market).or_default().entry(account).or_default().push(sender);
        receiver
    }

    /// Removes dropped subscriptions. If nothing happens to an account, its dropped subscriptions are not
    /// noticed otherwise. The next sweep is due when there are twice as many as now, so adding a
    /// subscription takes constant time on average.
    fn sweep(&mut self) {
        self.count = 0;
        self.markets.retain(|_, market| {
            market.retain(|_, subscriptions| {
                subscriptions.retain(|subscription| !subscription.is_closed());
                self.count += subscriptions.len();
                !subscriptions.is_empty()
            });
            !market.is_empty()
        });
        self.sweep_at = SWEEP_MIN.max(self.count.saturating_mul(2));
    }

    /// Sends each account that a command concerns what it may see of it.
    pub(super) fn publish(&mut self, header: &Header, events: &[Event], outcome: Outcome) {
        let Self { markets, affected, .. } = self;
        let Some(market) = markets.get_mut(&header.market) else { return };
        let all = collect_affected(header, events, market, affected);
        let group = |indexes: &[usize], owner: Option<AccountId>| {
            let events = indexes.iter().filter_map(|at| events.get(*at));
            Arc::new(seen(header, events, outcome, |account| Some(account) == owner))
        };
        let mut indexes = Vec::new();
        for account_events in affected.chunk_by(|(one, _), (next, _)| one == next) {
            let Some((account, _)) = account_events.first() else { continue };
            let Some(subscriptions) = market.get_mut(account) else { continue };
            indexes.clear();
            indexes.extend(account_events.iter().map(|(_, at)| *at).chain(all.iter().copied()));
            indexes.sort_unstable();
            send(subscriptions, &group(&indexes, Some(*account)));
            if subscriptions.is_empty() {
                market.remove(account);
            }
        }
        if !all.is_empty() {
            let public = group(&all, None);
            market.retain(|account, subscriptions| {
                if affected.binary_search_by_key(account, |(account, _)| *account).is_err() {
                    send(subscriptions, &public);
                }
                !subscriptions.is_empty()
            });
        }
        if market.is_empty() {
            markets.remove(&header.market);
        }
    }
}

/// Collects the subscribed accounts that a command concerns, sorted, each with the indexes of its events.
/// Returns the indexes of the events that concern all accounts.
fn collect_affected(
    header: &Header,
    events: &[Event],
    market: &HashMap<AccountId, Subscriptions>,
    affected: &mut Vec<(AccountId, usize)>,
) -> Vec<usize> {
    affected.clear();
    let mut all = Vec::new();
    // Nearly all events concern the sender, so it is looked up only once.
    let sender = market.contains_key(&header.account);
    let mut add = |account: AccountId, at: usize| {
        let is_subscribed =
            if account == header.account { sender } else { market.contains_key(&account) };
        if is_subscribed {
            affected.push((account, at));
        }
    };
    // The sender receives its command even if no event concerns it. No event has this index.
    add(header.account, events.len());
    for (at, event) in events.iter().enumerate() {
        match concerned(event) {
            Concerned::Accounts([one, other]) => {
                add(one, at);
                if other != one {
                    add(other, at);
                }
            }
            Concerned::Sender => add(header.account, at),
            Concerned::All => all.push(at),
        }
    }
    affected.sort_unstable();
    all
}

/// Sends a group. Subscriptions that are full or dropped are removed.
fn send(subscriptions: &mut Subscriptions, group: &Arc<Group>) {
    subscriptions.retain(|subscription| subscription.try_send(Arc::clone(group)).is_ok());
}

#[cfg(test)]
mod tests {
    use pricetime_engine::{ActionKind, Phase, Sequence, Timestamp};

    use super::*;

    const MARKET: MarketId = MarketId(1);
    const ROOM: usize = 4;

    /// Publishes a command of an account with these events.
    fn publish(accounts: &mut Accounts, account: AccountId, events: &[Event]) {
        let header = Header {
            sequence: Sequence(1),
            timestamp: Timestamp(1),
            market: MARKET,
            account,
            request: None,
            session: None,
            kind: ActionKind::AdvanceTime,
        };
        accounts.publish(&header, events, Outcome::Accepted);
    }

    #[test]
    fn command_visits_only_subscriptions_that_its_events_concern() {
        let (one, other) = (AccountId(1), AccountId(2));
        let mut accounts = Accounts::new();
        for account in [one, other] {
            drop(accounts.add(MARKET, account, ROOM));
        }
        drop(accounts.add(MarketId(2), one, ROOM));
        let left = |accounts: &Accounts| {
            let of = |market| Some(accounts.markets.get(&market)?.len());
            [MARKET, MarketId(2)].map(of)
        };
        // A visit to a dropped subscription removes it.
        publish(&mut accounts, one, &[]);
        assert_eq!(left(&accounts), [Some(1), Some(1)]);
        let (from, to) = (Phase::Closed, Phase::Call);
        publish(&mut accounts, one, &[Event::PhaseChanged { from, to }]);
        assert_eq!(left(&accounts), [None, Some(1)], "this event concerns every account");
    }

    #[test]
    fn dropped_subscriptions_are_removed_although_nothing_happens() {
        let mut accounts = Accounts::new();
        let kept: Vec<_> =
            (0..100).map(|account| accounts.add(MARKET, AccountId(account), ROOM)).collect();
        for again in 0..10_000 {
            drop(accounts.add(MARKET, AccountId(again % 200), ROOM));
            let held: usize =
                accounts.markets.values().flat_map(HashMap::values).map(Vec::len).sum();
            assert!(held <= 2 * kept.len() + SWEEP_MIN, "{held} after {again}");
        }
        publish(&mut accounts, AccountId(7), &[]);
        assert!(kept.iter().all(|it| !it.is_closed()), "a sweep ends no other subscription");
        assert_eq!(kept.iter().map(mpsc::Receiver::len).sum::<usize>(), 1);
    }
}
