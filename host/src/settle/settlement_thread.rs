//! The settlement thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pricetime_engine::{EpochNumber, MarketHead, MarketId, Sequence};
use pricetime_journal::History;
use pricetime_settlement::ledger::{Ledger, LedgerError};
use pricetime_settlement::{
    Checkpoint, Locked, PollResult, Reply, RetryPolicy, Settler, Standing, Start, Step,
};
use tracing::{info, warn};

use super::delivery_thread::{self, Opener, Wakeup};
use super::lock::Locks;
use super::market_settler::MarketSettler;
use super::rebuilder::{BatchRebuilder, JournalSource, RebuildResult};
use super::report;
use super::store::{OperatorRequest, Store};
use super::{
    CHECK_INTERVAL, DeliveryThread, Incoming, LEASE_POLL, MarketSettlement, News, Settlement,
};
use crate::status::Shared;
use crate::threads::ServerThread;

/// How many steps of a market are carried out before the next market is served.
const STEPS_MAX: u32 = 256;

/// Settles the epochs of all markets.
pub(crate) struct SettlementThread {
    open: Opener,
    /// Wakes the delivery thread.
    wakeup: Option<Wakeup>,
    patience: RetryPolicy,
    history: History,
    incoming: Incoming,
    shared: Arc<Shared>,
    ledger: Option<Box<dyn Ledger>>,
    /// The error of a ledger that did not answer in this round. It is not asked again before the next
    /// round.
    ledger_error: Option<LedgerError>,
    market_settlers: BTreeMap<MarketId, MarketSettler>,
    rebuilder: BatchRebuilder,
    store: Store,
    locks: Locks,
    started: Instant,
    floor: Sequence,
    /// Why the operators' requests cannot be read.
    requests_error: Option<String>,
    /// The status of each market as it was last reported.
    reported: Vec<MarketSettlement>,
}

impl SettlementThread {
    pub(crate) fn new(
        settlement: Settlement,
        journal_source: JournalSource,
        heads: &[MarketHead],
        incoming: Incoming,
        shared: Arc<Shared>,
    ) -> std::io::Result<(Self, Option<DeliveryThread>)> {
        let open: Opener = Arc::new(Mutex::new(settlement.ledger));
        let new = |delivery| {
            DeliveryThread::new(
                delivery,
                Arc::clone(&open),
                &journal_source.journal_replay.folder,
                &shared,
            )
        };
        let (delivery_thread, wakeup) = settlement.delivery.map(new).unzip();
        let store = Store::open(&journal_source.journal_replay.folder)?;
        let floor = store.floor();
        shared.set_settled(floor);
        let mut settlement_thread = Self {
            open,
            wakeup,
            patience: settlement.patience,
            history: journal_source.history,
            incoming,
            shared,
            ledger: None,
            ledger_error: None,
            market_settlers: BTreeMap::new(),
            rebuilder: BatchRebuilder::new(journal_source, settlement.platform),
            store,
            locks: Locks::new(settlement.lock),
            started: Instant::now(),
            floor,
            requests_error: None,
            reported: Vec::new(),
        };
        for head in heads {
            let closed = EpochNumber(head.epoch.0.saturating_sub(1));
            settlement_thread.add_market(head.market, closed, Some(head.epoch_first_sequence));
        }
        Ok((settlement_thread, delivery_thread))
    }

    /// Starts the thread.
    pub(crate) fn spawn(self) -> std::io::Result<ServerThread> {
        let pending = "the ledger does not answer: some epochs are not settled; the next start \
                    settles them";
        ServerThread::spawn("settlement", pending, move || self.run())
    }

    /// Runs until the publisher has ended, and then a little longer if something is still to be settled.
    fn run(mut self) {
        self.add_removed_markets();
        let mut timeout = Duration::ZERO;
        while let Some(news) = self.incoming.wait(timeout) {
            news.into_iter().for_each(|news| self.receive(news));
            timeout = self.work();
        }
        self.end();
    }

