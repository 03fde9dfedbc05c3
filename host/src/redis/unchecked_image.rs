//! Asks whose image Redis holds, as soon as Redis answers.

use pricetime_redis::{ExistingImage, Link, RedisError, find_image};
use tracing::error;

/// Kept while it is unknown whether Redis holds an image that this folder must not replace.
pub(crate) struct UncheckedImage {
    link: Link,
    /// The histories whose image may be replaced.
    ours: Vec<String>,
    /// Whether Redis does hold an image of another history, which has been logged.
    is_logged: bool,
}

impl UncheckedImage {
    pub(crate) const fn new(link: Link, ours: Vec<String>) -> Self {
        Self { link, ours, is_logged: false }
    }

    /// Asks Redis. Returns an error for as long as it holds an image of another history.
    pub(super) fn check(&mut self) -> Result<(), RedisError> {
        let names = self.link.options().names.clone();
        let Some(ExistingImage { market, history, sequence }) = find_image(&mut self.link, &names)?
        else {
            return Ok(());
        };
        if self.ours.contains(&history) {
            return Ok(());
        }
        if !std::mem::replace(&mut self.is_logged, true) {
            error!(
                market = market.0,
                history,
                sequence,
                "Redis: holds an image of another history, which this folder does not come from: \
                 nothing is written; drop that image, or run with the folder that it belongs to"
            );
        }
        let why = "it holds an image of another history";
        Err(RedisError::Options(why.to_owned()))
    }
}
