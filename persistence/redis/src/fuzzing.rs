//! Private readers of what a server says, for the fuzz targets. No build has this but theirs and the tests'.

use std::io;

use super::wire::{Frame, Texts};

/// Where an answer ends that comes in pieces: `cuts` are the lengths at which it is looked at.
///
/// # Errors
/// Returns an error if this is no answer of a server.
pub fn end(come: &[u8], cuts: impl IntoIterator<Item = usize>) -> io::Result<Option<usize>> {
    let mut frame = Frame::default();
    for cut in cuts {
        if let Some(end) = frame.end(come.get(..cut).unwrap_or(come))? {
            return Ok(Some(end));
        }
    }
    frame.end(come)
}

/// The texts of a whole answer.
#[must_use]
pub fn texts(answer: &[u8]) -> Vec<&[u8]> {
    Texts::of(answer).collect()
}