    fn end(mut self) {
        while !self.shared.is_over() {
            let wait = self.work();
            let is_unfinished = |market_settler: &MarketSettler| {
                !market_settler.is_done()
                    && report::can_continue(&market_settler.settler.standing())
            };
            if !self.market_settlers.values().any(is_unfinished) {
                break;
            }
            std::thread::sleep(wait.min(Duration::from_millis(50)));
        }
        let unsettled = self
            .market_settlers
            .values()
            .filter(|market_settler| !market_settler.is_done())
            .count();
        if unsettled > 0 {
            warn!(markets = unsettled, "some epochs are not settled; the next start settles them");
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Adds a market.
    fn add_market(&mut self, market: MarketId, closed: EpochNumber, from: Option<Sequence>) {
        let jitter = u64::from(market.0) ^ Arc::as_ptr(&self.shared).addr() as u64;
        let history = self.history;
        let stored = self.store.stored(market, history);
        let drops = self.store.dropped.read(market, history).map_err(|why| why.to_string());
        let start = Start { market, history, closed, stored, drops, jitter };
        let settler = Settler::new(start, self.patience);
        self.market_settlers.insert(market, MarketSettler { settler, from, dropping: None });
    }

    fn receive(&mut self, news: News) {
        if !self.market_settlers.contains_key(&news.market) {
            self.add_market(news.market, EpochNumber(0), news.next);
        }
        if let Some(market_settler) = self.market_settlers.get_mut(&news.market) {
            market_settler.receive(news);
        }
    }

    /// Adds the markets that were removed while their last epoch was not known to be settled. No other
    /// part of the host knows of them any more.
    fn add_removed_markets(&mut self) {
        for (market, closed) in self.rebuilder.removed_markets(self.floor, self.shared.durable()) {
            if !self.market_settlers.contains_key(&market) {
                self.add_market(market, closed, None);
            }
        }
    }

    /// Does what is due. Returns how long the thread may sleep.
    fn work(&mut self) -> Duration {
        if !self.shared.may_publish() || self.shared.is_over() {
            return LEASE_POLL;
        }
        self.ledger_error = None;
        if let Err(why) = self.handle_requests() {
            // One of the requests may be a hold.
            let why = why.to_string();
            if self.requests_error.as_ref() != Some(&why) {
                warn!(
                    "settlement: cannot read the operators' requests, so nothing is settled: {why}"
                );
            }
            self.requests_error = Some(why);
            return CHECK_INTERVAL;
        }
        self.requests_error = None;
        let markets: Vec<MarketId> = self.market_settlers.keys().copied().collect();
        let mut wait = CHECK_INTERVAL;
        for market in markets {
            wait = wait.min(self.serve(market));
        }
        if self.shared.is_over() {
            return wait;
        }
        let troubled = |market| {
            let delivery = self.wakeup.as_ref().and_then(|wakeup| wakeup.of(market));
            delivery.is_some_and(|it| it.trouble.is_some())
        };
        self.market_settlers.retain(|market, market_settler| {
            let is_busy = !market_settler.is_done() || market_settler.dropping.is_some();
            market_settler.from.is_some() || is_busy || troubled(*market)
        });
        self.report_status();
        wait
    }

    /// Carries out the steps that a market asks for. Returns how long it has none.
    fn serve(&mut self, market: MarketId) -> Duration {
        for _ in 0..STEPS_MAX {
            let now = self.now();
            let Some(market_settler) = self.market_settlers.get_mut(&market) else {
                return CHECK_INTERVAL;
            };
            // The rest is left to the next start. The next process may have the folder already.
            if !self.shared.may_publish() || self.shared.is_over() {
                return LEASE_POLL;
            }
            let step = match market_settler.settler.poll(now) {
                PollResult::Step(step) => step,
                PollResult::Wait(None) => return CHECK_INTERVAL,
                PollResult::Wait(Some(until)) => return until.saturating_sub(now),
            };
            let reply = self.carry_out(market, &step);
            let now = self.now();
            if let Some(market_settler) = self.market_settlers.get_mut(&market) {
                market_settler.settler.handle_reply(now, reply);
                // Before anything is posted again.
                market_settler
                    .settler
                    .remarks()
                    .iter()
                    .for_each(|remark| report::remark(market, remark));
            }
        }
        Duration::ZERO
    }

    fn carry_out(&mut self, market: MarketId, step: &Step) -> Reply {
        match step {
            Step::Checkpoint(stored) => self.save(market, stored),
            Step::RemakeBatches { from, to } => self.provide_batches(market, *from, *to),
            Step::Lock => Reply::Locked(self.lock(market)),
            Step::Unlock => {
                self.locks.release(market);
                Reply::Unlocked
            }
            Step::StoreDrops(drops) => {
                let stored = self.store.dropped.save(market, self.history, drops);
                let why = |why| format!("cannot store the dropped epochs: {why}");
                Reply::DropsStored(stored.map_err(why))
            }
            Step::ReadPosition
            | Step::Deposit(_)
            | Step::Read { .. }
            | Step::Claim { .. }
            | Step::Seed { .. }
            | Step::ReadOutcome(_)
            | Step::Apply { .. } => self.ask(market, step),
        }
    }

    /// Asks the ledger.
    fn ask(&mut self, market: MarketId, step: &Step) -> Reply {
        if let Some(error) = &self.ledger_error {
            return Reply::NotOpened(error.clone());
        }
        let history = self.history;
        match self.ledger() {
            // Only steps for a ledger get here.
            Ok(ledger) => {
                let reply = step.carry_out(market, history, ledger).unwrap_or(Reply::Unlocked);
                self.note_unreachable(reply)
            }
            Err(error) => {
                self.ledger_error = Some(error.clone());
                Reply::NotOpened(error)
            }
        }
    }

    /// Returns the ledger, and opens it if it is not open.
    fn ledger(&mut self) -> Result<&mut dyn Ledger, LedgerError> {
        match &mut self.ledger {
            Some(ledger) => Ok(ledger.as_mut()),
            none @ None => {
                let ledger = delivery_thread::open(&self.open)?;
                info!(ledger = ledger.name(), "settlement: ledger opened");
                Ok(none.insert(ledger).as_mut())
            }
        }
    }

    /// Remembers a ledger that did not answer. It is not asked again in this round, because each further
    /// market would wait as long.
    fn note_unreachable(&mut self, reply: Reply) -> Reply {
        let error = match &reply {
            Reply::PositionRead(Err(error))
            | Reply::Deposited(Err(error))
            | Reply::Read(Err(error))
            | Reply::Claimed(Err(error))
            | Reply::Seeded(Err(error))
            | Reply::OutcomeRead(Err(error))
            | Reply::Applied(Err(error)) => error,
            Reply::Checkpoint
            | Reply::PositionRead(Ok(_))
            | Reply::BatchesRemade(_)
            | Reply::Gone
            | Reply::Deposited(Ok(_))
            | Reply::Read(Ok(_))
            | Reply::Locked(_)
            | Reply::Unlocked
            | Reply::Claimed(Ok(_))
            | Reply::DropsStored(_)
            | Reply::OutcomeRead(Ok(_))
            | Reply::NotOpened(_)
            | Reply::Seeded(Ok(())) => return reply,
            Reply::Applied(Ok(_)) => {
                if let Some(wakeup) = &self.wakeup {
                    wakeup.wake();
                }
                return reply;
            }
        };
        if let LedgerError::Unreachable { .. } = error {
            self.ledger_error = Some(error.clone());
            // Some ledgers must be opened again after a failure.
            self.ledger = None;
        }
        reply
    }

    fn lock(&mut self, market: MarketId) -> Locked {
        let now = self.now();
        self.locks.take(now, market)
    }

    fn save(&self, market: MarketId, stored: &Checkpoint) -> Reply {
        if let Err(why) = self.store.save(market, self.history, stored) {
            warn!("settlement: cannot store the state of market {market}: {why}");
        }
        Reply::Checkpoint
    }

    /// Returns batches that are needed again.
    fn provide_batches(&mut self, market: MarketId, from: EpochNumber, to: EpochNumber) -> Reply {
        if !self.rebuilder.has(market, from) {
            // Other markets probably need batches from the same part of the journal, so one replay
            // serves all.
            let unsettled = |(market, market_settler): (&MarketId, &MarketSettler)| {
                let settled = market_settler.settler.last_settled();
                let next = settled.map_or(EpochNumber(1), EpochNumber::next);
                (!market_settler.is_done()).then_some((*market, next))
            };
            let mut wanted: BTreeMap<_, _> =
                self.market_settlers.iter().filter_map(unsettled).collect();
            wanted.insert(market, from);
            let through = self.shared.durable();
            let mut rebuilt = self.rebuilder.rebuild(&wanted, through);
            // Together they may need more batches than are kept, or older ones than the journal has.
            if rebuilt == RebuildResult::Gone
                || (rebuilt == RebuildResult::Whole && !self.rebuilder.has(market, from))
            {
                rebuilt = self.rebuilder.rebuild(&BTreeMap::from([(market, from)]), through);
            }
            if rebuilt == RebuildResult::Gone {
                return Reply::Gone;
            }
        }
        Reply::BatchesRemade(self.rebuilder.batches(market, from, to))
    }

    /// Carries out the operators' requests.
    fn handle_requests(&mut self) -> std::io::Result<()> {
        let requests = self.store.requests.pending()?;
        for (market, market_settler) in &mut self.market_settlers {
            let holds = requests.contains(&(*market, OperatorRequest::Hold));
            let is_held = market_settler.settler.standing() == Standing::Held;
            if holds {
                market_settler.settler.hold();
            } else if is_held {
                market_settler.settler.resume();
            }
        }
        for (market, request) in &requests {
            let (market, request) = (*market, *request);
            let Some(market_settler) = self.market_settlers.get_mut(&market) else { continue };
            match request {
                // A hold stays until it is removed. The other two are for the delivery thread.
                OperatorRequest::Hold
                | OperatorRequest::DeliverRetry
                | OperatorRequest::DeliverSkip(_) => continue,
                // Leaving a resume removes the hold. So this hold is newer, and the resume no longer
                // counts.
                OperatorRequest::Resume if requests.contains(&(market, OperatorRequest::Hold)) => {}
                OperatorRequest::Resume => market_settler.resume(market, self.history, &self.store),
                OperatorRequest::Retry => market_settler.retry(market),
                OperatorRequest::Drop(epoch) if market_settler.drop_epoch(market, epoch) => {
                    continue;
                }
                OperatorRequest::Drop(_) => {}
            }
            // If the removal fails, the request is carried out again. None of them does harm twice.
            let _ = self.store.requests.remove(market, request);
        }
        Ok(())
    }

    /// Reports the status of the markets if it has changed.
    fn report_status(&mut self) {
        let now: Vec<MarketSettlement> = self
            .market_settlers
            .iter()
            .map(|(market, market_settler)| MarketSettlement {
                market: *market,
                closed: market_settler.settler.last_closed(),
                settled: market_settler.settler.last_settled(),
                standing: market_settler.settler.standing(),
                put_back: market_settler.settler.put_back().cloned(),
                delivery: self.wakeup.as_ref().and_then(|wakeup| wakeup.of(*market)),
            })
            .collect();
        if now != self.reported {
            report::log_changes(&self.reported, &now);
            if let Err(why) = self.store.report_status(&now) {
                warn!("settlement: cannot write the status: {why}");
            }
            self.shared.set_settlement(now.clone());
            self.reported = now;
        }
        if self.market_settlers.values().all(MarketSettler::is_done) {
            self.rebuilder.forget();
            let first = self
                .market_settlers
                .values()
                .filter_map(|market_settler| market_settler.from)
                .min();
            let last = first.map(|first| Sequence(first.0.saturating_sub(1)));
            if let Some(floor) = last.filter(|floor| *floor > self.floor) {
                self.floor = floor;
                self.shared.set_settled(floor);
                // If this is lost, it is found out again.
                let _ = self.store.save_floor(floor);
            }
        }
    }
}
