//! The connection. Each call is one transaction and takes no longer than the options allow.
//!
//! The connection has a runtime of its own, because the blocking client has no deadlines.

use core::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::Client;

use super::LedgerError;
use super::fault::Fault;
use super::migrate;
use super::options::PostgresOptions;
use super::wire::{Wire, connect, hang_up};

/// How often a transaction is tried if it conflicts with another one.
const TRIES: u32 = 10;

/// The connection to the server.
pub(super) struct Link {
    pub(super) options: PostgresOptions,
    /// Runs on the calling thread, during a call.
    runtime: Runtime,
    wire: Option<Wire>,
}

impl Link {
    pub(super) fn new(options: PostgresOptions) -> Result<Self, LedgerError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            LedgerError::Unreachable { ledger: options.name(), why: error.to_string() }
        })?;
        Ok(Self { options, runtime, wire: None })
    }

    /// Creates or upgrades the tables, if necessary.
    pub(super) fn prepare(&mut self) -> Result<(), LedgerError> {
        self.wait(0, async |options, wire| match connected_client(options, wire).await {
            Ok(client) => migrate::migrate(client, options).await,
            Err(fault) => Err(fault),
        })
    }

    /// Runs one transaction about this many accounts. After any error but our own refusals the
    /// connection is closed, and the next call makes a new one.
    pub(super) fn transact<T>(
        &mut self,
        accounts: usize,
        work: impl AsyncFn(&Client) -> Result<T, Fault>,
    ) -> Result<T, LedgerError> {
        let done = self.wait(accounts, async |options, wire| {
            let mut tries = 0;
            loop {
                tries += 1;
                let done = run_once(options, wire, &work).await;
                match done {
                    Err(fault) if fault.is_conflict() && tries < TRIES => hang_up(wire).await,
                    done => return done,
                }
            }
        })?;
        done.map_err(|why| LedgerError::Refused { ledger: self.options.name(), why })
    }

    /// Does something with the connection, within the time limit.
    fn wait<T>(
        &mut self,
        accounts: usize,
        work: impl AsyncFnOnce(&PostgresOptions, &mut Option<Wire>) -> Result<T, Fault>,
    ) -> Result<T, LedgerError> {
        let Self { options, runtime, wire } = self;
        if Handle::try_current().is_ok() {
            let why = "it must be called from its own thread, not from an asynchronous runtime";
            return Err(LedgerError::Refused { ledger: options.name(), why: String::from(why) });
        }
        let options = &options.with(accounts);
        let limit = options.connect.saturating_add(options.answer);
        let done = runtime.block_on(async {
            let done = with_timeout(limit, work(options, wire)).await;
            if done.is_err() {
                hang_up(wire).await;
            }
            done
        });
        done.map_err(|fault| fault.into_ledger_error(options.name(), limit.as_secs().max(1)))
    }
}

async fn with_timeout<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Fault::Late))
}

/// Runs one whole transaction. Our own refusals are not errors of the connection.
async fn run_once<T>(
    options: &PostgresOptions,
    wire: &mut Option<Wire>,
    work: &impl AsyncFn(&Client) -> Result<T, Fault>,
) -> Result<Result<T, String>, Fault> {
    let client = begin_transaction(options, wire).await?;
    let (end, found) = match work(client).await {
        Ok(found) => ("COMMIT", Ok(found)),
        Err(Fault::Refused(why)) => ("ROLLBACK", Err(why)),
        Err(fault @ (Fault::Sql(_) | Fault::Late | Fault::Damaged(_))) => return Err(fault),
    };
    client.batch_execute(end).await?;
    Ok(found)
}

/// Begins a transaction and returns its connection. If an existing connection turns out to be lost
/// before anything was asked on it, it is replaced.
async fn begin_transaction<'a>(
    options: &PostgresOptions,
    wire: &'a mut Option<Wire>,
) -> Result<&'a Client, Fault> {
    let begin = options.begin();
    if let Some(old) = wire {
        match old.client.batch_execute(&begin).await.map_err(Fault::from) {
            Ok(()) => {}
            Err(fault) if fault.is_lost() => hang_up(wire).await,
            Err(fault) => return Err(fault),
        }
    }
    let fresh = wire.is_none();
    let client = connected_client(options, wire).await?;
    if fresh {
        migrate::check(client, options).await?;
        client.batch_execute(&begin).await?;
    }
    Ok(client)
}

async fn connected_client<'a>(
    options: &PostgresOptions,
    wire: &'a mut Option<Wire>,
) -> Result<&'a Client, Fault> {
    let made = match wire.take() {
        Some(made) => made,
        None => with_timeout(options.connect, connect(options)).await?,
    };
    Ok(&wire.insert(made).client)
}
