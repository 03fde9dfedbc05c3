//! A progress bar.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error if that is a terminal; otherwise nothing.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Creates a bar with this many steps.
    pub(super) fn new(steps: usize) -> Self {
        // This draws only on a terminal.
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }

    /// Shows what runs now.
    pub(super) fn now(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }

    /// Completes a step.
    pub(super) fn done(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
