//! Compares a ledger with a journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pricetime_engine::{AccountId, Engine, EpochNumber, Group, MarketId};
use pricetime_journal::{FolderReader, RealDisk};
use pricetime_settlement::Batch;
use pricetime_settlement::ledger::{Deed, Ledger};

use super::recount::{Recount, Sums};

/// The account that receives the fees.
pub const PLATFORM: AccountId = AccountId(3);

/// Copies a folder with its content.
///
/// # Panics
/// Panics if the copy fails.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Recounts a folder's journal from its first command on.
///
/// # Panics
/// Panics if the journal cannot be read.
#[must_use]
pub fn recount_folder(folder: &Path) -> Recount {
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder).expect("a data folder");
    let journal = folder_reader.journal().expect("a journal");
    let mut engine = Engine::new(10_000);
    let (mut recount, mut groups) = (Recount::default(), Vec::<Group>::new());
    for command in
        folder_reader.reader().read(journal.oldest(), journal.durable).expect("a whole journal")
    {
        engine.apply(&command.expect("a command"), &mut groups);
        groups.drain(..).for_each(|group| recount.process(&group));
    }
    recount
}

/// Compares a ledger with the recount: every closed epoch was posted once and in order, and balances match
/// the trades. Returns the number of epochs.
///
/// # Panics
/// Panics if they differ.
pub fn check_ledger(folder: &Path, platform: AccountId, ledger: &mut dyn Ledger) -> usize {
    let recount = recount_folder(folder);
    let folder_reader = FolderReader::open(Arc::new(RealDisk), folder).expect("a data folder");
    let history = folder_reader.history();
    let mut last: BTreeMap<MarketId, EpochNumber> = BTreeMap::new();
    for (market, epoch) in &recount.closed {
        let id = Batch::id_of(history, *market, *epoch);
        let outcome = ledger.outcome(*market, id).expect("an answer");
        let outcome = outcome.unwrap_or_else(|| panic!("{market} {epoch} is not settled"));
        assert_eq!((outcome.epoch, outcome.deed), (*epoch, Deed::Post));
        last.insert(*market, *epoch);
    }
    for (market, epoch) in last {
        let (_, position) = ledger.position(market).expect("an answer");
        assert_eq!(position.map(|it| (it.history, it.last)), Some((history, epoch)));
        assert!(ledger.pending(market, history, 10).expect("an answer").is_empty());
        let balances = ledger.balances(market, None, usize::MAX >> 1).expect("an answer");
        let balances: Sums = balances
            .into_iter()
            .map(|it| (it.account, (it.base, it.quote)))
            .filter(|(_, sum)| *sum != (0, 0))
            .collect();
        let closed = |it: EpochNumber| it <= epoch;
        assert_eq!(
            balances,
            recount.sums(market, platform, closed),
            "what accounts have in {market}"
        );
    }
    recount.closed.len()
}
