//! Shrinks a long run that shows a difference to a short one.

use std::collections::BTreeMap;
use std::panic;

use pricetime_engine::{
    AccountId, Action, Amend, Command, EpochNumber, MarketId, OrderId, Place, Quantity, SelfTrade,
    Sequence, TimeInForce, Timestamp,
};

use super::{Subject, Trial};
use crate::generate::Step;

/// The limit on the steps of all runs in a search.
const STEPS_MAX: usize = 2_000_000;

/// The search for fewer and simpler steps.
struct Search<S> {
    markets_max: u32,
    spent: usize,
    steps: Vec<Step>,
    difference: String,
    subject: std::marker::PhantomData<S>,
}

/// Returns as few steps as it can find that still show a difference, and that difference.
pub(super) fn shrink<S: Subject>(
    markets_max: u32,
    steps: Vec<Step>,
    difference: &str,
) -> (Vec<Step>, String) {
    let mut search = Search::<S> {
        markets_max,
        spent: 0,
        steps,
        difference: difference.to_owned(),
        subject: std::marker::PhantomData,
    };
    // Without this, a core that panics would print a message in every run.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    search.flatten();
    search.remove();
    while search.spent < STEPS_MAX && search.simplify() {
        search.remove();
    }
    search.rename();
    panic::set_hook(hook);
    (search.steps, search.difference)
}

impl<S: Subject> Search<S> {
    /// Replaces the steps with these if they show a difference too, and cuts them after it.
    fn take(&mut self, mut steps: Vec<Step>) -> bool {
        let mut trial = Trial::<S>::closely(self.markets_max);
        for at in 0..steps.len() {
            self.spent += 1;
            if let Err(difference) = trial.step(&steps[at], &mut |_, _, _| ()) {
                steps.truncate(at + 1);
                self.steps = steps;
                self.difference = difference;
                return true;
            }
        }
        false
    }

    /// Splits batches into single commands.
    fn flatten(&mut self) {
        let single = |step: &Step| match step {
            Step::Batch(commands) => commands.iter().copied().map(Step::Apply).collect(),
            Step::Apply(_) | Step::Restore => vec![step.clone()],
        };
        self.take(self.steps.iter().flat_map(single).collect());
    }

    /// Removes as many steps as possible: first halves, finally single steps.
    fn remove(&mut self) {
        let mut size = self.steps.len().div_ceil(2);
        while size > 0 && self.spent < STEPS_MAX {
            let mut end = self.steps.len();
            while end > 0 && self.spent < STEPS_MAX {
                let start = end.saturating_sub(size);
                let mut fewer = self.steps.clone();
                fewer.drain(start..end);
                let closed_up = with_epochs_closed_up(&fewer);
                if !self.take(fewer) {
                    self.take(closed_up);
                }
                end = start.min(self.steps.len());
            }
            size /= 2;
        }
    }

    /// Simplifies commands, one change at a time. Returns `true` if anything changed.
    fn simplify(&mut self) -> bool {
        let mut any = false;
        let mut at = 0;
        while at < self.steps.len() && self.spent < STEPS_MAX {
            let Step::Apply(command) = self.steps[at] else {
                at += 1;
                continue;
            };
            let plainer = plainer(&command).into_iter().find(|plain| {
                let mut steps = self.steps.clone();
                steps[at] = Step::Apply(*plain);
                self.take(steps)
            });
            any |= plainer.is_some();
            at += usize::from(plainer.is_none());
        }
        any
    }

    /// Renumbers commands, orders and accounts from 1.
    fn rename(&mut self) {
        let mut names = Names::default();
        let mut steps = self.steps.clone();
        for (command, number) in commands(&mut steps).zip(1..) {
            command.sequence = Sequence(number);
        }
        self.take(steps);
        let mut steps = self.steps.clone();
        commands(&mut steps).for_each(|command| names.shorten(command));
        self.take(steps);
    }
}

