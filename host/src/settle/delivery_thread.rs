//! The delivery thread: it reads the ledger's outboxes and hands each notice to the outlet.
//!
//! It has its own handle on the ledger, so that a slow outlet does not delay settlement. The receipt is
//! on disk before the position moves, and the position is on disk before the next notice is taken.

mod round;

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
use super::receipts::{Done, Mark, Receipts};
use super::store::{OperatorRequest, OperatorRequests};
use super::{LOOK, OpenLedger, WITHOUT_LOCK};
use crate::status::Shared;
use crate::threads::Outward;
use round::{Round, Trouble, backoff, stands};

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
    pub(super) fn ring(&self) {
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
    orders: OperatorRequests,
    rounds: BTreeMap<MarketId, Round>,
    wake: Receiver<()>,
    deliveries: Deliveries,
    begun: Instant,
    /// The error of a ledger or a disk that was logged last.
    said: Option<String>,
    shared: Arc<Shared>,
}

impl DeliveryThread {
    pub(super) fn new(
        delivery: Delivery,
        opener: Opener,
        folder: &Path,
        shared: &Arc<Shared>,
    ) -> (Self, Wakeup) {
        let (wake, waking) = bounded(1);
        let deliveries = Deliveries::default();
        let wakeup = Wakeup { wake, deliveries: Arc::clone(&deliveries) };
        let delivery_thread = Self {
            delivery,
            opener,
            ledger: None,
            receipts: Receipts::of(&folder.join(super::store::FOLDER)),
            orders: OperatorRequests::of(folder),
            rounds: BTreeMap::new(),
            wake: waking,
            deliveries,
            begun: Instant::now(),
            said: None,
            shared: Arc::clone(shared),
        };
        (delivery_thread, wakeup)
    }

    /// Starts the thread.
    pub(crate) fn spawn(self) -> std::io::Result<Outward> {
        let left = "a delivery is still in progress; the next start repeats it";
        Outward::spawn("delivery", left, move || self.run())
    }

