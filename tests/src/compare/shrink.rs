//! From a long run that shows a difference to a short one.

use std::collections::BTreeMap;
use std::panic;

use pricetime_engine::{
    AccountId, Action, Amend, Command, EpochNumber, MarketId, OrderId, Place, Quantity, SelfTrade,
    Sequence, TimeInForce, Timestamp,
};

use super::{Subject, Trial};
use crate::generate::Step;

/// How many steps the runs of a search may take together.
const STEPS_MAX: usize = 2_000_000;

/// The search for fewer and plainer steps.
struct Search<S> {
    markets_max: u32,
    spent: usize,
    steps: Vec<Step>,
    difference: String,
    subject: std::marker::PhantomData<S>,
}

/// As few steps as can be found that still show a difference, and what they show.
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
    // A core that panics would print it in every run.
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
    /// Takes these steps instead if they show a difference too, up to where they do.
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

    /// Makes single commands of batches.
    fn flatten(&mut self) {
        let single = |step: &Step| match step {
            Step::Batch(commands) => commands.iter().copied().map(Step::Apply).collect(),
            Step::Apply(_) | Step::Restore => vec![step.clone()],
        };
        self.take(self.steps.iter().flat_map(single).collect());
    }

    /// Leaves out as much as possible: halves first, single steps last.
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

    /// Makes commands plainer, one thing at a time; whether anything became so.
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

    /// Numbers commands, orders and accounts from 1.
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

/// The same steps with the epochs of every market closed in the order of their numbers: without
/// one of them the others would only be refused.
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

/// Short names, given in the order in which the long ones come.
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

/// Ways to make a command plainer, each strictly so.
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
