//! How to embed Pricetime in a program, from `Cargo.toml` to the backup.
//!
//! The examples block a thread with [`Pending::wait`], to keep them short. In a task, use `.await`
//! instead: a [`Pending`] is a future that works on any runtime. `host/examples/gateway.rs` is a complete
//! program, an HTTP and WebSocket server.
//!
//! # Add the dependency
//!
//! ```toml
//! [dependencies]
//! pricetime = { path = "../pricetime/host" }
//! ```
//!
//! The library needs a Unix system and no servers. It has no default features. Each feature adds
//! something:
//!
//! | feature | adds |
//! |---|---|
//! | `tls` | encrypted connections to Redis |
//! | `outlets` | deliveries of settled epochs to a program or an HTTP address |
//!
//! The engine is re-exported as [`pricetime::engine`](crate::engine), the journal and the ledgers as
//! [`pricetime::persistence`](crate::persistence). To settle trades, depend on `pricetime-settlement` too,
//! with a feature for each ledger except the one in Redis: `redb` (a file), `postgres`, `postgres-tls`.
//!
//! # Open a host
//!
//! [`Host::builder`] takes a data folder. A missing or empty folder becomes a new one. One process at a
//! time can have a folder open. [`Host`] is `Clone` and `Send`: hand clones to your tasks.
//!
//! ```
//! use std::time::Duration;
//!
//! use pricetime::Host;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let quarter = Duration::from_secs(15 * 60); // At :00, :15, :30 and :45; also what holds without it.
//! let host = Host::builder(folder).epochs_every(quarter).open()?;
//! assert_eq!(host.start().replayed, 0); // Nothing to replay: the folder is new.
//! host.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Builder`](crate::Builder) has defaults for production, and [`Options`] has every setting. Look at
//! [`Policy`] (when a command counts as durable), [`Retention`] (how much of the journal is kept) and
//! [`EpochSchedule`] (when epochs close). An [`OpenError`] names the file at fault and says
//! what to do.
//!
//! # Add a market
//!
//! [`Host::operator`] returns a handle with the rights of an operator. A new market is closed: it takes
//! orders after you move it to [`Phase::Continuous`] or [`Phase::Call`]. Market ids only go up and are
//! never used again. Adding a market and opening it are two commands, so check both at each start: a crash
//! between them leaves a market that is closed.
//!
//! ```
//! use pricetime::engine::{MarketId, MarketSpec, Phase};
//! # use pricetime::{Host, Options};
//!
//! # let folder = tempfile::tempdir()?;
//! # let host = Host::open(Options::new(folder.path()))?;
//! const MARKET: MarketId = MarketId(1);
//!
//! let sun = host.operator(MARKET);
//! if host.spec(MARKET).is_none() {
//!     // The symbol, the tick of prices and the lot of quantities.
//!     let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
//!     sun.add(spec).wait()?.accepted()?;
//! }
//! if host.view(MARKET, 0).is_some_and(|view| view.phase == Phase::Closed) {
//!     sun.set_phase(Phase::Continuous).wait()?.accepted()?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Place, amend, cancel
//!
//! [`Host::account`] returns a handle that acts for one account and never as an operator. Prices are
//! whole ticks and quantities whole lots; [`MarketSpec::price`] and [`MarketSpec::quantity`] convert
//! decimals exactly or return an error. A sent command returns a [`Pending`] at once. It resolves
//! with the command's [`Group`] of events when the command is durable.
//!
//! ```
//! use pricetime::engine::{AccountId, Amend, OrderId, Place, Side};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (_folder, host, spec) = sun()?;
//! let alice = host.account(MARKET, AccountId(7));
//! let bob = host.account(MARKET, AccountId(8));
//! let sell = Place::limit(OrderId(1), Side::Sell, spec.quantity("3")?, spec.price("0.1425")?);
//! alice.place(sell.post_only()).wait()?.accepted()?;
//!
//! let buy = Place::market(OrderId(2), Side::Buy, spec.quantity("1.5")?);
//! let group = bob.place(buy).wait()?.accepted()?;
//! for trade in group.trades() {
//!     assert_eq!(spec.show_price(trade.price), "0.1425");
//!     assert_eq!(spec.show_quantity(trade.quantity), "1.50");
//! }
//!
//! alice.amend(Amend::new(OrderId(1)).price(spec.price("0.15")?)).wait()?.accepted()?;
//! alice.cancel(OrderId(1)).wait()?.accepted()?;
//! # Ok::<(), Error>(())
//! ```
//!
//! A group names both sides of a trade. Filter it with [`Principal::seen`] before you show it to a client:
//! it leaves only what concerns the client's accounts, and in a trade the order and account of the other
//! side are 0.
//! To cancel a client's orders when its connection ends, place them in a [`Session`]
//! ([`Host::session`], [`Host::submit_in`]).
//! If there are several commands at once, such as all quotes of a market maker, submit them with
//! [`Host::submit_many`]. That takes less time than one call for each, and one ticket has all answers.
//! With [`Host::submit_many_in`] their orders end with a session.
//!
//! # Refusals and retries
//!
//! A command can fail in three ways, and each needs a different response:
//!
//! | what you get | what it means | what to do |
//! |---|---|---|
//! | [`CallError::Refused`] | the command was not submitted | on `Busy` wait for [`Host::ready`] and send it again |
//! | [`CallError::Stopped`] | the outcome is not known yet | after a restart send it again with the same request id |
//! | [`Outcome::Rejected`] in the group | the rules refused it; it changed nothing | read the [`Reason`] |
//!
//! `accepted()` turns the third into an error too. In a function that returns [`CallError`], `?` after each
//! step yields [`CallError::Rejected`] with the reason. Match on the outcome of the group if a refusal is an
//! ordinary answer for your client.
//!
//! A command with a request id is carried out at most once for each account and market. A repeat
//! returns [`Outcome::Duplicate`] with one [`Event::Duplicate`], which has the outcome of the first. Its
//! `same_content` is `false` if the first was another command: then your client used one id for two
//! commands, and the second was not carried out. [`Host::outcome`] looks up an outcome without sending
//! anything. A market remembers [`Limits::requests_max`] requests. Beyond that, it forgets the oldest of the
//! account with the most.
//!
//! ```
//! use pricetime::engine::{Event, OrderId, Outcome, Place, Reason, RequestId, Side};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (_folder, host, spec) = sun()?;
//! let alice = host.account(MARKET, ALICE);
//! let request = RequestId(42); // Choose it at random, and keep it until you have the answer.
//! let order = Place::limit(OrderId(1), Side::Sell, spec.quantity("3")?, spec.price("0.1425")?);
//! alice.with_request(request).place(order).wait()?.accepted()?;
//!
//! // If the answer was lost: send the same command with the same request id.
//! let again = alice.with_request(request).place(order).wait()?;
//! assert_eq!(again.outcome, Outcome::Duplicate);
//! let [Event::Duplicate { outcome, same_content, .. }] = again.events[..] else { panic!() };
//! assert_eq!((outcome, same_content), (Outcome::Accepted, true));
//! let first = host.outcome(MARKET, ALICE, request).ok_or("the market forgot this request")?;
//! assert_eq!(first.outcome, Outcome::Accepted);
//!
//! let refused = alice.cancel(OrderId(2)).wait()?;
//! assert_eq!(refused.outcome, Outcome::Rejected(Reason::UnknownOrder));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Views and subscriptions
//!
//! [`Host::view`] returns the book as of its sequence. [`Host::subscribe`] returns a [`MarketFeed`]: the
//! book and every update after it, without a gap. [`Host::subscribe_account`] does the same for one
//! account's orders. All of them show only what is durable. Views and market feeds contain no accounts,
//! so anyone may see them.
//!
//! A subscriber that falls too far behind is disconnected ([`Ended`]) and delays no one else. Keep the
//! sequence of the last update that you processed: [`Host::subscribe_from`] continues after it, also
//! after a restart of the process. An update in which an epoch closes has its
//! [summary](crate::MarketUpdate::closed), so a resumed feed also shows the epochs that closed meanwhile.
//!
//! ```
//! use pricetime::engine::{OrderId, Place, Side};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (_folder, host, spec) = sun()?;
//! let mut feed = host.subscribe(MARKET).ok_or("no such market")?;
//! assert!(feed.book.bids.is_empty());
//! let buy = Place::limit(OrderId(1), Side::Buy, spec.quantity("3")?, spec.price("0.1425")?);
//! host.account(MARKET, BOB).place(buy).wait()?.accepted()?;
//! let update = feed.updates.wait()?; // In a task: `feed.updates.next().await?`.
//! assert_eq!(update.levels[0].0, Side::Buy);
//!
//! let last = update.sequence;
//! drop(feed); // The connection is lost. Meanwhile the order is cancelled.
//! host.account(MARKET, BOB).cancel(OrderId(1)).wait()?.accepted()?;
//! let mut feed = host.subscribe_from(MARKET, last)?;
//! let update = feed.updates.wait()?;
//! assert_eq!(update.levels[0].1.orders, 0); // The level is gone.
//! # Ok::<(), Error>(())
//! ```
//!
//! # Followers
//!
//! A [`Follower`] runs in the host and receives every durable group of every market, in order. Use it
//! to feed your own projections. It must be quick: a command is answered only after it.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use pricetime::engine::{Event, Header, MarketHead, Outcome, TradeNumber};
//! use pricetime::{Follower, Host, Options};
//!
//! struct LastTrade(Arc<Mutex<TradeNumber>>);
//!
//! impl Follower for LastTrade {
//!     fn start(&mut self, _: &[MarketHead]) {}
//!
//!     fn group(&mut self, _: &Header, events: &[Event], _: Outcome) {
//!         for event in events {
//!             if let Event::Traded { number, .. } = event {
//!                 *self.0.lock().expect("no thread panics with this lock") = *number;
//!             }
//!         }
//!     }
//! }
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let last = Arc::new(Mutex::new(TradeNumber(0)));
//! let follower = Box::new(LastTrade(Arc::clone(&last)));
//! let host = Host::open(Options { follower: Some(follower), ..Options::new(folder) })?;
//! # use pricetime::engine::{OrderId, Place, Side};
//! # let spec = add_sun(&host)?;
//! # let sell = Place::limit(OrderId(1), Side::Sell, spec.quantity("1")?, spec.price("0.1425")?);
//! # host.account(MARKET, ALICE).place(sell).wait()?.accepted()?;
//! # let buy = Place::market(OrderId(2), Side::Buy, spec.quantity("1")?);
//! # host.account(MARKET, BOB).place(buy).wait()?.accepted()?;
//! // … trading …
//! host.close()?;
//! assert_eq!(*last.lock().expect("no thread panics with this lock"), TradeNumber(1));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Epochs and auctions
//!
//! An epoch is the period that is settled as one batch. An [`EpochSchedule`] closes epochs by the clock,
//! and an operator can close one at any time. In [`Phase::Continuous`] orders match as they arrive. In
//! [`Phase::Call`] they rest, and the close of the epoch matches them at one price. Until then
//! [`MarketView::call`](crate::MarketView::call) shows the indicative price.
//!
//! ```
//! use pricetime::engine::{OrderId, Phase, Place, Side};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (_folder, host, spec) = sun()?;
//! let sun = host.operator(MARKET);
//! sun.set_phase(Phase::Call).wait()?.accepted()?;
//! let sell = Place::limit(OrderId(1), Side::Sell, spec.quantity("3")?, spec.price("0.14")?);
//! host.account(MARKET, ALICE).place(sell).wait()?.accepted()?;
//! let buy = Place::limit(OrderId(2), Side::Buy, spec.quantity("5")?, spec.price("0.15")?);
//! host.account(MARKET, BOB).place(buy).wait()?.accepted()?;
//!
//! let view = host.view(MARKET, 10).ok_or("no such market")?;
//! let indicative = view.call.and_then(|call| call.indicative).ok_or("nothing can trade")?;
//! let group = sun.close_epoch(view.epoch).wait()?.accepted()?;
//! assert_eq!(group.trades().next().map(|trade| trade.price), Some(indicative.price));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Settlement
//!
//! With a [`Settlement`] each closed epoch is posted to a ledger as one batch, exactly once and in
//! order: what each account receives and pays, with fees. If the ledger is down, matching continues
//! and the batches are posted later. [`Host::settlement`] returns how far each market is.
//!
//! ```
//! use pricetime::persistence::settlement::ledger::{EmbeddedLedger, Ledger as _};
//! use pricetime::{Host, Options, Settlement};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let mut ledger = EmbeddedLedger::open(&folder.join("ledger"))?;
//! let handle = ledger.clone();
//! let settlement = Some(Settlement::shared(move || Ok(handle.clone())));
//! let host = Host::open(Options { settlement, ..Options::new(folder.join("data")) })?;
//! # use pricetime::engine::{EpochNumber, OrderId, Place, Side};
//! # let spec = add_sun(&host)?;
//! # let sell = Place::limit(OrderId(1), Side::Sell, spec.quantity("1")?, spec.price("0.1425")?);
//! # host.account(MARKET, ALICE).place(sell).wait()?.accepted()?;
//! # let buy = Place::market(OrderId(2), Side::Buy, spec.quantity("1")?);
//! # host.account(MARKET, BOB).place(buy).wait()?.accepted()?;
//! # host.operator(MARKET).close_epoch(EpochNumber(1)).wait()?.accepted()?;
//! // … trading, and an epoch closes …
//! # let settled = || host.settlement().iter().any(|it| it.settled == Some(EpochNumber(1)));
//! # (0..6_000).any(|_| settled() || { std::thread::sleep(std::time::Duration::from_millis(10)); false });
//! for market in host.settlement() {
//!     assert_eq!(market.settled, Some(market.closed));
//! }
//! let balances = ledger.balances(MARKET, None, 100)?;
//! assert_eq!(balances.iter().map(|it| it.base).sum::<i128>(), 0);
//! # Ok::<(), Error>(())
//! ```
//!
//! If a ledger refuses a batch, the batch becomes a dead letter and the market's later epochs wait until
//! an operator decides ([`OperatorRequest`], [`OperatorRequests`]). A [`Delivery`] also delivers each
//! posted batch to an [`Outlet`] of yours, at least once and in order.
//!
//! # The image in Redis
//!
//! If you name a server, each market's book is written to Redis after each epoch, for readers in any
//! language. It is a copy: if Redis is down, matching continues. `docs/redis.md` lists the keys.
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pricetime::persistence::redis::RedisOptions;
//! use pricetime::{Host, Options};
//!
//! let redis = Some(RedisOptions::parse("redis://127.0.0.1:6379")?);
//! let host = Host::open(Options { redis, ..Options::new("./data") })?;
//! println!("Redis: {:?}", host.status().redis.state);
//! # Ok(())
//! # }
//! ```
//!
//! # Shut down
//!
//! Stop taking requests first, then close the host: [`Host::close`] carries out the submitted
//! commands, makes them durable, writes a last snapshot and ends every feed. It waits at most four seconds
//! for Redis and the ledger; the next start does what is left. [`Host::open`] and `close` block, so call them
//! outside of your tasks.
//!
//! A feed ends by itself only when the host closes. A server that waits for its open responses before it
//! shuts down, as `axum::serve(…).with_graceful_shutdown(…)` does, therefore waits for ever on a response that
//! streams a feed: end these responses when the shutdown begins. [`Status::stopped`](crate::Status::stopped)
//! stays `None` after an orderly close; await [`Host::stopped`] to learn of both ends.
//!
//! ```
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (_folder, host, spec) = sun()?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let closing = host.clone();
//! tokio::task::spawn_blocking(move || closing.close()).await??;
//! assert!(host.account(MARKET, ALICE).cancel_all(None).await.is_err()); // Refused: it has stopped.
//! # Ok::<(), Error>(())
//! # })?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # What a crash leaves
//!
//! With [`Policy::Sync`], the default, everything that a ticket, a view or a feed has shown is on disk.
//! After a crash or a power cut, open the same folder: the newest snapshot is restored and the journal
//! after it is replayed. Commands whose tickets had not resolved may or may not be there; send them again
//! with their request ids. Orders of a [`Session`] are cancelled. If epochs should have closed in the
//! meantime, the first of them is closed at the start.
//!
//! ```
//! use pricetime::{Host, Options};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (folder, host, spec) = sun()?;
//! # host.close()?;
//! # drop(host);
//! # let folder = folder.path();
//! let host = Host::open(Options::new(folder))?;
//! let start = host.start();
//! println!("restored command {}, replayed {} after it", start.snapshot, start.replayed);
//! for file in &start.damaged {
//!     eprintln!("check this disk: {file}"); // An older snapshot was enough.
//! }
//! assert!(host.spec(MARKET).is_some());
//! # Ok::<(), Error>(())
//! ```
//!
//! If a file is damaged or lost, the host does not open and the error names it. Put back a copy of the
//! file or restore a backup. [`Options::accept_loss`] continues without the lost data, under a new history.
//! If the disk fails under a running host, the host stops: restart the process.
//!
//! # Back up and restore
//!
//! Do not copy the folder of a running process. [`FolderReader::pack`] writes an archive of it, in the same
//! process or another one, and checks every record. [`unpack`] makes a folder from an archive. Only one of
//! the two folders may be used from then on: both have the same history.
//!
//! ```
//! use std::fs::File;
//! use std::sync::Arc;
//!
//! use pricetime::persistence::journal::{FolderReader, RealDisk, private, unpack};
//! use pricetime::{Host, Options};
//!
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (folder, host, spec) = sun()?;
//! # let elsewhere = tempfile::tempdir()?;
//! # let (folder, elsewhere) = (folder.path(), elsewhere.path());
//! let path = elsewhere.join("sun.archive");
//! let mut archive = private::create_new(&path)?; // Only its owner may read it.
//! let packed = FolderReader::open(Arc::new(RealDisk), folder)?.pack(&mut archive, |_, _| ())?;
//! archive.sync_all()?;
//! println!("commands up to {}", packed.through);
//!
//! unpack(&mut File::open(&path)?, &RealDisk, &elsewhere.join("data"), |_, _| ())?;
//! let restored = Host::open(Options::new(elsewhere.join("data")))?;
//! assert_eq!(restored.start().history, host.start().history);
//! # Ok::<(), Error>(())
//! ```
//!
//! Before you upgrade to a version with new rules: close the epochs, wait until they are settled, close
//! the host, and keep an archive. An older version does not open the folder after that.
//!
//! # Metrics and log
//!
//! The host logs through the crate `tracing` and counts through the crate `metrics`. Install a
//! subscriber and a recorder of your choice before you open it; `docs/runbook.md` explains each line and
//! each metric. [`Host::status`] returns the host's status. Raise an alarm if one of these is set:
//!
//! ```
//! # mod setup { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/setup.rs")); }
//! # use setup::*;
//! # let (_folder, host, spec) = sun()?;
//! let status = host.status();
//! assert!(status.stopped.is_none()); // No command is taken any more.
//! assert!(status.snapshot_failure.is_none()); // A start takes longer, and the journal grows.
//! assert!(status.faulty.is_none()); // The views differ from the core: report a bug.
//! println!("durable up to command {}", status.durable);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Limits
//!
//! Everything in memory that a caller can make grow has a limit. `docs/security.md` lists all limits.
//!
//! | what | where | default | at the limit |
//! |---|---|---|---|
//! | commands that wait for the core | [`Options::core`] | 65,536 | [`Refused::Busy`]; 1,024 places are kept for cancels |
//! | updates that a subscriber has not read | [`Options::subscription`] | 4,096 | the subscription ends |
//! | markets | [`Options::markets_max`] | 10,000 | [`Reason::MarketsFull`] |
//! | live orders of a market | [`Limits::orders_max`] | 1,048,576 | [`Reason::BookFull`] |
//! | live orders of an account in a market | [`Limits::orders_per_account_max`] | 10,000 | [`Reason::AccountFull`] |
//! | remembered requests of a market | [`Limits::requests_max`] | 65,536 | the account with the most loses its oldest |
//! | the journal | [`Options::retention`] | grows | the host stops if the disk is full |
//!
//! ```
//! use pricetime::engine::{Limits, MarketSpec};
//! use pricetime::{Host, Options, Retention};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let options = Options {
//!     markets_max: 100,
//!     retention: Retention::Snapshots, // Keep only what the oldest kept snapshot needs.
//!     ..Options::new(folder)
//! };
//! let host = Host::open(options)?;
//! let limits = Limits { orders_max: 100_000, orders_per_account_max: 500, ..Limits::default() };
//! let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?).limits(limits);
//! assert!(spec.is_valid());
//! # host.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[expect(unused_imports, reason = "the page links to them")]
use crate::{
    CallError, Delivery, Ended, EpochSchedule, Follower, Host, MarketFeed, OpenError,
    OperatorRequest, OperatorRequests, Options, Outlet, Pending, Policy, Principal, Refused,
    Retention, Session, Settlement,
    engine::{Event, Group, Limits, MarketSpec, Outcome, Phase, Reason},
    persistence::journal::{FolderReader, unpack},
};
