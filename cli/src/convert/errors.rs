//! Errors of writing.

use std::io::ErrorKind;

use pricetime_recordings::{Fault, RecordingError};

use super::super::failure::Failure;
use super::super::reader::Stop;

/// The reason to stop for something that cannot be written.
pub(super) fn unwritten(error: RecordingError) -> Stop {
    if let Fault::Io(io) = &error.details().fault
        && io.kind() == ErrorKind::BrokenPipe
    {
        return Stop::EndedEarly;
    }
    Failure::failed(error).into()
}
