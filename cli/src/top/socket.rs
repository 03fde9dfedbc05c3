//! A running host, over its Unix socket or over TCP. A thread reads its lines; if the connection ends,
//! that thread connects again.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pricetime::Secret;
use pricetime_engine::Timestamp;
use pricetime_gateway::grouped;

use super::super::client::Address;
use super::super::failure::Failure;
use super::super::screen::{self, Figure, Notice, Picture, SHOWN_MAX};
use super::feed::{Feed, MARKETS_MAX};
use super::link::{Link, Reader, Received, Writer};
use super::source::Source;

/// The time between two attempts to connect.
const RETRY: Duration = Duration::from_secs(1);
/// The time between two questions for the status.
const STATUS: Duration = Duration::from_millis(500);
/// The time between two searches for new markets.
const SEARCH: Duration = Duration::from_secs(2);
/// If no answer has come for this long, the screen says so.
const SILENT: Duration = Duration::from_secs(10);

/// A running host.
pub(super) struct Socket {
    address: Address,
    shared: Arc<Shared>,
    wanted: Wanted,
    status_due: Instant,
    search_due: Instant,
    /// What is shown while the screen is paused.
    paused: Option<(Feed, Timestamp)>,
}

/// What is wanted of a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// A market that may not be among the first of the host.
    pub(super) market: Option<u32>,
    /// How many of the commands before now are of interest.
    pub(super) past: u64,
}

/// What the reading thread and the screen share.
struct Shared {
    feed: Mutex<Feed>,
    /// `None` while there is no connection.
    writer: Mutex<Option<Writer>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

impl Socket {
    /// Connects. Fails if that is not possible now; later losses are retried.
    pub(super) fn open(
        address: Address,
        token: Option<Secret>,
        wanted: Wanted,
    ) -> Result<Self, Failure> {
        let link = Link::open(&address, token.as_ref())?;
        let shared = Arc::new(Shared { feed: Mutex::default(), writer: Mutex::new(None) });
        let past = wanted.past;
        let reader = shared.take(link, past);
        let (reading, to) = (Arc::clone(&shared), address.clone());
        // The thread ends with the process.
        Builder::new()
            .name(String::from("pt-top"))
            .spawn(move || reading.read(reader, past, &to, token.as_ref()))?;
        let now = Instant::now();
        Ok(Self { address, shared, wanted, status_due: now, search_due: now, paused: None })
    }

    /// Sends the questions that are due. `market` is the one that is shown.
    fn ask(&mut self, market: Option<u32>) -> io::Result<()> {
        let now = Instant::now();
        let mut feed = lock(&self.shared.feed);
        let mut lines = String::new();
        let mut sent = feed.asked.lines;
        let mut say = |line: String| {
            let _ = writeln!(lines, "{line}");
            sent += 1;
            sent
        };
        if now >= self.search_due {
            self.search_due = now + SEARCH;
            if let Some(market) = self.wanted.market {
                say(format!("{{\"market\":{{\"market\":{market}}}}}"));
            }
            say(String::from("{\"markets\":{}}"));
        }
        let Feed { asked, markets, .. } = &mut *feed;
        for (market, listed) in markets.iter_mut().take(MARKETS_MAX) {
            if listed.is_subscribed {
                continue;
            }
            listed.is_subscribed = true;
            let from = listed.sequence.map(|from| format!(",\"from\":{from}")).unwrap_or_default();
            let line = say(format!("{{\"subscribe\":{{\"market\":{market}{from}}}}}"));
            asked.subscriptions.insert(line, *market);
        }
        if asked.status.is_none() && now >= self.status_due {
            self.status_due = now + STATUS;
            asked.status = Some((say(String::from("{\"status\":{}}")), now));
        }
        if let (None, Some(market)) = (feed.asked.view, feed.chosen(market)) {
            let view = format!("{{\"view\":{{\"market\":{market},\"depth\":{SHOWN_MAX}}}}}");
            feed.asked.view = Some((say(view), market));
        }
        feed.asked.lines = sent;
        // Sent before the lock is given back, so that no answer comes before its question is noted, and no
        // new connection counts these lines.
        let mut writer = lock(&self.shared.writer);
        writer.as_mut().map_or(Ok(()), |writer| writer.send(&lines))
    }
}

impl Shared {
    /// Begins to use a connection.
    fn take(&self, link: Link, past: u64) -> Reader {
        let Link { reader, writer, welcome } = link;
        let mut feed = lock(&self.feed);
        feed.connect(welcome.history, welcome.sequence, past);
        *lock(&self.writer) = Some(writer);
        reader
    }

