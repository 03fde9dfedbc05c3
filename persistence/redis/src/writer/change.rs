//! The commands that turn the stored state into the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use pricetime_engine::{AccountId, OrderId, OrderRecord, Sequence, TradeNumber};
use redis::Pipeline;

use super::{
    Attempt, Contents, Difference, Next, StoredOrder, Task, Version, WriteKind, WriteSummary,
    part_of, record_part_of,
};
use crate::keys::Part;
use crate::layout;
use crate::options::RedisError;
use crate::trades::{Trades, trade_text};
use pricetime_journal::History;
use pricetime_journal::image::MarketState;

/// The change from the stored state to the next one.
pub(super) struct Change<'a> {
    pub(super) next: Next<'a>,
    /// How the stored state changes.
    pub(super) difference: Difference,
    pub(super) digest: u128,
    /// The changed orders as they were before.
    pub(super) before: BTreeMap<OrderId, Option<StoredOrder>>,
    pub(super) requests_before: Arc<[Sequence]>,
    pub(super) blocked_before: BTreeSet<AccountId>,
    pub(super) trades_before: TradeNumber,
}

/// The version of a state with this digest.
pub(super) fn version(state: &MarketState, history: History, digest: u128) -> Version {
    Version {
        history: history.to_string(),
        epoch: state.head.epoch.to_string(),
        sequence: state.sequence.to_string(),
        digest: format!("{digest:032x}"),
    }
}

/// The sequences of a state's requests, oldest first.
pub(super) fn sequences(state: &MarketState) -> Arc<[Sequence]> {
    state.requests.iter().map(|request| request.sequence).collect()
}

impl<'a> Change<'a> {
    pub(super) fn new(contents: &Contents, next: Next<'a>, history: History) -> Self {
        let Next { state, changed, trades } = next;
        let mut orders = BTreeMap::new();
        let mut before = BTreeMap::new();
        let mut sum = contents.sum;
        for (order, record) in changed {
            let (old, new) =
                (contents.orders.get(order).copied(), record.as_ref().map(StoredOrder::of));
            let digest = |known: Option<StoredOrder>| known.map_or(0, |known| known.digest);
            sum = sum.wrapping_sub(digest(old)).wrapping_add(digest(new));
            orders.insert(*order, new);
            before.insert(*order, old);
        }
        let digest = state.digest_without_orders().wrapping_add(sum);
        let version = version(state, history, digest);
        let (requests, blocked) = (sequences(state), state.blocked.iter().copied().collect());
        let trades = trades.last();
        Self {
            next,
            difference: Difference { version, orders, sum, requests, blocked, trades },
            digest,
            before,
            requests_before: contents.requests.clone(),
            blocked_before: contents.blocked.clone(),
            trades_before: contents.trades,
        }
    }
}

impl Task<'_> {
    /// Writes the changes in one transaction on the current keys.
    pub(super) fn write_changes(
        &mut self,
        change: &Change<'_>,
    ) -> Result<Option<WriteSummary>, RedisError> {
        let (keys, Next { state, changed, trades }) = (self.market.keys.clone(), change.next);
        let key = |part: Part| keys.part(part).to_owned();
        let mut transaction = redis::pipe();
        transaction.atomic();
        let orders = changed.iter().map(|(order, record)| {
            (*order, change.before.get(order).copied().flatten(), record.as_ref())
        });
        add_orders(&mut transaction, &key, orders);
        add_requests(&mut transaction, &key(Part::Requests), state, &change.requests_before);
        add_blocked(&mut transaction, &key(Part::Blocked), state, &change.blocked_before);
        if self.trades {
            add_trades(&mut transaction, &key(Part::Trades), trades, change.trades_before);
        }
        let version = &change.difference.version;
        self.add_metadata(&mut transaction, change.next, version, change.digest);
        self.add_count_commands(&mut transaction);
        let attempt = Attempt::Changed(change.difference.clone());
        let done = self.commit(attempt, &transaction, self.counts(change.next))?;
        if done.is_some() {
            // The second generation now lags behind with these orders.
            if let Some(spare) = &mut self.market.spare {
                spare.record_lag(&change.before);
            }
        }
        Ok(done.map(|()| WriteSummary { how: WriteKind::Changes, orders: changed.len() }))
    }
}

