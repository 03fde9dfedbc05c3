//! One market and the commands on it. Place and cancel are here, the rest in modules of their own.

use crate::arena::Handle;
use crate::auction::PricePoint;
use crate::command::{Action, Command, OrderKind, Place, TimeInForce};
use crate::dry_run::DryRun;
use crate::event::{Event, Header, Outcome, Party, Sink, Turnover};
use crate::index::IndexKey;
use crate::live_orders::{LiveOrders, RemovedOrder};
use crate::market::{MarketSpec, Phase};
use crate::owners::OrderFilter;
use crate::quantity::{
    AccountId, EpochNumber, MarketId, OrderId, Price, Priority, Quantity, Sequence, Side,
    Timestamp, TradeNumber,
};
use crate::reason::{CancelReason, Reason};
use crate::snapshot::{MarketHead, OrderRecord, RequestRecord, Until};
use crate::sweep::Sweep;
use crate::window::Window;

/// One market.
#[derive(Debug)]
pub struct Book {
    pub(crate) head: MarketHead,
    pub(crate) live_orders: LiveOrders,
    /// Ascending.
    pub(crate) blocked: Vec<AccountId>,
    pub(crate) window: Window,
    /// The highest and lowest price that the running command has traded at.
    pub(crate) traded_range: Option<(Price, Price)>,
    /// A buffer for the orders that one command cancels, kept to avoid allocations.
    pub(crate) batch: Vec<(Priority, Handle)>,
    pub(crate) dry_run: DryRun,
    pub(crate) sweep: Sweep,
    /// A buffer for the search of the uniform price, kept for the same reason.
    pub(crate) price_points: Vec<PricePoint>,
}

/// Why a command is refused, and the order that it names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) order: Option<OrderId>,
    pub(crate) reference: Option<u64>,
    pub(crate) reason: Reason,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { order: None, reference: None, reason }
    }
}

impl Book {
    pub(crate) fn new(
        market: MarketId,
        spec: &MarketSpec,
        sequence: Sequence,
        key: IndexKey,
    ) -> Self {
        let head = MarketHead {
            market,
            spec: *spec,
            phase: Phase::Closed,
            last_sequence: sequence,
            last_price: None,
            last_trade: TradeNumber(0),
            next_priority: Priority(1),
            epoch: EpochNumber(1),
            epoch_first_sequence: sequence,
            turnover: Turnover::default(),
            accepted: 0,
            cancelled: 0,
        };
        Self::with_head(head, key)
    }

    /// Creates a market with this head and no orders.
    pub(crate) fn with_head(head: MarketHead, key: IndexKey) -> Self {
        Self {
            head,
            live_orders: LiveOrders::new(key),
            blocked: Vec::new(),
            window: Window::new(key),
            traded_range: None,
            batch: Vec::new(),
            dry_run: DryRun::default(),
            sweep: Sweep::default(),
            price_points: Vec::new(),
        }
    }

    /// Executes a command on an existing market, after its sequence has been checked.
    #[inline(always)]
    pub(crate) fn apply<S: Sink>(
        &mut self,
        command: &Command,
        header: &Header,
        sink: &mut S,
    ) -> Outcome {
        self.head.last_sequence = command.sequence;
        self.traded_range = None;
        self.expire(header.timestamp, sink);
        if let Some(request) = header.request
            && let Some(known) = self.window.find(header.account, request.id)
        {
            sink.event(&Event::Duplicate {
                original: known.sequence,
                outcome: known.outcome,
                same_content: known.content == request.content,
            });
            return Outcome::Duplicate;
        }
        let outcome = match self.execute(command, header.timestamp, sink) {
            Ok(()) => Outcome::Accepted,
            Err(Refusal { order, reference, reason }) => {
                sink.event(&Event::Rejected { order, reference, reason });
                Outcome::Rejected(reason)
            }
        };
        self.remember(header, outcome);
        outcome
    }

