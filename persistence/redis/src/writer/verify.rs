//! Compares what Redis contains with what was written there.

use std::collections::HashMap;

use pricetime_engine::{MarketId, MarketSnapshot};

use super::{ImageWriter, Task};
use crate::keys::{Keys, Part};
use crate::layout;
use crate::link::{Link, ReplyTimeout};
use crate::options::RedisError;
use crate::read::{ReadError, read_image};

/// How many entries of a side are read at a time.
const PAGE: usize = 2_000;

impl ImageWriter {
    /// Reads a market as a whole and compares every record and every place in the queues with what was
    /// written last. Returns the difference, if there is one; then the next write of this market writes
    /// everything anew. A market whose contents are not known is not checked.
    ///
    /// # Errors
    /// Returns an error if the market could not be read.
    pub fn verify(&mut self, id: MarketId) -> Result<Option<String>, RedisError> {
        let mut task = self.task(id);
        if task.market.term.is_none()
            || task.market.contents.is_none()
            || task.market.attempt.is_some()
        {
            return Ok(None);
        }
        let different = task.difference(id)?;
        if different.is_some() {
            task.market.contents = None;
            task.market.spare = None;
        }
        Ok(different)
    }
}

impl Task<'_> {
    fn difference(&mut self, id: MarketId) -> Result<Option<String>, RedisError> {
        let Some(expected) = self.market.contents.as_ref().map(|contents| contents.version.clone())
        else {
            return Ok(None);
        };
        let Some(stored) = self.stored(id)? else {
            return Ok(Some(String::from("its metadata are not what was written")));
        };
        if stored.version.as_ref() != Some(&expected) {
            return Ok(Some(String::from(
                "its metadata belong to another state than the one that was written",
            )));
        }
        let keys = self.market.keys.clone();
        match read_image(self.link, &keys) {
            Ok(Some(image)) => side_difference(self.link, &keys, &image.state),
            Ok(None) => Ok(Some(String::from("it is gone"))),
            Err(ReadError::Redis(error)) => Err(error),
            // Another client is writing there right now. The check is repeated next time.
            Err(ReadError::KeepsChanging) => Ok(None),
            Err(
                error @ (ReadError::Bad(_)
                | ReadError::Count { .. }
                | ReadError::Digest { .. }
                | ReadError::Histories { .. }
                | ReadError::Broken(_)),
            ) => Ok(Some(error.to_string())),
        }
    }
}

/// Compares the members and scores of the sides with those of the orders. Returns the first difference.
fn side_difference(
    link: &mut Link,
    keys: &Keys,
    state: &MarketSnapshot,
) -> Result<Option<String>, RedisError> {
    for side in [Part::Bids, Part::Asks] {
        let entries = state.resting.iter().filter_map(layout::sorted_set_entry);
        let mut expected: HashMap<Vec<u8>, f64> = entries
            .filter(|(part, ..)| *part == side)
            .map(|(_, score, member)| (member.to_vec(), score.parse().unwrap_or(f64::NAN)))
            .collect();
        let key = keys.part(side);
        let mut from = 0;
        loop {
            let page: Vec<(Vec<u8>, f64)> =
                link.with(&keys.metadata, ReplyTimeout::Bulk, |connection| {
                    let mut range = redis::cmd("ZRANGE");
                    range.arg(key).arg(from).arg(from + PAGE - 1).arg("WITHSCORES");
                    range.query(connection)
                })?;
            if page.is_empty() {
                break;
            }
            from += page.len();
            for (member, score) in page {
                let same = expected.remove(&member).is_some_and(|it| {
                    it.partial_cmp(&score).is_some_and(std::cmp::Ordering::is_eq)
                });
                if !same {
                    return Ok(Some(format!("{key} has an entry without an order")));
                }
            }
        }
        if !expected.is_empty() {
            return Ok(Some(format!("{key} lacks an order")));
        }
    }
    Ok(None)
}
