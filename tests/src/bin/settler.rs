//! Settles epochs in the ledger of a folder, as fast as it can, until it is killed. It reports each epoch
//! when it is done.

use std::io::Write as _;
use std::path::Path;

use pricetime_settlement::ledger::{Applied, Deed, EmbeddedLedger, Ledger as _, Token};
use pricetime_tests::recount::{MARKET, batch, initial_seed};

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let mut ledger =
        EmbeddedLedger::open(Path::new(&folder)).expect("no other process has it open");
    let claim = ledger.claim(MARKET, Token(0)).expect("a claim");
    if claim.position.is_none() {
        ledger.seed(&initial_seed(), claim.token).expect("a seed");
    }
    let next = claim.position.map_or(1, |position| position.last.0 + 1);
    let mut out = std::io::stdout().lock();
    for epoch in next.. {
        let batch = batch(epoch);
        ledger.deposit(&batch).expect("a deposit");
        let applied = ledger.apply(&batch, claim.token, Deed::Post).expect("posting");
        assert_eq!(applied, Applied::Done);
        if writeln!(out, "{epoch} done").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
