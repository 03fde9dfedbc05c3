//! The log of the hosts in this test process.

use std::io;
use std::sync::{Mutex, Once};

static LOG: Mutex<String> = Mutex::new(String::new());

struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().expect("the lock is not poisoned").push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the last line with these words in the log since the first call.
///
/// # Panics
/// Panics if something else in this process has set up logging.
#[must_use]
pub fn last_line_with(words: &str) -> Option<String> {
    lines_with(words).pop()
}

/// Returns all lines with these words in the log since the first call.
///
/// # Panics
/// Panics if something else in this process has set up logging.
#[must_use]
pub fn lines_with(words: &str) -> Vec<String> {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| LogWriter).init());
    let log = LOG.lock().expect("the lock is not poisoned");
    log.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
}
