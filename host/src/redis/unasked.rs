//! Whose image stands in Redis, asked when it can be.

use pricetime_redis::{Found, Link, RedisError, find_image};
use tracing::error;

/// Kept as long as nobody knows whether an image stands there that is not ours to replace.
pub(crate) struct Unasked {
    link: Link,
    /// The histories whose image may be replaced.
    ours: Vec<String>,
    /// Whether one of another history does stand there, and that has been said.
    barred: bool,
}

impl Unasked {
    pub(crate) const fn new(link: Link, ours: Vec<String>) -> Self {
        Self { link, ours, barred: false }
    }

    /// Asks. An image of another history is an error until it is gone.
    pub(super) fn ask(&mut self) -> Result<(), RedisError> {
        let names = self.link.options().names.clone();
        let Some(Found { market, history, sequence }) = find_image(&mut self.link, &names)? else {
            return Ok(());
        };
        if self.ours.contains(&history) {
            return Ok(());
        }
        if !std::mem::replace(&mut self.barred, true) {
            error!(
                market = market.0,
                history,
                sequence,
                "Redis: an image of another history is there, which this folder does not come from: \
                 nothing is written; drop that image, or run with the folder that it belongs to"
            );
        }
        let why = "an image of another history is there";
        Err(RedisError::Options(why.to_owned()))
    }
}
