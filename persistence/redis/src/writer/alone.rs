//! A writer where nothing but Redis knows the state: it takes over what stands there before it reads
//! it, and looks from time to time whether it is still the one.
//!
//! Each market says who writes it, but a market that is new says nothing yet. So there is a key that
//! names the owner of them all. Who takes over names himself there first and looks for markets then;
//! who adds a market lists it first and looks for the owner then, and claims no market that another has
//! claimed. One of the two sees the other, so nobody adds a market behind the back of his successor.

use pricetime_engine::MarketId;

use super::claim::{term_and_writer, texts};
use super::{ImageWriter, Task};
use crate::layout::BadRecord;
use crate::link::{Link, Patience};
use crate::options::RedisError;
use crate::read::{ReadError, read_markets};
use crate::whole::{Whole, read_whole};
use pricetime_journal::History;

impl ImageWriter {
    /// A writer of what stands there, and what that is; of a fresh history where there is nothing.
    /// Everything is claimed before it is read, so what was read nobody else changes any more.
    ///
    /// # Errors
    /// Where the servers do not answer, and where what stands there cannot be read.
    pub fn take_over(link: Link) -> Result<(Self, Option<Whole>), ReadError> {
        let mut writer = Self::new(link, History::fresh(), 0).with_trades();
        let names = writer.link.options().names.clone();
        writer.own(&names.owner())?;
        for market in read_markets(&mut writer.link, &names)? {
            let mut task = writer.task(market);
            task.try_often(market, |task| Ok(task.market.term.map(|_| ())))?;
        }
        writer.careful = true;
        let whole = read_whole(&mut writer.link, &names)?;
        if let Some(whole) = &whole {
            writer.history = whole.history.parse().map_err(|error| BadRecord {
                key: String::from("metadata"),
                field: String::from("history"),
                what: format!("{:?}: {error}", whole.history),
            })?;
        }
        Ok((writer, whole))
    }

    /// Says that all of this is ours.
    fn own(&mut self, key: &str) -> Result<(), RedisError> {
        let name = self.name.as_str();
        self.link.with(key, Patience::Control, |connection| {
            let mut anew = redis::pipe();
            // Under our name may stand what no owner is.
            anew.atomic().cmd("UNLINK").arg(key).ignore();
            anew.cmd("HSET").arg(key).arg("writer").arg(name).ignore();
            anew.exec(connection)
        })
    }

    /// One that writes trades too.
    #[must_use]
    pub const fn with_trades(mut self) -> Self {
        self.trades = true;
        self
    }

    /// Whose images it writes.
    #[must_use]
    pub const fn history(&self) -> History {
        self.history
    }

    /// Looks whether all of this is still ours, and whether the servers are there at all.
    ///
    /// # Errors
    /// [`RedisError::Replaced`] where it is another's, and where the servers do not answer.
    pub fn look(&mut self) -> Result<(), RedisError> {
        let key = self.link.options().names.owner();
        let fields: Vec<Option<Vec<u8>>> =
            self.link.with(&key, Patience::Control, |connection| {
                redis::cmd("HMGET").arg(&key).arg("term").arg("writer").query(connection)
            })?;
        // Where nobody says so it is ours: what is missing was lost, not claimed.
        match term_and_writer(&mut texts(fields).into_iter()) {
            (_, Some(writer)) if writer != self.name => Err(RedisError::Replaced { writer }),
            _ => Ok(()),
        }
    }

    /// Lists a market that was not there, and looks then whether we are the ones to add it.
    pub(super) fn announce(&mut self, market: MarketId) -> Result<(), RedisError> {
        let mut task: Task<'_> = self.task(market);
        if task.market.held > 0 {
            return Ok(());
        }
        task.enrol(market)?;
        self.look()
    }
}
