//! Where `top` gets its markets from.

use std::time::Instant;

use super::super::failure::Failure;
use super::super::screen::Picture;

/// A source of pictures.
pub(super) trait Source {
    /// Reads on until this moment at most, or until there is nothing to read yet. `market` is the one that
    /// is shown.
    ///
    /// # Errors
    /// Returns an error if it makes no sense to go on.
    fn advance(&mut self, until: Instant, market: Option<u32>) -> Result<(), Failure>;

    /// Pauses or goes on. [`advance`](Self::advance) is not called in between.
    fn pause(&mut self, is_paused: bool);

    /// What is to be shown of this market, or of the first one.
    fn picture(&self, market: Option<u32>) -> Picture;
}
