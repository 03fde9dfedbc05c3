//! Recorded order streams of exchanges, as commands of the engine.

mod compression;
mod error;
mod format;
mod source;

pub use compression::Compression;
pub use error::{Details, Fault, MessageNumber, RecordingError};
pub use format::Format;
pub use source::{Line, Source};
