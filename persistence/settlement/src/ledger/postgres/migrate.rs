//! Creates and upgrades the tables.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::fault::Fault;
use super::options::PostgresOptions;

/// The migration to each version, from the first one on.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/0001_ledger.sql")];

/// The oldest server that has the features we need.
const SERVER_MIN: i32 = 120_000;

/// Returns the version that this program uses.
fn our_version() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Upgrades the schema to our version. If the user has no right to do that, it must be done already.
pub(super) async fn migrate(client: &Client, options: &PostgresOptions) -> Result<(), Fault> {
    let server = client.query_typed_one("SELECT current_setting('server_version_num')::int", &[]);
    let server: i32 = server.await?.try_get(0)?;
    if server < SERVER_MIN {
        return Err(Fault::Refused(format!(
            "it has version {}, but version 12 or later is required",
            server / 10_000
        )));
    }
    let found = version(client, options).await?;
    if found == Some(our_version()) {
        return Ok(());
    }
    client.batch_execute(&options.begin()).await?;
    // If several processes get here at once, the others wait and then find the migration done.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('pricetime ' || $1, 0))";
    client.query_typed_one(lock, &[(&options.schema, Type::TEXT)]).await?;
    if !row_exists(client, options, "SELECT FROM pg_namespace WHERE nspname = $1").await? {
        client.batch_execute(&format!("CREATE SCHEMA {}", options.quoted())).await?;
    }
    let found = version(client, options).await?.unwrap_or(0);
    check_not_newer(found)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        client.batch_execute(migration).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Refuses a schema of another version.
pub(super) async fn check(client: &Client, options: &PostgresOptions) -> Result<(), Fault> {
    match version(client, options).await? {
        Some(found) if found == our_version() => Ok(()),
        Some(found) => check_not_newer(found).and_then(|()| {
            Err(Fault::Refused(format!(
                "its tables are of version {found}, but version {} is required",
                our_version()
            )))
        }),
        None => Err(Fault::Refused(String::from("its tables are gone"))),
    }
}

fn check_not_newer(found: i32) -> Result<(), Fault> {
    if found <= our_version() {
        return Ok(());
    }
    Err(Fault::Refused(format!(
        "its tables are of version {found}, but this version knows at most {}: use a later version",
        our_version()
    )))
}

/// Returns the version of the tables, if there are any.
async fn version(client: &Client, options: &PostgresOptions) -> Result<Option<i32>, Fault> {
    let table =
        "SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'pricetime_migrations'";
    if !row_exists(client, options, table).await? {
        return Ok(None);
    }
    let schema = options.quoted();
    let last = format!("SELECT coalesce(max(version), 0) FROM {schema}.pricetime_migrations");
    Ok(Some(client.query_typed_one(&last, &[]).await?.try_get(0)?))
}

async fn row_exists(client: &Client, options: &PostgresOptions, sql: &str) -> Result<bool, Fault> {
    Ok(client.query_typed_opt(sql, &[(&options.schema, Type::TEXT)]).await?.is_some())
}