    /// Runs until the settlement thread has ended, and then once more.
    fn run(mut self) {
        let mut patience = Duration::ZERO;
        loop {
            let ends = match self.wake.recv_timeout(patience) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            // The settlement thread may hang, and then this channel is never disconnected.
            if self.is_over() {
                return;
            }
            patience = self.work();
            if ends && (self.is_over() || !patience.is_zero()) {
                return;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_over()
    }

    /// Delivers what is due. Returns how long the thread may sleep.
    fn work(&mut self) -> Duration {
        if !self.shared.may_release() {
            return WITHOUT_LOCK;
        }
        let (mut wait, mut troubles) = (LOOK, Vec::new());
        if let Err(trouble) = self.visit(&mut wait, &mut troubles) {
            if !trouble.is_of_one() {
                // Some ledgers must be opened again after a failure. It may be another ledger then.
                self.ledger = None;
                self.rounds.values_mut().for_each(|round| round.fits = false);
            }
            troubles.push(trouble.to_string());
        }
        self.say();
        let why = troubles.join("; ");
        if !why.is_empty() && self.said.as_ref() != Some(&why) {
            warn!("settlement: delivery waits: {why}");
        }
        self.said = (!why.is_empty()).then_some(why);
        wait
    }

    /// Carries out the operators' requests and serves each market. An error of one market does not hold
    /// up the others.
    fn visit(&mut self, wait: &mut Duration, troubles: &mut Vec<String>) -> Result<(), Trouble> {
        let mut bear = |trouble: Trouble| match trouble.is_of_one() {
            true => {
                troubles.push(trouble.to_string());
                Ok(())
            }
            false => Err(trouble),
        };
        let unread = |why| Trouble::Disk(String::from("cannot read the operator's orders"), why);
        for (market, order) in self.orders.left().map_err(unread)? {
            if self.is_over() {
                return Ok(());
            }
            self.obey(market, order).or_else(&mut bear)?;
        }
        for market in self.ledger()?.markets()? {
            if self.is_over() {
                break;
            }
            match self.serve(market) {
                Ok(longest) => *wait = longest.min(*wait),
                Err(trouble) => bear(trouble)?,
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
    fn sit(&mut self, market: MarketId) -> Result<&mut Round, Trouble> {
        if !self.rounds.contains_key(&market) {
            let mark = self.receipts.mark(market);
            let unread = |why| {
                Trouble::Disk(format!("cannot read the delivery position of market {market}"), why)
            };
            let round = Round { mark: mark.map_err(unread)?, ..Round::default() };
            self.rounds.insert(market, round);
        }
        Ok(self.rounds.entry(market).or_default())
    }

    /// Checks whether the number up to which a market was delivered belongs to this ledger. In another
    /// ledger, or in one that was restored to an earlier state, the numbers start again.
    fn fit(&mut self, market: MarketId) -> Result<(), Trouble> {
        let round = self.sit(market)?;
        if round.fits {
            return Ok(());
        }
        round.waiting.clear();
        let known = match round.mark.batch {
            Some(batch) => self.ledger()?.outcome(market, BatchId(batch))?.is_some(),
            None => true,
        };
        let round = self.sit(market)?;
        round.fits = true;
        round.anew |= !known;
        if !known {
            (round.unkept, round.noted) = (None, None);
        }
        if !known && round.mark.number > 0 {
            (round.mark.number, round.mark.refused) = (0, None);
            warn!(
                market = market.0,
                "delivery: this ledger does not know the last delivered batch: delivery continues \
                 with the first epoch after it"
            );
        }
        Ok(())
    }

    /// Delivers a market's notices, in order. Returns how long there is nothing to do.
    fn serve(&mut self, market: MarketId) -> Result<Duration, Trouble> {
        let now = self.begun.elapsed();
        self.fit(market)?;
        let round = self.sit(market)?;
        let after = round.mark.number;
        if round.until > now {
            return Ok(round.until.saturating_sub(now));
        }
        if round.waiting.is_empty() {
            let read = self.ledger()?.outbox(market, after, NOTICES_MAX)?;
            self.sit(market)?.waiting = read.into();
        }
        while !self.is_over() {
            if !self.shared.may_release() {
                return Ok(WITHOUT_LOCK);
            }
            let limit = self.delivery.refusals_max;
            let round = self.sit(market)?;
            let Some((number, notice)) = round.waiting.front().cloned() else {
                return Ok(if after < round.mark.number { Duration::ZERO } else { LOOK });
            };
            if round.anew && round.mark.has_had(&notice) {
                // It was delivered already, from another ledger.
                let epoch = round.mark.epoch;
                round.mark = Mark { epoch, ..Mark::behind((number, &notice)) };
                round.waiting.pop_front();
                continue;
            }
            if let Some((_, tries, why)) = stands(&round.mark, number, limit) {
                let epoch = notice.outcome.epoch;
                round.trouble = Some(Undelivered { epoch, refusals: tries, stands: true, why });
                return Ok(LOOK);
            }
            let unkept = round.unkept.take().filter(|(of, _)| *of == number);
            let came = match unkept {
                Some((_, receipt)) => Ok(receipt),
                None => self.delivery.outlet.deliver(&notice),
            };
            if self.is_over() {
                break;
            }
            match came {
                Ok(receipt) => {
                    let passed = self.pass((number, &notice), &Done::Delivered(&receipt));
                    if passed.is_err() {
                        self.sit(market)?.unkept = Some((number, receipt));
                    }
                    passed?;
                }
                Err(why) => return self.fail(market, (number, notice.outcome.epoch), why),
            }
        }
        Ok(LOOK)
    }

    /// Records that a notice is done with, and moves the position past it.
    fn pass(&mut self, at: (u64, &Notice), done: &Done<'_>) -> Result<(), Trouble> {
        let (number, market) = (at.0, at.1.batch.market);
        let mark = Mark::behind(at);
        let unkept =
            |why| Trouble::Disk(format!("cannot store the receipt of market {market}"), why);
        if self.sit(market)?.noted != Some(number) {
            self.receipts.add(at, done).map_err(unkept)?;
            self.sit(market)?.noted = Some(number);
        }
        self.receipts.keep(market, &mark).map_err(unkept)?;
        let round = self.sit(market)?;
        round.noted = None;
        round.mark = mark;
        round.anew = false;
        round.waiting.pop_front();
        (round.failures, round.until, round.trouble) = (0, Duration::ZERO, None);
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
        came: NotDelivered,
    ) -> Result<Duration, Trouble> {
        let now = self.begun.elapsed();
        let (least, most) = (self.delivery.backoff_min, self.delivery.backoff_max);
        let limit = self.delivery.refusals_max;
        let round = self.sit(market)?;
        round.failures = round.failures.saturating_add(1);
        let wait = backoff(least, most, round.failures);
        round.until = now.saturating_add(wait);
        let before = round.mark.refused.as_ref().filter(|(of, ..)| *of == number);
        let mut refusals = before.map_or(0, |(_, tries, _)| *tries);
        let (why, refused) = match came {
            NotDelivered::Later(why) => (why, false),
            NotDelivered::Refused(why) => (why, true),
        };
        if refused {
            refusals = refusals.saturating_add(1);
            round.mark.refused = Some((number, refusals, why.clone()));
        }
        let stands = refused && refusals >= limit;
        if stands {
            error!(
                market = market.0,
                epoch = epoch.0,
                tries = refusals,
                "delivery is refused: {why}"
            );
        } else if round.failures == 1 {
            warn!(market = market.0, epoch = epoch.0, "delivery waits: {why}");
        }
        round.trouble = Some(Undelivered { epoch, refusals, stands, why });
        let mark = round.mark.clone();
        if refused {
            self.keep(market, &mark)?;
        }
        Ok(wait)
    }

    /// Carries out a request of an operator.
    fn obey(&mut self, market: MarketId, order: OperatorRequest) -> Result<(), Trouble> {
        match order {
            OperatorRequest::Hold
            | OperatorRequest::Resume
            | OperatorRequest::Retry
            | OperatorRequest::Drop(_) => return Ok(()),
            OperatorRequest::DeliverRetry => {
                let round = self.sit(market)?;
                (round.failures, round.until) = (0, Duration::ZERO);
                if round.mark.refused.take().is_some() {
                    let mark = round.mark.clone();
                    self.keep(market, &mark)?;
                }
            }
            OperatorRequest::DeliverSkip(epoch) => {
                if !self.skip(market, epoch)? {
                    return Ok(());
                }
            }
        }
        // If the removal fails, the request is carried out again. None of them does harm twice.
        let _ = self.orders.remove(market, order);
        Ok(())
    }

    fn keep(&self, market: MarketId, mark: &Mark) -> Result<(), Trouble> {
        let kept = self.receipts.keep(market, mark);
        kept.map_err(|why| {
            Trouble::Disk(format!("cannot store the delivery position of market {market}"), why)
        })
    }

    /// Skips an epoch that could not be delivered. Returns `false` if that is not decided yet: an epoch
    /// that was not tried since the start is tried first.
    fn skip(&mut self, market: MarketId, epoch: EpochNumber) -> Result<bool, Trouble> {
        self.fit(market)?;
        let after = self.sit(market)?.mark.number;
        let read = self.ledger()?.outbox(market, after, 1)?;
        if self.is_over() {
            return Ok(false);
        }
        let round = self.sit(market)?;
        let why = match (&round.trouble, &round.mark.refused) {
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
        round.waiting.clear();
        self.pass((*number, notice), &Done::Skipped(&why))?;
        info!(market = market.0, epoch = epoch.0, "delivery: epoch skipped by an operator");
        Ok(true)
    }

    /// Publishes the delivery status of every market.
    fn say(&self) {
        let of = |(market, round): (&MarketId, &Round)| {
            let (delivered, trouble) = (round.mark.delivered(), round.trouble.clone());
            (*market, MarketDelivery { delivered, trouble })
        };
        *self.deliveries.lock().unwrap_or_else(PoisonError::into_inner) =
            self.rounds.iter().map(of).collect();
    }
}
