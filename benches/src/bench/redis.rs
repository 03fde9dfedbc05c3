//! `pricetime bench redis`: the image in Redis, compared with the highest rate of the server.

mod book;
mod hung;
pub(super) mod raw;
pub(super) mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::workload::Workload;
use clap::Args;
use clap::builder::TypedValueParser as _;
use pricetime::persistence::journal::History;
use pricetime::persistence::redis::{CHANGES_MAX, ImageWriter, Link, read_image};

use super::OutputOptions;
use super::prepared::{PreparedCommands, prepare};
use super::progress::Progress;
use super::report::{Goal, Head, Measured, RedisFigures, RedisSettings, Report, Settings};
use super::runs::Runs;
use crate::failure::Failure;
use book::{Book, Changed, MARKET};
use raw::RawConnection;
use server::RedisServer;

/// Books up to this size count as small and have a higher goal.
const SMALL: usize = 200_000;
/// The number of epochs that a run writes.
const EPOCHS: usize = 5;
/// The time between two PINGs of the client that measures the waits. It must not cause waits
/// itself.
const PAUSE: Duration = Duration::from_micros(200);
/// The largest number of ZADD commands that are measured.
const ZADDS: usize = 400_000;

/// Measures the image in Redis: writing, restoring and updating it, and how long other clients
/// wait.
///
/// Rates are relative to Z, the highest rate of ZADD that the server takes at a pipeline of 100,
/// measured in the same run. `redis-benchmark` measures it if it is installed, otherwise four
/// connections of this program. Without --redis, a `redis-server` from the PATH is started on a
/// free port and stopped afterwards. A server given with --redis keeps its content: books are
/// written under names of their own and removed again. Its memory and its waits then include its
/// other clients, and it is not stopped to see how matching continues. A missed goal is reported
/// and does not change the exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Try:
  pricetime bench redis                                     everything, a few minutes
  pricetime bench redis --orders 100000 --commands 0        one book, without a host
  pricetime bench redis --redis redis://127.0.0.1:6379      a running server
  pricetime bench redis --json > a.json                     a report for --baseline a.json")]
pub(super) struct Redis {
    /// Address of a running server, redis://host:port; otherwise one is started
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Numbers of orders of the books; epochs are measured on the first
    #[arg(long, value_name = "N", default_value = "100000,1000000", value_delimiter = ',',
        value_parser = clap::value_parser!(u64).range(1..=20_000_000).map(|n| n as usize))]
    orders: Vec<usize>,
    /// Number of orders that an epoch changes; above 1,000 it is written as a second generation
    #[arg(long, default_value_t = 1_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000).map(|n| n as usize))]
    changes: usize,
    /// Number of runs; each figure is their median
    #[arg(long, default_value_t = 3, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Seed of the books and commands
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Number of commands of a host while Redis hangs, and while it responds; 0 skips this
    #[arg(long, default_value_t = 300_000, value_name = "N",
        value_parser = clap::value_parser!(u64).range(..=20_000_000).map(|n| n as usize))]
    commands: usize,
    /// Folder for the data folders
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

/// The runs of one measurement: rates, and values relative to something else.
#[derive(Default)]
struct Figures {
    rates: Vec<f64>,
    values: Vec<f64>,
}

impl Figures {
    fn note(&mut self, rate: f64, value: f64) {
        self.rates.push(rate);
        self.values.push(value);
    }

    /// Keeps only the worst value.
    fn worst(mut self) -> Self {
        let worst = self.values.iter().copied().fold(0.0, f64::max);
        self.values = vec![worst];
        self
    }

    /// Adds a value that is better the smaller it is.
    fn note_small(&mut self, value: f64) {
        self.note(1e3 / value.max(1e-9), value);
    }

    fn into_measured(
        self,
        name: impl Into<String>,
        what: &str,
        unit: &str,
        goal: Option<Goal>,
    ) -> Measured {
        let (what, unit) = (what.to_owned(), unit.to_owned());
        let value = Runs::new(self.values).median;
        let (workload, rate) = (name.into(), Runs::new(self.rates));
        let redis = Some(RedisFigures { what, value, unit, goal });
        Measured { workload, rate, redis, ..Measured::default() }
    }
}

/// The figures that are measured on the first book only.
#[derive(Default)]
struct FirstBookFigures {
    epoch: Figures,
    ping: Figures,
    bytes: Figures,
}

