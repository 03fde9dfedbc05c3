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
    steps_run: usize,
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
        steps_run: 0,
        steps,
        difference: difference.to_owned(),
        subject: std::marker::PhantomData,
    };
    // Without this, a core that panics would print a message in every run.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    search.flatten();
    search.remove();
    while search.steps_run < STEPS_MAX && search.simplify() {
        search.remove();
    }
    search.rename();
    panic::set_hook(hook);
    (search.steps, search.difference)
}

impl<S: Subject> Search<S> {
    /// Replaces the steps with these if they show a difference too, and cuts them after it.
    fn keep_if_failing(&mut self, mut steps: Vec<Step>) -> bool {
        let mut trial = Trial::<S>::thorough(self.markets_max);
        for at in 0..steps.len() {
            self.steps_run += 1;
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
        self.keep_if_failing(self.steps.iter().flat_map(single).collect());
    }

    /// Removes as many steps as possible: first halves, finally single steps.
    fn remove(&mut self) {
        let mut size = self.steps.len().div_ceil(2);
        while size > 0 && self.steps_run < STEPS_MAX {
            let mut end = self.steps.len();
            while end > 0 && self.steps_run < STEPS_MAX {
                let start = end.saturating_sub(size);
                let mut fewer = self.steps.clone();
                fewer.drain(start..end);
                let renumbered = with_epochs_renumbered(&fewer);
                if !self.keep_if_failing(fewer) {
                    self.keep_if_failing(renumbered);
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
        while at < self.steps.len() && self.steps_run < STEPS_MAX {
            let Step::Apply(command) = self.steps[at] else {
                at += 1;
                continue;
            };
            let simpler = simpler(&command).into_iter().find(|plain| {
                let mut steps = self.steps.clone();
                steps[at] = Step::Apply(*plain);
                self.keep_if_failing(steps)
            });
            any |= simpler.is_some();
            at += usize::from(simpler.is_none());
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
        self.keep_if_failing(steps);
        let mut steps = self.steps.clone();
        commands(&mut steps).for_each(|command| names.shorten(command));
        self.keep_if_failing(steps);
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
fn with_epochs_renumbered(steps: &[Step]) -> Vec<Step> {
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
fn simpler(command: &Command) -> Vec<Command> {
    let mut variants = Vec::new();
    let mut add_variant = |changed: Command| {
        if changed != *command {
            variants.push(changed);
        }
    };
    add_variant(Command { request: None, ..*command });
    add_variant(Command { session: None, ..*command });
    add_variant(Command { timestamp: Timestamp(0), ..*command });
    let act = |action| Command { action, ..*command };
    match command.action {
        Action::Place(place) => simpler_places(place)
            .into_iter()
            .for_each(|place| add_variant(act(Action::Place(place)))),
        Action::Amend(amend) => simpler_amends(amend)
            .into_iter()
            .for_each(|amend| add_variant(act(Action::Amend(amend)))),
        Action::CancelAll { account, side } => {
            add_variant(act(Action::CancelAll { account, side: None }));
            add_variant(act(Action::CancelAll { account: None, side }));
        }
        Action::CancelSession { .. } => add_variant(act(Action::CancelSession { session: None })),
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
    variants
}

fn simpler_places(place: Place) -> Vec<Place> {
    let mut variants = vec![
        Place { display_quantity: None, ..place },
        Place { minimum_quantity: None, ..place },
        Place { post_only: false, ..place },
        Place { time_in_force: TimeInForce::GoodTillCancel, ..place },
        Place { self_trade: SelfTrade::None, ..place },
        Place { reference: 0, ..place },
    ];
    for smaller in [1, 2, place.quantity.0 / 2] {
        if smaller < place.quantity.0 {
            variants.push(Place { quantity: Quantity(smaller), ..place });
        }
    }
    variants
}

fn simpler_amends(amend: Amend) -> Vec<Amend> {
    vec![
        Amend { if_open: None, ..amend },
        Amend { requeue: false, ..amend },
        Amend { price: None, ..amend },
        Amend { quantity: None, ..amend },
        Amend { stop_price: None, ..amend },
    ]
}
