//! Handles that send commands as an account or as an operator.

use pricetime_engine::{
    AccountId, Action, Amend, EpochNumber, MarketId, MarketSpec, OrderId, Phase, Place, RequestId,
    Side, Terms,
};

use crate::draft::Draft;
use crate::host::Host;
use crate::pending::Pending;

/// An account in a market. Commands sent through it never have operator rights.
///
/// ```no_run
/// use pricetime::engine::{AccountId, MarketId, OrderId, Place, Price, Quantity, Side};
/// use pricetime::{CallError, Host};
///
/// async fn sell(host: &Host) -> Result<(), CallError> {
///     let alice = host.account(MarketId(1), AccountId(7));
///     let order = Place::limit(OrderId(1), Side::Sell, Quantity(300), Price(1_425));
///     let group = alice.place(order).await?.accepted()?;
///     for trade in group.trades() {
///         println!("{} at {}", trade.quantity, trade.price);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Account {
    host: Host,
    market: MarketId,
    account: AccountId,
    request: Option<RequestId>,
}

/// An operator of a market. It may do what accounts may not, and may cancel the orders of any account.
///
/// ```no_run
/// use pricetime::engine::{MarketId, MarketSpec, Phase};
///
/// # async fn example(host: pricetime::Host) -> Result<(), Box<dyn std::error::Error>> {
/// let sun = host.operator(MarketId(1));
/// let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
/// sun.add(spec).await?.accepted()?;
/// sun.set_phase(Phase::Continuous).await?.accepted()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Operator(Account);

impl Host {
    /// Returns a handle to an account in a market. Nothing is checked before it sends a command.
    #[must_use]
    pub fn account(&self, market: MarketId, account: AccountId) -> Account {
        Account { host: self.clone(), market, account, request: None }
    }

    /// Returns a handle to the operator of a market. Its commands come from account 0.
    #[must_use]
    pub fn operator(&self, market: MarketId) -> Operator {
        Operator(self.account(market, AccountId(0)))
    }
}

impl Account {
    /// Returns a handle that sends its commands with this request id. A command that repeats an earlier one
    /// with the same id is not carried out. Its answer has the outcome [`Duplicate`], and its only event,
    /// [`Event::Duplicate`], has the outcome of the first command.
    ///
    /// [`Duplicate`]: pricetime_engine::Outcome::Duplicate
    /// [`Event::Duplicate`]: pricetime_engine::Event::Duplicate
    #[must_use]
    pub fn with_request(&self, request: RequestId) -> Self {
        Self { request: Some(request), ..self.clone() }
    }

    fn submit(&self, operator: bool, action: Action) -> Pending {
        let Self { market, account, request, .. } = *self;
        let draft = Draft { market, account, operator, request, session: None, action };
        Pending::of(self.host.submit(draft))
    }

    /// Places an order.
    pub fn place(&self, place: Place) -> Pending {
        self.submit(false, Action::Place(place))
    }

    /// Changes a live order of this account.
    pub fn amend(&self, amend: Amend) -> Pending {
        self.submit(false, Action::Amend(amend))
    }

    /// Cancels a live order of this account.
    pub fn cancel(&self, order: OrderId) -> Pending {
        self.submit(false, Action::Cancel { order })
    }

    /// Cancels this account's live orders, on one side or on both.
    pub fn cancel_all(&self, side: Option<Side>) -> Pending {
        self.submit(false, Action::CancelAll { account: Some(self.account), side })
    }
}

impl Operator {
    fn submit(&self, action: Action) -> Pending {
        self.0.submit(true, action)
    }

    /// Adds the market, in the phase Closed.
    pub fn add(&self, spec: MarketSpec) -> Pending {
        self.submit(Action::AddMarket(spec))
    }

    /// Replaces the market's terms.
    pub fn set(&self, terms: Terms) -> Pending {
        self.submit(Action::SetMarket(terms))
    }

    /// Removes the market, which must be Closed.
    pub fn remove(&self) -> Pending {
        self.submit(Action::RemoveMarket)
    }

    /// Moves the market to another phase.
    pub fn set_phase(&self, phase: Phase) -> Pending {
        self.submit(Action::SetPhase(phase))
    }

    /// Closes the current epoch, which must have this number.
    pub fn close_epoch(&self, number: EpochNumber) -> Pending {
        self.submit(Action::CloseEpoch { number })
    }

    /// Blocks an account: its new orders are refused.
    pub fn block(&self, account: AccountId) -> Pending {
        self.submit(Action::BlockAccount(account))
    }

    /// Unblocks an account: its new orders are accepted again.
    pub fn unblock(&self, account: AccountId) -> Pending {
        self.submit(Action::UnblockAccount(account))
    }

    /// Cancels a live order of any account.
    pub fn cancel(&self, order: OrderId) -> Pending {
        self.submit(Action::Cancel { order })
    }

    /// Cancels the live orders of one account or of all accounts, on one side or on both.
    pub fn cancel_all(&self, account: Option<AccountId>, side: Option<Side>) -> Pending {
        self.submit(Action::CancelAll { account, side })
    }
}
