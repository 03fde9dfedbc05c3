//! What has to be in order besides the images: markets that are gone have no keys, all others are listed,
//! and nothing is left over.

use pricetime_engine::MarketId;

use super::Task;
use super::claim::unlink_spare;
use crate::link::Patience;
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
        let held = (self.market.name.as_str(), self.market.held);
        unlink_spare(&mut transaction, &keys, self.parts(), held);
        // How many keys were removed does not matter. Nil means that another client changed them in
        // between.
        let done: redis::Value =
            self.link.with(&keys.metadata, Patience::Control, |it| transaction.query(it))?;
        Ok((done != redis::Value::Nil).then_some(()))
    }

    /// Adds the market to the set of all markets.
    pub(super) fn enrol(&mut self, id: MarketId) -> Result<(), RedisError> {
        let set = self.link.options().names.markets();
        let enrolled = self.link.with(&set, Patience::Control, |connection| {
            redis::cmd("SADD").arg(&set).arg(id.0).exec(connection)
        });
        match enrolled {
            Err(RedisError::Refused { code, .. }) if code == "WRONGTYPE" => {
                // The key holds something that is not a set, which is in the way.
                let mut anew = redis::pipe();
                anew.atomic();
                anew.cmd("UNLINK").arg(&set).ignore();
                anew.cmd("SADD").arg(&set).arg(id.0).ignore();
                self.link.with(&set, Patience::Control, |it| anew.exec(it))
            }
            done => done,
        }
    }

    /// Deletes what came in late from terms that were given up. It is deleted after two successes,
    /// because it may come in later than the first one.
    pub(super) fn unlink_late(&mut self) {
        let [fresh, older] = &self.market.late;
        if fresh.is_empty() && older.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        for (name, term) in fresh.iter().chain(older) {
            unlink_spare(&mut pipeline, &self.market.keys, self.parts(), (name, *term));
        }
        let metadata = &self.market.keys.metadata;
        // If this fails, it is tried again after the next success.
        if self.link.with(metadata, Patience::Control, |it| pipeline.exec(it)).is_ok() {
            let [fresh, older] = &mut self.market.late;
            *older = std::mem::take(fresh);
        }
    }
}
