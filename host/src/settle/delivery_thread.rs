//! The delivery thread: it reads the ledger's outboxes and hands each notice to the outlet.
//!
//! It has its own handle on the ledger, so that a slow outlet does not delay settlement. The receipt is
//! on disk before the position moves, and the position is on disk before the next notice is taken.

mod delivery_state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use pricetime_engine::{EpochNumber, MarketId};
use pricetime_settlement::BatchId;
use pricetime_settlement::ledger::{Ledger, LedgerError, Notice};
use tracing::{error, info, warn};

use super::outlet::{Delivery, MarketDelivery, NotDelivered, Undelivered};
use super::receipts::{Done, Position, Receipts};
use super::store::{OperatorRequest, OperatorRequests};
use super::{CHECK_INTERVAL, LEASE_POLL, OpenLedger};
use crate::status::Shared;
use crate::threads::ServerThread;
use delivery_state::{DeliveryError, DeliveryState, backoff, needs_operator};

/// How many notices of a market are read and delivered before the next market is served.
const NOTICES_MAX: usize = 16;

/// Opens ledgers for two threads, one at a time.
pub(super) type Opener = Arc<Mutex<OpenLedger>>;
/// The delivery status of each market.
pub(super) type Deliveries = Arc<Mutex<BTreeMap<MarketId, MarketDelivery>>>;

/// Opens a ledger.
pub(super) fn open(opener: &Opener) -> Result<Box<dyn Ledger>, LedgerError> {
    (opener.lock().unwrap_or_else(PoisonError::into_inner))()
}

/// The settlement thread's end.
#[derive(Debug)]
pub(super) struct Wakeup {
    wake: Sender<()>,
    deliveries: Deliveries,
}

impl Wakeup {
    /// Wakes the delivery thread: an outbox may have a new notice.
    pub(super) fn wake(&self) {
        // A thread that is already awake need not be woken.
        let _ = self.wake.try_send(());
    }

    /// Returns the delivery status of a market.
    pub(super) fn of(&self, market: MarketId) -> Option<MarketDelivery> {
        let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.get(&market).cloned()
    }
}

/// Delivers notices.
pub(crate) struct DeliveryThread {
    delivery: Delivery,
    opener: Opener,
    ledger: Option<Box<dyn Ledger>>,
    receipts: Receipts,
    requests: OperatorRequests,
    delivery_states: BTreeMap<MarketId, DeliveryState>,
    wake: Receiver<()>,
    deliveries: Deliveries,
    started: Instant,
    /// The error of a ledger or a disk that was logged last.
    logged: Option<String>,
    shared: Arc<Shared>,
}

impl DeliveryThread {
    pub(super) fn new(
        delivery: Delivery,
        opener: Opener,
        folder: &Path,
        shared: &Arc<Shared>,
    ) -> (Self, Wakeup) {
        let (wake, woken) = bounded(1);
        let deliveries = Deliveries::default();
        let wakeup = Wakeup { wake, deliveries: Arc::clone(&deliveries) };
        let delivery_thread = Self {
            delivery,
            opener,
            ledger: None,
            receipts: Receipts::of(&folder.join(super::store::FOLDER)),
            requests: OperatorRequests::of(folder),
            delivery_states: BTreeMap::new(),
            wake: woken,
            deliveries,
            started: Instant::now(),
            logged: None,
            shared: Arc::clone(shared),
        };
        (delivery_thread, wakeup)
    }

    /// Starts the thread.
    pub(crate) fn spawn(self) -> std::io::Result<ServerThread> {
        let pending = "a delivery is still in progress; the next start repeats it";
        ServerThread::spawn("delivery", pending, move || self.run())
    }

