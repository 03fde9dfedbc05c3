//! Load on a running market, in a closed or an open loop.

use std::io::Write;
use std::sync::mpsc::{self, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pricetime_engine::ActionKind;
use pricetime_gateway::json::OutcomeLine;
use serde::Deserialize;
use uuid::Uuid;

use super::super::load::{BURST, empty, ns};
use super::super::machine::thread_time;
use super::super::report::{Latency, Load};
use super::client::{Client, Target, read_line};
use crate::failure::Failure;

/// Lines for one connection, made before anything is timed.
#[derive(Clone, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    /// The end of each line in the text.
    ends: Vec<usize>,
    expected: Vec<Expected>,
}

/// What the answer to a line must repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) market: u32,
    pub(super) account: Uuid,
    pub(super) command: ActionKind,
}

/// The result of a closed loop.
pub(super) struct Closed {
    pub(super) answered: usize,
    pub(super) rejected: usize,
    pub(super) elapsed: Duration,
}

/// What the answers of a connection say.
struct Answers {
    times: Histogram<u64>,
    answered: usize,
    /// Which lines were refused.
    refused: Vec<usize>,
    cpu: Duration,
}

/// The part of an answer that is checked.
#[derive(Deserialize)]
struct Reply {
    done: Option<Done>,
    refused: Option<Refused>,
}

#[derive(Deserialize)]
struct Done {
    line: u64,
    market: u32,
    account: Uuid,
    command: ActionKind,
    outcome: OutcomeLine,
}

#[derive(Deserialize)]
struct Refused {
    line: u64,
    error: String,
}

impl Lines {
    pub(super) fn push(
        &mut self,
        line: &serde_json::Value,
        expected: Expected,
    ) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.text, line)?;
        self.text.push(b'\n');
        self.ends.push(self.text.len());
        self.expected.push(expected);
        Ok(())
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of these lines.
    fn text(&self, from: usize, to: usize) -> &[u8] {
        let start = |line: usize| line.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start(from)..start(to)]
    }
}

/// Sends all lines with this many in flight. Returns which were refused.
pub(super) fn exchange(
    client: &mut Client,
    lines: &Lines,
    window: usize,
) -> Result<Vec<usize>, Failure> {
    let (send, receive) = mpsc::sync_channel(window);
    let write = move |writer: &mut dyn Write| write_closed(writer, lines, &send, &|| false);
    Ok(connection(client, lines, receive, write)?.0.refused)
}

/// Sends on every connection as fast as answers arrive, until all lines are sent or the time is over.
pub(super) fn closed(
    target: &Target,
    lines: &[Lines],
    window: usize,
    time_limit: Duration,
) -> Result<Closed, Failure> {
    let (all, elapsed) = on_all(target, lines, |client, lines, _| {
        let started = Instant::now();
        let (send, receive) = mpsc::sync_channel(window);
        let is_over = || started.elapsed() >= time_limit;
        connection(client, lines, receive, move |writer| {
            write_closed(writer, lines, &send, &is_over)
        })
    })?;
    let sum = |of: fn(&Answers) -> usize| all.iter().map(|(answers, _)| of(answers)).sum();
    Ok(Closed { answered: sum(|it| it.answered), rejected: sum(|it| it.refused.len()), elapsed })
}

/// Sends at a fixed rate, whether answers arrive or not. Each connection has its share of the rate.
pub(super) fn open(
    target: &Target,
    lines: &[Lines],
    rate: f64,
    time_limit: Duration,
) -> Result<Load, Failure> {
    let total: usize = lines.iter().map(Lines::len).sum();
    let interval = BURST * u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let (all, elapsed) = on_all(target, lines, |client, lines, at| {
        let own = rate * lines.len() as f64 / total.max(1) as f64;
        let pace = Pace {
            rate: own,
            count: lines.len().min((own * time_limit.as_secs_f64()).ceil() as usize),
            started: Instant::now() + BURST * at as u32,
            interval: interval.as_secs_f64().max(1.0 / own),
        };
        let (send, receive) = mpsc::channel();
        connection(client, lines, receive, move |writer| write_open(writer, lines, &send, &pace))
    })?;
    let (mut times, mut late, mut cpu, mut answered) = (empty(), empty(), Duration::ZERO, 0);
    for (answers, own_late) in all {
        times.add(&answers.times).map_err(Failure::failed)?;
        late.add(&own_late).map_err(Failure::failed)?;
        cpu += answers.cpu;
        answered += answers.answered;
    }
    Ok(Load {
        percent: None,
        rate_due: rate,
        rate: answered as f64 / elapsed.as_secs_f64(),
        latency: Latency::of(&times),
        late_p50_ns: late.value_at_quantile(0.5),
        late_p99_ns: late.value_at_quantile(0.99),
        generator_cpu_percent: 100.0 * cpu.as_secs_f64() / elapsed.as_secs_f64(),
    })
}

/// What came of a connection: its answers, and how late its lines were.
type Finished = (Answers, Histogram<u64>);

