//! The transactions that change something. Each begins with a lock on the market's row, so two of them
//! in one market never run concurrently.

use pricetime_engine::MarketId;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::{Applied, Claim, Deed, Deposited, Outcome, Seed, Token};
use super::fault::Fault;
use super::rows::{self, Columns, MARKET, Market, OUTCOME};
use crate::{Batch, BatchId, Digest};
use pricetime_journal::History;

/// A batch with everything that the statements need of it, computed once.
pub(super) struct Posting {
    pub(super) batch: Batch,
    pub(super) id: BatchId,
    pub(super) digest: Digest,
    content: String,
    columns: Columns,
}

impl Posting {
    /// Prepares a batch, if it is sound.
    pub(super) fn of(batch: &Batch, deed: Deed) -> Result<Self, Fault> {
        batch.check().map_err(|unsound| {
            Fault::Refused(format!("batch {} is not sound: {unsound}", batch.id()))
        })?;
        let mut columns = Columns::default();
        match deed {
            Deed::Post => {
                for it in &batch.transfers {
                    columns.push(it.account, it.base, it.quote);
                }
            }
            Deed::Drop => {}
        }
        let (id, digest, content) = (batch.id(), batch.digest(), batch.to_text());
        Ok(Self { batch: batch.clone(), id, digest, content, columns })
    }
}

pub(super) fn of(market: MarketId) -> i64 {
    i64::from(market.0)
}

fn uuid(history: History) -> Uuid {
    Uuid::from_u128(history.0)
}

/// Locks the market's row and returns it, if there is one.
async fn lock(client: &Client, market: MarketId) -> Result<Option<Market>, Fault> {
    let sql = format!("SELECT {MARKET} FROM markets WHERE market = $1 FOR UPDATE");
    let row = client.query_typed_opt(&sql, &[(&of(market), Type::INT8)]).await?;
    row.as_ref().map(rows::market).transpose()
}

/// Locks the market's row and returns it. Creates it if there is none.
async fn lock_or_create(client: &Client, market: MarketId) -> Result<Market, Fault> {
    if let Some(current) = lock(client, market).await? {
        return Ok(current);
    }
    let sql = "INSERT INTO markets (market) VALUES ($1) ON CONFLICT DO NOTHING";
    client.execute_typed(sql, &[(&of(market), Type::INT8)]).await?;
    let made = lock(client, market).await?;
    made.ok_or_else(|| Fault::Damaged(format!("the row of market {} disappeared", market.0)))
}

/// Returns the outcome of a batch, if it has one.
pub(super) async fn outcome(
    client: &Client,
    market: MarketId,
    id: BatchId,
) -> Result<Option<Outcome>, Fault> {
    let sql = format!("SELECT {OUTCOME} FROM outcomes o WHERE o.market = $1 AND o.batch = $2");
    let types = [(&of(market) as _, Type::INT8), (&id.0 as _, Type::UUID)];
    client.query_typed_opt(&sql, &types).await?.as_ref().map(rows::outcome).transpose()
}

pub(super) async fn deposit(client: &Client, posting: &Posting) -> Result<Deposited, Fault> {
    let Posting { batch, id, digest, content, .. } = posting;
    lock_or_create(client, batch.market).await?;
    if let Some(outcome) = outcome(client, batch.market, *id).await? {
        return Ok(known(outcome.digest, *digest));
    }
    let market = of(batch.market);
    let sql = "SELECT digest FROM inbox WHERE market = $1 AND batch = $2";
    let types = [(&market as _, Type::INT8), (&id.0 as _, Type::UUID)];
    if let Some(row) = client.query_typed_opt(sql, &types).await? {
        return Ok(known(rows::digest(&row, 0)?, *digest));
    }
    let sql = "INSERT INTO inbox (market, batch, history, epoch, digest, content) \
               VALUES ($1, $2, $3, $4::numeric, $5, $6::json)";
    let types = [
        (&market as _, Type::INT8),
        (&id.0 as _, Type::UUID),
        (&uuid(batch.history) as _, Type::UUID),
        (&batch.epoch.0.to_string() as _, Type::TEXT),
        (&digest.0.as_slice() as _, Type::BYTEA),
        (content as _, Type::TEXT),
    ];
    client.execute_typed(sql, &types).await?;
    Ok(Deposited::Fresh)
}

fn known(theirs: Digest, ours: Digest) -> Deposited {
    if theirs == ours { Deposited::Known } else { Deposited::Conflict(theirs) }
}

pub(super) async fn claim(client: &Client, market: MarketId, floor: Token) -> Result<Claim, Fault> {
    let current = lock_or_create(client, market).await?;
    let token = current.token.max(floor).0.checked_add(1);
    let token = token.ok_or_else(|| Fault::Refused(String::from("no token is left to claim")))?;
    let sql = "UPDATE markets SET token = $2::numeric WHERE market = $1";
    let types = [(&of(market) as _, Type::INT8), (&token.to_string() as _, Type::TEXT)];
    client.execute_typed(sql, &types).await?;
    Ok(Claim { token: Token(token), position: current.position })
}

