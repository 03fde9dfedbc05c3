//! The thread that publishes events: to streams first, then to channels.
//!
//! It delays no other thread. If Redis is down or slow, the tape drops its oldest groups, and they are
//! read again from the journal. Only the contents of a stream decide where publishing resumes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use pricetime_engine::Sequence;
use pricetime_redis::stream::{
    Barred, Because, Bounds, Entries, Entry, EntryId, Plan, Publish, Stream, StreamError,
    StreamWriter, plan,
};
use tracing::{error, info, warn};

use super::alerts::Alerts;
use super::image_thread::WAIT;
use super::seldom::Seldom;
use super::source::Source;
use super::{EventsStatus, RedisState, UNHELD};
use crate::journal_replay::ReplayError;
use crate::status::Shared;

/// How often the thread checks that the streams are as it left them, and stores their position.
const LOOK: Duration = Duration::from_secs(1);

/// Why nothing can be published, for now or at all.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("nothing is published in {key}: {why}")]
    Barred { key: String, why: Barred },
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
struct Known {
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
    told_max: u64,
    /// The position at which each stream resumes. `None` if the streams have to be read first.
    plans: Option<[Plan; 3]>,
    known: Option<Known>,
    batch: Option<Batch>,
    /// The last entry that was sent to the channels of each stream.
    told: [EntryId; 3],
    looked: Instant,
    fenced: bool,
    alerts: Alerts,
    /// Limits how often new markers are logged.
    markers: Seldom,
    wait: Duration,
    well: bool,
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
        let told = [EntryId { sequence: opened, number: u64::MAX }; 3];
        shared.set_published(Some(Sequence(0)));
        shared.redis.change(|status| status.events = Some(EventsStatus::default()));
        Self {
            writer,
            source,
            shared,
            history,
            publish,
            told_max: opened,
            plans: None,
            known: None,
            batch: None,
            told,
            looked: Instant::now(),
            fenced: false,
            alerts: Alerts::default(),
            markers: Seldom::default(),
            wait: WAIT.0,
            well: true,
            idle: false,
        }
    }

    /// Runs until the publisher has ended, and then a little longer if something is left to publish.
    pub(crate) fn run(mut self) {
        let mut patience = Duration::ZERO;
        loop {
            match self.source.tape.woken.recv_timeout(patience) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => patience = self.work(),
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
        }
    }

    fn end(mut self) {
        while !self.fenced && !self.shared.is_over() {
            let wait = self.work();
            if self.idle {
                // Nothing more will come. Storing the position spares the next start a replay.
                let all = self.say_how_far(Sequence(self.source.at()));
                if all.is_ok() || self.shared.is_over() {
                    return;
                }
            }
            if !self.shared.may_release() || self.shared.is_over_in(wait) {
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
        if !self.shared.may_release() {
            self.idle = false;
            return UNHELD;
        }
        if self.fenced {
            // Another writer has the streams. The channels still get alerts.
            self.alerts.look(self.shared.status());
            self.tell(&Entries::default());
            return LOOK;
        }
        let step = self.step();
        self.idle = matches!(step, Ok(true));
        let wait = match step {
            Ok(idle) => {
                self.say_well();
                if idle { LOOK.saturating_sub(self.looked.elapsed()) } else { Duration::ZERO }
            }
            Err(failure) => {
                self.plans = None;
                self.say_failed(&failure)
            }
        };
        self.alerts.look(self.shared.status());
        self.say_behind();
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
                let last = filled.inspect_err(|_| self.known = None)?;
                Batch { entries, through: self.source.at(), last }
            }
        };
        let appended = self.append(plans, &batch);
        if let Err(error) = appended {
            self.batch = Some(batch);
            return Err(error.into());
        }
        self.tell(&batch.entries);
        self.shared.set_published(Some(self.writer.published()));
        Ok(batch.last)
    }

    /// Reads where each stream resumes, and moves the source back to the earliest of these positions.
    fn attach(&mut self) -> Result<[Plan; 3], Failure> {
        let bounds = Bounds {
            oldest: self.source.oldest()?.0,
            told_max: self.told_max,
            durable: self.shared.durable().0,
            keep: self.publish.keep,
        };
        let mut plans = Vec::with_capacity(Stream::ALL.len());
        for stream in Stream::ALL {
            let seen = self.writer.resume(stream)?;
            let barred = |why| Failure::Barred { key: self.writer.key(stream).to_owned(), why };
            plans.push(plan(&seen, &self.history, &bounds).map_err(barred)?);
        }
        let Ok(mut plans) = <[Plan; 3]>::try_from(plans) else {
            return Err(ReplayError::Nothing.into());
        };
        if !self.is_as_known(&mut plans) {
            self.batch = None;
            self.known = None;
            self.say_behind();
            let target = plans.iter().map(|plan| plan.through).min().unwrap_or(0);
            if !self.source.is_whole() || self.source.at() != target {
                self.source.go_back(target)?;
            }
            let begins = self.source.begins();
            for plan in plans.iter_mut().filter(|plan| plan.through < begins) {
                plan.through = begins;
                plan.because = Some(Because::Gap);
            }
        }
        let marker = |plan: &Plan| plan.marker(&self.history);
        let markers = plans.each_ref().map(marker);
        self.say_markers(&markers);
        for ((stream, plan), marker) in Stream::ALL.into_iter().zip(&mut plans).zip(markers) {
            if let Some(marker) = marker {
                plan.last = marker.id;
                plan.because = None;
                self.writer.append(stream, &[marker], Sequence(plan.through))?;
            }
        }
        Ok(plans)
    }

    /// Logs which streams get a marker, in one line, at most once a minute: a server that evicts keys
    /// may delete streams all the time.
    fn say_markers(&mut self, markers: &[Option<Entry>; 3]) {
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
    fn is_as_known(&self, plans: &mut [Plan; 3]) -> bool {
        let Some(known) = self.known else { return false };
        let there = plans
            .iter()
            .zip(known.ends)
            .all(|(plan, end)| plan.because.is_none() && plan.last >= end);
        if there {
            for plan in plans {
                plan.through = plan.through.max(known.through);
            }
        }
        there
    }

    fn append(&mut self, mut plans: [Plan; 3], batch: &Batch) -> Result<(), StreamError> {
        let due = self.looked.elapsed() >= LOOK;
        let mut published = 0;
        for (stream, plan) in Stream::ALL.into_iter().zip(&mut plans) {
            let all = batch.entries.of(stream);
            let from = all.partition_point(|entry| !plan.lacks(entry.id));
            let fresh = all.get(from..).unwrap_or_default();
            if let Some(last) = fresh.last() {
                self.told_max = self.told_max.max(last.id.sequence);
            }
            if due || !fresh.is_empty() {
                self.told_max = self.told_max.max(batch.through);
                self.writer.append(stream, fresh, Sequence(batch.through))?;
            }
            plan.last = fresh.last().map_or(plan.last, |entry| entry.id);
            plan.through = plan.through.max(batch.through);
            published += fresh.len() as u64;
        }
        if due {
            self.looked = Instant::now();
        }
        metrics::counter!("pricetime_redis_events_published_total").increment(published);
        let [trades, orders, epochs] = &plans;
        let ends = [trades.last, orders.last, epochs.last];
        self.known = Some(Known { ends, through: batch.through });
        self.plans = Some(plans);
        Ok(())
    }

    /// Stores in every stream how far it goes.
    fn say_how_far(&mut self, through: Sequence) -> Result<(), StreamError> {
        Stream::ALL.into_iter().try_for_each(|stream| self.writer.append(stream, &[], through))
    }

    /// Sends the new entries and the alerts to the channels. A message that cannot be sent now is
    /// dropped: the streams hold the events.
    fn tell(&mut self, entries: &Entries) {
        if !self.publish.channels {
            return;
        }
        let names = self.writer.names().clone();
        let mut messages = Vec::new();
        for (stream, told) in Stream::ALL.into_iter().zip(&mut self.told) {
            let all = entries.of(stream);
            for entry in all.iter().filter(|entry| entry.id > *told) {
                let text = entry.message();
                let channels = names.channels(stream, entry).into_iter();
                messages.extend(channels.map(|channel| (channel, text.clone())));
            }
            *told = all.last().map_or(*told, |entry| entry.id.max(*told));
        }
        messages.extend(self.alerts.take(&names.alerts()));
        if let Err(error) = self.writer.tell(&messages) {
            self.count_error();
            warn!("Redis: {} messages were not sent to channels: {error}", messages.len());
        }
    }

    fn count_error(&self) {
        metrics::counter!("pricetime_redis_events_errors_total").increment(1);
    }

    fn behind(&self) -> u64 {
        let through = self.known.map_or(0, |known| known.through);
        self.shared.durable().0.saturating_sub(through)
    }

    fn say_behind(&self) {
        let through = self.known.map_or(0, |known| known.through);
        self.shared.redis.change(|status| {
            status.events.get_or_insert_default().through = Sequence(through);
        });
        metrics::gauge!("pricetime_redis_events_behind").set(super::measure::gauge(self.behind()));
    }

    fn say_well(&mut self) {
        self.wait = WAIT.0;
        let mut before = RedisState::Connected;
        self.shared.redis.change(|status| {
            let events = status.events.get_or_insert_default();
            before = std::mem::replace(&mut events.state, RedisState::Connected);
        });
        match before {
            RedisState::Connected => {}
            RedisState::Unknown => info!("Redis: events are published"),
            RedisState::Degraded { .. } => {
                info!("Redis: events are published again");
                self.alerts.say("events_well", "events are published again");
            }
        }
        self.well = true;
    }

    /// Reports a failure. Returns how long to wait before the next attempt.
    fn say_failed(&mut self, failure: &Failure) -> Duration {
        if let Failure::Stream(StreamError::Moved { .. }) = failure {
            return WAIT.0 / 10;
        }
        self.count_error();
        let (why, now) = (failure.to_string(), Instant::now());
        self.shared.redis.change(|status| {
            let events = status.events.get_or_insert_default();
            match &mut events.state {
                RedisState::Degraded { why: old, .. } => old.clone_from(&why),
                state @ (RedisState::Unknown | RedisState::Connected) => {
                    *state = RedisState::Degraded { since: now, why: why.clone() };
                }
            }
        });
        let first = std::mem::replace(&mut self.well, false);
        match failure {
            Failure::Stream(StreamError::Fenced { .. }) => {
                error!("Redis: {why}");
                self.alerts.say("events_fenced", &why);
                self.fenced = true;
                self.shared.set_published(None);
            }
            Failure::Stream(StreamError::Redis(_)) if first => {
                warn!(
                    "Redis: {why}; matching continues, and events are published when Redis works \
                     again"
                );
            }
            Failure::Stream(_) | Failure::Barred { .. } | Failure::JournalReplay(_) if first => {
                error!("Redis: events are not published: {why}");
            }
            Failure::Stream(_) | Failure::Barred { .. } | Failure::JournalReplay(_) => {}
        }
        let longest = (self.wait * 2).min(WAIT.1);
        let jitter = 0.5 + fastrand::f64() / 2.0;
        std::mem::replace(&mut self.wait, longest).mul_f64(jitter)
    }
}