    /// Reads lines for ever.
    fn read(&self, mut reader: Reader, past: u64, to: &Address, token: Option<&Secret>) {
        loop {
            let mut why = self.listen(&mut reader);
            reader = loop {
                {
                    let mut feed = lock(&self.feed);
                    feed.disconnected = Some(why);
                    *lock(&self.writer) = None;
                }
                thread::sleep(RETRY);
                match Link::open(to, token) {
                    Ok(link) => break self.take(link, past),
                    Err(failure) => why = failure.text().to_owned(),
                }
            };
        }
    }

    /// Reads the lines of one connection. Returns the reason for its end.
    fn listen(&self, reader: &mut Reader) -> String {
        loop {
            match reader.receive() {
                Ok(Received::Answer(answer)) => {
                    lock(&self.feed).apply(&answer, Instant::now(), wall());
                }
                Ok(Received::Other) => {}
                Ok(Received::End) => return String::from("the host has closed the connection"),
                Err(error) => return error.to_string(),
            }
        }
    }
}

impl Source for Socket {
    fn advance(&mut self, _: Instant, market: Option<u32>) -> Result<(), Failure> {
        let is_connected = lock(&self.shared.feed).disconnected.is_none();
        if is_connected && let Err(error) = self.ask(market) {
            // The reading thread notices too, and connects again.
            lock(&self.shared.feed).disconnected = Some(error.to_string());
        }
        Ok(())
    }

    fn pause(&mut self, is_paused: bool) {
        self.paused = is_paused.then(|| (lock(&self.shared.feed).clone(), wall()));
    }

    fn picture(&self, market: Option<u32>) -> Picture {
        let now = wall();
        match &self.paused {
            Some((feed, paused)) => self.shown(feed, market, *paused),
            None => self.shown(&lock(&self.shared.feed), market, now),
        }
    }
}

impl Socket {
    fn shown(&self, feed: &Feed, market: Option<u32>, now: Timestamp) -> Picture {
        let count = |number: Option<u64>| number.map_or_else(|| String::from("-"), grouped);
        let durable = feed.durable();
        let behind = durable.map(|(durable, snapshot)| durable.saturating_sub(snapshot));
        let empty = match (durable, feed.markets.is_empty()) {
            (None, _) => "waiting for the host",
            (Some(_), true) => "there is no market yet",
            (Some(_), false) => "waiting for the book",
        };
        let silent = feed.asked.status.map(|(_, sent)| sent.elapsed());
        let silent = silent
            .filter(|silent| *silent > SILENT)
            .map(|silent| Notice::Fault(format!("no answer for {} seconds", silent.as_secs())));
        Picture {
            title: format!("top {}", self.address),
            clock: screen::clock(now),
            tabs: feed.tabs(),
            market: feed.chosen(market).and_then(|market| feed.market(market, now)),
            empty,
            figures: [
                Figure::new(count(feed.meter.rate()), "commands/s"),
                Figure::new(count(durable.map(|it| it.0)), "durable"),
                Figure::new(millis(feed.round_trip), "answer"),
                Figure::new(millis(feed.delay), "behind"),
                Figure::new(count(behind), "after the snapshot"),
            ]
            .into_iter()
            .chain(feed.lags())
            .collect(),
            notice: feed.notice().or(silent),
        }
    }
}

/// A duration like 0.3 ms or 12 s.
fn millis(time: Option<Duration>) -> String {
    match time {
        None => String::from("-"),
        Some(time) if time >= Duration::from_secs(10) => format!("{} s", time.as_secs()),
        Some(time) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
    }
}
