//! The settlement thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pricetime_engine::{EpochNumber, MarketHead, MarketId, Sequence};
use pricetime_journal::History;
use pricetime_settlement::ledger::{Ledger, LedgerError};
use pricetime_settlement::{Ask, Kept, Locked, Reply, RetryPolicy, Settler, Standing, Start, Step};
use tracing::{info, warn};

use super::again::{Again, Made, Place};
use super::delivery_thread::{self, Opener, Wakeup};
use super::lock::Locks;
use super::market_settler::MarketSettler;
use super::report;
use super::store::{OperatorRequest, Store};
use super::{DeliveryThread, Incoming, LOOK, MarketSettlement, News, Settlement, WITHOUT_LOCK};
use crate::status::Shared;
use crate::threads::Outward;

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
    silent: Option<LedgerError>,
    desks: BTreeMap<MarketId, MarketSettler>,
    again: Again,
    store: Store,
    locks: Locks,
    begun: Instant,
    floor: Sequence,
    /// Why the operators' requests cannot be read.
    unread: Option<String>,
    /// The status of each market as it was last reported.
    said: Vec<MarketSettlement>,
}

impl SettlementThread {
    pub(crate) fn new(
        settlement: Settlement,
        place: Place,
        heads: &[MarketHead],
        incoming: Incoming,
        shared: Arc<Shared>,
    ) -> std::io::Result<(Self, Option<DeliveryThread>)> {
        let open: Opener = Arc::new(Mutex::new(settlement.ledger));
        let new = |delivery| {
            DeliveryThread::new(delivery, Arc::clone(&open), &place.past.folder, &shared)
        };
        let (delivery_thread, wakeup) = settlement.delivery.map(new).unzip();
        let store = Store::open(&place.past.folder)?;
        let floor = store.floor();
        shared.set_settled(floor);
        let mut settlement_thread = Self {
            open,
            wakeup,
            patience: settlement.patience,
            history: place.history,
            incoming,
            shared,
            ledger: None,
            silent: None,
            desks: BTreeMap::new(),
            again: Again::new(place, settlement.platform),
            store,
            locks: Locks::new(settlement.lock),
            begun: Instant::now(),
            floor,
            unread: None,
            said: Vec::new(),
        };
        for head in heads {
            let closed = EpochNumber(head.epoch.0.saturating_sub(1));
            settlement_thread.sit(head.market, closed, Some(head.epoch_first_sequence));
        }
        Ok((settlement_thread, delivery_thread))
    }

    /// Starts the thread.
    pub(crate) fn spawn(self) -> std::io::Result<Outward> {
        let left = "the ledger does not answer: some epochs are not settled; the next start \
                    settles them";
        Outward::spawn("settlement", left, move || self.run())
    }

    /// Runs until the publisher has ended, and then a little longer if something is still to be settled.
    fn run(mut self) {
        self.find_gone();
        let mut patience = Duration::ZERO;
        while let Some(news) = self.incoming.wait(patience) {
            news.into_iter().for_each(|news| self.hear(news));
            patience = self.work();
        }
        self.end();
    }

