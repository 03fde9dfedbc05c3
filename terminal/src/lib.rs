//! The one look of everything that a command prints: colors, tables and progress.
//!
//! A command line calls [`decide`] once. After that, [`Paint::out`] and [`Paint::err`] say whether standard
//! output and standard error take colors. [`table`] aligns columns. A [`Progress`] is a bar on standard
//! error, and [`SuspendingWriter`] writes lines that must not be mixed with it.

mod paint;
mod progress;
mod table;

pub use clap::ColorChoice;
pub use paint::{Paint, Tone, decide};
pub use progress::{Progress, SuspendingWriter, disable_progress, suspend_progress};
pub use table::{Cell, table};
