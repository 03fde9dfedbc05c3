//! What a running host has sent: its markets, their last trades and epochs, and its status.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pricetime_engine::{MarketSpec, Timestamp};
use pricetime_gateway::grouped;
use pricetime_gateway::json::{
    Answer, Book, Ended, ListedMarket, MarketFound, MarketsFound, Refused, Status, StepText, Update,
};
use uuid::Uuid;

use super::super::screen::{self, Figure, Notice, Tab};
use super::listed::Listed;
use super::meter::Meter;

/// How many markets are kept, and so how many subscriptions there are. A connection may have as many.
pub(super) const MARKETS_MAX: usize = 64;

/// The state from all lines of a host so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    /// The error that ended the connection, until there is a new one.
    pub(super) disconnected: Option<String>,
    history: Uuid,
    /// The last durable command when the connection began.
    durable_at_start: u64,
    from: Option<u64>,
    pub(super) markets: BTreeMap<u32, Listed>,
    status: Option<Status>,
    pub(super) asked: Asked,
    /// The time between a `status` and its answer.
    pub(super) round_trip: Option<Duration>,
    /// The time between the last command with an update and its arrival here.
    pub(super) delay: Option<Duration>,
    pub(super) meter: Meter,
    refused: Option<String>,
}

/// The lines whose answers are still to come, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// How many lines were sent.
    pub(super) lines: u64,
    pub(super) view: Option<(u64, u32)>,
    pub(super) status: Option<(u64, Instant)>,
    pub(super) subscriptions: BTreeMap<u64, u32>,
}

impl Feed {
    /// Starts over on a new connection. `durable` is the last durable command, and `past` is how many
    /// commands before it are also requested. If the history is another one, everything is discarded.
    pub(super) fn connect(&mut self, history: Uuid, durable: u64, past: u64) {
        self.disconnected = None;
        if self.history != history {
            *self = Self { history, ..Self::default() };
        }
        self.durable_at_start = durable;
        self.from = (past > 0).then(|| durable.saturating_sub(past).max(1));
        // `hello` was the first line.
        self.asked = Asked { lines: 1, ..Asked::default() };
        for market in self.markets.values_mut() {
            market.is_subscribed = false;
        }
    }

    /// Takes in a line that arrived at this time.
    pub(super) fn apply(&mut self, answer: &Answer, now: Instant, wall: Timestamp) {
        match answer {
            Answer::Market(found) => self.found(found),
            Answer::Markets(listed) => self.listed(listed),
            Answer::Book(book) => self.book(book),
            Answer::Update(update) => self.update(update, wall),
            Answer::Status(status) => self.status(status, now),
            Answer::Ended(Ended { market, .. }) => {
                if let Some(market) = self.markets.get_mut(market) {
                    market.ended();
                }
            }
            Answer::Refused(refused) => self.refused(refused),
            Answer::Welcome(_)
            | Answer::Done(_)
            | Answer::Orders(_)
            | Answer::Own(_)
            | Answer::Order(_)
            | Answer::Outcome(_) => {}
        }
    }

    fn found(&mut self, MarketFound { market, found, .. }: &MarketFound) {
        match found.as_ref().and_then(|it| spec(&it.symbol, &it.tick, &it.lot)) {
            Some(spec) => self.add(*market, spec),
            None => drop(self.markets.remove(market)),
        }
    }

    /// Takes in the first markets of the host. Another one may be there because it was asked for.
    fn listed(&mut self, MarketsFound { markets, more, .. }: &MarketsFound) {
        let last = markets.last().filter(|_| *more > 0).map(|it| it.market);
        self.markets.retain(|market, _| {
            last.is_some_and(|last| *market > last)
                || markets.binary_search_by_key(market, |it| it.market).is_ok()
        });
        for ListedMarket { market, symbol, tick, lot, .. } in markets {
            if let Some(spec) = spec(symbol, tick, lot) {
                self.add(*market, spec);
            }
        }
    }

    fn add(&mut self, market: u32, spec: MarketSpec) {
        if self.markets.len() < MARKETS_MAX || self.markets.contains_key(&market) {
            self.markets.entry(market).or_insert_with(|| Listed::new(spec, self.from));
        }
    }

