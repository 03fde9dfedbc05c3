//! The writing end of a connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::json::{
    Answer, Book, FORMAT, OrderLine, Orders, Refused, Status, Subscribe, Welcome, write_done,
};
use pricetime::engine::{
    Event, Fees, Header, Limits, MarketId, MarketSpec, Outcome, Price, Pricing, Quantity, Sequence,
    Step, Symbol, Terms,
};
use pricetime::{AccountFeed, Host, MarketFeed, Principal, Stopped};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::account::{Account, Charge};
use crate::context::{GatewayContext, ended};
use crate::lines::Bounds;
use crate::outcomes::Outcomes;
use crate::outgoing::Outgoing;
use crate::push::{FeedOwner, Push, PushedLine, push_account, push_market};
use crate::turns::Client;
use crate::unsent::{
    CommandLine, Item, QuestionResult, Reply, UnsentItem, UnsentQueue, count_events,
    size_of_answers,
};

/// How many updates may wait between the subscriptions and the writer.
const PUSHED_MAX: usize = 256;
/// How many subscriptions a connection may have.
const SUBSCRIPTIONS_MAX: usize = 64;

/// Writes answers, and between them the lines of subscriptions.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    shared: Arc<GatewayContext>,
    /// The principal that reads the answers.
    principal: Principal,
    /// How many tickets have been resolved.
    resolved: Arc<AtomicU64>,
    /// The outcomes of the commands that were answered.
    outcomes: Outcomes,
    unsent: UnsentQueue,
    out: Outgoing<W>,
    account: Option<Arc<Account>>,
    pushed: mpsc::Receiver<PushedLine>,
    push: mpsc::Sender<PushedLine>,
    subscriptions: usize,
    /// Becomes `true` when the subscriptions have to end.
    closing: watch::Sender<bool>,
}

