//! Something that stands where a file or a folder has to be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::log::last_line_with;
use crate::patience::until;

/// A symbolic link in the place of a file or a folder, so that nobody can open it.
#[derive(Debug)]
pub struct Obstacle {
    place: PathBuf,
    target: PathBuf,
}

impl Obstacle {
    /// Puts one at this path. What it leads to is the wrong kind of thing: a folder instead of a file,
    /// or the other way round.
    ///
    /// # Panics
    /// If that is not possible.
    #[must_use]
    pub fn new(place: PathBuf, target: PathBuf) -> Self {
        let obstacle = Self { place, target };
        obstacle.lead_to(&obstacle.target);
        obstacle
    }

    /// Replaces the link in one step: there is no moment without an obstacle.
    fn lead_to(&self, target: &PathBuf) {
        let fresh = self.place.with_extension("fresh");
        symlink(target, &fresh).expect("a link");
        fs::rename(fresh, &self.place).expect("the link in its place");
    }

    /// Waits until a host has tried to open it several times more. The host logs these words whenever
    /// the reason for its failure changes, so each time the link leads to something else.
    ///
    /// # Panics
    /// If the host does not try.
    pub fn tried_again(&self, words: &str) {
        for target in [&self.place, &self.target, &self.place] {
            self.lead_to(target);
            // Only a link to itself gives this error. What the host logs late, of the link before, does
            // not count.
            let itself = *target == self.place;
            until("the host tries again", || {
                last_line_with(words).is_some_and(|line| line.contains("(os error 40)") == itself)
            });
        }
    }

    /// Takes it away.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn remove(self) {
        fs::remove_file(&self.place).expect("the link");
    }
}