impl Redis {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (seed, commands) = (self.seed, self.commands);
        let settings = RedisSettings { orders: self.orders.clone(), changes: self.changes };
        let redis = Some(settings);
        let head = Head::current(Settings { seed, commands, redis, ..Settings::default() });
        let before = self.output.baseline(&head)?;
        let server = match &self.redis {
            Some(url) => RedisServer::given(url)?,
            None => RedisServer::spawned(&self.folder)?,
        };
        let hung = self.commands > 0 && server.is_spawned();
        let steps = self.runs as usize * (self.orders.len() + 2 * usize::from(hung));
        let progress = Progress::new(steps);
        let (mut zadd, mut measured_by, mut measured) = (Figures::default(), "", Vec::new());
        for (at, orders) in self.orders.iter().enumerate() {
            let (mut write, mut restore, mut longest_wait) =
                (Figures::default(), Figures::default(), Figures::default());
            let mut first_book = (at == 0).then(FirstBookFigures::default);
            for _ in 0..self.runs {
                progress.now(format!("a book of {orders} orders"));
                let key = format!("{}:zadd", server.options.names.env);
                let count = ZADDS.min(4 * orders.max(&1_000));
                let (z, by) = raw::zadd(&server.address, &key, count)?;
                zadd.note(z, 1.0);
                measured_by = by;
                let (write_rate, read_rate) = self.book(&server, *orders, first_book.as_mut())?;
                write.note(write_rate, write_rate / z);
                restore.note(read_rate, read_rate / z);
                longest_wait.note_small(self.longest_wait(&server, *orders)?.as_secs_f64() * 1e3);
                progress.done();
            }
            let rate_min = if *orders <= SMALL { 1.0 } else { 0.7 };
            let goal = Some(Goal::AtLeast(rate_min));
            measured.push(write.into_measured(
                format!("write-{orders}"),
                "orders, written whole",
                "Z",
                goal,
            ));
            let (name, goal) = (format!("restore-{orders}"), Some(Goal::AtLeast(2.0)));
            measured.push(restore.into_measured(name, "orders, read back and verified", "Z", goal));
            let (name, goal) = (format!("ping-{orders}"), Some(Goal::AtMost(10.0)));
            let what = "another client's longest PING while it is written whole and read";
            measured.push(longest_wait.worst().into_measured(name, what, "ms", goal));
            let Some(FirstBookFigures { epoch, ping, bytes }) = first_book else { continue };
            let what = format!("an epoch of {} changes, until readers see it", self.changes);
            measured.push(epoch.into_measured("epoch", &what, "ms", goal));
            measured.push(ping.worst().into_measured(
                "ping",
                "another client's longest PING during that",
                "ms",
                goal,
            ));
            let what = "of the server's memory per order, in both generations";
            measured.push(bytes.into_measured("bytes", what, "bytes", None));
        }
        measured.insert(0, zadd.into_measured("zadd", &format!("ZADD, {measured_by}"), "Z", None));
        if hung {
            let prepared = (seed, commands, None);
            measured.extend(prepare(Workload::Normal, prepared, |prepared| {
                self.hung(prepared, &server, &progress)
            })?);
        }
        drop(progress);
        self.output.print(Report::new(head, measured), before.as_ref())
    }

    /// Writes a book, restores it, and updates it if `first_book` is given. Returns the orders a second
    /// that were written, and those that were read.
    fn book(
        &self,
        server: &RedisServer,
        orders: usize,
        first_book: Option<&mut FirstBookFigures>,
    ) -> Result<(f64, f64), Failure> {
        server.clear()?;
        server.wait_until_freed()?;
        let gone = || Failure::failed("the book is gone");
        let mut raw = RawConnection::connect(&server.address)?;
        let mut book = Book::new(self.seed, orders);
        let (state, _) = book.state().ok_or_else(gone)?;
        let before = raw.figure("memory", "used_memory")?;
        let mut writer = ImageWriter::new(Link::new(server.options.clone()), History::fresh(), 0);
        let started = Instant::now();
        writer.write(&state, &BTreeMap::new()).map_err(Failure::failed)?;
        let write_rate = orders as f64 / started.elapsed().as_secs_f64();
        let mut link = Link::new(server.options.clone());
        let started = Instant::now();
        let found = read_image(&mut link, &server.options.names.of(MARKET));
        let read_rate = orders as f64 / started.elapsed().as_secs_f64();
        if found.map_err(Failure::failed)?.is_none_or(|it| it.sequence != state.sequence) {
            return Err(Failure::failed("what was read is not what was written"));
        }
        let Some(first_book) = first_book else { return Ok((write_rate, read_rate)) };
        for _ in 0..EPOCHS {
            book.epoch(self.changes);
            let (state, changed) = book.state().ok_or_else(gone)?;
            let (took, longest) = while_pinging(server, || write(&mut writer, &state, &changed))?;
            first_book.epoch.note_small(took.as_secs_f64() * 1e3);
            first_book.ping.note_small(longest.as_secs_f64() * 1e3);
        }
        // This many changes leave a second generation behind.
        book.epoch(CHANGES_MAX + 2);
        let (state, changed) = book.state().ok_or_else(gone)?;
        let (_, longest) = while_pinging(server, || write(&mut writer, &state, &changed))?;
        first_book.ping.note_small(longest.as_secs_f64() * 1e3);
        let after = raw.figure("memory", "used_memory")?;
        first_book.bytes.note_small((after - before) / orders as f64);
        Ok((write_rate, read_rate))
    }

    /// The longest wait of another client while a book replaces an earlier one as a whole and is
    /// restored. The speed of both is not measured here.
    fn longest_wait(&self, server: &RedisServer, orders: usize) -> Result<Duration, Failure> {
        let mut book = Book::new(self.seed, orders);
        let (state, _) = book.state().ok_or_else(|| Failure::failed("the book is gone"))?;
        let mut writer = ImageWriter::new(Link::new(server.options.clone()), History::fresh(), 0);
        let (_, writing) = while_pinging(server, || write(&mut writer, &state, &Changed::new()))?;
        let mut link = Link::new(server.options.clone());
        let keys = server.options.names.of(MARKET);
        let (_, reading) =
            while_pinging(server, || read_image(&mut link, &keys).map_err(Failure::failed))?;
        Ok(writing.max(reading))
    }

    /// Measures a host with a server that responds and with one that hangs, in turns.
    fn hung(
        &self,
        prepared: &PreparedCommands,
        server: &RedisServer,
        progress: &Progress,
    ) -> Result<Vec<Measured>, Failure> {
        let (mut responding, mut hung) = (Figures::default(), Figures::default());
        for _ in 0..self.runs {
            progress.now("a host while Redis responds");
            let responding_rate = hung::rate(prepared, server, &self.folder, false)?;
            responding.note(responding_rate, 1.0);
            progress.done();
            progress.now("a host while Redis hangs");
            let rate = hung::rate(prepared, server, &self.folder, true)?;
            hung.note(rate, rate / responding_rate);
            progress.done();
        }
        let goal = Some(Goal::AtLeast(0.9));
        Ok(vec![
            responding.into_measured(
                "matching-well",
                "commands of a host while Redis responds",
                "of well",
                None,
            ),
            hung.into_measured(
                "matching-hung",
                "commands of a host while Redis hangs",
                "of well",
                goal,
            ),
        ])
    }
}

