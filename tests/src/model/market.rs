//! A market with its book, its blocked accounts and its request window; and the permissions of commands.

use pricetime_engine::{
    AccountId, Action, CancelReason, Command, Event, Limits, MarketSnapshot, MarketSpec, OrderId,
    OrderRecord, Outcome, Phase, Place, Reason, RequestRecord, SessionId, Side, Terms, Timestamp,
};

use super::book::{Book, is_waiting_stop};

/// One market.
#[derive(Clone, Debug)]
pub(super) struct Market {
    pub(super) book: Book,
    blocked: Vec<AccountId>,
    /// Oldest first.
    requests: Vec<RequestRecord>,
}

/// Returns the reason as an error if the condition holds.
pub(super) fn refuse_if(condition: bool, reason: Reason) -> Result<(), Reason> {
    if condition { Err(reason) } else { Ok(()) }
}

/// Refuses a command that is not from an operator.
pub(super) fn operator(command: &Command) -> Result<(), Reason> {
    refuse_if(!command.operator, Reason::NotOperator)
}

/// BadSpec.
pub(super) fn is_bad(spec: &MarketSpec) -> bool {
    let (terms, limits) = (&spec.terms, &spec.limits);
    let highest = terms.price_min.0.unsigned_abs();
    let highest = highest.max(terms.price_max.0.unsigned_abs());
    let quantity_max = u128::from(spec.quantity_max.0);
    let counts =
        [limits.orders_max, limits.orders_per_account_max, limits.requests_max, limits.blocked_max];
    let fees = [terms.fees.maker_ppm, terms.fees.taker_ppm];

    !spec.tick.is_valid()
        || !spec.lot.is_valid()
        || terms.price_min > terms.price_max
        || quantity_max == 0
        || limits.orders_max == 0
        || limits.orders_per_account_max == 0
        || limits.parts_max == 0
        || counts.iter().any(|count| *count > Limits::COUNT_MAX)
        || fees.iter().any(|fee| fee.unsigned_abs() > 1_000_000)
        || terms
            .reference
            .is_some_and(|price| price < terms.price_min || price > terms.price_max)
        // The product of two 64-bit numbers fits a u128.
        || quantity_max * u128::from(highest) > 1 << 94
        || quantity_max * u128::from(limits.orders_max) > 1 << 63
}

impl Market {
    /// The market as AddMarket creates it.
    pub(super) fn new(command: &Command, spec: &MarketSpec) -> Self {
        Self { book: Book::new(command, spec), blocked: Vec::new(), requests: Vec::new() }
    }

    pub(super) fn snapshot(&self) -> MarketSnapshot {
        let mut orders = self.book.orders.clone();
        orders.sort_by_key(|o| o.priority);
        let (waiting, resting): (Vec<OrderRecord>, Vec<OrderRecord>) =
            orders.into_iter().partition(is_waiting_stop);
        let mut blocked = self.blocked.clone();
        blocked.sort();
        MarketSnapshot {
            head: self.book.head,
            resting,
            waiting,
            blocked,
            requests: self.requests.clone(),
        }
    }

    /// The answer to a command whose request is already known.
    pub(super) fn duplicate(&self, command: &Command) -> Option<Event> {
        let request = command.request?;
        let mut known = self.requests.iter();
        let original = known.find(|r| r.account == command.account && r.request == request)?;
        Some(Event::Duplicate {
            original: original.sequence,
            outcome: original.outcome,
            same_content: original.content == command.action.fingerprint(),
        })
    }

    /// Adds a command's request to the window, and forgets one if there are too many.
    pub(super) fn remember(&mut self, command: &Command, outcome: Outcome) {
        let Some(request) = command.request else {
            return;
        };
        self.requests.push(RequestRecord {
            account: command.account,
            request,
            sequence: command.sequence,
            outcome,
            content: command.action.fingerprint(),
        });
        if self.requests.len() > count(self.book.head.spec.limits.requests_max) {
            self.forget_request();
        }
    }

    /// Forgets the oldest request of the account with the most requests. If several accounts have as many,
    /// the oldest of their requests is forgotten.
    fn forget_request(&mut self) {
        let of = |account| self.requests.iter().filter(|r| r.account == account).count();
        let most = self.requests.iter().map(|r| of(r.account)).max();
        let first = self.requests.iter().position(|r| Some(of(r.account)) == most);
        self.requests.remove(first.expect("there are too many"));
    }

