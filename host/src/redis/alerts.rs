//! Alerts for operators, found by comparing the current status with the previous one.

use std::collections::VecDeque;

use serde::Serialize;

use super::{FencedMarket, RedisState, image_thread::BEHIND_MAX};
use crate::status::Status;
use crate::stopped::Stopped;

/// How many alerts are kept at most while Redis does not answer.
const WAITING_MAX: usize = 64;

/// Alerts that have not been published yet.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    before: Option<Status>,
    waiting: VecDeque<String>,
}

/// An alert as it is published in a channel.
#[derive(Serialize)]
struct Alert<'a> {
    alert: &'a str,
    text: &'a str,
}

impl Alerts {
    /// Queues an alert.
    pub(super) fn queue(&mut self, alert: &str, text: &str) {
        self.waiting.extend(serde_json::to_string(&Alert { alert, text }));
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
    }

    /// Queues an alert for each change since the last call.
    pub(super) fn observe(&mut self, now: Status) {
        let before = self.before.take();
        let previous = before.as_ref();
        let changed = |new: &Option<String>, old: Option<&Option<String>>| {
            new.clone().filter(|_| old != Some(new))
        };
        if let Some(why) = changed(&now.faulty, previous.map(|it| &it.faulty)) {
            self.queue("faulty", &why);
        }
        let failure = |it: &Status| it.snapshot_failure.as_ref().map(ToString::to_string);
        if let Some(why) = changed(&failure(&now), previous.map(failure).as_ref()) {
            self.queue("snapshot_failure", &why);
        }
        let stopped = |it: &Status| it.stopped.as_ref().map(Stopped::reason);
        if let Some(why) = changed(&stopped(&now), previous.map(stopped).as_ref()) {
            self.queue("stopped", &why);
        }
        self.observe_image(previous, &now);
        self.before = Some(now);
    }

    fn observe_image(&mut self, previous: Option<&Status>, now: &Status) {
        let degraded = |it: &Status| match &it.redis.state {
            RedisState::Degraded { why, .. } => Some(why.clone()),
            RedisState::Unknown | RedisState::Connected => None,
        };
        match (previous.and_then(degraded), degraded(now)) {
            (None, Some(why)) => self.queue("image_degraded", &why),
            (Some(_), None) => self.queue("image_well", "the image is up to date again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let behind = |it: &Status| it.redis.behind > BEHIND_MAX;
        if behind(now) && !previous.is_some_and(behind) {
            let text = format!("the image is more than {BEHIND_MAX} epochs behind");
            self.queue("image_behind", &text);
        }
        let known = previous.map(|it| it.redis.fenced.as_slice()).unwrap_or_default();
        let lacks = |all: &[FencedMarket], it: &FencedMarket| {
            all.iter().all(|other| other.market != it.market)
        };
        for it in now.redis.fenced.iter().filter(|it| lacks(known, it)) {
            let FencedMarket { market, theirs, writer, .. } = it;
            self.queue(
                "fenced",
                &format!(
                    "another writer ({writer}, term {theirs}) has taken market {market} over from us"
                ),
            );
        }
        for FencedMarket { market, .. } in known.iter().filter(|it| lacks(&now.redis.fenced, it)) {
            self.queue("unfenced", &format!("market {market} is not another writer's any more"));
        }
    }

    /// Takes all queued alerts, as messages for this channel.
    pub(super) fn take(&mut self, channel: &str) -> Vec<(String, String)> {
        self.waiting.drain(..).map(|text| (channel.to_owned(), text)).collect()
    }
}
