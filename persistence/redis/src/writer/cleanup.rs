//! What has to be in order besides the images: markets that are gone have no keys, all others are listed,
//! and nothing is left over.

use pricetime_engine::MarketId;

use super::Task;
use super::claim::unlink_spare;
use crate::link::ReplyTimeout;
use crate::options::RedisError;

impl Task<'_> {
    /// Removes all keys of the market, if it is still ours.
    pub(super) fn try_remove(&mut self, id: MarketId) -> Result<Option<()>, RedisError> {
        let Some(_) = self.stored(id)? else { return Ok(None) };
        let keys = self.market.keys.clone();
        let mut transaction = redis::pipe();
        transaction.atomic();
        for key in keys.of(self.parts()) {
            transaction.cmd("UNLINK").arg(key).ignore();
        }
        let last_term = (self.market.name.as_str(), self.market.last_term);
        unlink_spare(&mut transaction, &keys, self.parts(), last_term);
        // How many keys were removed does not matter. Nil means that another client changed them in
        // between.
        let done: redis::Value =
            self.link.with(&keys.metadata, ReplyTimeout::Control, |it| transaction.query(it))?;
        Ok((done != redis::Value::Nil).then_some(()))
    }

    /// Adds the market to the set of all markets.
    pub(super) fn register(&mut self, id: MarketId) -> Result<(), RedisError> {
        let set = self.link.options().names.markets();
        let registered = self.link.with(&set, ReplyTimeout::Control, |connection| {
            redis::cmd("SADD").arg(&set).arg(id.0).exec(connection)
        });
        match registered {
            Err(RedisError::Refused { code, .. }) if code == "WRONGTYPE" => {
                // The key holds something that is not a set, which is in the way.
                let mut replace = redis::pipe();
                replace.atomic();
                replace.cmd("UNLINK").arg(&set).ignore();
                replace.cmd("SADD").arg(&set).arg(id.0).ignore();
                self.link.with(&set, ReplyTimeout::Control, |it| replace.exec(it))
            }
            done => done,
        }
    }

    /// Deletes what came in late from terms that were given up. It is deleted after two successes,
    /// because it may come in later than the first one.
    pub(super) fn unlink_abandoned(&mut self) {
        let [fresh, older] = &self.market.abandoned;
        if fresh.is_empty() && older.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        for (name, term) in fresh.iter().chain(older) {
            unlink_spare(&mut pipeline, &self.market.keys, self.parts(), (name, *term));
        }
        let metadata = &self.market.keys.metadata;
        // If this fails, it is tried again after the next success.
        if self.link.with(metadata, ReplyTimeout::Control, |it| pipeline.exec(it)).is_ok() {
            let [fresh, older] = &mut self.market.abandoned;
            *older = std::mem::take(fresh);
        }
    }
}
