//! Private parsers of server replies, for the fuzz targets. Only their builds and those of the tests have
//! this.

use std::io;

use super::wire::{Frame, Texts};

/// Finds the end of a reply that comes in pieces. `cuts` are the lengths at which it is looked at.
///
/// # Errors
/// Returns an error if this is not a reply of a server.
pub fn end(received: &[u8], cuts: impl IntoIterator<Item = usize>) -> io::Result<Option<usize>> {
    let mut frame = Frame::default();
    for cut in cuts {
        if let Some(end) = frame.end(received.get(..cut).unwrap_or(received))? {
            return Ok(Some(end));
        }
    }
    frame.end(received)
}

/// The texts of a whole reply.
#[must_use]
pub fn texts(answer: &[u8]) -> Vec<&[u8]> {
    Texts::of(answer).collect()
}
