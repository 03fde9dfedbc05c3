//! A ledger in one file on this machine, without a server or any setup.
//!
//! The file is a [redb](https://docs.rs/redb) database. Each call is one transaction, which is on disk
//! before the call returns. One process at a time can have the file open. Within it there can be any
//! number of handles.

mod error;
mod posting;
mod rows;

use std::fs::{File, hard_link, read_dir, remove_file};
use std::hash::{BuildHasher as _, RandomState};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use pricetime_engine::{AccountId, MarketId};
use redb::{Builder, Database, ReadableDatabase as _, ReadableTable as _, WriteTransaction};

use self::error::EmbeddedError;
use self::rows::{BALANCES, Finish, INBOX, MARKETS, Market, OUTBOX, OUTCOMES};
use super::{
    Applied, Balance, Claim, Deed, Deposited, Ledger, LedgerError, Notice, Outcome, Position, Seed,
    Token,
};
use crate::{Batch, BatchId};
use pricetime_journal::History;
use pricetime_journal::private;

/// The name of the file in its folder.
const FILE: &str = "ledger.redb";
/// The suffix of a file that is still being made.
const UNFINISHED: &str = ".new";

/// A ledger in a folder. Its clones are handles on the same ledger.
///
/// ```
/// use pricetime_engine::MarketId;
/// use pricetime_settlement::ledger::{EmbeddedLedger, Ledger as _};
///
/// # let path = std::env::temp_dir().join(format!("pricetime-ledger-{}", std::process::id()));
/// let mut ledger = EmbeddedLedger::open(&path)?;
/// let (_, position) = ledger.position(MarketId(1))?;
/// assert_eq!(position, None); // No epoch of this market has been posted.
/// for balance in ledger.balances(MarketId(1), None, 100)? {
///     println!("{}: {} base, {} quote", balance.account, balance.base, balance.quote);
/// }
/// # drop(ledger);
/// # std::fs::remove_dir_all(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct EmbeddedLedger {
    store: Arc<Database>,
    name: String,
}

impl core::fmt::Debug for EmbeddedLedger {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EmbeddedLedger").field("name", &self.name).finish_non_exhaustive()
    }
}

impl EmbeddedLedger {
    /// Opens the ledger in this folder, and creates the folder and the ledger if they do not exist. The
    /// whole file is read and its checksums are verified, so that damage is found here.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if another process has the file open, if the file is damaged, or if it
    /// cannot be read or created.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let name = path.display().to_string();
        let opened = open(folder, &path).map_err(|error| error.of(&name))?;
        Ok(Self { store: Arc::new(opened), name })
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<Finish<T>, EmbeddedError>,
    ) -> Result<T, LedgerError> {
        write(&self.store, work).map_err(|error| error.of(&self.name))
    }

    /// Reads rows of a table.
    fn read<K: redb::Key + 'static, V: redb::Value + 'static, T>(
        &self,
        table: redb::TableDefinition<'_, K, V>,
        work: impl FnOnce(&redb::ReadOnlyTable<K, V>) -> Result<T, EmbeddedError>,
    ) -> Result<T, LedgerError> {
        let read = || {
            let transaction = self.store.begin_read()?;
            work(&transaction.open_table(table)?)
        };
        read().map_err(|error| error.of(&self.name))
    }

    fn check_sound(&self, batch: &Batch) -> Result<(), LedgerError> {
        batch.check().map_err(|why| EmbeddedError::Refused(why.to_string()).of(&self.name))
    }
}

fn open(folder: &Path, path: &Path) -> Result<Database, EmbeddedError> {
    private::create_folder(folder)?;
    if !path.try_exists()? {
        create_ledger(folder, path)?;
    }
    let store = Builder::new().set_check_integrity_on_open(true).create(path)?;
    // The directory entries of a new file and of a new folder must be on disk too.
    for folder in [Some(folder), folder.parent()].into_iter().flatten() {
        if folder.as_os_str().is_empty() {
            continue;
        }
        File::open(folder)?.sync_all()?;
    }
    format(&store)?;
    remove_unfinished(folder)?;
    Ok(store)
}

/// Makes a ledger under another name and links it into place when it is complete, so a crash leaves
/// either none or a complete one. A link replaces no file, so if several processes do this at once, the
/// first one wins.
fn create_ledger(folder: &Path, path: &Path) -> Result<(), EmbeddedError> {
    let own = RandomState::new().hash_one(path);
    let unfinished = folder.join(format!("{FILE}.{own:016x}{UNFINISHED}"));
    let made = || {
        private::create(&unfinished)?;
        format(&Builder::new().create(&unfinished)?)?;
        File::open(&unfinished)?.sync_all()?;
        Ok::<_, EmbeddedError>(hard_link(&unfinished, path)?)
    };
    match made() {
        // Another process made the ledger first, and may have removed our file.
        Err(_) if path.try_exists()? => Ok(()),
        made => made,
    }
}

