//! An obstacle in the place of a file or a folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::log::last_line_with;
use crate::wait::until;

/// A symbolic link in the place of a file or a folder, which makes opening it fail.
#[derive(Debug)]
pub struct Obstacle {
    path: PathBuf,
    target: PathBuf,
}

impl Obstacle {
    /// Creates the link at this path. Its target is the wrong kind of entry: a folder instead of a file, or
    /// the other way round.
    ///
    /// # Panics
    /// Panics if that fails.
    #[must_use]
    pub fn new(path: PathBuf, target: PathBuf) -> Self {
        let obstacle = Self { path, target };
        obstacle.point_to(&obstacle.target);
        obstacle
    }

    /// Replaces the link in one step, so that there is no moment without an obstacle.
    fn point_to(&self, target: &PathBuf) {
        let fresh = self.path.with_extension("fresh");
        symlink(target, &fresh).expect("a link");
        fs::rename(fresh, &self.path).expect("the link in its place");
    }

    /// Waits until a host has tried several more times to open it. The host logs these words whenever the
    /// reason for its failure changes, so each time the link gets another target.
    ///
    /// # Panics
    /// Panics if the host does not try.
    pub fn wait_for_retries(&self, words: &str) {
        for target in [&self.path, &self.target, &self.path] {
            self.point_to(target);
            // Only a link to itself gives this error. A late log line about the previous link does not
            // count.
            let is_self_link = *target == self.path;
            until("the host tries again", || {
                last_line_with(words)
                    .is_some_and(|line| line.contains("(os error 40)") == is_self_link)
            });
        }
    }

    /// Removes the link.
    ///
    /// # Panics
    /// Panics if that fails.
    pub fn remove(self) {
        fs::remove_file(&self.path).expect("the link");
    }
}
