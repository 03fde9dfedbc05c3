//! Load on a host, in a closed or an open loop.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pricetime::{Answers, Draft, Host, Refused, Stopped, Ticket};
use pricetime_engine::{Command, Outcome};

use super::machine::thread_time;
use super::report::{Latency, Load};
use crate::failure::Failure;

/// The number of commands that a submitter has in flight.
const WINDOW: usize = 4_096;
/// The least time between two bursts. A shorter sleep is hardly possible, and a generator that does
/// not sleep takes a core from the host.
pub(super) const BURST: Duration = Duration::from_micros(150);

/// The result of a closed loop.
pub(super) struct Closed {
    pub(super) done: usize,
    pub(super) refused: usize,
    pub(super) elapsed: Duration,
}

pub(super) fn draft(command: &Command) -> Draft {
    let Command { market, account, operator, request, action, .. } = *command;
    Draft { market, account, operator, request, action, session: None }
}

/// Distributes commands to submitters. Each account's commands go to one submitter, in order.
pub(super) fn distribute(commands: &[Command], submitters: usize) -> Vec<Vec<Draft>> {
    let mut per_submitter = vec![Vec::with_capacity(commands.len() / submitters); submitters];
    for command in commands {
        let to = command.account.0 % submitters as u128;
        per_submitter[to as usize].push(draft(command));
    }
    per_submitter
}

/// Sends as fast as answers arrive, with one thread for each list.
pub(super) fn closed(
    host: &Host,
    per_submitter: &[Vec<Draft>],
    time_limit: Duration,
) -> Result<Closed, Failure> {
    closed_together(host, per_submitter, 1, time_limit)
}

/// Like [`closed`], but submits this many commands in one call.
pub(super) fn closed_together(
    host: &Host,
    per_submitter: &[Vec<Draft>],
    together: usize,
    time_limit: Duration,
) -> Result<Closed, Failure> {
    let started = Instant::now();
    let is_over = || started.elapsed() >= time_limit;
    let counts: Result<Vec<_>, Failure> = thread::scope(|scope| {
        let is_over = &is_over;
        let one = |drafts| scope.spawn(move || window(host, drafts, together, is_over));
        let all: Vec<_> = per_submitter.iter().map(Vec::as_slice).map(one).collect();
        let panicked = |_| Failure::failed("a submitter panicked");
        all.into_iter().map(|one| one.join().map_err(panicked)?).collect()
    });
    let elapsed = started.elapsed();
    let (done, refused) = counts?.into_iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    Ok(Closed { done, refused, elapsed })
}

/// Keeps a window of commands in flight until all are sent or the time is over. Returns how many
/// were sent and how many of them were refused.
fn window(
    host: &Host,
    drafts: &[Draft],
    together: usize,
    is_over: impl Fn() -> bool,
) -> Result<(usize, usize), Failure> {
    let mut waiting = VecDeque::with_capacity(WINDOW);
    let (mut done, mut checked, mut refused) = (0, 0, 0);
    for drafts in drafts.chunks(together) {
        if (waiting.len() + 1) * together > WINDOW
            && let Some(first) = waiting.pop_front()
        {
            refused += Sent::wait(first).map_err(Failure::failed)?;
        }
        if done >= checked {
            if is_over() {
                break;
            }
            checked = done + 256;
        }
        waiting.push_back(Sent::submit(host, drafts)?);
        done += drafts.len();
    }
    for sent in waiting {
        refused += sent.wait().map_err(Failure::failed)?;
    }
    Ok((done, refused))
}

/// The tickets of one call.
enum Sent {
    One(Ticket),
    Several(Ticket<Answers>),
}

impl Sent {
    fn submit(host: &Host, drafts: &[Draft]) -> Result<Self, Failure> {
        match drafts {
            [draft] => submit(host, draft).map(Self::One),
            drafts => until_taken(|| host.submit_many(drafts)).map(Self::Several),
        }
    }

