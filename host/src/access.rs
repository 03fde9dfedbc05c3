//! Access rules: what a connection may do, and what it may see.
//!
//! Every interface checks here before it submits a command or answers a question. It reduces each group of
//! events with [`Principal::seen`] before it shows it. `docs/json.md`, "What a connection may see", states
//! the rules.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use pricetime_engine::{
    AccountId, EpochSummary, Event, Group, Header, OrderId, OrderRecord, Outcome, Party, Quantity,
    SideSummary,
};
use uuid::Uuid;

use crate::draft::Draft;

/// On whose behalf a connection acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// An operator, who may do and see everything.
    Operator,
    /// A client that acts for these accounts. It sees public data and what concerns its accounts.
    Accounts(Arc<BTreeSet<AccountId>>),
    /// A client without an account. It sees public data and may change nothing.
    Public,
}

/// Why a principal may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Only operators may do this.
    #[error("only operators may do this: use the Unix socket or an operator's token")]
    NotOperator,
    /// The connection acts for no account.
    #[error(
        "without a token a connection sees public data only: send your token in `hello`, as the \
         first line"
    )]
    NoToken,
    /// The account is not one of the connection's accounts.
    #[error("account {} is not one of this connection's accounts", Uuid::from(*.0))]
    OtherAccount(AccountId),
}

impl Principal {
    /// Returns a client that acts for these accounts.
    #[must_use]
    pub fn accounts(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        Self::Accounts(Arc::new(accounts.into_iter().collect()))
    }

    /// Returns `true` for an operator.
    #[must_use]
    pub const fn is_operator(&self) -> bool {
        matches!(self, Self::Operator)
    }

    /// Returns `true` if the principal may see what only this account and operators may see.
    #[must_use]
    pub fn sees(&self, account: AccountId) -> bool {
        match self {
            Self::Operator => true,
            Self::Accounts(own) => own.contains(&account),
            Self::Public => false,
        }
    }

    /// Checks whether the principal may act for this account.
    ///
    /// # Errors
    /// Returns [`Denied`] if the principal has no account, or if this one is not among its accounts.
    pub fn may_act_for(&self, account: AccountId) -> Result<(), Denied> {
        match self {
            Self::Public => Err(Denied::NoToken),
            Self::Operator | Self::Accounts(_) if self.sees(account) => Ok(()),
            Self::Operator | Self::Accounts(_) => Err(Denied::OtherAccount(account)),
        }
    }

    /// Checks whether the principal may submit this command.
    ///
    /// # Errors
    /// Returns [`Denied`] if the command needs an operator or acts for another account.
    pub fn may_submit(&self, draft: &Draft) -> Result<(), Denied> {
        if draft.operator && !self.is_operator() {
            return Err(Denied::NotOperator);
        }
        self.may_act_for(draft.account)
    }

    /// Returns the order if the principal may see it.
    #[must_use]
    pub fn order(&self, order: OrderRecord) -> Option<OrderRecord> {
        self.sees(order.party.account).then_some(order)
    }

    /// Returns what the principal may see of a group. An operator sees all of it. A client sees what
    /// concerns its accounts, without the other side of a trade.
    #[must_use]
    pub fn seen(&self, group: Group) -> Group {
        if self.is_operator() {
            return group;
        }
        self.seen_by_client((&group.header, &group.events, group.outcome))
    }

    /// Returns what the principal may see of one of the groups in [`Answers`](crate::Answers), like
    /// [`seen`](Self::seen). `None` means all of it.
    #[must_use]
    pub fn seen_part(&self, group: (&Header, &[Event], Outcome)) -> Option<Group> {
        (!self.is_operator()).then(|| self.seen_by_client(group))
    }

    fn seen_by_client(&self, (header, events, outcome): (&Header, &[Event], Outcome)) -> Group {
        seen(header, events, outcome, |account| self.sees(account))
    }

    /// Returns the reason the host has stopped, as far as the principal may see it.
    #[must_use]
    pub fn reason<'a>(&self, reason: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        if self.is_operator() { reason.into() } else { "only operators see the reason".into() }
    }
}

/// The accounts that an event concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concerned {
    /// These two, which may be the same.
    Accounts([AccountId; 2]),
    /// The account that sent the command.
    Sender,
    /// Every account of the market.
    All,
}

/// Returns the accounts that an event concerns. Only they and operators see it.
pub(crate) fn concerned(event: &Event) -> Concerned {
    let mut accounts = event.parties().map(|party| party.account);
    if let Some(one) = accounts.next() {
        return Concerned::Accounts([one, accounts.next().unwrap_or(one)]);
    }
    if let Event::AccountBlocked(account) | Event::AccountUnblocked(account) = event {
        return Concerned::Accounts([*account, *account]);
    }
    let is_public = matches!(
        event,
        Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
    );
    // Any other event that names no account, such as a refusal, is only for the sender.
    if is_public { Concerned::All } else { Concerned::Sender }
}

/// Returns what the owner of these accounts may see of a group. If another account sent the command, the
/// group shows neither that account nor its request id.
pub(crate) fn seen<'a>(
    header: &Header,
    events: impl IntoIterator<Item = &'a Event>,
    outcome: Outcome,
    own: impl Fn(AccountId) -> bool,
) -> Group {
    let is_sender = own(header.account);
    let events =
        events.into_iter().filter_map(|event| seen_event(event, &own, is_sender)).collect();
    if is_sender {
        return Group { header: *header, events, outcome };
    }
    let header = Header { account: AccountId(0), request: None, session: None, ..*header };
    Group { header, events, outcome: Outcome::Accepted }
}

/// Returns an epoch's close as everyone may see it: what the book shows. Only operators see hidden parts
/// and stops.
pub(crate) fn public_epoch(summary: &EpochSummary) -> EpochSummary {
    let shown = |side: SideSummary| SideSummary {
        best: side.best,
        resting: side.resting,
        resting_quantity: Quantity(side.resting_quantity.0.saturating_sub(side.hidden_quantity.0)),
        ..SideSummary::default()
    };
    EpochSummary { bids: shown(summary.bids), asks: shown(summary.asks), ..*summary }
}

/// Returns the event as the owner of these accounts may see it, or `None` if it does not concern them.
/// `is_sender` is `true` if one of them sent the command.
fn seen_event(event: &Event, own: impl Fn(AccountId) -> bool, is_sender: bool) -> Option<Event> {
    let seen = match concerned(event) {
        Concerned::Accounts([one, other]) => own(one) || own(other),
        Concerned::Sender => is_sender,
        Concerned::All => true,
    };
    let mut event = seen.then_some(*event)?;
    if let Event::EpochClosed(summary) = &mut event {
        *summary = public_epoch(summary);
    }
    if let Event::Traded { maker, taker, maker_remaining, taker_remaining, .. } = &mut event {
        let hidden = Party { order: OrderId(0), account: AccountId(0), reference: 0 };
        if !own(maker.account) {
            (*maker, *maker_remaining) = (hidden, Quantity::ZERO);
        }
        if !own(taker.account) {
            (*taker, *taker_remaining) = (hidden, Quantity::ZERO);
        }
    }
    Some(event)
}
