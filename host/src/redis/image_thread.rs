//! The thread that writes the image to Redis.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use pricetime_engine::MarketId;
use pricetime_journal::Terms;
use pricetime_redis::{ImageWriter, RedisError};
use tracing::{error, info, warn};

use super::fenced::Fenced;
use super::mailbox::{Unwritten, UnwrittenMarkets};
use super::measure::{self, Meter};
use super::sole_store::SoleStore;
use super::unchecked_image::UncheckedImage;
use super::verify_schedule::VerifySchedule;
use super::{LEASE_POLL, RedisState};
use crate::status::Shared;

/// How long the thread sleeps without work before it checks whether Redis answers.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The first wait after a failure, and the longest.
pub(super) const BACKOFF: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_secs(2));
/// The image is reported as behind if it lags by more than this many epochs.
pub(super) const BEHIND_MAX: u64 = 2;

/// Writes the queued states to Redis.
pub(crate) struct ImageThread {
    writer: ImageWriter,
    /// Where the highest term is kept, if it is kept anywhere but in Redis.
    terms: Option<Terms>,
    incoming: UnwrittenMarkets,
    woken: Receiver<()>,
    shared: Arc<Shared>,
    unwritten: BTreeMap<MarketId, Unwritten>,
    /// The epoch of each market's image in Redis.
    written: BTreeMap<MarketId, u64>,
    fenced: Fenced,
    /// The market at which the last attempt broke off. The next attempt begins with the markets after it.
    failed: Option<MarketId>,
    pub(super) unchecked_image: Option<UncheckedImage>,
    /// Set if Redis alone keeps the state.
    pub(super) sole_store: Option<SoleStore>,
    /// Which image is verified when nothing waits to be written.
    pub(super) verify_schedule: VerifySchedule,
    wait: Duration,
    healthy: bool,
    meter: Meter,
}

impl fmt::Debug for ImageThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageThread")
            .field("unwritten", &self.unwritten.len())
            .finish_non_exhaustive()
    }
}