    fn book(&mut self, book: &Book) {
        let Some(line) = book.line else { return };
        let subscribed = self.asked.subscriptions.remove(&line);
        let viewed = self.asked.view.take_if(|(view, _)| *view == line);
        let Some(market) = self.markets.get_mut(&book.market) else { return };
        if subscribed.is_some() {
            // Of its many levels, only as many as a `view` has are needed, and the next one brings them.
            market.subscribed(book);
        }
        if viewed.is_some() {
            market.book = Some(book.clone());
        }
    }

    fn update(&mut self, update: &Update, wall: Timestamp) {
        // An update of the past does not say how long updates take.
        if update.sequence > self.durable_at_start {
            self.delay = wall.0.checked_sub(update.time.0.0).map(Duration::from_nanos);
        }
        if update.removed {
            self.markets.remove(&update.market);
        } else if let Some(market) = self.markets.get_mut(&update.market) {
            market.update(update);
        }
    }

    fn status(&mut self, status: &Status, now: Instant) {
        if let Some((_, sent)) = self.asked.status.take_if(|(line, _)| *line == status.line) {
            self.round_trip = Some(now.saturating_duration_since(sent));
        }
        self.meter.note(status.durable, now);
        self.status = Some(status.clone());
    }

    fn refused(&mut self, refused: &Refused) {
        let line = refused.line;
        self.asked.status.take_if(|(status, _)| *status == line);
        if let Some((_, market)) = self.asked.view.take_if(|(view, _)| *view == line) {
            // It was removed since it was listed.
            self.markets.remove(&market);
        } else if let Some(market) = self.asked.subscriptions.remove(&line) {
            let durable = self.durable().map(|(durable, _)| durable);
            if let Some(market) = self.markets.get_mut(&market) {
                market.refused(durable);
            }
        } else {
            self.refused = Some(refused.error.clone());
        }
    }

    /// Every market.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let tab = |(market, it): (&u32, &Listed)| Tab {
            market: *market,
            symbol: it.spec.symbol.to_string(),
        };
        self.markets.iter().map(tab).collect()
    }

    /// The number of the market that is to be shown: this one, or the first.
    pub(super) fn chosen(&self, market: Option<u32>) -> Option<u32> {
        let there = market.filter(|market| self.markets.contains_key(market));
        there.or_else(|| self.markets.keys().next().copied())
    }

    /// The last durable command, and the one of the newest snapshot.
    pub(super) fn durable(&self) -> Option<(u64, u64)> {
        self.status.as_ref().map(|status| (status.durable, status.snapshot))
    }

    /// How many epochs the image in Redis and the settlement lag, if the host has them.
    pub(super) fn lags(&self) -> impl Iterator<Item = Figure> {
        let lag = |of: fn(&Status) -> Option<u64>| self.status.as_ref().and_then(of);
        let image = lag(|status| status.image_behind).map(|lag| (lag, "epochs to Redis"));
        let settled = lag(|status| status.settlement_behind).map(|lag| (lag, "epochs to settle"));
        image.into_iter().chain(settled).map(|(lag, label)| Figure::new(grouped(lag), label))
    }

    /// What is wrong, if anything is.
    pub(super) fn notice(&self) -> Option<Notice> {
        if let Some(why) = &self.disconnected {
            return Some(Notice::Fault(format!("disconnected, retrying: {why}")));
        }
        let fault = self.status.as_ref().and_then(|status| {
            let fenced = status.fenced.first().map(|fenced| {
                format!("another process writes the image of market {} in Redis", fenced.market)
            });
            let of =
                |what: &str, why: &Option<String>| why.as_ref().map(|why| format!("{what}: {why}"));
            of("the host has stopped", &status.stopped)
                .or_else(|| of("no snapshot", &status.snapshot_failure))
                .or_else(|| status.faulty.clone())
                .or_else(|| of("settlement", &status.settlement_failure))
                .or_else(|| of("Redis", &status.image_failure))
                .or(fenced)
        });
        fault.map(Notice::Fault).or_else(|| self.refused.clone().map(Notice::Note))
    }

    /// A market as it is to be shown.
    pub(super) fn market(&self, market: u32, now: Timestamp) -> Option<screen::Market> {
        self.markets.get(&market)?.shown(now)
    }
}

/// The units of a market.
fn spec(symbol: &str, tick: &StepText, lot: &StepText) -> Option<MarketSpec> {
    Some(MarketSpec::new(symbol.parse().ok()?, tick.step()?, lot.step()?))
}

#[cfg(test)]
mod tests;