    /// Waits for the answers. Returns how many commands were refused.
    fn wait(self) -> Result<usize, Stopped> {
        Ok(match self {
            Self::One(ticket) => usize::from(ticket.wait()?.outcome != Outcome::Accepted),
            Self::Several(ticket) => {
                let answers = ticket.wait()?;
                answers.iter().filter(|(_, _, outcome)| *outcome != Outcome::Accepted).count()
            }
        })
    }
}

/// Submits a command, and retries while the host is busy.
pub(super) fn submit(host: &Host, draft: &Draft) -> Result<Ticket, Failure> {
    until_taken(|| host.submit(*draft))
}

fn until_taken<T>(submit: impl Fn() -> Result<T, Refused>) -> Result<T, Failure> {
    loop {
        match submit() {
            Ok(ticket) => return Ok(ticket),
            Err(Refused::Busy) => thread::yield_now(),
            Err(refused) => return Err(Failure::failed(refused)),
        }
    }
}

/// Commands that were due at the same instant.
type Burst = (Instant, Vec<Ticket>);

/// Sends at a fixed rate, whether answers arrive or not. Also returns how many commands were
/// refused.
pub(super) fn open(
    host: &Host,
    drafts: &[Draft],
    rate: f64,
    time_limit: Duration,
) -> Result<(Load, usize), Failure> {
    let count = drafts.len().min((rate * time_limit.as_secs_f64()).ceil() as usize).max(1);
    let drafts = &drafts[..count.min(drafts.len())];
    let (send, receive) = mpsc::channel::<Burst>();
    let started = Instant::now();
    let ((times, refused), late, cpu, elapsed) = thread::scope(|scope| {
        let recorder = scope.spawn(move || record_answers(receive));
        let cpu = thread_time();
        let late = generate(host, drafts, rate, &send);
        let (cpu, sending) = (thread_time().saturating_sub(cpu), started.elapsed());
        drop(send);
        let times = recorder.join().map_err(|_| Failure::failed("the listener panicked"))?;
        let part = cpu.as_secs_f64() / sending.as_secs_f64();
        Ok::<_, Failure>((times?, late?, part, started.elapsed()))
    })?;
    let load = Load {
        percent: None,
        rate_due: rate,
        rate: count as f64 / elapsed.as_secs_f64(),
        latency: Latency::of(&times),
        late_p50_ns: late.value_at_quantile(0.5),
        late_p99_ns: late.value_at_quantile(0.99),
        generator_cpu_percent: 100.0 * cpu,
    };
    Ok((load, refused))
}

/// Submits what is due, burst by burst, and sleeps in between. Returns how late each burst was.
fn generate(
    host: &Host,
    drafts: &[Draft],
    rate: f64,
    send: &mpsc::Sender<Burst>,
) -> Result<Histogram<u64>, Failure> {
    let interval = BURST.as_secs_f64().max(1.0 / rate);
    let (started, mut late, mut sent) = (Instant::now(), empty(), 0);
    for number in 0_u64.. {
        let due = started + Duration::from_secs_f64(interval * number as f64);
        let until = ((number + 1) as f64 * interval * rate).round() as usize;
        let burst = &drafts[sent..until.clamp(sent, drafts.len())];
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.saturating_record(ns(due.elapsed()));
        let tickets = burst.iter().map(|draft| submit(host, draft));
        // The receiver is gone only if the host has stopped, and the caller reports that.
        let _ = send.send((due, tickets.collect::<Result<_, _>>()?));
        sent += burst.len();
        if sent == drafts.len() {
            break;
        }
    }
    Ok(late)
}

/// Returns the time of each answer from when its command was due, and how many commands were
/// refused.
fn record_answers(bursts: mpsc::Receiver<Burst>) -> Result<(Histogram<u64>, usize), Failure> {
    let (mut times, mut refused) = (empty(), 0);
    for (due, tickets) in bursts {
        for ticket in tickets {
            let group = ticket.wait().map_err(Failure::failed)?;
            times.saturating_record(ns(due.elapsed()));
            refused += usize::from(group.outcome != Outcome::Accepted);
        }
    }
    Ok((times, refused))
}

pub(super) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("valid bounds")
}

pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
