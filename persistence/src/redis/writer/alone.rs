//! A writer where nothing but Redis knows the state: it takes over what stands there before it reads
//! it, and looks from time to time whether it is still the one.

use pricetime_engine::MarketId;

use super::claim::{term_and_writer, texts};
use super::{ImageWriter, Task};
use crate::history::History;
use crate::redis::layout::BadRecord;
use crate::redis::link::{Link, Patience};
use crate::redis::options::RedisError;
use crate::redis::read::{ReadError, read_markets};
use crate::redis::whole::{Whole, read_whole};

impl ImageWriter {
    /// A writer of what stands there, and what that is; of a fresh history where there is nothing.
    /// Every market is claimed before it is read, so what was read nobody else changes any more.
    ///
    /// # Errors
    /// Where the servers do not answer, and where what stands there cannot be read.
    pub fn take_over(link: Link) -> Result<(Self, Option<Whole>), ReadError> {
        let mut writer = Self::new(link, History::fresh(), 0).with_trades();
        loop {
            let names = writer.link.options().names.clone();
            let mut markets = read_markets(&mut writer.link, &names)?;
            markets.retain(|market| !writer.markets.contains_key(market));
            if markets.is_empty() {
                break;
            }
            for market in markets {
                let mut task = writer.task(market);
                task.try_often(market, |task| Ok(task.market.term.map(|_| ())))?;
            }
        }
        writer.careful = true;
        let names = writer.link.options().names.clone();
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

    /// Looks whether the market after this one is still ours. Gives the market that it looked at.
    ///
    /// # Errors
    /// Where it is another's, and where the servers do not answer.
    pub fn look_after(&mut self, last: Option<MarketId>) -> Result<Option<MarketId>, RedisError> {
        let behind = |last: MarketId| MarketId(last.0.saturating_add(1));
        let from = last.map_or(MarketId(0), behind);
        let next = self.markets.range(from..).next().map(|(market, _)| *market);
        match next {
            Some(market) => self.task(market).look(market)?,
            None => self.ping()?,
        }
        Ok(next)
    }
}

impl Task<'_> {
    /// Looks whether the market is still ours.
    fn look(&mut self, id: MarketId) -> Result<(), RedisError> {
        let key = self.market.keys.metadata.clone();
        let who = self.link.with(&key, Patience::Control, |connection| {
            redis::cmd("HMGET").arg(&key).arg("term").arg("writer").query(connection)
        })?;
        match term_and_writer(&mut texts(who).into_iter()) {
            (Some(theirs), Some(writer)) if theirs >= self.market.held && writer != self.name => {
                Err(self.fenced(id, theirs))
            }
            // What is missing there is written anew with the next state.
            _ => Ok(()),
        }
    }
}