/// Removes orders as they were, and adds them as they are now.
pub(super) fn add_orders<'a>(
    to: &mut Pipeline,
    key: &impl Fn(Part) -> String,
    orders: impl Iterator<Item = (OrderId, Option<StoredOrder>, Option<&'a OrderRecord>)>,
) {
    let mut removed: HashMap<Part, Vec<Vec<u8>>> = HashMap::default();
    let mut contents: HashMap<Part, Vec<Vec<u8>>> = HashMap::default();
    for (order, before, record) in orders {
        let now = record.map(|order| (part_of(order), order.priority));
        if let Some(before) = before {
            let moved = now != Some((before.part, before.priority));
            if moved && before.part != Part::Stops {
                removed.entry(before.part).or_default().push(member(before, order).to_vec());
            }
            let record_part = record_part_of(before.part);
            if now.is_none_or(|(part, _)| record_part_of(part) != record_part) {
                removed
                    .entry(record_part)
                    .or_default()
                    .push(layout::order_field(order).into_bytes());
            }
        }
        let Some(record) = record else { continue };
        let fields = contents.entry(record_part_of(part_of(record))).or_default();
        fields.push(layout::order_field(order).into_bytes());
        fields.push(layout::order_text(record).into_bytes());
        if let Some((part, score, member)) = layout::sorted_set_entry(record) {
            let entries = contents.entry(part).or_default();
            entries.push(score.into_bytes());
            entries.push(member.to_vec());
        }
    }
    for part in Part::ALL {
        if let Some(removed) = removed.get(&part) {
            let command = if part.kind() == "zset" { "ZREM" } else { "HDEL" };
            to.cmd(command).arg(key(part)).arg(removed).ignore();
        }
        if let Some(contents) = contents.get(&part) {
            let command = if part.kind() == "zset" { "ZADD" } else { "HSET" };
            to.cmd(command).arg(key(part)).arg(contents).ignore();
        }
    }
}

/// The member of an order in its sorted set, as it was.
fn member(known: StoredOrder, order: OrderId) -> [u8; 24] {
    let priority = match known.part {
        Part::Bids => !known.priority.0,
        Part::Asks | Part::Orders | Part::Stops | Part::Requests | Part::Blocked | Part::Trades => {
            known.priority.0
        }
    };
    let mut member = [0; 24];
    let (time, id) = member.split_at_mut(8);
    time.copy_from_slice(&priority.to_be_bytes());
    id.copy_from_slice(&order.0.to_be_bytes());
    member
}

/// Removes the requests of `before` that have left the window, and adds those after them. Both are oldest
/// first.
pub(super) fn add_requests(to: &mut Pipeline, key: &str, state: &MarketState, before: &[Sequence]) {
    for (first, last) in removed_runs(before, state.requests.iter().map(|request| request.sequence))
    {
        to.cmd("ZREMRANGEBYSCORE").arg(key).arg(first.0).arg(last.0).ignore();
    }
    let last = before.last().copied().unwrap_or_default();
    let from = state.requests.partition_point(|request| request.sequence <= last);
    for piece in state.requests.get(from..).unwrap_or_default().chunks(super::super::PIECE) {
        to.cmd("ZADD").arg(key);
        for request in piece {
            to.arg(request.sequence.0).arg(layout::request_text(request));
        }
        to.ignore();
    }
}

/// The sequences of `before` that are not in `now`, as runs from the first to the last.
fn removed_runs(
    before: &[Sequence],
    now: impl Iterator<Item = Sequence>,
) -> Vec<(Sequence, Sequence)> {
    let mut kept = now.peekable();
    let mut runs: Vec<(Sequence, Sequence)> = Vec::new();
    let mut in_run = false;
    for at in before {
        let is_kept = kept.next_if_eq(at).is_some();
        match runs.last_mut().filter(|_| in_run && !is_kept) {
            Some((_, last)) => *last = *at,
            None if is_kept => {}
            None => runs.push((*at, *at)),
        }
        in_run = !is_kept;
    }
    runs
}

/// Removes the trades that are no longer kept, and adds those after `before`.
pub(super) fn add_trades(to: &mut Pipeline, key: &str, trades: &Trades, before: TradeNumber) {
    let first = trades.first().map_or(u64::MAX, |first| first.0);
    to.cmd("ZREMRANGEBYSCORE").arg(key).arg("-inf").arg(format!("({first}")).ignore();
    let mut newer = trades.after(before).peekable();
    while newer.peek().is_some() {
        to.cmd("ZADD").arg(key);
        for trade in newer.by_ref().take(super::super::PIECE) {
            to.arg(trade.number.0).arg(trade_text(trade));
        }
        to.ignore();
    }
}

/// Removes the accounts that are no longer blocked, and adds the new ones.
pub(super) fn add_blocked(
    to: &mut Pipeline,
    key: &str,
    state: &MarketState,
    before: &BTreeSet<AccountId>,
) {
    let now: BTreeSet<AccountId> = state.blocked.iter().copied().collect();
    for (command, accounts) in [("SREM", before - &now), ("SADD", &now - before)] {
        let accounts: Vec<String> = accounts.into_iter().map(layout::account_text).collect();
        for piece in accounts.chunks(super::super::PIECE) {
            to.cmd(command).arg(key).arg(piece).ignore();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_requests_are_found_as_runs() {
        let runs = |before: &[u64], now: &[u64]| -> Vec<(u64, u64)> {
            let before: Vec<Sequence> = before.iter().copied().map(Sequence).collect();
            let runs = removed_runs(&before, now.iter().copied().map(Sequence));
            runs.into_iter().map(|(first, last)| (first.0, last.0)).collect()
        };
        assert!(runs(&[], &[1, 2]).is_empty());
        assert!(runs(&[1, 2, 5], &[1, 2, 5, 6]).is_empty());
        assert_eq!(runs(&[1, 2, 5], &[]), [(1, 5)]);
        assert_eq!(runs(&[1, 2, 5, 6, 8, 9], &[2, 8, 10]), [(1, 1), (5, 6), (9, 9)]);
        assert_eq!(runs(&[3, 4], &[9]), [(3, 4)]);
    }
}