/// Everything that belongs to an outcome, in one statement. `$6` to `$8` are lists of the same length.
const POST: &str = "\
WITH settled AS (
    INSERT INTO outcomes (market, batch, history, epoch, digest, deed, token)
    VALUES ($1, $2, $3, $4::numeric, $5, $9, $10::numeric)
), posted AS (
    INSERT INTO transfers (market, batch, account, base, quote)
    SELECT $1, $2, account, base::numeric, quote::numeric
    FROM unnest($6, $7, $8) AS given (account, base, quote)
    RETURNING market, account, base, quote
), held AS (
    INSERT INTO balances AS had (market, account, base, quote)
    SELECT market, account, base, quote FROM posted
    ON CONFLICT (market, account) DO UPDATE
    SET base = had.base + excluded.base, quote = had.quote + excluded.quote
), told AS (
    INSERT INTO outbox (market, number, batch, content)
    VALUES ($1, $11::numeric, $2, $12::json)
), taken AS (
    DELETE FROM inbox WHERE market = $1 AND batch = $2
)
UPDATE markets SET last_epoch = $4::numeric, token = $10::numeric, notices = $11::numeric
WHERE market = $1";

pub(super) async fn apply(
    client: &Client,
    posting: &Posting,
    token: Token,
    deed: Deed,
) -> Result<Applied, Fault> {
    let Posting { batch, id, digest, content, columns } = posting;
    let Some(current) = lock(client, batch.market).await? else { return Ok(Applied::Unseeded) };
    if let Some(outcome) = outcome(client, batch.market, *id).await? {
        let same = outcome.digest == *digest;
        return Ok(if same {
            Applied::Duplicate(outcome.deed)
        } else {
            Applied::Conflict(outcome.digest)
        });
    }
    if token < current.token {
        return Ok(Applied::Fenced(current.token));
    }
    let last = match current.position {
        Some(position) if position.history == batch.history => position.last,
        Some(_) | None => return Ok(Applied::Unseeded),
    };
    if last.0.checked_add(1) != Some(batch.epoch.0) {
        return Ok(Applied::Gap(last));
    }
    let types = [
        (&of(batch.market) as _, Type::INT8),
        (&id.0 as _, Type::UUID),
        (&uuid(batch.history) as _, Type::UUID),
        (&batch.epoch.0.to_string() as _, Type::TEXT),
        (&digest.0.as_slice() as _, Type::BYTEA),
        (&columns.accounts as _, Type::UUID_ARRAY),
        (&columns.base as _, Type::TEXT_ARRAY),
        (&columns.quote as _, Type::TEXT_ARRAY),
        (&rows::deed_name(deed) as _, Type::TEXT),
        (&token.0.to_string() as _, Type::TEXT),
        (&current.notices.saturating_add(1).to_string() as _, Type::TEXT),
        (content as _, Type::TEXT),
    ];
    client.execute_typed(POST, &types).await?;
    Ok(Applied::Done)
}

/// An account may be in a list more than once.
const OPEN: &str = "\
WITH opened AS (
    INSERT INTO openings (market, history, epoch, account, base, quote)
    SELECT $1, $2, $3::numeric, account, sum(base::numeric), sum(quote::numeric)
    FROM unnest($4, $5, $6) AS given (account, base, quote)
    GROUP BY account
    RETURNING market, account, base, quote
), held AS (
    INSERT INTO balances AS had (market, account, base, quote)
    SELECT market, account, base, quote FROM opened
    ON CONFLICT (market, account) DO UPDATE
    SET base = had.base + excluded.base, quote = had.quote + excluded.quote
)
UPDATE markets SET history = $2, last_epoch = $3::numeric, token = $7::numeric WHERE market = $1";

pub(super) async fn seed(client: &Client, seed: &Seed, token: Token) -> Result<(), Fault> {
    let current = lock_or_create(client, seed.market).await?;
    if current.position == Some(seed.position) {
        return Ok(());
    }
    if token < current.token {
        let (ours, theirs) = (token.0, current.token.0);
        return Err(Fault::Refused(format!("token {theirs} was claimed since our token {ours}")));
    }
    if current.position != seed.replaces {
        let stands = match current.position {
            Some(position) => format!("is at epoch {} of {}", position.last.0, position.history),
            None => String::from("was never seeded"),
        };
        return Err(Fault::Refused(format!("market {} {stands}", seed.market.0)));
    }
    let mut columns = Columns::default();
    for it in &seed.balances {
        columns.push(it.account, it.base, it.quote);
    }
    let types = [
        (&of(seed.market) as _, Type::INT8),
        (&uuid(seed.position.history) as _, Type::UUID),
        (&seed.position.last.0.to_string() as _, Type::TEXT),
        (&columns.accounts as _, Type::UUID_ARRAY),
        (&columns.base as _, Type::TEXT_ARRAY),
        (&columns.quote as _, Type::TEXT_ARRAY),
        (&token.0.to_string() as _, Type::TEXT),
    ];
    client.execute_typed(OPEN, &types).await?;
    Ok(())
}

pub(super) async fn forget(client: &Client, market: MarketId, up_to: u64) -> Result<(), Fault> {
    let sql = "DELETE FROM outbox WHERE market = $1 AND number <= $2::numeric";
    let types = [(&of(market) as _, Type::INT8), (&up_to.to_string() as _, Type::TEXT)];
    client.execute_typed(sql, &types).await?;
    Ok(())
}
