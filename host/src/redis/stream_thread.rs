//! The thread that publishes events: to streams first, then to channels.
//!
//! It delays no other thread. If Redis is down or slow, the oldest of the recent groups are dropped, and
//! they are read again from the journal. Only the contents of a stream decide where publishing resumes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use pricetime_engine::Sequence;
use pricetime_redis::stream::{
    Bounds, Entries, Entry, EntryId, MarkerCause, Plan, PlanError, Publish, Stream, StreamError,
    StreamWriter, plan,
};
use tracing::{error, info, warn};

use super::alerts::Alerts;
use super::image_thread::BACKOFF;
use super::log_limiter::LogLimiter;
use super::source::Source;
use super::{EventsStatus, LEASE_POLL, RedisState};
use crate::journal_replay::ReplayError;
use crate::status::Shared;

/// How often the thread checks that the streams are as it left them, and stores their position.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Why nothing can be published, for now or at all.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("nothing is published in {key}: {why}")]
    Plan { key: String, why: PlanError },
    #[error("cannot replay the journal: {0}")]
    JournalReplay(#[from] ReplayError),
}

/// Entries to publish.
struct Batch {
    entries: Entries,
    /// Every command up to this one is published once the entries are.
    through: u64,
    /// Whether nothing followed these entries when they were read.
    last: bool,
}

/// How far the streams go, as far as is known.
#[derive(Clone, Copy)]
struct KnownPosition {
    ends: [EntryId; 3],
    through: u64,
}

/// Publishes events.
pub(crate) struct StreamThread {
    writer: StreamWriter,
    source: Source,
    shared: Arc<Shared>,
    history: String,
    publish: Publish,
    /// No command above this one can have been published in this history.
    published_max: u64,
    /// The position at which each stream resumes. `None` if the streams have to be read first.
    plans: Option<[Plan; 3]>,
    known_position: Option<KnownPosition>,
    batch: Option<Batch>,
    /// The last entry that was sent to the channels of each stream.
    sent: [EntryId; 3],
    last_check: Instant,
    fenced: bool,
    alerts: Alerts,
    /// Limits how often new markers are logged.
    markers: LogLimiter,
    wait: Duration,
    healthy: bool,
    /// Whether there was nothing more to do.
    idle: bool,
}

impl fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamThread").field("at", &self.source.at()).finish_non_exhaustive()
    }
}

impl StreamThread {
    pub(super) fn new(
        writer: StreamWriter,
        source: Source,
        shared: Arc<Shared>,
        history: String,
        publish: Publish,
    ) -> Self {
        // It is unknown which messages an earlier process sent, so the channels get only events from
        // after the start. No message is sent twice.
        let opened = source.at();
        let sent = [EntryId { sequence: opened, number: u64::MAX }; 3];
        shared.set_published(Some(Sequence(0)));
        shared.redis.update(|status| status.events = Some(EventsStatus::default()));
        Self {
            writer,
            source,
            shared,
            history,
            publish,
            published_max: opened,
            plans: None,
            known_position: None,
            batch: None,
            sent,
            last_check: Instant::now(),
            fenced: false,
            alerts: Alerts::default(),
            markers: LogLimiter::default(),
            wait: BACKOFF.0,
            healthy: true,
            idle: false,
        }
    }

    /// Runs until the publisher has ended, and then a little longer if something is left to publish.
    pub(crate) fn run(mut self) {
        let mut timeout = Duration::ZERO;
        loop {
            match self.source.recent_groups.woken.recv_timeout(timeout) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => timeout = self.work(),
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
        }
    }

    fn end(mut self) {
        while !self.fenced && !self.shared.is_over() {
            let wait = self.work();
            if self.idle {
                // Nothing more will come. Storing the position spares the next start a replay.
                let all = self.store_positions(Sequence(self.source.at()));
                if all.is_ok() || self.shared.is_over() {
                    return;
                }
            }
            if !self.shared.may_publish() || self.shared.is_over_in(wait) {
                break;
            }
            std::thread::sleep(wait);
        }
        if !self.fenced {
            let behind = self.behind();
            warn!(behind, "some events are not published; the next start publishes them");
        }
    }

    /// Publishes one batch. Returns how long the thread may sleep.
    fn work(&mut self) -> Duration {
        if !self.shared.may_publish() {
            self.idle = false;
            return LEASE_POLL;
        }
        if self.fenced {
            // Another writer has the streams. The channels still get alerts.
            self.alerts.observe(self.shared.status());
            self.send_messages(&Entries::default());
            return CHECK_INTERVAL;
        }
        let step = self.step();
        self.idle = matches!(step, Ok(true));
        let wait = match step {
            Ok(idle) => {
                self.report_healthy();
                if idle {
                    CHECK_INTERVAL.saturating_sub(self.last_check.elapsed())
                } else {
                    Duration::ZERO
                }
            }
            Err(failure) => {
                self.plans = None;
                self.report_failure(&failure)
            }
        };
        self.alerts.observe(self.shared.status());
        self.report_behind();
        wait
    }

