//! A connection: it reads lines, accepts or refuses each of them, and writes the answers in order.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::json::{FORMAT, Hello, Line, Refused as RefusedLine, Unreadable};
use pricetime::engine::{Action, MarketId, MarketSpec, Timestamp};
use pricetime::{Answers, Draft, Host, Principal, Question, Refused, Ticket};
use serde::de::IgnoredAny;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tracing::warn;
use uuid::Uuid;

use crate::answers::Writer;
use crate::commands::Commands;
use crate::context::{GatewayContext, TimePolicy, ended};
use crate::lines::{Bounds, Lines, Read};
use crate::outcomes::Outcomes;
use crate::turns::Client;
use crate::unsent::{AnswerSender, CommandLine, Item, QuestionResult, Reply, WriterEnded, unsent};

/// How long it waits if the core has no room.
const BUSY_RETRY: Duration = Duration::from_millis(1);
/// How many levels of books may be unsent before no more lines are read.
const LEVELS_MAX: u32 = 1 << 16;

/// How many lines were read and refused, and the outcomes of the commands.
#[derive(Clone, Debug, Default)]
pub struct SessionCounts {
    /// Lines that were read.
    pub lines: u64,
    /// Lines that were refused.
    pub refused: u64,
    /// The outcomes of the commands.
    pub outcomes: Outcomes,
}

impl SessionCounts {
    /// Adds the counts of another session.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.refused += other.refused;
        self.outcomes.add(&other.outcomes);
    }
}

/// The reading end of a connection.
#[derive(Debug)]
pub struct Session {
    shared: Arc<GatewayContext>,
    principal: Principal,
    /// The address of the client, for the log.
    peer: Option<SocketAddr>,
    /// The name under which refused lines are logged.
    name: Option<String>,
    /// The session that its orders end with, if they end with the connection.
    session: Option<pricetime::Session>,
    /// The known markets. `None` after a line that removes the market, until that is done.
    specs: BTreeMap<MarketId, Option<Arc<MarketSpec>>>,
    /// The commands that were read and are not submitted yet.
    commands: Commands,
    /// How many tickets the host has given, and how many of them the writer has resolved.
    tickets: u64,
    resolved: Arc<AtomicU64>,
    levels: Arc<Semaphore>,
    counts: SessionCounts,
    /// The limits of a connection. `None` for a file.
    bounds: Option<Bounds>,
}

/// What is wrong with a line, and at which byte of it.
struct LineError {
    column: Option<u64>,
    error: String,
}

impl<T: ToString> From<T> for LineError {
    fn from(error: T) -> Self {
        Self { column: None, error: error.to_string() }
    }
}

impl Session {
    /// Creates a session of this principal.
    #[must_use]
    pub fn new(shared: Arc<GatewayContext>, principal: Principal) -> Self {
        Self {
            shared,
            principal,
            peer: None,
            name: None,
            session: None,
            specs: BTreeMap::new(),
            commands: Commands::default(),
            tickets: 0,
            resolved: Arc::default(),
            levels: Arc::new(Semaphore::new(LEVELS_MAX as usize)),
            counts: SessionCounts::default(),
            bounds: None,
        }
    }

