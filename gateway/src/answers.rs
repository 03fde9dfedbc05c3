//! The writing end of a connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::json::{
    Answer, Book, Done, FORMAT, OrderLine, Orders, Refused, Status, Subscribe, Welcome,
};
use pricetime::engine::{
    Fees, Limits, MarketId, MarketSpec, Price, Pricing, Quantity, Sequence, Step, Symbol, Terms,
};
use pricetime::{AccountFeed, Host, MarketFeed, Principal, Stopped};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::account::Account;
use crate::connected::{Connected, ended};
use crate::lines::Bounds;
use crate::outcomes::Outcomes;
use crate::outgoing::Outgoing;
use crate::owed::{Item, Queue, Reply, Wanted};
use crate::push::{Push, Pushed, Whose, push_account, push_market};
use crate::turns::Client;

/// How many updates may wait between the subscriptions and the writer.
const PUSHED_MAX: usize = 256;
/// How many subscriptions a connection may have.
const SUBSCRIPTIONS_MAX: usize = 64;

/// Writes answers, and between them the lines of subscriptions.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    shared: Arc<Connected>,
    /// The principal that reads the answers.
    principal: Principal,
    /// How many tickets have been resolved.
    told: Arc<AtomicU64>,
    /// The outcomes of the commands that were answered.
    outcomes: Outcomes,
    owed: Queue,
    out: Outgoing<W>,
    account: Option<Arc<Account>>,
    pushed: mpsc::Receiver<Pushed>,
    push: mpsc::Sender<Pushed>,
    subscriptions: usize,
    /// Becomes `true` when the subscriptions have to end.
    closing: watch::Sender<bool>,
}