/// A spec for groups in markets that do not exist, which have no decimals. It breaks no bound.
#[must_use]
pub fn placeholder_spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("-").unwrap_or_else(|_| unreachable!("a hyphen is a symbol")),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(1),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(0),
            price_max: Price(0),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(crate) fn new(
        shared: Arc<GatewayContext>,
        principal: Principal,
        resolved: Arc<AtomicU64>,
        (to, unsent): (W, UnsentQueue),
        bounds: Option<&Bounds>,
    ) -> Self {
        let (push, pushed) = mpsc::channel(PUSHED_MAX);
        let (closing, _) = watch::channel(false);
        let out = Outgoing::new(to, bounds);
        let account = bounds.map(|bounds| Arc::clone(&bounds.account));
        Self {
            shared,
            principal,
            resolved,
            outcomes: Outcomes::default(),
            unsent,
            out,
            account,
            pushed,
            push,
            subscriptions: 0,
            closing,
        }
    }

    /// Writes until no further answer can come. Returns the outcomes of the commands.
    pub(crate) async fn run(mut self) -> io::Result<Outcomes> {
        loop {
            let next = tokio::select! {
                unsent = self.unsent.next() => unsent.map(Ok),
                Some(pushed) = self.pushed.recv() => Some(Err(pushed)),
            };
            match next {
                None => break,
                Some(Ok(unsent)) => {
                    let UnsentItem { item, places, mut charge } = unsent;
                    self.write_item(item, charge.as_mut()).await?;
                    // The answers are in the buffer now, which is counted separately.
                    drop((places, charge));
                }
                Some(Err(pushed)) => pushed.put(self.out.buffer()),
            }
            let idle = self.unsent.is_empty() && self.pushed.is_empty();
            if idle || self.out.is_full() {
                self.flush().await?;
            }
            if idle {
                self.out.shrink();
            }
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        self.drain_pushed().await?;
        Ok(outcomes)
    }

    /// Writes what the subscriptions have sent by now, and ends them.
    async fn drain_pushed(mut self) -> io::Result<()> {
        // All of them see this, because each has a receiver of its own.
        let _ = self.closing.send(true);
        let (push, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.push, push));
        while let Some(pushed) = self.pushed.recv().await {
            pushed.put(self.out.buffer());
            if self.out.is_full() {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let Self { out, unsent, .. } = self;
        out.flush(|| unsent.charge_received()).await
    }

    fn put(&mut self, answer: &Answer) -> io::Result<()> {
        let buffer = self.out.buffer();
        serde_json::to_writer(&mut *buffer, answer)?;
        buffer.push(b'\n');
        Ok(())
    }

    async fn write_item(&mut self, item: Item, charge: Option<&mut Charge>) -> io::Result<()> {
        match item {
            Item::Commands { lines, reply } => self.write_commands(lines, reply, charge).await,
            Item::Found { line, found, room } => {
                let found = match found {
                    QuestionResult::Now(found) => Ok(*found),
                    QuestionResult::Later(ticket) => self.resolve(ticket).await?,
                };
                let answer = match found {
                    Ok(found) => Answer::of_found(line, found, &self.principal),
                    Err(stopped) => self.stopped(line, None, stopped),
                };
                drop(room);
                self.put(&answer)
            }
            Item::Status(line) => {
                let status = self.status(line);
                self.put(&status)
            }
            Item::Subscribe { line, query, client, answered } => {
                let answer = self.subscribe(line, query, client).await?;
                self.put(&answer)?;
                // The reader may have ended.
                let _ = answered.send(());
                Ok(())
            }
            Item::Welcome(principal, Sequence(sequence)) => {
                let accounts = match &principal {
                    Principal::Accounts(own) => own.iter().map(|it| (*it).into()).collect(),
                    Principal::Operator | Principal::Public => Vec::new(),
                };
                let operator = principal.is_operator();
                self.principal = principal;
                let host = &self.shared.host;
                let history = host.start().history.parse().unwrap_or_default();
                let rules = pricetime::engine::rules::VERSION;
                self.put(&Answer::Welcome(Welcome {
                    format: FORMAT,
                    rules,
                    history,
                    sequence,
                    operator,
                    accounts,
                    durable: self.shared.is_durable(),
                }))
            }
            Item::Refused(refused) => self.put(&Answer::Refused(refused)),
            Item::Barrier(reached) => {
                // The reader may have ended.
                let _ = reached.send(());
                Ok(())
            }
        }
    }

    /// Waits for the answers to commands and writes them. Charges them at their real size, because the
    /// client may read nothing in the meantime.
    async fn write_commands(
        &mut self,
        lines: Vec<CommandLine>,
        reply: Reply,
        charge: Option<&mut Charge>,
    ) -> io::Result<()> {
        match self.resolve(reply).await? {
            Ok(answers) => {
                if let Some(charge) = charge {
                    charge.raise_to(size_of_answers(lines.len(), count_events(&answers)));
                }
                for (line, group) in lines.iter().zip(answers.iter()) {
                    self.write_done(line, group)?;
                    if self.out.is_full() {
                        self.flush().await?;
                    }
                }
            }
            Err(stopped) => {
                for CommandLine { number, request, .. } in lines {
                    let answer = self.stopped(number, request, stopped.clone());
                    self.put(&answer)?;
                }
            }
        }
        Ok(())
    }

    fn write_done(
        &mut self,
        line: &CommandLine,
        group: (&Header, &[Event], Outcome),
    ) -> io::Result<()> {
        let (_, _, outcome) = group;
        self.outcomes.count(outcome);
        let (seen, durable) = (self.principal.seen_part(group), self.shared.is_durable());
        let group = seen.as_ref().map_or(group, |it| (&it.header, &it.events, it.outcome));
        let placeholder;
        let spec = match line.spec.as_deref() {
            Some(spec) => spec,
            None => {
                placeholder = placeholder_spec();
                &placeholder
            }
        };
        write_done(self.out.buffer(), Some(line.number), group, spec, durable)
    }

    /// Waits for a ticket. If it is not ready, this first writes what is in the buffer.
    async fn resolve<T>(
        &mut self,
        mut ticket: impl Future<Output = Result<T, Stopped>> + Unpin,
    ) -> io::Result<Result<T, Stopped>> {
        let resolved = tokio::select! {
            biased;
            resolved = &mut ticket => Some(resolved),
            () = std::future::ready(()) => None,
        };
        let resolved = match resolved {
            Some(resolved) => resolved,
            None => {
                self.flush().await?;
                ticket.await
            }
        };
        self.resolved.fetch_add(1, Ordering::Release);
        Ok(resolved)
    }

    fn stopped(&self, line: u64, request: Option<Uuid>, stopped: Stopped) -> Answer {
        let reason = self.principal.reason(stopped.reason());
        let error = format!("the host has stopped: {reason}");
        Answer::Refused(Refused { line, column: None, request, error })
    }

    fn status(&self, line: u64) -> Answer {
        let host = &self.shared.host;
        let status = Status::of(line, host.status(), &host.settlement());
        Answer::Status(status.seen_by(&self.principal))
    }

    async fn subscribe(
        &mut self,
        line: u64,
        query: Subscribe,
        client: Client,
    ) -> io::Result<Answer> {
        if self.subscriptions >= SUBSCRIPTIONS_MAX {
            let why = format!("a connection has at most {SUBSCRIPTIONS_MAX} subscriptions");
            return Ok(refused(line, why));
        }
        let id = MarketId(query.market);
        let Some(spec) = self.shared.host.spec(id) else {
            return Ok(refused(line, no_market(query.market)));
        };
        let feed = if query.from.is_some() {
            self.flush().await?;
            self.resume(query, client).await?
        } else {
            feed(&self.shared.host, &query)
        };
        let (to, closing) = (self.push.clone(), self.closing.subscribe());
        let push = Push::new(to, closing, self.account.as_ref());
        let first = match feed {
            Err(why) => return Ok(refused(line, why)),
            Ok(Feed::Market(feed)) => {
                let book = Book { line: Some(line), ..Book::of(&feed.book, &spec) };
                tokio::spawn(push_market(feed, spec, push));
                Answer::Book(book)
            }
            Ok(Feed::Account(account, feed)) => {
                let orders = Orders {
                    line: Some(line),
                    market: id.0,
                    account,
                    sequence: feed.sequence.0,
                    orders: feed.orders.iter().map(|it| OrderLine::of(it, &spec)).collect(),
                };
                let durable = self.shared.is_durable();
                let owner = FeedOwner { market: id, account, durable };
                tokio::spawn(push_account(feed, owner, spec, push));
                Answer::Orders(orders)
            }
        };
        self.subscriptions += 1;
        Ok(first)
    }

    /// Subscribes from an older command.
    async fn resume(
        &mut self,
        query: Subscribe,
        client: Client,
    ) -> io::Result<Result<Feed, String>> {
        let replaying = feed_in_turn(Arc::clone(&self.shared), query, client);
        tokio::pin!(replaying);
        // In the meantime the other subscriptions continue.
        loop {
            tokio::select! {
                found = &mut replaying => return found,
                Some(pushed) = self.pushed.recv() => {
                    pushed.put(self.out.buffer());
                    if self.pushed.is_empty() || self.out.is_full() {
                        self.flush().await?;
                    }
                }
            }
        }
    }
}

/// Replays what happened since an older command. Only one replay runs at a time, because it takes a
/// while, and the turns are fair between clients. When the host is about to close, no client waits for a
/// turn any more.
async fn feed_in_turn(
    shared: Arc<GatewayContext>,
    query: Subscribe,
    client: Client,
) -> io::Result<Result<Feed, String>> {
    let mut stop = shared.stop.clone();
    let turn = tokio::select! {
        turn = shared.replay_turns.take(client) => turn?,
        () = ended(&mut stop) => return Ok(Err(String::from("the host is shutting down"))),
    };
    let replaying = spawn_blocking(move || {
        let found = feed(&shared.host, &query);
        // The next turn may belong to the task that closes the host.
        drop(shared);
        drop(turn);
        found
    });
    replaying.await.map_err(io::Error::other)
}

/// The feed of a subscription.
enum Feed {
    Market(MarketFeed),
    Account(Uuid, AccountFeed),
}

/// Subscribes, or returns the reason why it cannot.
fn feed(host: &Host, query: &Subscribe) -> Result<Feed, String> {
    let (id, from) = (MarketId(query.market), query.from.map(Sequence));
    let missing = || no_market(query.market);
    let feed = match (query.account, from) {
        (None, None) => Feed::Market(host.subscribe(id).ok_or_else(missing)?),
        (None, Some(from)) => {
            Feed::Market(host.subscribe_from(id, from).map_err(|error| error.to_string())?)
        }
        (Some(account), from) => {
            let owner = account.into();
            let feed = match from {
                None => host.subscribe_account(id, owner).ok_or_else(missing)?,
                Some(from) => host
                    .subscribe_account_from(id, owner, from)
                    .map_err(|error| error.to_string())?,
            };
            Feed::Account(account, feed)
        }
    };
    Ok(feed)
}

const fn refused(line: u64, error: String) -> Answer {
    Answer::Refused(Refused { line, column: None, request: None, error })
}

fn no_market(market: u32) -> String {
    format!("there is no market {market}")
}