    fn end(mut self) {
        while !self.shared.is_over() {
            let wait = self.work();
            let waits = |market_settler: &MarketSettler| {
                !market_settler.is_done() && report::can_go_on(&market_settler.settler.standing())
            };
            if !self.desks.values().any(waits) {
                break;
            }
            std::thread::sleep(wait.min(Duration::from_millis(50)));
        }
        let owed = self.desks.values().filter(|market_settler| !market_settler.is_done()).count();
        if owed > 0 {
            warn!(markets = owed, "some epochs are not settled; the next start settles them");
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Adds a market.
    fn sit(&mut self, market: MarketId, closed: EpochNumber, from: Option<Sequence>) {
        let chance = u64::from(market.0) ^ Arc::as_ptr(&self.shared).addr() as u64;
        let history = self.history;
        let kept = self.store.kept(market, history);
        let drops = self.store.dropped.read(market, history).map_err(|why| why.to_string());
        let start = Start { market, history, closed, kept, drops, chance };
        let settler = Settler::new(start, self.patience);
        self.desks.insert(market, MarketSettler { settler, from, dropping: None });
    }

    fn hear(&mut self, news: News) {
        if !self.desks.contains_key(&news.market) {
            self.sit(news.market, EpochNumber(0), news.next);
        }
        if let Some(market_settler) = self.desks.get_mut(&news.market) {
            market_settler.hear(news);
        }
    }

    /// Adds the markets that were removed while their last epoch was not known to be settled. No other
    /// part of the host knows of them any more.
    fn find_gone(&mut self) {
        for (market, closed) in self.again.gone(self.floor, self.shared.durable()) {
            if !self.desks.contains_key(&market) {
                self.sit(market, closed, None);
            }
        }
    }

    /// Does what is due. Returns how long the thread may sleep.
    fn work(&mut self) -> Duration {
        if !self.shared.may_release() || self.shared.is_over() {
            return WITHOUT_LOCK;
        }
        self.silent = None;
        if let Err(why) = self.obey() {
            // One of the requests may be a hold.
            let why = why.to_string();
            if self.unread.as_ref() != Some(&why) {
                warn!(
                    "settlement: cannot read the operator's orders, so nothing is settled: {why}"
                );
            }
            self.unread = Some(why);
            return LOOK;
        }
        self.unread = None;
        let markets: Vec<MarketId> = self.desks.keys().copied().collect();
        let mut wait = LOOK;
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
        self.desks.retain(|market, market_settler| {
            let at_work = !market_settler.is_done() || market_settler.dropping.is_some();
            market_settler.from.is_some() || at_work || troubled(*market)
        });
        self.say();
        wait
    }

    /// Carries out the steps that a market asks for. Returns how long it has none.
    fn serve(&mut self, market: MarketId) -> Duration {
        for _ in 0..STEPS_MAX {
            let now = self.now();
            let Some(market_settler) = self.desks.get_mut(&market) else { return LOOK };
            // The rest is left to the next start. The next process may have the folder already.
            if !self.shared.may_release() || self.shared.is_over() {
                return WITHOUT_LOCK;
            }
            let step = match market_settler.settler.poll(now) {
                Ask::Step(step) => step,
                Ask::Rest(None) => return LOOK,
                Ask::Rest(Some(until)) => return until.saturating_sub(now),
            };
            let came = self.carry_out(market, &step);
            let now = self.now();
            if let Some(market_settler) = self.desks.get_mut(&market) {
                market_settler.settler.told(now, came);
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
            Step::Keep(kept) => self.keep(market, kept),
            Step::Need { from, to } => self.need(market, *from, *to),
            Step::Lock => Reply::Locked(self.lock(market)),
            Step::Unlock => {
                self.locks.give_back(market);
                Reply::Unlocked
            }
            Step::Note(drops) => {
                let kept = self.store.dropped.keep(market, self.history, drops);
                let why = |why| format!("cannot store the dropped epochs: {why}");
                Reply::Noted(kept.map_err(why))
            }
            Step::Look
            | Step::Deposit(_)
            | Step::Read { .. }
            | Step::Claim { .. }
            | Step::Seed { .. }
            | Step::Recall(_)
            | Step::Apply { .. } => self.ask(market, step),
        }
    }

    /// Asks the ledger.
    fn ask(&mut self, market: MarketId, step: &Step) -> Reply {
        if let Some(error) = &self.silent {
            return Reply::Shut(error.clone());
        }
        let history = self.history;
        match self.opened() {
            // Only steps for a ledger get here.
            Ok(ledger) => {
                let came = step.carry_out(market, history, ledger).unwrap_or(Reply::Unlocked);
                self.heard(came)
            }
            Err(error) => {
                self.silent = Some(error.clone());
                Reply::Shut(error)
            }
        }
    }

    /// Returns the ledger, and opens it if it is not open.
    fn opened(&mut self) -> Result<&mut dyn Ledger, LedgerError> {
        match &mut self.ledger {
            Some(ledger) => Ok(ledger.as_mut()),
            none @ None => {
                let opened = delivery_thread::open(&self.open)?;
                info!(ledger = opened.name(), "settlement: ledger opened");
                Ok(none.insert(opened).as_mut())
            }
        }
    }

    /// Remembers a ledger that did not answer. It is not asked again in this round, because each further
    /// market would wait as long.
    fn heard(&mut self, came: Reply) -> Reply {
        let error = match &came {
            Reply::Looked(Err(error))
            | Reply::Deposited(Err(error))
            | Reply::Read(Err(error))
            | Reply::Claimed(Err(error))
            | Reply::Seeded(Err(error))
            | Reply::Recalled(Err(error))
            | Reply::Applied(Err(error)) => error,
            Reply::Kept
            | Reply::Looked(Ok(_))
            | Reply::Given(_)
            | Reply::Gone
            | Reply::Deposited(Ok(_))
            | Reply::Read(Ok(_))
            | Reply::Locked(_)
            | Reply::Unlocked
            | Reply::Claimed(Ok(_))
            | Reply::Noted(_)
            | Reply::Recalled(Ok(_))
            | Reply::Shut(_)
            | Reply::Seeded(Ok(())) => return came,
            Reply::Applied(Ok(_)) => {
                if let Some(wakeup) = &self.wakeup {
                    wakeup.ring();
                }
                return came;
            }
        };
        if let LedgerError::Unreachable { .. } = error {
            self.silent = Some(error.clone());
            // Some ledgers must be opened again after a failure.
            self.ledger = None;
        }
        came
    }

    fn lock(&mut self, market: MarketId) -> Locked {
        let now = self.now();
        self.locks.take(now, market)
    }

    fn keep(&self, market: MarketId, kept: &Kept) -> Reply {
        if let Err(why) = self.store.keep(market, self.history, kept) {
            warn!("settlement: cannot store the state of market {market}: {why}");
        }
        Reply::Kept
    }

    /// Returns batches that are needed again.
    fn need(&mut self, market: MarketId, from: EpochNumber, to: EpochNumber) -> Reply {
        if !self.again.has(market, from) {
            // Other markets probably need batches from the same part of the journal, so one replay
            // serves all.
            let owed = |(market, market_settler): (&MarketId, &MarketSettler)| {
                let settled = market_settler.settler.last_settled();
                let next = settled.map_or(EpochNumber(1), EpochNumber::next);
                (!market_settler.is_done()).then_some((*market, next))
            };
            let mut wanted: BTreeMap<_, _> = self.desks.iter().filter_map(owed).collect();
            wanted.insert(market, from);
            let through = self.shared.durable();
            let mut made = self.again.make(&wanted, through);
            // Together they may need more batches than are kept, or older ones than the journal has.
            if made == Made::Gone || (made == Made::Whole && !self.again.has(market, from)) {
                made = self.again.make(&BTreeMap::from([(market, from)]), through);
            }
            if made == Made::Gone {
                return Reply::Gone;
            }
        }
        Reply::Given(self.again.give(market, from, to))
    }

    /// Carries out the operators' requests.
    fn obey(&mut self) -> std::io::Result<()> {
        let orders = self.store.orders.left()?;
        for (market, market_settler) in &mut self.desks {
            let holds = orders.contains(&(*market, OperatorRequest::Hold));
            let is_held = market_settler.settler.standing() == Standing::Held;
            if holds {
                market_settler.settler.hold();
            } else if is_held {
                market_settler.settler.resume();
            }
        }
        for (market, order) in &orders {
            let (market, order) = (*market, *order);
            let Some(market_settler) = self.desks.get_mut(&market) else { continue };
            match order {
                // A hold stays until it is removed. The other two are for the delivery thread.
                OperatorRequest::Hold
                | OperatorRequest::DeliverRetry
                | OperatorRequest::DeliverSkip(_) => continue,
                // Leaving a resume removes the hold. So this hold is newer, and the resume no longer
                // counts.
                OperatorRequest::Resume if orders.contains(&(market, OperatorRequest::Hold)) => {}
                OperatorRequest::Resume => market_settler.resume(market, self.history, &self.store),
                OperatorRequest::Retry => market_settler.retry(market),
                OperatorRequest::Drop(epoch) if market_settler.give_up(market, epoch) => continue,
                OperatorRequest::Drop(_) => {}
            }
            // If the removal fails, the request is carried out again. None of them does harm twice.
            let _ = self.store.orders.remove(market, order);
        }
        Ok(())
    }

    /// Reports the status of the markets if it has changed.
    fn say(&mut self) {
        let now: Vec<MarketSettlement> = self
            .desks
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
        if now != self.said {
            report::tell(&self.said, &now);
            if let Err(why) = self.store.say(&now) {
                warn!("settlement: cannot write the status: {why}");
            }
            self.shared.set_settlement(now.clone());
            self.said = now;
        }
        if self.desks.values().all(MarketSettler::is_done) {
            self.again.forget();
            let first = self.desks.values().filter_map(|market_settler| market_settler.from).min();
            let last = first.map(|first| Sequence(first.0.saturating_sub(1)));
            if let Some(floor) = last.filter(|floor| *floor > self.floor) {
                self.floor = floor;
                self.shared.set_settled(floor);
                // If this is lost, it is found out again.
                let _ = self.store.keep_floor(floor);
            }
        }
    }
}