    /// Runs until the settlement thread has ended, and then once more.
    fn run(mut self) {
        let mut timeout = Duration::ZERO;
        loop {
            let ends = match self.wake.recv_timeout(timeout) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            // The settlement thread may hang, and then this channel is never disconnected.
            if self.is_over() {
                return;
            }
            timeout = self.work();
            if ends && (self.is_over() || !timeout.is_zero()) {
                return;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_over()
    }

    /// Delivers what is due. Returns how long the thread may sleep.
    fn work(&mut self) -> Duration {
        if !self.shared.may_publish() {
            return LEASE_POLL;
        }
        let (mut wait, mut troubles) = (CHECK_INTERVAL, Vec::new());
        if let Err(trouble) = self.serve_all(&mut wait, &mut troubles) {
            if !trouble.is_of_one_market() {
                // Some ledgers must be opened again after a failure. It may be another ledger then.
                self.ledger = None;
                self.delivery_states
                    .values_mut()
                    .for_each(|delivery_state| delivery_state.is_checked = false);
            }
            troubles.push(trouble.to_string());
        }
        self.report_status();
        let why = troubles.join("; ");
        if !why.is_empty() && self.logged.as_ref() != Some(&why) {
            warn!("settlement: delivery waits: {why}");
        }
        self.logged = (!why.is_empty()).then_some(why);
        wait
    }

    /// Carries out the operators' requests and serves each market. An error of one market does not hold
    /// up the others.
    fn serve_all(
        &mut self,
        wait: &mut Duration,
        troubles: &mut Vec<String>,
    ) -> Result<(), DeliveryError> {
        let mut collect_trouble = |trouble: DeliveryError| match trouble.is_of_one_market() {
            true => {
                troubles.push(trouble.to_string());
                Ok(())
            }
            false => Err(trouble),
        };
        let unreadable =
            |why| DeliveryError::Disk(String::from("cannot read the operators' requests"), why);
        for (market, request) in self.requests.pending().map_err(unreadable)? {
            if self.is_over() {
                return Ok(());
            }
            self.handle_request(market, request).or_else(&mut collect_trouble)?;
        }
        for market in self.ledger()?.markets()? {
            if self.is_over() {
                break;
            }
            match self.serve(market) {
                Ok(longest) => *wait = longest.min(*wait),
                Err(trouble) => collect_trouble(trouble)?,
            }
        }
        Ok(())
    }

    fn ledger(&mut self) -> Result<&mut dyn Ledger, LedgerError> {
        match &mut self.ledger {
            Some(ledger) => Ok(ledger.as_mut()),
            none @ None => Ok(none.insert(open(&self.opener)?).as_mut()),
        }
    }

    /// Returns what is known of a market. Reads its position from disk if the market is new here.
    fn state_of(&mut self, market: MarketId) -> Result<&mut DeliveryState, DeliveryError> {
        if !self.delivery_states.contains_key(&market) {
            let position = self.receipts.position(market);
            let unreadable = |why| {
                DeliveryError::Disk(
                    format!("cannot read the delivery position of market {market}"),
                    why,
                )
            };
            let delivery_state = DeliveryState {
                position: position.map_err(unreadable)?,
                ..DeliveryState::default()
            };
            self.delivery_states.insert(market, delivery_state);
        }
        Ok(self.delivery_states.entry(market).or_default())
    }

    /// Checks whether the number up to which a market was delivered belongs to this ledger. In another
    /// ledger, or in one that was restored to an earlier state, the numbers start again.
    fn check_position(&mut self, market: MarketId) -> Result<(), DeliveryError> {
        let delivery_state = self.state_of(market)?;
        if delivery_state.is_checked {
            return Ok(());
        }
        delivery_state.waiting.clear();
        let known = match delivery_state.position.batch {
            Some(batch) => self.ledger()?.outcome(market, BatchId(batch))?.is_some(),
            None => true,
        };
        let delivery_state = self.state_of(market)?;
        delivery_state.is_checked = true;
        delivery_state.may_repeat |= !known;
        if !known {
            (delivery_state.unsaved, delivery_state.saved_receipt) = (None, None);
        }
        if !known && delivery_state.position.number > 0 {
            (delivery_state.position.number, delivery_state.position.refused) = (0, None);
            warn!(
                market = market.0,
                "delivery: this ledger does not know the last delivered batch: delivery continues \
                 with the first epoch after it"
            );
        }
        Ok(())
    }

    /// Delivers a market's notices, in order. Returns how long there is nothing to do.
    fn serve(&mut self, market: MarketId) -> Result<Duration, DeliveryError> {
        let now = self.started.elapsed();
        self.check_position(market)?;
        let delivery_state = self.state_of(market)?;
        let after = delivery_state.position.number;
        if delivery_state.until > now {
            return Ok(delivery_state.until.saturating_sub(now));
        }
        if delivery_state.waiting.is_empty() {
            let read = self.ledger()?.outbox(market, after, NOTICES_MAX)?;
            self.state_of(market)?.waiting = read.into();
        }
        while !self.is_over() {
            if !self.shared.may_publish() {
                return Ok(LEASE_POLL);
            }
            let limit = self.delivery.refusals_max;
            let delivery_state = self.state_of(market)?;
            let Some((number, notice)) = delivery_state.waiting.front().cloned() else {
                return Ok(if after < delivery_state.position.number {
                    Duration::ZERO
                } else {
                    CHECK_INTERVAL
                });
            };
            if delivery_state.may_repeat && delivery_state.position.covers(&notice) {
                // It was delivered already, from another ledger.
                let epoch = delivery_state.position.epoch;
                delivery_state.position =
                    Position { epoch, ..Position::after_notice((number, &notice)) };
                delivery_state.waiting.pop_front();
                continue;
            }
            if let Some((_, tries, why)) = needs_operator(&delivery_state.position, number, limit) {
                let epoch = notice.outcome.epoch;
                delivery_state.trouble =
                    Some(Undelivered { epoch, refusals: tries, needs_operator: true, why });
                return Ok(CHECK_INTERVAL);
            }
            let unsaved = delivery_state.unsaved.take().filter(|(of, _)| *of == number);
            let result = match unsaved {
                Some((_, receipt)) => Ok(receipt),
                None => self.delivery.outlet.deliver(&notice),
            };
            if self.is_over() {
                break;
            }
            match result {
                Ok(receipt) => {
                    let completed = self.complete((number, &notice), &Done::Delivered(&receipt));
                    if completed.is_err() {
                        self.state_of(market)?.unsaved = Some((number, receipt));
                    }
                    completed?;
                }
                Err(why) => return self.fail(market, (number, notice.outcome.epoch), why),
            }
        }
        Ok(CHECK_INTERVAL)
    }

    /// Records that a notice is done with, and moves the position past it.
    fn complete(&mut self, at: (u64, &Notice), done: &Done<'_>) -> Result<(), DeliveryError> {
        let (number, market) = (at.0, at.1.batch.market);
        let position = Position::after_notice(at);
        let unsaved =
            |why| DeliveryError::Disk(format!("cannot store the receipt of market {market}"), why);
        if self.state_of(market)?.saved_receipt != Some(number) {
            self.receipts.add(at, done).map_err(unsaved)?;
            self.state_of(market)?.saved_receipt = Some(number);
        }
        self.receipts.save(market, &position).map_err(unsaved)?;
        let delivery_state = self.state_of(market)?;
        delivery_state.saved_receipt = None;
        delivery_state.position = position;
        delivery_state.may_repeat = false;
        delivery_state.waiting.pop_front();
        (delivery_state.failures, delivery_state.until, delivery_state.trouble) =
            (0, Duration::ZERO, None);
        if self.delivery.forget {
            self.ledger()?.forget(market, number)?;
        }
        Ok(())
    }

    /// Records that a notice was not delivered. Returns how long to wait before the next attempt.
    fn fail(
        &mut self,
        market: MarketId,
        (number, epoch): (u64, EpochNumber),
        result: NotDelivered,
    ) -> Result<Duration, DeliveryError> {
        let now = self.started.elapsed();
        let (least, most) = (self.delivery.backoff_min, self.delivery.backoff_max);
        let limit = self.delivery.refusals_max;
        let delivery_state = self.state_of(market)?;
        delivery_state.failures = delivery_state.failures.saturating_add(1);
        let wait = backoff(least, most, delivery_state.failures);
        delivery_state.until = now.saturating_add(wait);
        let before = delivery_state.position.refused.as_ref().filter(|(of, ..)| *of == number);
        let mut refusals = before.map_or(0, |(_, tries, _)| *tries);
        let (why, refused) = match result {
            NotDelivered::Later(why) => (why, false),
            NotDelivered::Refused(why) => (why, true),
        };
        if refused {
            refusals = refusals.saturating_add(1);
            delivery_state.position.refused = Some((number, refusals, why.clone()));
        }
        let needs_operator = refused && refusals >= limit;
        if needs_operator {
            error!(
                market = market.0,
                epoch = epoch.0,
                tries = refusals,
                "delivery is refused: {why}"
            );
        } else if delivery_state.failures == 1 {
            warn!(market = market.0, epoch = epoch.0, "delivery waits: {why}");
        }
        delivery_state.trouble = Some(Undelivered { epoch, refusals, needs_operator, why });
        let position = delivery_state.position.clone();
        if refused {
            self.save(market, &position)?;
        }
        Ok(wait)
    }

    /// Carries out a request of an operator.
    fn handle_request(
        &mut self,
        market: MarketId,
        request: OperatorRequest,
    ) -> Result<(), DeliveryError> {
        match request {
            OperatorRequest::Hold
            | OperatorRequest::Resume
            | OperatorRequest::Retry
            | OperatorRequest::Drop(_) => return Ok(()),
            OperatorRequest::DeliverRetry => {
                let delivery_state = self.state_of(market)?;
                (delivery_state.failures, delivery_state.until) = (0, Duration::ZERO);
                if delivery_state.position.refused.take().is_some() {
                    let position = delivery_state.position.clone();
                    self.save(market, &position)?;
                }
            }
            OperatorRequest::DeliverSkip(epoch) => {
                if !self.skip(market, epoch)? {
                    return Ok(());
                }
            }
        }
        // If the removal fails, the request is carried out again. None of them does harm twice.
        let _ = self.requests.remove(market, request);
        Ok(())
    }

    fn save(&self, market: MarketId, position: &Position) -> Result<(), DeliveryError> {
        let saved = self.receipts.save(market, position);
        saved.map_err(|why| {
            DeliveryError::Disk(
                format!("cannot store the delivery position of market {market}"),
                why,
            )
        })
    }

    /// Skips an epoch that could not be delivered. Returns `false` if that is not decided yet: an epoch
    /// that was not tried since the start is tried first.
    fn skip(&mut self, market: MarketId, epoch: EpochNumber) -> Result<bool, DeliveryError> {
        self.check_position(market)?;
        let after = self.state_of(market)?.position.number;
        let read = self.ledger()?.outbox(market, after, 1)?;
        if self.is_over() {
            return Ok(false);
        }
        let delivery_state = self.state_of(market)?;
        let why = match (&delivery_state.trouble, &delivery_state.position.refused) {
            (Some(trouble), _) => Some(trouble.why.clone()),
            (None, Some((_, _, why))) => Some(why.clone()),
            (None, None) => None,
        };
        let next = read.first().filter(|(_, notice)| notice.outcome.epoch == epoch);
        if next.is_some() && why.is_none() {
            return Ok(false);
        }
        let (Some((number, notice)), Some(why)) = (next, why) else {
            warn!(
                market = market.0,
                epoch = epoch.0,
                "delivery: this epoch is not skipped, because its delivery has not failed"
            );
            return Ok(true);
        };
        delivery_state.waiting.clear();
        self.complete((*number, notice), &Done::Skipped(&why))?;
        info!(market = market.0, epoch = epoch.0, "delivery: epoch skipped by an operator");
        Ok(true)
    }

    /// Publishes the delivery status of every market.
    fn report_status(&self) {
        let of = |(market, delivery_state): (&MarketId, &DeliveryState)| {
            let (delivered, trouble) =
                (delivery_state.position.delivered(), delivery_state.trouble.clone());
            (*market, MarketDelivery { delivered, trouble })
        };
        *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner) =
            self.delivery_states.iter().map(of).collect();
    }
}
