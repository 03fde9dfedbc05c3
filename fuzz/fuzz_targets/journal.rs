//! Opens arbitrary bytes as the files of a journal. The journal is refused with an error that names
//! what is wrong. Or it opens, reads without a panic, takes a command, and opens again with the
//! same commands and the new one.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pricetime_engine::{AccountId, Action, Command, MarketId, Sequence, Timestamp};
use pricetime_fuzz::Bytes;
use pricetime_fuzz::journal::{FOLDER, OPTIONS, OURS, next};
use pricetime_journal::{Journal, JournalError};
use pricetime_tests::disk::FaultyDisk;

/// The commands that can be read, and whether these are all.
fn read(journal: &Journal) -> (Vec<Command>, bool) {
    let mut commands = Vec::new();
    match journal.read(journal.oldest()) {
        Ok(found) => {
            for command in found {
                match command {
                    Ok(command) => commands.push(command),
                    Err(refused) => return (commands, assert_not_disk_error(&refused)),
                }
            }
            (commands, true)
        }
        Err(refused) => (commands, assert_not_disk_error(&refused)),
    }
}

/// Checks that the error does not come from the disk. Always returns `false`.
fn assert_not_disk_error(refused: &JournalError) -> bool {
    let disk = matches!(refused, JournalError::Io { .. } | JournalError::Poisoned(_));
    assert!(!disk && !refused.to_string().is_empty(), "{refused}");
    false
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let disk = FaultyDisk::new(1);
    bytes.journal(&disk).expect("it is written in order");
    let open = || Journal::open(Arc::new(disk.clone()), Path::new(FOLDER), OURS, OPTIONS);
    let mut journal = match open() {
        Ok(journal) => journal,
        Err(refused) => {
            assert_not_disk_error(&refused);
            return;
        }
    };
    let (mut commands, whole) = read(&journal);
    // Sequences that no journal reaches.
    if journal.durable().0 > 1 << 63 {
        return;
    }
    let command = Command {
        sequence: next(&journal),
        timestamp: Timestamp(1),
        market: MarketId(1),
        account: AccountId(1),
        operator: false,
        request: None,
        action: Action::AdvanceTime,
        session: None,
    };
    if let Err(refused) = journal.append(&command) {
        // A segment of other rules takes no more commands.
        assert_not_disk_error(&refused);
        return;
    }
    journal.commit().expect("there is room");
    commands.push(command);
    drop(journal);
    disk.power_cycle();
    let journal = open().expect("durable commands are kept");
    assert_eq!(journal.durable(), command.sequence);
    let (again, whole_again) = read(&journal);
    assert_eq!(whole_again, whole);
    assert!(!whole || again == commands, "{again:?} instead of {commands:?}");
    assert_eq!(journal.appended(), Sequence(command.sequence.0));
});
