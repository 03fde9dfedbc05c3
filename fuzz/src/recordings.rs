//! Recordings under the fuzzer: files that are usually almost right, and what holds for every reader of them.

pub mod csv;
pub mod databento;
pub mod itch;
pub mod lobster;

use std::io::Cursor;

use pricetime_engine::Engine;
use pricetime_recordings::{
    Agreement, Commands, ComparedEngine, Mode, RecordingError, Source, VenueMessage, VenueReader,
};

use crate::bounds::checked_error;

/// Opens bytes that are not compressed, or returns `None` if they are refused.
pub(crate) fn source(name: &str, bytes: &[u8]) -> Option<Source> {
    match Source::of(name, Cursor::new(bytes.to_vec())) {
        Ok(source) => Some(source),
        Err(refused) => {
            assert!(checked_error(&refused).starts_with(name), "{refused}");
            None
        }
    }
}

/// Checks an error, and returns `true` if the next message can be read.
pub fn goes_on(refused: &RecordingError, names: &[&str]) -> bool {
    let text = checked_error(refused);
    assert!(names.iter().any(|name| text.starts_with(name)), "{text}");
    refused.is_in_one_message()
}

/// Checks the error about a file of this length, and returns `true` if the next message can be read.
pub(crate) fn goes_on_within(refused: &RecordingError, name: &str, length: usize) -> bool {
    let offset = refused.details().offset.unwrap_or(0);
    assert!(offset <= length as u64, "{refused}: the file has {length} bytes");
    goes_on(refused, &[name])
}

/// Reads all messages of a file, over those that are faulty.
pub(crate) fn messages(
    reader: &mut impl VenueReader,
    name: &str,
    length: usize,
) -> Vec<VenueMessage> {
    let (mut messages, mut last) = (Vec::new(), 0);
    loop {
        match reader.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return messages,
            Err(refused) => {
                let offset = refused.details().offset.unwrap_or(0);
                assert!(offset >= last, "{refused}: an earlier error is at {last}");
                last = offset;
                if !goes_on_within(&refused, name, length) {
                    assert_eq!(reader.next().expect("the end"), None);
                    return messages;
                }
            }
        }
    }
}

/// Turns messages into commands in both modes, and executes these.
pub(crate) fn execute(messages: &[VenueMessage]) {
    for mode in [Mode::Reconstruct, Mode::Rematch] {
        let mut commands = Commands::new(mode);
        let mut compared = ComparedEngine::new(Engine::new(4), Agreement::default());
        messages.iter().for_each(|message| commands.apply(message, &mut compared));
        commands.finish(&mut compared);
        let Agreement { executions, agreed, trades, .. } = compared.agreement;
        assert!(agreed <= executions, "{agreed} of {executions}");
        assert!(mode == Mode::Rematch || trades == 0, "{trades} trades");
    }
}
