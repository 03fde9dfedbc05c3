//! A ledger opened for reading. An embedded ledger is copied first, so that the process that has it open is
//! not disturbed and the file does not change.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetime::engine::{AccountId, MarketId};
use pricetime::persistence::journal::History;
use pricetime::persistence::settlement::ledger::{
    Balance, EmbeddedLedger, Ledger, LedgerError, Position, Token,
};

use super::super::config::LedgerLocation;
use super::super::failure::Failure;
use super::super::reader::Stop;
use super::ledger_failure;

/// The number of copies made before the ledger counts as damaged.
const COPIES_MAX: u32 = 10;
/// The pause before the next copy.
const PAUSE: Duration = Duration::from_millis(100);
/// The number of balances per query.
const PAGE: usize = 10_000;

/// The path of an embedded ledger's file.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join("ledger.redb")
}

/// A ledger for reading.
pub(super) struct LedgerReader {
    ledger: Box<dyn Ledger>,
    name: String,
    /// Dropped after the ledger, which has it open.
    _copy: Option<TemporaryFolder>,
}

/// A market's position and balances.
pub(super) struct Market {
    pub(super) position: Option<Position>,
    pub(super) balances: Vec<Balance>,
}

/// A temporary folder, removed on drop.
struct TemporaryFolder(PathBuf);

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // If removal fails, a small folder stays in the system's temporary directory, which the system
        // cleans.
        drop(fs::remove_dir_all(&self.0));
    }
}

impl LedgerReader {
    pub(super) fn of(location: &LedgerLocation) -> Result<Self, Stop> {
        let folder = match location {
            LedgerLocation::Embedded(folder) => folder,
            LedgerLocation::Redis(_) | LedgerLocation::Postgres(_) => {
                let ledger = location.open().map_err(|error| ledger_failure(&error))?;
                return Ok(Self { name: ledger.name(), ledger, _copy: None });
            }
        };
        let from = file(folder);
        let name = from.display().to_string();
        let cannot_read = |why: std::io::Error| -> Stop {
            Failure::failed(format!("cannot read the ledger {name}: {why}")).into()
        };
        let temporary =
            TemporaryFolder(std::env::temp_dir().join(format!("pricetime-{}", History::fresh())));
        DirBuilder::new().mode(0o700).create(&temporary.0).map_err(cannot_read)?;
        let mut attempts = 1;
        loop {
            fs::copy(&from, file(&temporary.0)).map_err(cannot_read)?;
            match EmbeddedLedger::open(&temporary.0) {
                Ok(ledger) => {
                    return Ok(Self { ledger: Box::new(ledger), name, _copy: Some(temporary) });
                }
                // The file was written to during the copy; or it is damaged, and then so is the next copy.
                Err(LedgerError::Damaged { .. }) if attempts < COPIES_MAX => {
                    attempts += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(LedgerError::Damaged { what, .. }) => {
                    return Err(ledger_failure(&LedgerError::Damaged { ledger: name, what }));
                }
                Err(error) => return Err(ledger_failure(&error)),
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a query to the ledger.
    pub(super) fn ask<T>(
        &mut self,
        query: impl FnOnce(&mut dyn Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, Stop> {
        query(self.ledger.as_mut()).map_err(|error| ledger_failure(&error))
    }

    pub(super) fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), Stop> {
        self.ask(|ledger| ledger.position(market))
    }

    /// The consistent state of a market at one moment.
    pub(super) fn market(&mut self, market: MarketId) -> Result<Market, Stop> {
        for _ in 0..COPIES_MAX {
            let (_, position) = self.position(market)?;
            let balances = self.ask(|ledger| balances(ledger, market))?;
            if self.position(market)?.1 == position {
                return Ok(Market { position, balances });
            }
        }
        let text = format!("market {market} is being settled too fast to be read: hold it first");
        Err(Failure::failed(text).into())
    }
}

/// The balances of all accounts in a market.
pub(super) fn balances(
    ledger: &mut dyn Ledger,
    market: MarketId,
) -> Result<Vec<Balance>, LedgerError> {
    let mut all: Vec<Balance> = Vec::new();
    loop {
        let after: Option<AccountId> = all.last().map(|last| last.account);
        let page = ledger.balances(market, after, PAGE)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
