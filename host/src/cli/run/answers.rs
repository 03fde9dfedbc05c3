//! The writing end of a connection.

use std::io;
use std::sync::Arc;

use pricetime::engine::{
    Fees, Limits, MarketId, MarketSpec, Price, Pricing, Quantity, Sequence, Step, Symbol, Terms,
};
use pricetime::json::{
    Answer, Book, Done, FORMAT, Line, OrderFound, OrderLine, Orders, OutcomeFound, Refused, Status,
    Subscribe, Welcome,
};
use pricetime::{AccountFeed, Host, MarketFeed, Principal, Stopped, Ticket};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::Desk;
use super::listen::ended;
use super::push::{Push, Whose, push_account, push_market};

/// Above so many bytes answers are written at once.
const BUFFER: usize = 1 << 16;
/// Updates on their way from a subscription to the writer.
const PUSHED_MAX: usize = 256;
/// Subscriptions that a connection may have.
const SUBSCRIPTIONS_MAX: usize = 64;

/// What is owed, in the order of the lines.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are tickets, and questions are seldom")]
pub(super) enum Item {
    /// A command's answer, once it is durable.
    Ticket { line: u64, request: Option<Uuid>, spec: Option<Arc<MarketSpec>>, ticket: Ticket },
    /// An answer to a question, as of when its turn comes; somebody waits for it.
    Question(u64, Line, oneshot::Sender<()>),
    /// The first answer: from here on the connection speaks for this principal.
    Welcome(Principal),
    /// A line that was not taken.
    Refused(Refused),
    /// Somebody waits until everything before this is answered.
    Barrier(oneshot::Sender<()>),
}

/// Writes answers, and what the subscriptions bring in between.
#[derive(Debug)]
pub(super) struct Writer<W> {
    desk: Arc<Desk>,
    /// Who reads the answers.
    principal: Principal,
    to: W,
    buffer: Vec<u8>,
    pushed: mpsc::Receiver<Answer>,
    push: mpsc::Sender<Answer>,
    subscriptions: usize,
    /// Turns true when the subscriptions are to come to an end.
    closing: watch::Sender<bool>,
}