fn commands(steps: &mut [Step]) -> impl Iterator<Item = &mut Command> {
    steps.iter_mut().filter_map(|step| match step {
        Step::Apply(command) => Some(command),
        Step::Batch(_) | Step::Restore => None,
    })
}

/// Renumbers the closed epochs of every market without gaps. After a gap, all later closes would only be
/// refused.
fn with_epochs_closed_up(steps: &[Step]) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let mut last = BTreeMap::<MarketId, u64>::new();
    for command in commands(&mut steps) {
        if let Action::CloseEpoch { number } = &mut command.action {
            let last = last.entry(command.market).or_default();
            *last += 1;
            *number = EpochNumber(*last);
        }
    }
    steps
}

/// Short names for long ones, given in the order in which these occur.
#[derive(Default)]
struct Names {
    orders: BTreeMap<OrderId, u128>,
    accounts: BTreeMap<AccountId, u128>,
}

impl Names {
    fn shorten(&mut self, command: &mut Command) {
        self.account(&mut command.account);
        match &mut command.action {
            Action::Place(place) => self.order(&mut place.order),
            Action::Amend(amend) => self.order(&mut amend.order),
            Action::Cancel { order } => self.order(order),
            Action::CancelAll { account: Some(account), .. }
            | Action::BlockAccount(account)
            | Action::UnblockAccount(account) => self.account(account),
            Action::CancelAll { account: None, .. }
            | Action::CancelSession { .. }
            | Action::AddMarket(_)
            | Action::SetMarket(_)
            | Action::RemoveMarket
            | Action::SetPhase(_)
            | Action::CloseEpoch { .. }
            | Action::AdvanceTime => {}
        }
    }

    fn order(&mut self, order: &mut OrderId) {
        let next = self.orders.len() as u128 + 1;
        *order = OrderId(*self.orders.entry(*order).or_insert(next));
    }

    fn account(&mut self, account: &mut AccountId) {
        let next = self.accounts.len() as u128 + 1;
        *account = AccountId(*self.accounts.entry(*account).or_insert(next));
    }
}

/// The ways to simplify a command, each a strict simplification.
fn plainer(command: &Command) -> Vec<Command> {
    let mut ways = Vec::new();
    let mut way = |changed: Command| {
        if changed != *command {
            ways.push(changed);
        }
    };
    way(Command { request: None, ..*command });
    way(Command { session: None, ..*command });
    way(Command { timestamp: Timestamp(0), ..*command });
    let act = |action| Command { action, ..*command };
    match command.action {
        Action::Place(place) => {
            plainer_places(place).into_iter().for_each(|place| way(act(Action::Place(place))))
        }
        Action::Amend(amend) => {
            plainer_amends(amend).into_iter().for_each(|amend| way(act(Action::Amend(amend))))
        }
        Action::CancelAll { account, side } => {
            way(act(Action::CancelAll { account, side: None }));
            way(act(Action::CancelAll { account: None, side }));
        }
        Action::CancelSession { .. } => way(act(Action::CancelSession { session: None })),
        Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::Cancel { .. }
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => {}
    }
    ways
}

fn plainer_places(place: Place) -> Vec<Place> {
    let mut ways = vec![
        Place { display_quantity: None, ..place },
        Place { minimum_quantity: None, ..place },
        Place { post_only: false, ..place },
        Place { time_in_force: TimeInForce::GoodTillCancel, ..place },
        Place { self_trade: SelfTrade::None, ..place },
        Place { reference: 0, ..place },
    ];
    for smaller in [1, 2, place.quantity.0 / 2] {
        if smaller < place.quantity.0 {
            ways.push(Place { quantity: Quantity(smaller), ..place });
        }
    }
    ways
}

fn plainer_amends(amend: Amend) -> Vec<Amend> {
    vec![
        Amend { if_open: None, ..amend },
        Amend { requeue: false, ..amend },
        Amend { price: None, ..amend },
        Amend { quantity: None, ..amend },
        Amend { stop_price: None, ..amend },
    ]
}