    /// Publishes a batch. Returns `true` if there is nothing more for now.
    fn step(&mut self) -> Result<bool, Failure> {
        let plans = match self.plans.take() {
            Some(plans) => plans,
            None => self.attach()?,
        };
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => {
                let mut entries = Entries::default();
                let filled = self.source.fill(&mut entries);
                let last = filled.inspect_err(|_| self.known_position = None)?;
                Batch { entries, through: self.source.at(), last }
            }
        };
        let appended = self.append(plans, &batch);
        if let Err(error) = appended {
            self.batch = Some(batch);
            return Err(error.into());
        }
        self.send_messages(&batch.entries);
        self.shared.set_published(Some(self.writer.published()));
        Ok(batch.last)
    }

    /// Reads where each stream resumes, and moves the source back to the earliest of these positions.
    fn attach(&mut self) -> Result<[Plan; 3], Failure> {
        let bounds = Bounds {
            oldest: self.source.oldest()?.0,
            published_max: self.published_max,
            durable: self.shared.durable().0,
            keep: self.publish.keep,
        };
        let mut plans = Vec::with_capacity(Stream::ALL.len());
        for stream in Stream::ALL {
            let seen = self.writer.resume(stream)?;
            let failure = |why| Failure::Plan { key: self.writer.key(stream).to_owned(), why };
            plans.push(plan(&seen, &self.history, &bounds).map_err(failure)?);
        }
        let Ok(mut plans) = <[Plan; 3]>::try_from(plans) else {
            return Err(ReplayError::NoSnapshot.into());
        };
        if !self.can_continue(&mut plans) {
            self.batch = None;
            self.known_position = None;
            self.report_behind();
            let target = plans.iter().map(|plan| plan.through).min().unwrap_or(0);
            if !self.source.is_whole() || self.source.at() != target {
                self.source.rewind(target)?;
            }
            let begins_after = self.source.begins_after();
            for plan in plans.iter_mut().filter(|plan| plan.through < begins_after) {
                plan.through = begins_after;
                plan.cause = Some(MarkerCause::Gap);
            }
        }
        let marker = |plan: &Plan| plan.marker(&self.history);
        let markers = plans.each_ref().map(marker);
        self.log_markers(&markers);
        for ((stream, plan), marker) in Stream::ALL.into_iter().zip(&mut plans).zip(markers) {
            if let Some(marker) = marker {
                plan.last = marker.id;
                plan.cause = None;
                self.writer.append(stream, &[marker], Sequence(plan.through))?;
            }
        }
        Ok(plans)
    }

    /// Logs which streams get a marker, in one line, at most once a minute: a server that evicts keys
    /// may delete streams all the time.
    fn log_markers(&mut self, markers: &[Option<Entry>; 3]) {
        let each = Stream::ALL.into_iter().zip(markers).filter_map(|(stream, marker)| {
            let (key, marker) = (self.writer.key(stream), marker.as_ref()?);
            let reason = marker.field("reason").unwrap_or_default();
            Some(format!("{key} from {} ({reason})", marker.id.sequence))
        });
        let each: Vec<String> = each.collect();
        if let Some(before) = self.markers.add(each.len() as u64, Instant::now()) {
            let markers = each.join(", ");
            info!(markers, before, "Redis: a marker says where published events begin");
        }
    }

    /// Returns `true` if the streams hold everything that was published, so that the source can
    /// continue.
    fn can_continue(&self, plans: &mut [Plan; 3]) -> bool {
        let Some(known_position) = self.known_position else { return false };
        let is_complete = plans
            .iter()
            .zip(known_position.ends)
            .all(|(plan, end)| plan.cause.is_none() && plan.last >= end);
        if is_complete {
            for plan in plans {
                plan.through = plan.through.max(known_position.through);
            }
        }
        is_complete
    }

    fn append(&mut self, mut plans: [Plan; 3], batch: &Batch) -> Result<(), StreamError> {
        let due = self.last_check.elapsed() >= CHECK_INTERVAL;
        let mut published = 0;
        for (stream, plan) in Stream::ALL.into_iter().zip(&mut plans) {
            let all = batch.entries.of(stream);
            let from = all.partition_point(|entry| !plan.lacks(entry.id));
            let fresh = all.get(from..).unwrap_or_default();
            if let Some(last) = fresh.last() {
                self.published_max = self.published_max.max(last.id.sequence);
            }
            if due || !fresh.is_empty() {
                self.published_max = self.published_max.max(batch.through);
                self.writer.append(stream, fresh, Sequence(batch.through))?;
            }
            plan.last = fresh.last().map_or(plan.last, |entry| entry.id);
            plan.through = plan.through.max(batch.through);
            published += fresh.len() as u64;
        }
        if due {
            self.last_check = Instant::now();
        }
        metrics::counter!("pricetime_redis_events_published_total").increment(published);
        let [trades, orders, epochs] = &plans;
        let ends = [trades.last, orders.last, epochs.last];
        self.known_position = Some(KnownPosition { ends, through: batch.through });
        self.plans = Some(plans);
        Ok(())
    }

    /// Stores in every stream how far it goes.
    fn store_positions(&mut self, through: Sequence) -> Result<(), StreamError> {
        Stream::ALL.into_iter().try_for_each(|stream| self.writer.append(stream, &[], through))
    }

    /// Sends the new entries and the alerts to the channels. A message that cannot be sent now is
    /// dropped: the streams hold the events.
    fn send_messages(&mut self, entries: &Entries) {
        if !self.publish.channels {
            return;
        }
        let names = self.writer.names().clone();
        let mut messages = Vec::new();
        for (stream, sent) in Stream::ALL.into_iter().zip(&mut self.sent) {
            let all = entries.of(stream);
            for entry in all.iter().filter(|entry| entry.id > *sent) {
                let text = entry.message();
                let channels = names.channels(stream, entry).into_iter();
                messages.extend(channels.map(|channel| (channel, text.clone())));
            }
            *sent = all.last().map_or(*sent, |entry| entry.id.max(*sent));
        }
        messages.extend(self.alerts.take(&names.alerts()));
        if let Err(error) = self.writer.send_messages(&messages) {
            self.count_error();
            warn!("Redis: {} messages were not sent to channels: {error}", messages.len());
        }
    }

    fn count_error(&self) {
        metrics::counter!("pricetime_redis_events_errors_total").increment(1);
    }

    fn behind(&self) -> u64 {
        let through = self.known_position.map_or(0, |known_position| known_position.through);
        self.shared.durable().0.saturating_sub(through)
    }

    fn report_behind(&self) {
        let through = self.known_position.map_or(0, |known_position| known_position.through);
        self.shared.redis.update(|status| {
            status.events.get_or_insert_default().through = Sequence(through);
        });
        metrics::gauge!("pricetime_redis_events_behind").set(super::measure::gauge(self.behind()));
    }

    fn report_healthy(&mut self) {
        self.wait = BACKOFF.0;
        let mut before = RedisState::Connected;
        self.shared.redis.update(|status| {
            let events = status.events.get_or_insert_default();
            before = std::mem::replace(&mut events.state, RedisState::Connected);
        });
        match before {
            RedisState::Connected => {}
            RedisState::Unknown => info!("Redis: events are published"),
            RedisState::Degraded { .. } => {
                info!("Redis: events are published again");
                self.alerts.queue("events_well", "events are published again");
            }
        }
        self.healthy = true;
    }

    /// Reports a failure. Returns how long to wait before the next attempt.
    fn report_failure(&mut self, failure: &Failure) -> Duration {
        if let Failure::Stream(StreamError::Moved { .. }) = failure {
            return BACKOFF.0 / 10;
        }
        self.count_error();
        let (why, now) = (failure.to_string(), Instant::now());
        self.shared.redis.update(|status| {
            let events = status.events.get_or_insert_default();
            match &mut events.state {
                RedisState::Degraded { why: old, .. } => old.clone_from(&why),
                state @ (RedisState::Unknown | RedisState::Connected) => {
                    *state = RedisState::Degraded { since: now, why: why.clone() };
                }
            }
        });
        let first = std::mem::replace(&mut self.healthy, false);
        match failure {
            Failure::Stream(StreamError::Fenced { .. }) => {
                error!("Redis: {why}");
                self.alerts.queue("events_fenced", &why);
                self.fenced = true;
                self.shared.set_published(None);
            }
            Failure::Stream(StreamError::Redis(_)) if first => {
                warn!(
                    "Redis: {why}; matching continues, and events are published when Redis works \
                     again"
                );
            }
            Failure::Stream(_) | Failure::Plan { .. } | Failure::JournalReplay(_) if first => {
                error!("Redis: events are not published: {why}");
            }
            Failure::Stream(_) | Failure::Plan { .. } | Failure::JournalReplay(_) => {}
        }
        let longest = (self.wait * 2).min(BACKOFF.1);
        let jitter = 0.5 + fastrand::f64() / 2.0;
        std::mem::replace(&mut self.wait, longest).mul_f64(jitter)
    }
}