/// A spec for groups of markets that do not exist, in which no decimal stands.
pub(super) fn no_spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("-").unwrap_or_else(|_| unreachable!("a hyphen is a symbol")),
        tick: Step::ONE,
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity::ZERO,
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
    pub(super) fn new(desk: Arc<Desk>, principal: Principal, to: W) -> Self {
        let (push, pushed) = mpsc::channel(PUSHED_MAX);
        let (closing, _) = watch::channel(false);
        let buffer = Vec::with_capacity(2 * BUFFER);
        Self { desk, principal, to, buffer, pushed, push, subscriptions: 0, closing }
    }

    /// Works until nothing more can be owed.
    pub(super) async fn run(mut self, mut owed: mpsc::Receiver<Item>) -> io::Result<()> {
        loop {
            let next = tokio::select! {
                item = owed.recv() => item.map(Ok),
                Some(pushed) = self.pushed.recv() => Some(Err(pushed)),
            };
            match next {
                None => break,
                Some(Ok(item)) => self.settle(item).await?,
                Some(Err(pushed)) => self.put(&pushed)?,
            }
            let idle = owed.is_empty() && self.pushed.is_empty();
            if idle || self.buffer.len() >= BUFFER {
                self.flush().await?;
            }
        }
        self.last_pushes().await
    }

    /// Writes what the subscriptions had brought by now, and ends them.
    async fn last_pushes(mut self) -> io::Result<()> {
        // They all see it: each has a receiver of its own.
        let _ = self.closing.send(true);
        let (push, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.push, push));
        while let Some(pushed) = self.pushed.recv().await {
            self.put(&pushed)?;
            if self.buffer.len() >= BUFFER {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.buffer).await?;
        self.buffer.clear();
        self.to.flush().await
    }

    fn put(&mut self, answer: &Answer) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, answer)?;
        self.buffer.push(b'\n');
        Ok(())
    }

    async fn settle(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Ticket { line, request, spec, ticket } => {
                let done = self.done(line, request, spec, ticket).await?;
                self.put(&done)
            }
            Item::Question(line, question, answered) => {
                let answer = if let Line::Subscribe(asked) = question {
                    self.subscribe(line, asked).await?
                } else {
                    self.answer(line, &question)
                };
                self.put(&answer)?;
                // Who waited may have gone.
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
                let host = &self.desk.host;
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
                    durable: self.desk.is_durable(),
                }))
            }
            Item::Refused(refused) => self.put(&Answer::Refused(refused)),
            Item::Barrier(reached) => {
                // Who waited may have gone.
                let _ = reached.send(());
                Ok(())
            }
        }
    }

    /// Waits for a command's answer. Before it really has to wait, it writes what it has.
    async fn done(
        &mut self,
        line: u64,
        request: Option<Uuid>,
        spec: Option<Arc<MarketSpec>>,
        mut ticket: Ticket,
    ) -> io::Result<Answer> {
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
        Ok(match told {
            Ok(group) => {
                let spec = spec.map_or_else(no_spec, |spec| *spec);
                let done = Done::of_group(&self.principal.seen(group), &spec);
                Answer::Done(Done { line: Some(line), durable: self.desk.is_durable(), ..done })
            }
            Err(Stopped { reason }) => {
                let reason = self.principal.reason(reason).into_owned();
                let error = Stopped { reason }.to_string();
                Answer::Refused(Refused { line, column: None, request, error })
            }
        })
    }

    fn answer(&mut self, line: u64, question: &Line) -> Answer {
        let unknown = |market| refused(line, unknown(market));
        let host = &self.desk.host;
        match question {
            Line::View(view) => {
                let id = MarketId(view.market);
                let book = host.view(id, view.depth).zip(host.spec(id));
                book.map_or_else(
                    || unknown(view.market),
                    |(book, spec)| {
                        Answer::Book(Book { line: Some(line), ..Book::of(&book, &spec) })
                    },
                )
            }
            Line::Order(asked) => {
                let (id, market) = (MarketId(asked.market), asked.market);
                let order = host.order(id, asked.order.into());
                let order = order.and_then(|it| self.principal.order(it)).zip(host.spec(id));
                let found = order.map(|(order, spec)| OrderLine::of(&order, &spec));
                Answer::Order(OrderFound { line, market, found })
            }
            Line::Outcome(asked) => {
                let (market, request) = (asked.market, asked.request);
                let known = host.outcome(MarketId(market), asked.account.into(), request.into());
                Answer::Outcome(OutcomeFound {
                    line,
                    market,
                    request,
                    sequence: known.map(|known| known.sequence.0),
                    outcome: known.map(|known| known.outcome.into()),
                })
            }
            Line::Status(_) => {
                let status = host.status();
                Answer::Status(self.principal.status(Status {
                    line,
                    durable: status.durable.0,
                    snapshot: status.snapshot.0,
                    stopped: status.stopped,
                    snapshot_failure: status.snapshot_failure,
                    faulty: status.faulty.or_else(|| differs(&status.redis.differs)),
                }))
            }
            Line::Hello(_)
            | Line::Subscribe(_)
            | Line::Place(_)
            | Line::Amend(_)
            | Line::Cancel(_)
            | Line::CancelAll(_)
            | Line::CancelSession(_)
            | Line::AddMarket(_)
            | Line::SetMarket(_)
            | Line::RemoveMarket(_)
            | Line::SetPhase(_)
            | Line::CloseEpoch(_)
            | Line::AdvanceTime(_)
            | Line::BlockAccount(_)
            | Line::UnblockAccount(_) => refused(line, String::from("this line asks nothing")),
        }
    }

    async fn subscribe(&mut self, line: u64, asked: Subscribe) -> io::Result<Answer> {
        if self.subscriptions >= SUBSCRIPTIONS_MAX {
            let why = format!("a connection has at most {SUBSCRIPTIONS_MAX} subscriptions");
            return Ok(refused(line, why));
        }
        let id = MarketId(asked.market);
        let Some(spec) = self.desk.host.spec(id) else {
            return Ok(refused(line, unknown(asked.market)));
        };
        let feed = if asked.from.is_some() {
            self.flush().await?;
            self.resume(asked).await?
        } else {
            feed(&self.desk.host, &asked)
        };
        let push = Push { to: self.push.clone(), closing: self.closing.subscribe() };
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
                let durable = self.desk.is_durable();
                let whose = Whose { market: id, account, durable };
                tokio::spawn(push_account(feed, whose, spec, push));
                Answer::Orders(orders)
            }
        };
        self.subscriptions += 1;
        Ok(first)
    }

    /// Subscribes from an older command.
    async fn resume(&mut self, asked: Subscribe) -> io::Result<Result<Feed, String>> {
        let looking = feed_in_turn(Arc::clone(&self.desk), asked);
        tokio::pin!(looking);
        // Meanwhile the other subscriptions bring what they have.
        loop {
            tokio::select! {
                found = &mut looking => return found,
                Some(pushed) = self.pushed.recv() => {
                    self.put(&pushed)?;
                    if self.pushed.is_empty() || self.buffer.len() >= BUFFER {
                        self.flush().await?;
                    }
                }
            }
        }
    }
}

/// Looks for what happened since: one at a time, for it takes a while. Nobody waits for his turn any more
/// when all are to come to an end.
async fn feed_in_turn(desk: Arc<Desk>, asked: Subscribe) -> io::Result<Result<Feed, String>> {
    let mut stop = desk.stop.clone();
    let turn = tokio::select! {
        turn = Arc::clone(&desk.resuming).acquire_owned() => turn.map_err(io::Error::other)?,
        () = ended(&mut stop) => return Ok(Err(String::from("the host is about to close"))),
    };
    let looking = spawn_blocking(move || {
        let found = feed(&desk.host, &asked);
        // Whoever has the turn next may be who closes the host.
        drop(desk);
        drop(turn);
        found
    });
    looking.await.map_err(io::Error::other)
}

/// What was subscribed to.
enum Feed {
    Market(MarketFeed),
    Account(Uuid, AccountFeed),
}

/// Subscribes, or says why not.
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

/// What is wrong with images that somebody edited, where there are such.
fn differs(markets: &[MarketId]) -> Option<String> {
    let market = markets.first()?;
    Some(format!(
        "the image of market {market} in Redis differs from what was written there; it is written \
         anew with its next epoch"
    ))
}