    /// Stores the outcome of a command that has a request id.
    #[inline]
    pub(crate) fn remember(&mut self, header: &Header, outcome: Outcome) {
        if let Some(request) = header.request {
            let record = RequestRecord {
                account: header.account,
                request: request.id,
                sequence: header.sequence,
                outcome,
                content: request.content,
            };
            self.window.remember(record, self.head.spec.limits.requests_max);
        }
    }

    #[inline(always)]
    fn execute<S: Sink>(
        &mut self,
        command: &Command,
        now: Timestamp,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let account = command.account;
        let is_own = match &command.action {
            Action::Place(_) | Action::Amend(_) | Action::Cancel { .. } => true,
            Action::CancelAll { account: filter, .. } => *filter == Some(account),
            Action::AddMarket(_)
            | Action::SetMarket(_)
            | Action::RemoveMarket
            | Action::CancelSession { .. }
            | Action::SetPhase(_)
            | Action::CloseEpoch { .. }
            | Action::AdvanceTime
            | Action::BlockAccount(_)
            | Action::UnblockAccount(_) => false,
        };
        if !is_own && !command.operator {
            return Err(Reason::NotOperator.into());
        }
        match &command.action {
            Action::Place(place) => self.place(command, place, now, sink),
            Action::Amend(amend) => self.amend(account, amend, sink),
            Action::Cancel { order } => self.cancel(command, *order, sink),
            Action::CancelAll { .. } | Action::CancelSession { .. }
                if self.head.phase == Phase::Closed =>
            {
                Err(Reason::UnknownOrder.into())
            }
            Action::CancelAll { account, side } => {
                let filter = account.map_or(OrderFilter::All, OrderFilter::Account);
                self.cancel_all(filter, *side, CancelReason::Requested, sink);
                Ok(())
            }
            Action::CancelSession { session } => {
                let filter = OrderFilter::Session(*session);
                self.cancel_all(filter, None, CancelReason::SessionEnded, sink);
                Ok(())
            }
            Action::SetPhase(phase) => self.set_phase(*phase, sink),
            Action::CloseEpoch { number } => self.close_epoch(*number, sink),
            Action::AdvanceTime => Ok(()),
            Action::SetMarket(terms) => self.set_terms(terms, sink),
            Action::BlockAccount(account) => self.block(*account, sink),
            Action::UnblockAccount(account) => self.unblock(*account, sink),
            // The engine keeps the list of markets and handles these actions itself.
            Action::AddMarket(_) => Err(Reason::MarketExists.into()),
            Action::RemoveMarket => self.check_removable(),
        }
    }

    /// Executes a `Place`.
    #[inline(always)]
    fn place<S: Sink>(
        &mut self,
        command: &Command,
        place: &Place,
        now: Timestamp,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let refusal =
            |reason| Refusal { order: Some(place.order), reference: Some(place.reference), reason };
        let placed = match place.plain_limit() {
            Some(limit) => self.place_plain(command, place, limit, sink),
            None => self.place_with_conditions(command, place, now, sink),
        };
        placed.map_err(refusal)
    }

    #[inline(never)]
    fn place_with_conditions<S: Sink>(
        &mut self,
        command: &Command,
        place: &Place,
        now: Timestamp,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let account = command.account;
        let party = Party { order: place.order, account, reference: place.reference };
        let until = self.check_place(account, place, now)?;
        let mut order = OrderRecord {
            party,
            side: place.side,
            kind: place.kind,
            until,
            post_only: place.post_only,
            minimum_quantity: place.minimum_quantity,
            display_quantity: place.display_quantity,
            self_trade: place.self_trade,
            open: place.quantity,
            shown: Quantity::ZERO,
            priority: self.head.next_priority,
            session: command.session,
        };
        self.check_entry(&order)?;
        if self.may_rest(order.kind, order.until) {
            self.check_room(account)?;
        }
        self.take_priority();
        self.head.accepted = self.head.accepted.saturating_add(1);
        sink.event(&Event::Accepted { account, place: *place, priority: order.priority });
        if place.kind.stop().is_some() {
            self.enter_stop(&mut order, sink);
        } else {
            self.enter(&order, sink);
        }
        self.cascade(sink);
        Ok(())
    }

