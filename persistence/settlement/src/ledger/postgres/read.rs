//! The transactions that only read.

use pricetime_engine::{AccountId, MarketId};
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::super::{Balance, Notice, Position, Token};
use super::fault::Fault;
use super::post::of;
use super::rows::{self, MARKET, OUTCOME};
use crate::{Batch, BatchId};
use pricetime_journal::History;

/// Returns a limit on rows in the server's type.
fn rows_max(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) async fn pending(
    client: &Client,
    market: MarketId,
    history: History,
    limit: usize,
) -> Result<Vec<Batch>, Fault> {
    let sql = "SELECT batch, content::text FROM inbox WHERE market = $1 AND history = $2 \
               ORDER BY epoch LIMIT $3";
    let types = [
        (&of(market) as _, Type::INT8),
        (&Uuid::from_u128(history.0) as _, Type::UUID),
        (&rows_max(limit) as _, Type::INT8),
    ];
    let found = client.query_typed(sql, &types).await?;
    found.iter().map(|row| rows::batch(row, 1, BatchId(rows::get(row, 0)?))).collect()
}

pub(super) async fn position(
    client: &Client,
    market: MarketId,
) -> Result<(Token, Option<Position>), Fault> {
    let sql = format!("SELECT {MARKET} FROM markets WHERE market = $1");
    let row = client.query_typed_opt(&sql, &[(&of(market), Type::INT8)]).await?;
    let found = row.as_ref().map(rows::market).transpose()?;
    Ok(found.map_or((Token::default(), None), |it| (it.token, it.position)))
}

pub(super) async fn markets(client: &Client) -> Result<Vec<MarketId>, Fault> {
    let found = client.query_typed("SELECT market FROM markets ORDER BY market", &[]).await?;
    found.iter().map(rows::market_id).collect()
}

pub(super) async fn balances(
    client: &Client,
    market: MarketId,
    after: Option<AccountId>,
    limit: usize,
) -> Result<Vec<Balance>, Fault> {
    let sql = "SELECT account, base::text, quote::text FROM balances \
               WHERE market = $1 AND ($2 IS NULL OR account > $2) AND (base <> 0 OR quote <> 0) \
               ORDER BY account LIMIT $3";
    let after = after.map(|it| Uuid::from_u128(it.0));
    let types = [
        (&of(market) as _, Type::INT8),
        (&after as _, Type::UUID),
        (&rows_max(limit) as _, Type::INT8),
    ];
    client.query_typed(sql, &types).await?.iter().map(rows::balance).collect()
}

pub(super) async fn outbox(
    client: &Client,
    market: MarketId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Notice)>, Fault> {
    let sql = format!(
        "SELECT {OUTCOME}, n.number::text, n.content::text \
         FROM outbox n JOIN outcomes o ON o.market = n.market AND o.batch = n.batch \
         WHERE n.market = $1 AND n.number > $2::numeric ORDER BY n.number LIMIT $3"
    );
    let types = [
        (&of(market) as _, Type::INT8),
        (&after.to_string() as _, Type::TEXT),
        (&rows_max(limit) as _, Type::INT8),
    ];
    client.query_typed(&sql, &types).await?.iter().map(rows::notice).collect()
}