    /// Sets the limits of a connection. A session without them reads a file.
    pub(crate) fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds: Some(bounds), ..self }
    }

    /// Logs its refused lines under this name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Logs a token that is refused with this address.
    pub(crate) fn with_peer(self, peer: Option<SocketAddr>) -> Self {
        Self { peer, ..self }
    }

    /// Reads lines until there are no more, and answers all of them.
    pub async fn run(
        mut self,
        from: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Send + Unpin + 'static,
    ) -> io::Result<SessionCounts> {
        let (items, unsent) = unsent(self.bounds.as_ref().map(|bounds| &bounds.account));
        let (principal, resolved) = (self.principal.clone(), Arc::clone(&self.resolved));
        let (shared, bounds) = (Arc::clone(&self.shared), self.bounds.clone());
        let writers = Arc::clone(&shared.writers);
        let writer = Writer::new(shared, principal, resolved, (to, unsent), bounds.as_ref());
        let reading = async {
            let read = self.read(from, &items).await;
            // The orders of this connection end now, even if answers are still on their way.
            drop(self.session.take());
            drop(items);
            read
        };
        let (read, wrote) = if bounds.is_some() {
            tokio::join!(reading, writer.run())
        } else {
            // A file keeps two threads busy: this one reads, and a task writes the answers.
            let mut writing = JoinSet::new();
            let written = writers.read_owned().await;
            writing.spawn(async move {
                let wrote = writer.run().await;
                // The writer has dropped the host by now. If the task is aborted, it drops the host first too.
                drop(written);
                wrote
            });
            let read = reading.await;
            let wrote = writing.join_next().await.unwrap_or(Ok(Ok(Outcomes::default())));
            (read, wrote.map_err(io::Error::other).flatten())
        };
        read?;
        match wrote {
            Ok(outcomes) => Ok(SessionCounts { outcomes, ..self.counts }),
            // A client that has disconnected has read what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(self.counts),
            Err(error) => Err(error),
        }
    }

    async fn read(&mut self, from: impl AsyncRead + Unpin, items: &AnswerSender) -> io::Result<()> {
        let most = self.shared.line_max;
        let mut lines = Lines::new(from, most, self.bounds.clone());
        let mut stop = self.shared.stop.clone();
        // A client shows with its first line whether it speaks this format. A browser does not.
        let mut unknown = self.bounds.is_some();
        loop {
            let is_full = self.commands.is_full();
            if (is_full || !lines.has_next()) && self.submit(items).await.is_err() {
                return Ok(());
            }
            if is_full {
                // A client that sends many lines does not keep others waiting.
                tokio::task::yield_now().await;
            }
            let read = tokio::select! {
                biased;
                read = lines.next() => read?,
                () = ended(&mut stop) => return Ok(()),
                () = items.until_closed() => return Ok(()),
            };
            let text = lines.text();
            self.counts.lines += u64::from(matches!(read, Read::Line | Read::Long));
            let taken = match read {
                Read::End => return Ok(()),
                Read::TimedOut(why) => {
                    let error = format!("connection closed: {why}");
                    let refused = RefusedLine { line: 0, column: None, request: None, error };
                    // If the writer has ended, the client cannot be reached.
                    let _ = items.send(Item::Refused(refused)).await;
                    return Ok(());
                }
                Read::Line if text.is_empty() => continue,
                Read::Line | Read::Long if unknown && !is_object(text) => {
                    let why = "connection closed: the first line is not a JSON object";
                    // As above.
                    let _ = items.send(self.refuse(why.into(), text)).await;
                    return Ok(());
                }
                Read::Long => Err(LineError::from(format!("the line is longer than {most} bytes"))),
                Read::Line => {
                    unknown = false;
                    self.take(text, items).await
                }
            };
            let unsent = match taken {
                Ok(Some(item)) => item,
                Ok(None) => continue,
                Err(line_error) => self.refuse(line_error, text),
            };
            if self.submit(items).await.is_err() || items.send(unsent).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Handles a line. Returns its answer, if it has one now. A command has it once it is submitted.
    async fn take(&mut self, text: &[u8], items: &AnswerSender) -> Result<Option<Item>, LineError> {
        let line = Line::read(text).map_err(|Unreadable { column, why }| LineError {
            column: Some(column as u64),
            error: why,
        })?;
        let Some(market) = line.market() else {
            // If the writer has ended, no answer is needed.
            let _ = self.submit(items).await;
            return self.ask(line, items).await;
        };
        let is_followed = self.shared.times == TimePolicy::Followed;
        if line.time().is_some() && self.shared.times == TimePolicy::Refused {
            let why = "a running market uses its own clock: leave out `time`; `run --once --input \
                       FILE` follows the times of a recording, and with --ignore-times uses the \
                       current time";
            return Err(why.into());
        }
        let adds_market = matches!(line, Line::AddMarket(_));
        let spec = if adds_market { None } else { self.spec(market, items).await };
        let draft = line.draft(spec.as_deref()).map_err(|error| error.to_string())?;
        if draft.session.is_some() && !is_followed {
            return Err("`session` is for recordings: use `cancel_on_disconnect` in `hello`".into());
        }
        self.principal.may_submit(&draft)?;
        // If a market or its terms are refused, the answer says what is wrong with them.
        let spec = match (&draft.action, &spec) {
            (Action::AddMarket(new), _) => Some(Arc::new(*new)),
            (Action::SetMarket(terms), Some(old)) => {
                Some(Arc::new(MarketSpec { terms: *terms, ..**old }))
            }
            (_, _) => spec,
        };
        if matches!(draft.action, Action::RemoveMarket) {
            self.specs.insert(market, None);
        }
        let time = line.time().filter(|_| is_followed).map(|time| time.0);
        let line = CommandLine { number: self.counts.lines, request: line.request(), spec };
        self.commands.push(line, time, draft);
        Ok(None)
    }

    /// Handles a line that is not a command. Returns its answer, if it has one.
    async fn ask(&mut self, line: Line, items: &AnswerSender) -> Result<Option<Item>, LineError> {
        line.may_be_asked_by(&self.principal)?;
        let number = self.counts.lines;
        if let Some(question) = line.question() {
            return self.find(question).await.map(Some);
        }
        if let Line::Hello(hello) = &line {
            return self.handle_hello(hello).map(Some);
        }
        if matches!(line, Line::Status(_)) {
            return Ok(Some(Item::Status(number)));
        }
        let Line::Subscribe(query) = line else { return Err("this line is not a question".into()) };
        // The subscription has to show everything that the lines after it do, so it begins before they
        // are read.
        let (answered, done) = oneshot::channel();
        let client = Client::of(&self.principal, self.peer.map(|it| it.ip()));
        let item = Item::Subscribe { line: number, query, client, answered };
        if items.send(item).await.is_ok() {
            // If the writer has ended, there is nothing to wait for.
            let _ = done.await;
        }
        Ok(None)
    }

    /// Asks a question. The answer shows what the lines before it did, and nothing that a line after it
    /// does. The lines after it are read in the meantime, and share the sync of those before it.
    async fn find(&mut self, question: Question) -> Result<Item, LineError> {
        let levels = match question {
            Question::View { depth, .. } => u32::try_from(depth.saturating_mul(2)),
            // A market in a list takes about as much memory as two levels.
            Question::Markets { count, .. } => u32::try_from(count.saturating_mul(2)),
            Question::Market { .. } | Question::Order { .. } | Question::Outcome { .. } | _ => {
                Ok(1)
            }
        };
        let levels = levels.unwrap_or(LEVELS_MAX).clamp(1, LEVELS_MAX);
        let room = Arc::clone(&self.levels).acquire_many_owned(levels).await.ok();
        let found = if self.resolved.load(Ordering::Acquire) == self.tickets {
            QuestionResult::Now(Box::new(self.shared.host.find(question)))
        } else {
            let ticket = self.submit_with(|host, _| host.ask(question)).await?;
            self.tickets += 1;
            QuestionResult::Later(ticket)
        };
        Ok(Item::Found { line: self.counts.lines, found, room })
    }

    fn handle_hello(&mut self, hello: &Hello) -> Result<Item, LineError> {
        if self.counts.lines != 1 {
            return Err("`hello` must be the first line".into());
        }
        if hello.format != FORMAT {
            return Err(format!("this program speaks format {FORMAT}, not {}", hello.format).into());
        }
        if let Some(token) = &hello.token {
            let Some(principal) = self.shared.tokens.principal(token.expose()) else {
                let peer = self.peer.map(tracing::field::display);
                warn!(peer, "token refused: it is not configured");
                return Err("the token is unknown: check it, or connect without one".into());
            };
            self.principal = principal;
        }
        // The orders of a recording end with the sessions that it names.
        let ends = hello.cancel_on_disconnect && self.shared.times != TimePolicy::Followed;
        self.session = ends.then(|| self.shared.host.session());
        Ok(Item::Welcome(self.principal.clone(), self.shared.host.status().durable))
    }

    /// The spec of a market. If it is not known, this waits until all earlier lines are answered, because
    /// one of them may add the market.
    async fn spec(&mut self, market: MarketId, items: &AnswerSender) -> Option<Arc<MarketSpec>> {
        let mut spec = match self.specs.get(&market) {
            Some(Some(spec)) => return Some(Arc::clone(spec)),
            Some(None) => None,
            None => self.shared.host.spec(market),
        };
        if spec.is_none() {
            let (reached, answered) = oneshot::channel();
            if self.submit(items).await.is_ok() && items.send(Item::Barrier(reached)).await.is_ok()
            {
                // If the writer has ended, there is nothing to wait for.
                let _ = answered.await;
            }
            spec = self.shared.host.spec(market);
        }
        let spec = Arc::new(spec?);
        self.specs.insert(market, Some(Arc::clone(&spec)));
        Some(spec)
    }

    /// Submits the commands that were read, together. If they are not taken together, submits the first of
    /// them alone, and then tries the others again. A cancel is taken when an order is not, and the close of
    /// an epoch can make room.
    async fn submit(&mut self, items: &AnswerSender) -> Result<(), WriterEnded> {
        while !self.commands.is_empty() {
            let (host, session) = (&self.shared.host, self.session.as_mut());
            let item = match submit_many(host, session, &self.commands.drafts) {
                Ok(ticket) => {
                    let lines = self.commands.take_lines();
                    self.submitted(lines, ticket)
                }
                Err(_) => {
                    let Some((line, draft)) = self.commands.take_first() else { break };
                    let submit =
                        |host: &_, session: Option<&mut _>| submit_many(host, session, &[draft]);
                    match self.submit_with(submit).await {
                        Ok(ticket) => self.submitted(vec![line], ticket),
                        Err(line_error) => self.refuse_line(line.number, line.request, line_error),
                    }
                }
            };
            items.send(item).await?;
        }
        Ok(())
    }

    /// Returns the item for commands that were submitted.
    fn submitted(&mut self, lines: Vec<CommandLine>, ticket: Ticket<Answers>) -> Item {
        self.tickets += 1;
        Item::Commands { lines, reply: Reply::new(ticket) }
    }

    /// Submits something. While there is no room, it waits, and no further line is read.
    async fn submit_with<T>(
        &mut self,
        submit: impl Fn(&Host, Option<&mut pricetime::Session>) -> Result<Ticket<T>, Refused>,
    ) -> Result<Ticket<T>, LineError> {
        loop {
            match submit(&self.shared.host, self.session.as_mut()) {
                Ok(ticket) => return Ok(ticket),
                // This may last. Without a data folder there is no room as long as Redis cannot be
                // reached.
                Err(Refused::Busy) if *self.shared.stop.borrow() => {
                    return Err("the host is shutting down and had no room for the command".into());
                }
                Err(Refused::Busy) => tokio::time::sleep(BUSY_RETRY).await,
                Err(Refused::Stopped) => {
                    let why = self.shared.host.status().stopped.map(|it| it.reason());
                    let why =
                        why.map_or("it is shutting down".into(), |why| self.principal.reason(why));
                    return Err(format!("the host has stopped: {why}").into());
                }
                Err(refused) => return Err(refused.to_string().into()),
            }
        }
    }

    /// Refuses the line that was read last.
    fn refuse(&mut self, line_error: LineError, text: &[u8]) -> Item {
        let request = serde_json::from_slice::<Line>(text).ok().and_then(|line| line.request());
        self.refuse_line(self.counts.lines, request, line_error)
    }

    fn refuse_line(&mut self, line: u64, request: Option<Uuid>, line_error: LineError) -> Item {
        self.counts.refused += 1;
        let LineError { column, error } = line_error;
        if let Some(name) = &self.name {
            warn!("{name}:{line}:{}: {error}", column.unwrap_or(1));
        }
        Item::Refused(RefusedLine { line, column, request, error })
    }
}

fn submit_many(
    host: &Host,
    session: Option<&mut pricetime::Session>,
    drafts: &[(Option<Timestamp>, Draft)],
) -> Result<Ticket<Answers>, Refused> {
    let Some(session) = session else { return host.submit_many_at(drafts) };
    let drafts: Vec<_> = drafts.iter().map(|(_, draft)| *draft).collect();
    host.submit_many_in(session, &drafts)
}

/// Returns `true` if this is a JSON object.
fn is_object(text: &[u8]) -> bool {
    serde_json::from_slice::<HashMap<String, IgnoredAny>>(text).is_ok()
}
