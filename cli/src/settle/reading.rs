//! A ledger that is only looked at. That of a folder is copied first: the process that has it open is
//! not disturbed, and what is there stays as it is.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pricetime::engine::{AccountId, MarketId};
use pricetime::persistence::journal::History;
use pricetime::persistence::settlement::ledger::{
    Balance, EmbeddedLedger, Ledger, LedgerError, Position, Token,
};

use super::super::config::Books;
use super::super::failure::Failure;
use super::super::look::Stop;
use super::unsettled;

/// So many copies are made before it is said that none is whole.
const COPIES_MAX: u32 = 10;
/// How long the next one waits.
const PAUSE: Duration = Duration::from_millis(100);
/// So many balances are asked for at once.
const PAGE: usize = 10_000;

/// The file of an embedded ledger.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join("ledger.redb")
}

/// A ledger to look at.
pub(super) struct Reading {
    ledger: Box<dyn Ledger>,
    name: String,
    /// Goes away behind the ledger.
    _copy: Option<Copied>,
}

/// What a market has.
pub(super) struct Market {
    pub(super) position: Option<Position>,
    pub(super) balances: Vec<Balance>,
}

/// A folder that is gone when nobody needs it any more.
struct Copied(PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        // What is left behind there is small, and the system's to take away.
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Reading {
    pub(super) fn of(books: &Books) -> Result<Self, Stop> {
        let folder = match books {
            Books::Embedded(folder) => folder,
            Books::Redis(_) | Books::Postgres(_) => {
                let ledger = books.open().map_err(|error| unsettled(&error))?;
                return Ok(Self { name: ledger.name(), ledger, _copy: None });
            }
        };
        let from = file(folder);
        let name = from.display().to_string();
        let unread = |why: std::io::Error| -> Stop {
            Failure::failed(format!("cannot read the ledger {name}: {why}")).into()
        };
        let copied = Copied(std::env::temp_dir().join(format!("pricetime-{}", History::fresh())));
        DirBuilder::new().mode(0o700).create(&copied.0).map_err(unread)?;
        let mut tries = 1;
        loop {
            fs::copy(&from, file(&copied.0)).map_err(unread)?;
            match EmbeddedLedger::open(&copied.0) {
                Ok(ledger) => {
                    return Ok(Self { ledger: Box::new(ledger), name, _copy: Some(copied) });
                }
                // It was written to meanwhile; or it is damaged, which the next copy is too.
                Err(LedgerError::Damaged { .. }) if tries < COPIES_MAX => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(LedgerError::Damaged { what, .. }) => {
                    return Err(unsettled(&LedgerError::Damaged { ledger: name, what }));
                }
                Err(error) => return Err(unsettled(&error)),
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks it.
    pub(super) fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, Stop> {
        question(self.ledger.as_mut()).map_err(|error| unsettled(&error))
    }

    pub(super) fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), Stop> {
        self.ask(|ledger| ledger.position(market))
    }

    /// A market as it is at one moment.
    pub(super) fn market(&mut self, market: MarketId) -> Result<Market, Stop> {
        for _ in 0..COPIES_MAX {
            let (_, position) = self.position(market)?;
            let balances = self.ask(|ledger| balances(ledger, market))?;
            if self.position(market)?.1 == position {
                return Ok(Market { position, balances });
            }
        }
        let text = format!("market {market} is being settled too fast to be looked at: hold it");
        Err(Failure::failed(text).into())
    }
}

/// What everybody has in a market.
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
