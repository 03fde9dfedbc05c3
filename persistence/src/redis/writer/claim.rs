//! Whose a market is.

use pricetime_engine::MarketId;
use redis::{Pipeline, Value};

use super::{Task, Version};
use crate::redis::keys::Part;
use crate::redis::link::{Patience, RedisError};

/// What stands in a market's keys.
pub(super) struct Stored {
    /// None where there is no image.
    pub(super) version: Option<Version>,
}

/// The fields that say who wrote what.
const WHO: [&str; 6] = ["term", "writer", "history", "epoch", "sequence", "digest"];

impl Task<'_> {
    /// Claims the market, if it is not ours yet: takes the next term.
    pub(super) fn claim(&mut self, id: MarketId) -> Result<(), RedisError> {
        if let Some(theirs) = self.market.fenced {
            let ours = self.market.term.unwrap_or_default();
            return Err(RedisError::Fenced { market: id.0, ours, theirs });
        }
        if self.market.term.is_some() {
            return Ok(());
        }
        let keys = self.market.keys.clone();
        let (name, floor) = (self.name, *self.floor);
        let set = self.link.options().names.markets();
        self.link.with(&set, Patience::Control, |connection| {
            redis::cmd("SADD").arg(&set).arg(id.0).exec(connection)
        })?;
        let claimed = self.link.with(&keys.metadata, Patience::Control, |connection| {
            let mut look = redis::pipe();
            look.cmd("WATCH").arg(&keys.metadata).ignore();
            look.cmd("TYPE").arg(&keys.metadata);
            let (kind,): (String,) = look.query(connection)?;
            let mut transaction = redis::pipe();
            transaction.atomic();
            let before: (Option<u64>, Option<String>) = if kind == "hash" {
                redis::cmd("HMGET")
                    .arg(&keys.metadata)
                    .arg("term")
                    .arg("writer")
                    .query(connection)?
            } else {
                if kind != "none" {
                    // Under our name stands what no image is: it is in the way.
                    transaction.cmd("UNLINK").arg(&keys.metadata).ignore();
                }
                (None, None)
            };
            let term = before.0.unwrap_or_default().max(floor) + 1;
            transaction.cmd("HSET").arg(&keys.metadata).arg("term").arg(term);
            transaction.arg("writer").arg(name).ignore();
            if let Some(other) = before.1 {
                // What our predecessor left unfinished.
                unlink_spare(&mut transaction, &keys, &other);
            }
            let done: Value = transaction.query(connection)?;
            Ok((done != Value::Nil).then_some(term))
        })?;
        if let Some(term) = claimed {
            self.market.term = Some(term);
            *self.floor = (*self.floor).max(term);
        }
        Ok(())
    }

    /// Watches the keys of the market and looks at what stands there. None where it is not ours
    /// (any more) and has to be claimed anew.
    pub(super) fn stored(&mut self, id: MarketId) -> Result<Option<Stored>, RedisError> {
        let Some(ours) = self.market.term else { return Ok(None) };
        let keys = self.market.keys.clone();
        let mut look = redis::pipe();
        look.cmd("WATCH").arg(keys.all().collect::<Vec<_>>()).ignore();
        look.cmd("TYPE").arg(&keys.metadata);
        for part in Part::ALL {
            look.cmd("TYPE").arg(keys.part(part));
        }
        let who = self.link.with(&keys.metadata, Patience::Control, |connection| {
            let kinds: Vec<String> = look.query(connection)?;
            let (metadata, parts) = kinds
                .split_first()
                .map_or(("none", &[][..]), |(first, rest)| (first.as_str(), rest));
            let right = |(kind, part): (&String, Part)| kind == "none" || kind == part.kind();
            let sound = parts.iter().zip(Part::ALL).all(right);
            if metadata != "hash" {
                return Ok(None);
            }
            let who: Vec<Option<String>> =
                redis::cmd("HMGET").arg(&keys.metadata).arg(&WHO).query(connection)?;
            Ok(Some((who, sound)))
        })?;
        // Where there is nothing, or nothing of ours, the market is claimed anew.
        let Some((who, sound)) = who else { return Ok(self.give_up()) };
        let mut who = who.into_iter();
        let mut next = || who.next().flatten();
        let (term, writer) = (next().and_then(|term| term.parse::<u64>().ok()), next());
        match (term, writer) {
            (Some(term), Some(writer)) if term == ours && writer == self.name => {}
            (Some(theirs), _) if theirs >= ours => {
                self.market.fenced = Some(theirs);
                return Err(RedisError::Fenced { market: id.0, ours, theirs });
            }
            // An older state of the server came back.
            _ => return Ok(self.give_up()),
        }
        let version = (|| {
            Some(Version { history: next()?, epoch: next()?, sequence: next()?, digest: next()? })
        })();
        Ok(Some(Stored { version: version.filter(|_| sound) }))
    }

    fn give_up<T>(&mut self) -> Option<T> {
        self.market.term = None;
        self.market.there = None;
        self.market.attempt = None;
        self.market.spare = None;
        None
    }
}

/// Takes away what a writer left of its second generation.
pub(super) fn unlink_spare(to: &mut Pipeline, keys: &crate::redis::keys::Keys, writer: &str) {
    for part in Part::ALL {
        to.cmd("UNLINK").arg(keys.spare(part, writer)).arg(keys.old(part, writer)).ignore();
    }
}
