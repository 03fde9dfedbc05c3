//! A writer for hosts without a journal, where only Redis has the state. It claims every market before it
//! reads it, and checks from time to time that it is still the owner.
//!
//! Each market names its writer, but a new market has no writer yet. So an owner key names the writer of
//! all markets. A writer that takes over writes its name there before it lists the markets. A writer that
//! adds a market lists it before it reads the owner key, and does not claim a market that another writer
//! has claimed. One of the two sees the other, so a replaced writer cannot add a market unnoticed.

use pricetime_engine::MarketId;

use super::claim::{term_and_writer, texts};
use super::{ImageWriter, Task};
use crate::all_images::{AllImages, read_all_images};
use crate::layout::BadRecord;
use crate::link::{Link, ReplyTimeout};
use crate::options::RedisError;
use crate::read::{ReadError, read_markets};
use pricetime_journal::History;

impl ImageWriter {
    /// Takes over the stored images. Returns a writer of them and what they contain, or a writer of a
    /// fresh history if there is nothing. Every market is claimed before it is read, so no other writer
    /// changes what was read.
    ///
    /// # Errors
    /// Returns an error if the servers do not answer, or if what they have cannot be read.
    pub fn take_over(link: Link) -> Result<(Self, Option<AllImages>), ReadError> {
        let mut writer = Self::new(link, History::fresh(), 0).with_trades();
        let names = writer.link.options().names.clone();
        writer.write_owner_key(&names.owner())?;
        for market in read_markets(&mut writer.link, &names)? {
            let mut task = writer.task(market);
            task.with_retries(market, |task| Ok(task.market.term.map(|_| ())))?;
        }
        writer.yields_new_markets = true;
        let all_images = read_all_images(&mut writer.link, &names)?;
        if let Some(all_images) = &all_images {
            writer.history = all_images.history.parse().map_err(|error| BadRecord {
                key: String::from("metadata"),
                field: String::from("history"),
                what: format!("{:?}: {error}", all_images.history),
            })?;
        }
        Ok((writer, all_images))
    }

    /// Names this writer in the owner key.
    fn write_owner_key(&mut self, key: &str) -> Result<(), RedisError> {
        let name = self.name.as_str();
        self.link.with(key, ReplyTimeout::Control, |connection| {
            let mut replace = redis::pipe();
            // The key may hold a value of another type.
            replace.atomic().cmd("UNLINK").arg(key).ignore();
            replace.cmd("HSET").arg(key).arg("writer").arg(name).ignore();
            replace.exec(connection)
        })
    }

    /// Makes this writer write trades too.
    #[must_use]
    pub const fn with_trades(mut self) -> Self {
        self.trades = true;
        self
    }

    /// The history of the images that it writes.
    #[must_use]
    pub const fn history(&self) -> History {
        self.history
    }

    /// Checks that this writer is still the owner and that the servers answer.
    ///
    /// # Errors
    /// Returns [`RedisError::Replaced`] if another writer is the owner, and an error if the servers do
    /// not answer.
    pub fn look(&mut self) -> Result<(), RedisError> {
        let key = self.link.options().names.owner();
        let fields: Vec<Option<Vec<u8>>> =
            self.link.with(&key, ReplyTimeout::Control, |connection| {
                redis::cmd("HMGET").arg(&key).arg("term").arg("writer").query(connection)
            })?;
        // If no owner is stored, this writer is still the owner: the key was lost, not claimed.
        match term_and_writer(&mut texts(fields).into_iter()) {
            (_, Some(writer)) if writer != self.name => Err(RedisError::Replaced { writer }),
            _ => Ok(()),
        }
    }

    /// Adds a new market to the list, and then checks that this writer may add it.
    pub(super) fn register_new_market(&mut self, market: MarketId) -> Result<(), RedisError> {
        let mut task: Task<'_> = self.task(market);
        if task.market.last_term > 0 {
            return Ok(());
        }
        task.register(market)?;
        self.look()
    }
}
