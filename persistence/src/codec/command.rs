//! A command as bytes. Its sequence is not among them: it stands in the record around them.

use pricetime_engine::{Command, Sequence};

use super::CodecError;
use super::wire::Wire;

/// No command is longer than this.
pub const COMMAND_MAX: usize = 256;

/// Appends a command, without its sequence.
#[inline]
pub fn encode_command(command: &Command, out: &mut Vec<u8>) {
    let Command { sequence: _, timestamp, market, account, operator, request, action } = command;
    timestamp.put(out);
    market.put(out);
    account.put(out);
    operator.put(out);
    request.put(out);
    action.put(out);
}

/// The command of these bytes, with the sequence that the record states.
///
/// # Errors
/// Where the bytes are not exactly a command.
#[inline]
pub fn decode_command(sequence: Sequence, bytes: &[u8]) -> Result<Command, CodecError> {
    let mut from = bytes;
    let command = Command {
        sequence,
        timestamp: Wire::take(&mut from)?,
        market: Wire::take(&mut from)?,
        account: Wire::take(&mut from)?,
        operator: Wire::take(&mut from)?,
        request: Wire::take(&mut from)?,
        action: Wire::take(&mut from)?,
    };
    if from.is_empty() { Ok(command) } else { Err(CodecError::Trailing { left: from.len() }) }
}
