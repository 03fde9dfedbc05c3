//! The transactions that change balances.

use pricetime_engine::MarketId;
use redb::{ReadableTable as _, WriteTransaction};

use super::error::EmbeddedError;
use super::rows::{self, BALANCES, Finish, INBOX, MARKETS, Market, OUTBOX, OUTCOMES};
use crate::Batch;
use crate::ledger::{Applied, Balance, Deed, Outcome, Position, Seed, Token};

/// Adds to the balance of an account.
fn add(
    balances: &mut redb::Table<'_, (u32, u128), (i128, i128)>,
    market: MarketId,
    balance: &Balance,
) -> Result<(), EmbeddedError> {
    let key = (market.0, balance.account.0);
    let has = balances.get(key)?.map_or((0, 0), |row| row.value());
    match (has.0.checked_add(balance.base), has.1.checked_add(balance.quote)) {
        (Some(0), Some(0)) => drop(balances.remove(key)?),
        (Some(base), Some(quote)) => drop(balances.insert(key, (base, quote))?),
        _ => return Err(rows::too_large(balance.account)),
    }
    Ok(())
}

/// Applies a batch, or returns why not.
pub(super) fn apply(
    transaction: &WriteTransaction,
    batch: &Batch,
    token: Token,
    deed: Deed,
) -> Result<Finish<Applied>, EmbeddedError> {
    let (market, id, digest) = (batch.market, batch.id(), batch.digest());
    let mut outcomes = transaction.open_table(OUTCOMES)?;
    if let Some(row) = outcomes.get((market.0, id.0.as_u128()))? {
        let outcome = rows::outcome(id, row.value());
        return Ok(Finish::Abort(match outcome.digest == digest {
            true => Applied::Duplicate(outcome.deed),
            false => Applied::Conflict(outcome.digest),
        }));
    }
    let mut markets = transaction.open_table(MARKETS)?;
    let mut row = Market::of(&markets, market)?;
    if token < row.token {
        return Ok(Finish::Abort(Applied::Fenced(row.token)));
    }
    let Some(position) = row.position.filter(|it| it.history == batch.history) else {
        return Ok(Finish::Abort(Applied::Unseeded));
    };
    if position.last.0.checked_add(1) != Some(batch.epoch.0) {
        return Ok(Finish::Abort(Applied::Gap(position.last)));
    }
    if deed == Deed::Post {
        let mut balances = transaction.open_table(BALANCES)?;
        for transfer in &batch.transfers {
            let (account, base, quote) = (transfer.account, transfer.base, transfer.quote);
            add(&mut balances, market, &Balance { account, base, quote })?;
        }
    }
    let outcome = Outcome { id, epoch: batch.epoch, digest, deed, token };
    outcomes.insert((market.0, id.0.as_u128()), rows::outcome_row(&outcome))?;
    row.token = token;
    row.position = Some(Position { last: batch.epoch, ..position });
    row.last_notice += 1;
    let text = batch.to_text();
    transaction.open_table(OUTBOX)?.insert((market.0, row.last_notice), text.as_str())?;
    transaction.open_table(INBOX)?.remove((market.0, batch.history.0, batch.epoch.0))?;
    row.put(&mut markets, market)?;
    Ok(Finish::Commit(Applied::Done))
}

/// Prepares a market, or returns why not.
pub(super) fn seed(
    transaction: &WriteTransaction,
    seed: &Seed,
    token: Token,
) -> Result<Finish<()>, EmbeddedError> {
    let mut markets = transaction.open_table(MARKETS)?;
    let mut row = Market::of(&markets, seed.market)?;
    if row.position == Some(seed.position) {
        return Ok(Finish::Abort(()));
    }
    if token < row.token {
        return Err(rows::fenced(seed.market, token, row.token));
    }
    if row.position != seed.replaces {
        return Err(rows::wrong_position(seed, row.position));
    }
    let mut balances = transaction.open_table(BALANCES)?;
    for balance in &seed.balances {
        add(&mut balances, seed.market, balance)?;
    }
    (row.token, row.position) = (token, Some(seed.position));
    row.put(&mut markets, seed.market)?;
    Ok(Finish::Commit(()))
}