    /// Executes the command, or returns the reason for a refusal and changes nothing.
    pub(super) fn carry_out(&mut self, command: &Command, now: Timestamp) -> Result<(), Reason> {
        if needs_operator(command) {
            operator(command)?;
        }
        let book = &mut self.book;
        match command.action {
            // The id of an existing market was used before.
            Action::AddMarket(_) => Err(Reason::MarketExists),
            Action::SetMarket(terms) => self.set_market(terms),
            Action::RemoveMarket => self.remove_market(),
            Action::Place(place) => self.place(command, &place, now),
            Action::Amend(amend) => book.amend(command.account, &amend),
            Action::Cancel { order } => self.cancel(command, order),
            Action::CancelAll { account, side } => self.cancel_all(account, side),
            Action::CancelSession { session } => self.cancel_session(session),
            Action::SetPhase(phase) => book.set_phase(phase),
            Action::CloseEpoch { number } => book.close_epoch(number),
            Action::AdvanceTime => Ok(()),
            Action::BlockAccount(account) => self.block(account),
            Action::UnblockAccount(account) => self.unblock(account),
        }
    }

    fn set_market(&mut self, terms: Terms) -> Result<(), Reason> {
        let spec = MarketSpec { terms, ..self.book.head.spec };
        refuse_if(is_bad(&spec), Reason::BadSpec)?;
        refuse_if(spec == self.book.head.spec, Reason::NoChange)?;
        self.book.head.spec = spec;
        self.book.events.push(Event::MarketSet(terms));
        Ok(())
    }

    /// The caller removes the market from the engine.
    fn remove_market(&mut self) -> Result<(), Reason> {
        refuse_if(!self.book.orders.is_empty(), Reason::MarketNotEmpty)?;
        refuse_if(self.book.head.phase != Phase::Closed, Reason::WrongPhase)?;
        self.book.events.push(Event::MarketRemoved);
        Ok(())
    }

    fn place(&mut self, command: &Command, place: &Place, now: Timestamp) -> Result<(), Reason> {
        let phase = self.book.head.phase;
        refuse_if(phase == Phase::Halted || phase == Phase::Closed, Reason::WrongPhase)?;
        refuse_if(self.blocked.contains(&command.account), Reason::AccountBlocked)?;
        self.book.place(command, place, now)
    }

    fn cancel(&mut self, command: &Command, order: OrderId) -> Result<(), Reason> {
        let live = self.book.get(order).ok_or(Reason::UnknownOrder)?;
        refuse_if(live.party.account != command.account && !command.operator, Reason::NotOwner)?;
        self.book.cancel_each(|o| o.party.order == order, CancelReason::Requested);
        Ok(())
    }

    fn cancel_all(&mut self, account: Option<AccountId>, side: Option<Side>) -> Result<(), Reason> {
        refuse_if(self.book.head.phase == Phase::Closed, Reason::UnknownOrder)?;
        self.book.cancel_each(
            |o| account.is_none_or(|a| a == o.party.account) && side.is_none_or(|s| s == o.side),
            CancelReason::Requested,
        );
        Ok(())
    }

    /// Orders without a session are never affected, not even if all sessions end.
    fn cancel_session(&mut self, session: Option<SessionId>) -> Result<(), Reason> {
        refuse_if(self.book.head.phase == Phase::Closed, Reason::UnknownOrder)?;
        match session {
            Some(_) => self.book.cancel_each(|o| o.session == session, CancelReason::SessionEnded),
            None => self.book.cancel_each(|o| o.session.is_some(), CancelReason::SessionEnded),
        }
        Ok(())
    }

    fn block(&mut self, account: AccountId) -> Result<(), Reason> {
        let full = self.blocked.len() >= count(self.book.head.spec.limits.blocked_max);
        refuse_if(self.blocked.contains(&account), Reason::NoChange)?;
        refuse_if(full, Reason::BlockedFull)?;
        self.blocked.push(account);
        self.book.events.push(Event::AccountBlocked(account));
        Ok(())
    }

    fn unblock(&mut self, account: AccountId) -> Result<(), Reason> {
        refuse_if(!self.blocked.contains(&account), Reason::NoChange)?;
        self.blocked.retain(|blocked| *blocked != account);
        self.book.events.push(Event::AccountUnblocked(account));
        Ok(())
    }
}

/// Everything except Place, Amend, Cancel, and CancelAll of the account's own orders.
fn needs_operator(command: &Command) -> bool {
    match command.action {
        Action::Place(_) | Action::Amend(_) | Action::Cancel { .. } => false,
        Action::CancelAll { account, .. } => account != Some(command.account),
        Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::CancelSession { .. }
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => true,
    }
}

/// Converts a limit to a length.
pub(super) fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