/// Runs every connection in a thread, once all are open. Also returns how long that took.
fn on_all(
    target: &Target,
    lines: &[Lines],
    run: impl Fn(&mut Client, &Lines, usize) -> Result<Finished, Failure> + Sync,
) -> Result<(Vec<Finished>, Duration), Failure> {
    let mut clients = lines.iter().map(|_| target.connect()).collect::<Result<Vec<_>, _>>()?;
    let started = Instant::now();
    let all = thread::scope(|scope| {
        let run = &run;
        let one = |(at, (client, lines))| scope.spawn(move || run(client, lines, at));
        let threads: Vec<_> = clients.iter_mut().zip(lines).enumerate().map(one).collect();
        let panicked = |_| Failure::failed("a connection panicked");
        threads.into_iter().map(|one| one.join().map_err(panicked)?).collect::<Result<Vec<_>, _>>()
    })?;
    Ok((all, started.elapsed()))
}

/// Writes lines in a thread of its own, and reads the answer to each line whose due time is received.
fn connection(
    client: &mut Client,
    lines: &Lines,
    due: impl IntoIterator<Item = Instant>,
    write: impl FnOnce(&mut dyn Write) -> Result<Histogram<u64>, Failure> + Send,
) -> Result<Finished, Failure> {
    let Client { reader, writer, sent } = client;
    let (answers, late) = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let cpu = thread_time();
            write(writer).map(|late| (late, thread_time().saturating_sub(cpu)))
        });
        let cpu = thread_time();
        let mut answers =
            Answers { times: empty(), answered: 0, refused: Vec::new(), cpu: Duration::ZERO };
        let mut text = Vec::new();
        // The writer stops when `due` is dropped after an error.
        let read = due.into_iter().zip(&lines.expected).try_for_each(|(due, expected)| {
            let is_whole = read_line(reader, &mut text)?;
            answers.times.saturating_record(ns(due.elapsed()));
            // An answer with so many events that it is too long is that of an accepted command.
            if is_whole && !check(&text, *sent + answers.answered as u64 + 1, expected)? {
                answers.refused.push(answers.answered);
            }
            answers.answered += 1;
            Ok::<_, Failure>(())
        });
        let panicked = |_| Failure::failed("a writer panicked");
        let written = writer.join().map_err(panicked)?;
        read?;
        let (late, writing) = written?;
        answers.cpu = thread_time().saturating_sub(cpu) + writing;
        Ok::<_, Failure>((answers, late))
    })?;
    *sent += answers.answered as u64;
    Ok((answers, late))
}

/// Checks that an answer is the one to this line. Returns `false` if its command was refused.
fn check(text: &[u8], line: u64, expected: &Expected) -> Result<bool, Failure> {
    let wrong = |why: String| {
        let text = String::from_utf8_lossy(text);
        let start: String = text.trim_end().chars().take(200).collect();
        Failure::Unsound(format!("the answer to line {line} is wrong ({why}): {start}"))
    };
    match serde_json::from_slice(text) {
        Ok(Reply { done: Some(done), .. }) => {
            let Done { market, account, command, .. } = done;
            if done.line != line || (Expected { market, account, command }) != *expected {
                return Err(wrong(format!("expected {expected:?}")));
            }
            Ok(done.outcome == OutcomeLine::Accepted)
        }
        Ok(Reply { refused: Some(Refused { line: own, error }), .. }) if own != line => {
            Err(Failure::Failed(format!("the market refused the connection: {error}")))
        }
        Ok(Reply { refused: Some(_), .. }) => Ok(false),
        Ok(_) => Err(wrong(String::from("it is neither done nor refused"))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Writes lines as long as fewer than the capacity of the channel wait for an answer.
fn write_closed(
    writer: &mut dyn Write,
    lines: &Lines,
    send: &mpsc::SyncSender<Instant>,
    is_over: &dyn Fn() -> bool,
) -> Result<Histogram<u64>, Failure> {
    let mut written = 0;
    for at in 0..lines.len() {
        let due = match send.try_send(Instant::now()) {
            Ok(()) => continue,
            Err(TrySendError::Disconnected(_)) => return Ok(empty()),
            Err(TrySendError::Full(due)) => due,
        };
        // The line that waits for a place, and those after it, are not written yet.
        writer.write_all(lines.text(written, at))?;
        written = at;
        if is_over() || send.send(due).is_err() {
            return Ok(empty());
        }
    }
    writer.write_all(lines.text(written, lines.len()))?;
    Ok(empty())
}

/// How lines are sent in an open loop.
struct Pace {
    /// Lines a second.
    rate: f64,
    count: usize,
    started: Instant,
    /// The time between two bursts, in seconds.
    interval: f64,
}

/// Writes what is due, burst by burst, and sleeps in between. Returns how late each burst was.
fn write_open(
    writer: &mut dyn Write,
    lines: &Lines,
    send: &mpsc::Sender<Instant>,
    pace: &Pace,
) -> Result<Histogram<u64>, Failure> {
    let (mut late, mut sent) = (empty(), 0);
    for number in 0_u64.. {
        if sent == pace.count {
            break;
        }
        let due = pace.started + Duration::from_secs_f64(pace.interval * number as f64);
        let until = ((number + 1) as f64 * pace.interval * pace.rate).round() as usize;
        let until = until.clamp(sent, pace.count);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.saturating_record(ns(due.elapsed()));
        if (sent..until).any(|_| send.send(due).is_err()) {
            break;
        }
        writer.write_all(lines.text(sent, until))?;
        sent = until;
    }
    Ok(late)
}