/// Writes an epoch, and returns the time that it took.
fn write(
    writer: &mut ImageWriter,
    state: &pricetime::persistence::journal::image::MarketState,
    changed: &Changed,
) -> Result<Duration, Failure> {
    let started = Instant::now();
    writer.write(state, changed).map_err(Failure::failed)?;
    Ok(started.elapsed())
}

/// Runs `work` while another client sends PING repeatedly. Returns the longest wait of that client.
fn while_pinging<T>(
    server: &RedisServer,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<(T, Duration), Failure> {
    let (is_pinged, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut raw = RawConnection::connect(&server.address)?;
    thread::scope(|scope| {
        let pinging = scope.spawn(|| -> std::io::Result<Duration> {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Acquire) {
                let started = Instant::now();
                raw.ask(&["PING"])?;
                longest = longest.max(started.elapsed());
                is_pinged.store(true, Ordering::Release);
                thread::sleep(PAUSE);
            }
            Ok(longest)
        });
        while !is_pinged.load(Ordering::Acquire) && !pinging.is_finished() {
            thread::yield_now();
        }
        let done = work();
        stop.store(true, Ordering::Release);
        let longest = pinging.join().map_err(|_| Failure::failed("the PING client panicked"))??;
        Ok((done?, longest))
    })
}
