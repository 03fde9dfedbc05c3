//! The encoding of a command. It leaves out the sequence, which is in the record around it.

use pricetime_engine::{Command, Sequence};

use super::CodecError;
use super::wire::Wire;

/// The longest encoding of a command, in bytes.
pub const COMMAND_MAX: usize = 256;

/// Flags of a command: an operator sent it, and it states a session. Under version 1 of the rules this
/// byte was 0 or 1.
const OPERATOR: u8 = 1;
const SESSION: u8 = 2;

/// Appends the encoding of a command, without its sequence.
#[inline]
pub fn encode_command(command: &Command, out: &mut Vec<u8>) {
    let Command { sequence: _, timestamp, market, account, operator, request, session, action } =
        command;
    timestamp.put(out);
    market.put(out);
    account.put(out);
    (u8::from(*operator) | if session.is_some() { SESSION } else { 0 }).put(out);
    request.put(out);
    if let Some(session) = session {
        session.put(out);
    }
    action.put(out);
}

/// Decodes a command. Its sequence is the one that the record states.
///
/// # Errors
/// Returns an error if the bytes are not exactly one command.
#[inline]
pub fn decode_command(sequence: Sequence, bytes: &[u8]) -> Result<Command, CodecError> {
    let mut from = bytes;
    let (timestamp, market, account) =
        (Wire::take(&mut from)?, Wire::take(&mut from)?, Wire::take(&mut from)?);
    let flags = u8::take(&mut from)?;
    if flags & !(OPERATOR | SESSION) != 0 {
        return Err(CodecError::Variant { of: "flags", found: flags });
    }
    let command = Command {
        sequence,
        timestamp,
        market,
        account,
        operator: flags & OPERATOR != 0,
        request: Wire::take(&mut from)?,
        session: if flags & SESSION == 0 { None } else { Some(Wire::take(&mut from)?) },
        action: Wire::take(&mut from)?,
    };
    if from.is_empty() { Ok(command) } else { Err(CodecError::Trailing { left: from.len() }) }
}