    fn cancel<S: Sink>(
        &mut self,
        command: &Command,
        order: OrderId,
        sink: &mut S,
    ) -> Result<(), Refusal> {
        let refusal = |reason| Refusal { order: Some(order), reference: None, reason };
        let found =
            self.live_orders.find_position(order).map_err(|_| refusal(Reason::UnknownOrder));
        let (handle, position) = found?;
        if self.live_orders.order(handle).account != command.account && !command.operator {
            return Err(refusal(Reason::NotOwner));
        }
        let removed = self.live_orders.remove_at(position, handle);
        self.cancelled(removed, CancelReason::Requested, sink);
        Ok(())
    }

    /// Cancels all of these orders on one side, or on both if `side` is `None`, in priority order.
    pub(crate) fn cancel_all<S: Sink>(
        &mut self,
        filter: OrderFilter,
        side: Option<Side>,
        reason: CancelReason,
        sink: &mut S,
    ) {
        let mut batch = core::mem::take(&mut self.batch);
        let orders = self.live_orders.orders(filter);
        let orders = orders.filter(|(_, order)| side.is_none_or(|side| side == order.side));
        batch.extend(orders.map(|(handle, order)| (order.priority, handle)));
        self.cancel_batch(batch, reason, sink);
    }

    /// Cancels these orders in priority order, and keeps the emptied list as the buffer.
    pub(crate) fn cancel_batch<S: Sink>(
        &mut self,
        mut batch: Vec<(Priority, Handle)>,
        reason: CancelReason,
        sink: &mut S,
    ) {
        batch.sort_unstable_by_key(|(priority, _)| *priority);
        for (_, handle) in batch.drain(..) {
            self.cancel_order(handle, reason, sink);
        }
        self.batch = batch;
    }

    /// Removes an order from the book and emits `Cancelled`.
    pub(crate) fn cancel_order<S: Sink>(
        &mut self,
        handle: Handle,
        reason: CancelReason,
        sink: &mut S,
    ) {
        let removed = self.live_orders.remove(handle);
        self.cancelled(removed, reason, sink);
    }

    /// Takes the next priority number.
    pub(crate) fn take_priority(&mut self) -> Priority {
        let priority = self.head.next_priority;
        self.head.next_priority = priority.next();
        priority
    }

    /// Emits `Cancelled` for an order that has already been removed.
    pub(crate) fn cancelled<S: Sink>(
        &mut self,
        removed: RemovedOrder,
        reason: CancelReason,
        sink: &mut S,
    ) {
        let RemovedOrder { party, side, price, remaining } = removed;
        self.head.cancelled = self.head.cancelled.saturating_add(1);
        sink.event(&Event::Cancelled { party, side, price, remaining, reason });
    }

    /// Expires the orders that are due.
    #[inline]
    fn expire<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        while let Some((due, handle)) = self.live_orders.next_expiry()
            && due <= now
        {
            self.cancel_order(handle, CancelReason::Expired, sink);
        }
    }

    /// Returns when an order with this time in force ends. Returns `None` if it would end before it
    /// begins, or if its last epoch is above the largest epoch number.
    pub(crate) fn until(&self, time_in_force: TimeInForce, now: Timestamp) -> Option<Until> {
        match time_in_force {
            TimeInForce::GoodTillCancel => Some(Until::Cancelled),
            TimeInForce::ImmediateOrCancel => Some(Until::Immediate),
            TimeInForce::FillOrKill => Some(Until::Filled),
            TimeInForce::GoodTillDate(time) => (time > now).then_some(Until::Time(time)),
            TimeInForce::ForEpochs(epochs) => {
                let last = self.head.epoch.0.checked_add(epochs.checked_sub(1)?)?;
                Some(Until::Epoch(EpochNumber(last)))
            }
        }
    }

    /// Returns `true` if an order of this kind can ever enter a queue, now or after its election.
    pub(crate) fn may_rest(&self, kind: OrderKind, until: Until) -> bool {
        self.head.phase == Phase::Call
            || kind.stop().is_some()
            || (kind.price().is_some() && !matches!(until, Until::Immediate | Until::Filled))
    }
}