impl ImageThread {
    pub(crate) fn new(
        writer: ImageWriter,
        terms: Option<Terms>,
        incoming: UnwrittenMarkets,
        woken: Receiver<()>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            writer,
            terms,
            incoming,
            woken,
            shared,
            unwritten: BTreeMap::new(),
            written: BTreeMap::new(),
            fenced: Fenced::default(),
            failed: None,
            unchecked_image: None,
            sole_store: None,
            verify_schedule: VerifySchedule::default(),
            wait: BACKOFF.0,
            healthy: true,
            meter: Meter::default(),
        }
    }

    /// Runs until the publisher has ended, and then a little longer if something is still to be written.
    pub(crate) fn run(mut self) {
        let mut timeout = Duration::ZERO;
        loop {
            let ended = match self.woken.recv_timeout(timeout) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if ended {
                return self.end();
            }
            timeout = self.work();
        }
    }

    fn end(mut self) {
        while !self.shared.is_over() {
            let wait = self.work();
            let lost = self.sole_store.is_some() && !self.shared.is_running();
            let lost = lost || !self.shared.may_publish();
            if self.due().next().is_none() || lost || self.shared.is_over_in(wait) {
                break;
            }
            std::thread::sleep(wait);
        }
        if !self.fenced.is_empty() {
            let markets = self.fenced.names();
            warn!(markets, "Redis holds another writer's images, not those of this process");
        }
        let markets = self.due().count();
        if let (Some(sole_store), 1..) = (&self.sole_store, markets) {
            sole_store.stop(&format!("Redis did not take the last state of {markets} markets"));
        } else if markets > 0 {
            warn!(markets, "the image in Redis stays behind; the next start brings it up to date");
        }
    }

    /// Returns the markets that wait to be written and that no other writer has taken over.
    fn due(&self) -> impl Iterator<Item = MarketId> {
        self.unwritten.keys().copied().filter(|market| !self.fenced.contains(*market))
    }

    /// Writes what is due. Returns how long the thread may sleep.
    fn work(&mut self) -> Duration {
        let fresh =
            std::mem::take(&mut *self.incoming.lock().unwrap_or_else(PoisonError::into_inner));
        for (market, newer) in fresh {
            let older = self.unwritten.remove(&market);
            self.unwritten.insert(market, newer.merged_over(older));
            if self.fenced.contains(market) {
                self.keep_full_state(market);
            }
        }
        // Nothing is written without the lease, and no state that is known to be wrong.
        if !self.shared.may_publish() {
            return LEASE_POLL;
        }
        let lost = self.sole_store.is_some() && !self.shared.is_running();
        let done = if lost || self.shared.is_faulty() { Ok(()) } else { self.write_all() };
        let wait = match done {
            Ok(()) => {
                self.report_healthy();
                CHECK_INTERVAL
            }
            Err(error) => {
                self.report_degraded(&error);
                let longest = (self.wait * 2).min(BACKOFF.1);
                let jitter = 0.5 + fastrand::f64() / 2.0;
                std::mem::replace(&mut self.wait, longest).mul_f64(jitter)
            }
        };
        self.report_behind();
        self.meter.look(self.writer.link(), self.healthy);
        wait
    }

    /// Checks before the first write whether Redis holds an image that this folder must not replace. It
    /// could not be checked when the folder was opened, because Redis did not answer.
    fn check_image_first(&mut self) -> Result<(), RedisError> {
        if let Some(unchecked_image) = &mut self.unchecked_image {
            unchecked_image.check()?;
            self.unchecked_image = None;
        }
        Ok(())
    }

    /// Checks whether Redis answers and, if Redis alone keeps the state, whether the claim is still
    /// ours.
    fn check_redis(&mut self) -> Result<(), RedisError> {
        let Some(sole_store) = &self.sole_store else { return self.writer.ping() };
        match self.writer.look() {
            Err(error @ RedisError::Replaced { .. }) => {
                error!("{error}");
                sole_store.stop(&error.to_string());
                Ok(())
            }
            checked => checked,
        }
    }

    /// Stops writing a market because another writer has claimed it. If Redis alone keeps the state, the
    /// host stops.
    fn step_down(&mut self, market: MarketId, error: &RedisError) {
        if let Some(sole_store) = &self.sole_store {
            error!("{error}");
            sole_store.stop(&error.to_string());
        } else if !self.fenced.contains(market) {
            error!(
                "{error}; end one of the two processes; to take the market over, end the other process \
                 and run `pricetime redis drop {market} --yes`"
            );
        }
        self.fenced.insert(market, error);
        self.keep_full_state(market);
        self.report_fenced();
    }

    /// Keeps the whole state of a fenced market, to be written once the market is ours again. Which
    /// orders changed no longer matters then. If the market was removed, its image is left to the other
    /// writer.
    fn keep_full_state(&mut self, market: MarketId) {
        match self.unwritten.get_mut(&market) {
            Some(Unwritten::State { changed, .. }) => *changed = None,
            Some(Unwritten::Removed) | None => {
                self.unwritten.remove(&market);
                self.fenced.remove(market);
                self.report_fenced();
            }
        }
    }

    fn report_fenced(&self) {
        self.shared.redis.update(|status| status.fenced = self.fenced.list());
    }

    /// Verifies the image of the market that is due: it must be what was written.
    fn verify_next(&mut self) -> Result<(), RedisError> {
        let markets = self.written.keys().copied().filter(|it| !self.fenced.contains(*it));
        let Some(market) = self.verify_schedule.next(markets, Instant::now()) else {
            return Ok(());
        };
        let why = match self.writer.verify(market) {
            Ok(Some(why)) => why,
            // The next write reports the market's new owner.
            Ok(None) | Err(RedisError::Fenced { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        metrics::counter!("pricetime_redis_differences_total").increment(1);
        error!(
            market = market.0,
            why,
            "Redis: the image differs from what was written there: another program changed it; it \
             is written again with the next epoch"
        );
        self.shared.redis.update(|status| {
            if !status.differs.contains(&market) {
                status.differs.push(market);
            }
        });
        Ok(())
    }

    fn write_all(&mut self) -> Result<(), RedisError> {
        self.check_image_first()?;
        let mut markets: Vec<MarketId> = self.due().collect();
        if markets.is_empty() {
            self.check_redis().and_then(|()| self.verify_next())?;
        }
        if let Some(failed) = self.failed.take() {
            let behind = markets.partition_point(|market| *market <= failed);
            markets.rotate_left(behind);
        }
        markets.extend(self.fenced.due(Instant::now()));
        let mut refused = Ok(());
        for market in markets {
            if self.shared.is_over() {
                break;
            }
            match self.write(market) {
                Ok(()) => {
                    self.unwritten.remove(&market);
                    if self.fenced.remove(market) {
                        info!(
                            market = market.0,
                            "Redis: the other writer's claim is gone: this process writes the \
                             market again"
                        );
                        self.report_fenced();
                    }
                    self.shared.redis.update(|it| it.differs.retain(|other| *other != market));
                }
                Err(error @ (RedisError::Fenced { .. } | RedisError::Replaced { .. })) => {
                    self.step_down(market, &error);
                    if self.sole_store.is_some() {
                        return Ok(());
                    }
                }
                // The server answers and refuses this market. Try the other markets too.
                Err(
                    error @ (RedisError::Refused { .. }
                    | RedisError::Contended { .. }
                    | RedisError::Count { .. }),
                ) => refused = Err(error),
                Err(error @ (RedisError::Unreachable { .. } | RedisError::Options(_))) => {
                    self.failed = Some(market);
                    return Err(error);
                }
            }
        }
        refused
    }

    fn write(&mut self, market: MarketId) -> Result<(), RedisError> {
        if self.fenced.contains(market) {
            // Changes made while the market was fenced were not recorded, so write it whole.
            self.writer.forget(market);
        }
        let (started, floor) = (Instant::now(), self.writer.floor());
        let done = match self.unwritten.get(&market) {
            None => Ok(()),
            Some(Unwritten::Removed) => self.writer.remove(market).map(|()| {
                self.written.remove(&market);
                self.sole_store.iter_mut().for_each(|sole_store| sole_store.removed(market));
            }),
            Some(Unwritten::State { state, changed, trades }) => {
                let none = BTreeMap::new();
                let changed = changed.as_ref().unwrap_or_else(|| {
                    self.writer.forget(market);
                    &none
                });
                self.writer.write_with(state, changed, trades).map(|wrote| {
                    measure::wrote(started.elapsed(), wrote);
                    self.written.insert(market, state.head.epoch.0);
                    if let Some(sole_store) = &mut self.sole_store {
                        sole_store.wrote(market, state.sequence, trades.last());
                    }
                })
            }
        };
        if self.writer.floor() > floor && !self.shared.is_over() {
            // If this fails, a later start may claim a term that was used before. The term is written
            // again with the next claim.
            let floor = self.writer.floor();
            self.terms.iter().for_each(|terms| _ = terms.keep(floor));
        }
        done
    }

    fn report_healthy(&mut self) {
        self.wait = BACKOFF.0;
        let mut before = RedisState::Connected;
        self.shared.redis.update(|status| {
            before = std::mem::replace(&mut status.state, RedisState::Connected);
        });
        match before {
            RedisState::Connected => {}
            RedisState::Unknown => info!("Redis: connected"),
            RedisState::Degraded { .. } => {
                metrics::counter!("pricetime_redis_recoveries_total").increment(1);
                info!("Redis: works again, and the image is up to date");
            }
        }
        self.healthy = true;
    }

    fn report_degraded(&mut self, error: &RedisError) {
        metrics::counter!("pricetime_redis_errors_total").increment(1);
        let (why, now) = (error.to_string(), Instant::now());
        self.shared.redis.update(|status| match &mut status.state {
            RedisState::Degraded { why: old, .. } => *old = why,
            state @ (RedisState::Unknown | RedisState::Connected) => {
                *state = RedisState::Degraded { since: now, why };
            }
        });
        if std::mem::replace(&mut self.healthy, false) {
            let lost = if self.sole_store.is_some() {
                "; anything not in Redis is lost if this process ends"
            } else {
                ""
            };
            warn!(
                "Redis: {error}; matching continues, and the image catches up when Redis works \
                 again{lost}"
            );
        }
    }

    /// Reports how far the image is behind.
    fn report_behind(&self) {
        let unwritten = self.unwritten.iter().filter(|(market, _)| !self.fenced.contains(**market));
        let behind = unwritten.map(|(market, unwritten)| match unwritten {
            Unwritten::Removed => 1,
            Unwritten::State { state, .. } => {
                let epoch = state.head.epoch.0;
                self.written.get(market).map_or(epoch, |written| epoch.saturating_sub(*written))
            }
        });
        let behind = behind.max().unwrap_or(0);
        let mut before = 0;
        self.shared.redis.update(|status| before = std::mem::replace(&mut status.behind, behind));
        metrics::gauge!("pricetime_redis_behind_epochs").set(measure::gauge(behind));
        if behind > BEHIND_MAX && before <= BEHIND_MAX {
            error!(behind, "Redis: the image is more than {BEHIND_MAX} epochs behind");
        }
    }
}
