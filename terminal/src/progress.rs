//! Progress bars on standard error, and lines beside them.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};

/// Work that takes less time than this shows no bar.
const DELAY: Duration = Duration::from_millis(300);
/// How often a bar is drawn while its work reports nothing.
const REDRAW: Duration = Duration::from_secs(1);

/// The bar that is drawn. There is one at a time.
static DRAWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);
/// Whether no bar may be drawn.
static OFF: AtomicBool = AtomicBool::new(false);

/// Draws no bars from now on.
pub fn disable_progress() {
    OFF.store(true, Relaxed);
}

/// A progress bar. It is drawn only if standard error is a terminal, once the work has taken a moment and
/// while no other bar is drawn. It is removed when it is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Whether it has been decided if this bar is drawn.
    is_decided: Arc<AtomicBool>,
}

impl Progress {
    /// A bar that counts bytes.
    pub fn bytes(what: impl Into<String>, total: Option<u64>) -> Self {
        Self::new(
            what.into(),
            total,
            match total {
                Some(_) => "{bar:20} {percent:>3} %  {bytes} of {total_bytes}, {eta} to go  {msg}",
                None => "{spinner} {bytes}, {bytes_per_sec}  {msg}",
            },
        )
    }

    /// A bar that counts things. `things` is their name in the plural.
    pub fn count(what: impl Into<String>, things: &str, total: Option<u64>) -> Self {
        Self::new(
            what.into(),
            total,
            &match total {
                Some(_) => format!(
                    "{{bar:20}} {{percent:>3}} %  {{human_pos}} of {{human_len}} {things}, {{eta}} to \
                 go  {{msg}}"
                ),
                None => format!("{{spinner}} {{human_pos}} {things}, {{per_sec}}  {{msg}}"),
            },
        )
    }

    /// A bar that is never drawn.
    pub fn hidden() -> Self {
        let hidden = Self::new(String::new(), None, "");
        hidden.is_decided.store(true, Relaxed);
        hidden
    }

    /// A bar for a few steps that take seconds each. It is drawn at once, and every second.
    pub fn steps(total: u64) -> Self {
        let steps = Self::new(String::new(), Some(total), "{bar:20} {pos} of {len}  {msg}");
        show(&steps.bar, &steps.is_decided);
        steps.bar.enable_steady_tick(REDRAW);
        steps
    }

    /// A bar for one long step that reports nothing. It shows the time that has passed.
    pub fn waiting(what: impl Into<String>) -> Self {
        let waiting = Self::new(what.into(), None, "{spinner} {elapsed}  {msg}");
        let (bar, is_decided) = (waiting.bar.downgrade(), Arc::clone(&waiting.is_decided));
        let draw_later = move || {
            thread::sleep(DELAY);
            if let Some(bar) = bar.upgrade() {
                show(&bar, &is_decided);
                bar.enable_steady_tick(REDRAW);
            }
        };
        // If the system has no thread for it, nothing is drawn.
        let _ = thread::Builder::new().name(String::from("progress")).spawn(draw_later);
        waiting
    }

    fn new(what: String, total: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        // If a template is invalid, the default style is used.
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_message(what);
        Self { bar, is_decided: Arc::default() }
    }

    /// Changes the description of what is being done.
    pub fn now(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// Adds to what is done.
    pub fn add(&self, done: u64) {
        self.bar.inc(done);
        self.update();
    }

    /// Sets what is done, and the total.
    pub fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.update();
    }

    fn update(&self) {
        if !self.is_decided.load(Relaxed) && self.bar.elapsed() >= DELAY {
            show(&self.bar, &self.is_decided);
        }
    }
}

/// Draws the bar, if one may be drawn.
fn show(bar: &ProgressBar, is_decided: &AtomicBool) {
    if is_decided.load(Relaxed) {
        return;
    }
    if OFF.load(Relaxed) || !io::stderr().is_terminal() {
        is_decided.store(true, Relaxed);
        return;
    }
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    if drawn.as_ref().and_then(WeakProgressBar::upgrade).is_none() {
        is_decided.store(true, Relaxed);
        // On a terminal that cannot move its cursor, this draws nothing.
        bar.set_draw_target(ProgressDrawTarget::stderr());
        *drawn = Some(bar.downgrade());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Removes the bar, writes, and draws the bar again. `write` must not use this module.
pub fn suspend_progress<T>(write: impl FnOnce() -> T) -> T {
    let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match drawn.and_then(|bar| bar.upgrade()) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// A writer of whole lines, to a terminal that may also show a bar.
#[derive(Debug)]
pub struct SuspendingWriter<W>(pub W);

impl<W: Write> Write for SuspendingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        suspend_progress(|| self.0.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        suspend_progress(|| self.0.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        suspend_progress(|| self.0.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Progress, SuspendingWriter, suspend_progress};

    #[test]
    fn progress_is_hidden_without_a_terminal() {
        // The tests may run on a terminal, so nothing may be drawn.
        super::disable_progress();
        let progress = Progress::count("counting", "things", Some(3));
        progress.add(2);
        progress.set(3, 4);
        super::show(&progress.bar, &progress.is_decided);
        assert!(progress.bar.is_hidden());
        assert_eq!((progress.bar.position(), progress.bar.length()), (3, Some(4)));
        assert_eq!(suspend_progress(|| 7), 7);
        let mut writer = SuspendingWriter(Vec::new());
        writer.write_all(b"a line\n").expect("a vector accepts every write");
        assert_eq!(writer.0, b"a line\n");
    }
}