/// A spec for groups in markets that do not exist, which have no decimals. It breaks no bound.
#[must_use]
pub fn no_spec() -> MarketSpec {
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
        shared: Arc<Connected>,
        principal: Principal,
        told: Arc<AtomicU64>,
        (to, owed): (W, Queue),
        bounds: Option<&Bounds>,
    ) -> Self {
        let (push, pushed) = mpsc::channel(PUSHED_MAX);
        let (closing, _) = watch::channel(false);
        let out = Outgoing::new(to, bounds);
        let account = bounds.map(|bounds| Arc::clone(&bounds.account));
        Self {
            shared,
            principal,
            told,
            outcomes: Outcomes::default(),
            owed,
            out,
            account,
            pushed,
            push,
            subscriptions: 0,
            closing,
        }
    }

    /// Writes until no further answer can be owed. Returns the outcomes of the commands.
    pub(crate) async fn run(mut self) -> io::Result<Outcomes> {
        loop {
            let next = tokio::select! {
                owed = self.owed.next() => owed.map(Ok),
                Some(pushed) = self.pushed.recv() => Some(Err(pushed)),
            };
            match next {
                None => break,
                Some(Ok(owed)) => {
                    self.settle(owed.item).await?;
                    // The answer is in the buffer now, which is counted separately.
                    drop(owed.charge);
                }
                Some(Err(pushed)) => pushed.put(self.out.buffer()),
            }
            let idle = self.owed.is_empty() && self.pushed.is_empty();
            if idle || self.out.is_full() {
                self.flush().await?;
            }
            if idle {
                self.out.rest();
            }
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        self.last_pushes().await?;
        Ok(outcomes)
    }

    /// Writes what the subscriptions have sent by now, and ends them.
    async fn last_pushes(mut self) -> io::Result<()> {
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
        let Self { out, owed, .. } = self;
        out.flush(|| owed.weigh()).await
    }

    fn put(&mut self, answer: &Answer) -> io::Result<()> {
        let buffer = self.out.buffer();
        serde_json::to_writer(&mut *buffer, answer)?;
        buffer.push(b'\n');
        Ok(())
    }

    async fn settle(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Ticket { line, request, spec, ticket } => {
                let done = self.done(line, request, spec, ticket).await?;
                self.put(&done)
            }
            Item::Found { line, found, room } => {
                let found = match found {
                    Wanted::Now(found) => Ok(*found),
                    Wanted::Later(ticket) => self.resolve(ticket).await?,
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
            Item::Subscribe { line, asked, client, answered } => {
                let answer = self.subscribe(line, asked, client).await?;
                self.put(&answer)?;
                // The reader may have ended.
                let _ = answered.send(());
                Ok(())
            }
            Item::Welcome(principal) => {
                let accounts = match &principal {
                    Principal::Accounts(own) => own.iter().map(|it| (*it).into()).collect(),
                    Principal::Operator | Principal::Public => Vec::new(),
                };
                let operator = principal.is_operator();
                self.principal = principal;
                let host = &self.shared.host;
                let history = host.start().history.parse().unwrap_or_default();
                let sequence = host.status().durable.0;
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

    /// Waits for a command's answer.
    async fn done(
        &mut self,
        line: u64,
        request: Option<Uuid>,
        spec: Option<Arc<MarketSpec>>,
        ticket: Reply,
    ) -> io::Result<Answer> {
        Ok(match self.resolve(ticket).await? {
            Ok(group) => {
                self.outcomes.count(group.outcome);
                let spec = spec.map_or_else(no_spec, |spec| *spec);
                let done = Done::of_group(&self.principal.seen(group), &spec);
                Answer::Done(Done { line: Some(line), durable: self.shared.is_durable(), ..done })
            }
            Err(stopped) => self.stopped(line, request, stopped),
        })
    }

    /// Waits for a ticket. If it is not ready, this first writes what is in the buffer.
    async fn resolve<T>(
        &mut self,
        mut ticket: impl Future<Output = Result<T, Stopped>> + Unpin,
    ) -> io::Result<Result<T, Stopped>> {
        let told = tokio::select! {
            biased;
            told = &mut ticket => Some(told),
            () = std::future::ready(()) => None,
        };
        let told = match told {
            Some(told) => told,
            None => {
                self.flush().await?;
                ticket.await
            }
        };
        self.told.fetch_add(1, Ordering::Release);
        Ok(told)
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
        asked: Subscribe,
        client: Client,
    ) -> io::Result<Answer> {
        if self.subscriptions >= SUBSCRIPTIONS_MAX {
            let why = format!("a connection has at most {SUBSCRIPTIONS_MAX} subscriptions");
            return Ok(refused(line, why));
        }
        let id = MarketId(asked.market);
        let Some(spec) = self.shared.host.spec(id) else {
            return Ok(refused(line, unknown(asked.market)));
        };
        let feed = if asked.from.is_some() {
            self.flush().await?;
            self.resume(asked, client).await?
        } else {
            feed(&self.shared.host, &asked)
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
                let whose = Whose { market: id, account, durable };
                tokio::spawn(push_account(feed, whose, spec, push));
                Answer::Orders(orders)
            }
        };
        self.subscriptions += 1;
        Ok(first)
    }

    /// Subscribes from an older command.
    async fn resume(
        &mut self,
        asked: Subscribe,
        client: Client,
    ) -> io::Result<Result<Feed, String>> {
        let looking = feed_in_turn(Arc::clone(&self.shared), asked, client);
        tokio::pin!(looking);
        // In the meantime the other subscriptions continue.
        loop {
            tokio::select! {
                found = &mut looking => return found,
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
    shared: Arc<Connected>,
    asked: Subscribe,
    client: Client,
) -> io::Result<Result<Feed, String>> {
    let mut stop = shared.stop.clone();
    let turn = tokio::select! {
        turn = shared.resuming.take(client) => turn?,
        () = ended(&mut stop) => return Ok(Err(String::from("the host is shutting down"))),
    };
    let looking = spawn_blocking(move || {
        let found = feed(&shared.host, &asked);
        // The next turn may belong to the task that closes the host.
        drop(shared);
        drop(turn);
        found
    });
    looking.await.map_err(io::Error::other)
}

/// The feed of a subscription.
enum Feed {
    Market(MarketFeed),
    Account(Uuid, AccountFeed),
}

/// Subscribes, or returns the reason why it cannot.
fn feed(host: &Host, asked: &Subscribe) -> Result<Feed, String> {
    let (id, from) = (MarketId(asked.market), asked.from.map(Sequence));
    let gone = || unknown(asked.market);
    let feed = match (asked.account, from) {
        (None, None) => Feed::Market(host.subscribe(id).ok_or_else(gone)?),
        (None, Some(from)) => {
            Feed::Market(host.subscribe_from(id, from).map_err(|error| error.to_string())?)
        }
        (Some(account), from) => {
            let whose = account.into();
            let feed = match from {
                None => host.subscribe_account(id, whose).ok_or_else(gone)?,
                Some(from) => host
                    .subscribe_account_from(id, whose, from)
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

fn unknown(market: u32) -> String {
    format!("there is no market {market}")
}