/// Removes unfinished files. The ledger exists, so they are not needed.
fn remove_unfinished(folder: &Path) -> Result<(), EmbeddedError> {
    for entry in read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(FILE) && name.ends_with(UNFINISHED) {
            match remove_file(folder.join(&*name)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// Writes the version of the tables, or checks it.
fn format(store: &Database) -> Result<(), EmbeddedError> {
    write(store, |transaction| {
        let fresh = rows::check_format(transaction)?;
        Ok(if fresh { Finish::Commit(()) } else { Finish::Abort(()) })
    })
}

fn write<T>(
    store: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<Finish<T>, EmbeddedError>,
) -> Result<T, EmbeddedError> {
    let mut transaction = store.begin_write()?;
    // A commit is never rolled back after a crash, and the file need not be searched for it.
    transaction.set_quick_repair(true);
    match work(&transaction)? {
        Finish::Commit(answer) => {
            transaction.commit()?;
            Ok(answer)
        }
        Finish::Abort(answer) => {
            transaction.abort()?;
            Ok(answer)
        }
    }
}

impl Ledger for EmbeddedLedger {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError> {
        self.check_sound(batch)?;
        self.write(|transaction| {
            let (id, digest) = (batch.id(), batch.digest());
            let known = |stored| match stored == digest {
                true => Ok(Finish::Abort(Deposited::Known)),
                false => Ok(Finish::Abort(Deposited::Conflict(stored))),
            };
            let outcomes = transaction.open_table(OUTCOMES)?;
            if let Some(row) = outcomes.get((batch.market.0, id.0.as_u128()))? {
                return known(rows::outcome(id, row.value()).digest);
            }
            let mut inbox = transaction.open_table(INBOX)?;
            let key = (batch.market.0, batch.history.0, batch.epoch.0);
            if let Some(row) = inbox.get(key)? {
                return known(rows::waiting(key, row.value())?.digest());
            }
            inbox.insert(key, batch.to_text().as_str())?;
            let mut markets = transaction.open_table(MARKETS)?;
            Market::of(&markets, batch.market)?.put(&mut markets, batch.market)?;
            Ok(Finish::Commit(Deposited::Fresh))
        })
    }

    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError> {
        self.read(INBOX, |inbox| {
            let range = (market.0, history.0, 0)..=(market.0, history.0, u64::MAX);
            let mut waiting = Vec::new();
            for row in inbox.range(range)?.take(limit) {
                let (key, text) = row?;
                waiting.push(rows::waiting(key.value(), text.value())?);
            }
            Ok(waiting)
        })
    }

    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError> {
        self.write(|transaction| {
            let mut markets = transaction.open_table(MARKETS)?;
            let mut row = Market::of(&markets, market)?;
            let highest = row.token.max(floor);
            let Some(next) = highest.0.checked_add(1) else {
                return Err(rows::no_higher_token(market));
            };
            row.token = Token(next);
            row.put(&mut markets, market)?;
            Ok(Finish::Commit(Claim { token: row.token, position: row.position }))
        })
    }

    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError> {
        self.check_sound(batch)?;
        self.write(|transaction| posting::apply(transaction, batch, token, deed))
    }

    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError> {
        self.write(|transaction| posting::seed(transaction, seed, token))
    }

    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError> {
        self.read(MARKETS, |markets| {
            let row = Market::of(markets, market)?;
            Ok((row.token, row.position))
        })
    }

    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError> {
        self.read(MARKETS, |markets| {
            let number = |row: Result<(redb::AccessGuard<'_, u32>, _), redb::StorageError>| {
                Ok(MarketId(row?.0.value()))
            };
            markets.iter()?.map(number).collect()
        })
    }

    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError> {
        self.read(OUTCOMES, |outcomes| {
            let row = outcomes.get((market.0, id.0.as_u128()))?;
            Ok(row.map(|row| rows::outcome(id, row.value())))
        })
    }

    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError> {
        let from = match after.map(|after| after.0.checked_add(1)) {
            None => 0,
            Some(Some(from)) => from,
            Some(None) => return Ok(Vec::new()),
        };
        self.read(BALANCES, |balances| {
            let mut found = Vec::new();
            for row in balances.range((market.0, from)..=(market.0, u128::MAX))?.take(limit) {
                let (key, has) = row?;
                let (base, quote) = has.value();
                found.push(Balance { account: AccountId(key.value().1), base, quote });
            }
            Ok(found)
        })
    }

    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError> {
        let Some(from) = after.checked_add(1) else { return Ok(Vec::new()) };
        let read = || {
            let transaction = self.store.begin_read()?;
            let outcomes = transaction.open_table(OUTCOMES)?;
            let outbox = transaction.open_table(OUTBOX)?;
            let mut found = Vec::new();
            for row in outbox.range((market.0, from)..=(market.0, u64::MAX))?.take(limit) {
                let (key, text) = row?;
                let batch = rows::batch(text.value())?;
                let id = batch.id();
                let outcome = outcomes.get((market.0, id.0.as_u128()))?;
                let outcome = outcome.ok_or_else(|| rows::no_outcome(market, id))?;
                let outcome = rows::outcome(id, outcome.value());
                found.push((key.value().1, Notice { outcome, batch }));
            }
            Ok(found)
        };
        read().map_err(|error: EmbeddedError| error.of(&self.name))
    }

    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError> {
        self.write(|transaction| {
            let mut outbox = transaction.open_table(OUTBOX)?;
            outbox.retain_in((market.0, 0)..=(market.0, up_to), |_, _| false)?;
            Ok(Finish::Commit(()))
        })
    }
}
