//! One schedule: runners, their ledger, the locks and the network, all generated from one seed.

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pricetime_engine::MarketId;
use pricetime_settlement::ledger::{Ledger, Position, Token};
use pricetime_settlement::{PollResult, Reply, Standing, Step};

use super::journal::Journal;
use super::ledger::{Flaw, Model};
use super::locks::Locks;
use super::observer::{Observer, Tally};
use super::plan::Plan;
use super::runner::Runner;
use crate::generate::random::Random;

/// More events than any schedule needs, so that one that never ends is detected.
const EVENTS_MAX: u64 = 100_000;
/// Everything must be settled within this time after the last fault: more than twice the longest backoff.
const TIMEOUT: u64 = 3_600_000;

/// A scheduled event.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A runner looks for its next steps.
    Wake {
        runner: usize,
        life: u64,
    },
    /// A request reaches the ledger.
    Arrive {
        call: usize,
    },
    /// An answer reaches the sender.
    Answer {
        call: usize,
        reply: Reply,
    },
    /// The sender stops waiting for the answer.
    Late {
        call: usize,
    },
    /// An epoch closes in a runner's journal.
    CloseEpoch {
        runner: usize,
        market: usize,
    },
    /// A runner starts again.
    Start {
        runner: usize,
    },
    /// An operator looks after a market of a runner.
    Operator {
        runner: usize,
        market: usize,
    },
    /// A random fault occurs.
    RandomFault,
    /// A client outside the runners interferes with the ledger.
    ForeignClient,
    /// The ledger's position is set back, or corrected.
    SetBack,
    CorrectPosition,
    /// The whole ledger is copied, or restored from that copy.
    Copy,
    Restore,
    /// All faults end.
    Heal,
}

/// A request in transit.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) runner: usize,
    pub(super) life: u64,
    pub(super) market: usize,
    pub(super) step: Step,
}

/// The whole simulation.
#[derive(Debug)]
pub struct World {
    pub(super) now: u64,
    pub(super) random: Random,
    pub(super) plan: Plan,
    pub(super) journal: Journal,
    pub(super) model: Model,
    pub(super) observer: Observer,
    pub(super) locks: Locks,
    pub(super) runners: Vec<Runner>,
    pub(super) hangs_until: u64,
    /// The copy of the ledger, with the observer's state at that time.
    pub(super) copied: Option<(Model, Observer)>,
    /// Earlier requests than this one were lost when the ledger was restored.
    pub(super) restored: usize,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    /// The events by number, in the order of their creation.
    list: Vec<Option<Event>>,
    pub(super) calls: Vec<Call>,
}

/// Runs the schedule of a seed, with a ledger that has this flaw.
///
/// # Errors
/// Returns the violated invariant and its time.
pub fn run(seed: u64, flaw: Flaw) -> Result<Tally, String> {
    let mut world = World::new(seed, flaw);
    let end = world.run_events();
    world.observer.tally.schedules = 1;
    end.map_err(|what| format!("seed {seed} at {} ms: {what}", world.now))?;
    Ok(world.observer.tally)
}

impl World {
    fn new(seed: u64, flaw: Flaw) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::generate(&mut random);
        let journal = Journal::random(plan.markets, &mut random);
        let markets = journal.batches.len();
        let mut world = Self {
            now: 0,
            model: Model::new(flaw),
            observer: Observer::default(),
            locks: Locks::new(plan.nodes, plan.ttl),
            runners: (0..plan.runners).map(|number| Runner::new(number, markets)).collect(),
            hangs_until: 0,
            copied: None,
            restored: 0,
            events: BinaryHeap::new(),
            list: Vec::new(),
            calls: Vec::new(),
            random,
            plan,
            journal,
        };
        world.schedule_initial_events();
        world
    }

    /// Schedules the events that are known from the beginning.
    fn schedule_initial_events(&mut self) {
        let end = self.plan.faults_until;
        for runner in 0..self.runners.len() {
            let lag = self.random.below(self.plan.lag_max);
            let lacks_journal = runner == 1 && self.plan.lacks_journal;
            for market in (0..self.journal.batches.len()).filter(|_| !lacks_journal) {
                let mut at = 0;
                for _ in 0..self.journal.batches[market].len() {
                    at += self.plan.epoch_every;
                    let later = at + lag + self.random.below(10);
                    self.at(later, Event::CloseEpoch { runner, market });
                }
            }
            let start = self.random.below(100);
            self.at(start, Event::Start { runner });
        }
        for (market, batches) in (1..).map(MarketId).zip(&self.journal.batches) {
            for batch in batches {
                if self.random.chance(self.plan.refused_percent) {
                    self.model.refused.push((market, batch.epoch));
                }
            }
        }
        let times = [
            (self.plan.fault_count, Event::RandomFault),
            (self.plan.foreign_clients, Event::ForeignClient),
        ];
        for (many, event) in times {
            for _ in 0..many {
                let at = self.random.below(end);
                self.at(at, event.clone());
            }
        }
        if self.plan.set_back {
            let at = self.random.below(end);
            self.at(at, Event::SetBack);
        }
        if self.plan.restored {
            let at = self.random.below(end / 2);
            self.at(at, Event::Copy);
        }
        self.at(end, Event::Heal);
    }

    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.events.push(Reverse((at, self.list.len() as u64)));
        self.list.push(Some(event));
    }

    pub(super) fn once_in(&mut self, many: u64) -> bool {
        many != u64::MAX && self.faults_active() && self.random.once_in(many)
    }

    pub(super) fn faults_active(&self) -> bool {
        self.now < self.plan.faults_until
    }

    fn run_events(&mut self) -> Result<(), String> {
        while let Some(Reverse((at, number))) = self.events.pop() {
            self.now = self.now.max(at);
            self.observer.tally.events += 1;
            if self.now > self.plan.faults_until + TIMEOUT || number > EVENTS_MAX {
                let is_complete = self.has_complete_journal();
                self.observer.end(&mut self.model, &self.journal, is_complete)?;
                return Err(format!("it does not become idle: {:?}", self.standings()));
            }
            let Some(event) = self.list[number as usize].take() else { continue };
            self.carry_out(event)?;
            if !self.faults_active() && self.is_idle() {
                return Ok(());
            }
        }
        Err(format!("nothing is scheduled any more: {:?}", self.standings()))
    }

    fn standings(&self) -> Vec<Standing> {
        let markets = self.runners.iter().flat_map(|runner| &runner.markets);
        markets.filter_map(|state| state.settler.as_ref()).map(|it| it.standing()).collect()
    }

    /// Returns `true` if no remaining runner has anything to do or holds a lock, and everything is settled.
    fn is_idle(&mut self) -> bool {
        let is_left = |runner: &&Runner| runner.number > 0 || !self.plan.gone;
        let is_idle = self.runners.iter().filter(is_left).all(|runner| {
            let clock = runner.clock(self.now);
            let lacks_journal = runner.number == 1 && self.plan.lacks_journal;
            runner.markets.iter().zip(&self.journal.batches).all(|(state, batches)| {
                (lacks_journal || state.closed_epochs == batches.len() as u64)
                    && state.call.is_none()
                    && !state.holds(clock)
                    && state.settler.as_ref().is_some_and(|it| it.standing() == Standing::Idle)
            })
        });
        let is_complete = self.has_complete_journal();
        is_idle && self.observer.end(&mut self.model, &self.journal, is_complete).is_ok()
    }

    /// Returns `true` if a runner with a complete journal is left.
    fn has_complete_journal(&self) -> bool {
        let gone = usize::from(self.plan.gone) + usize::from(self.plan.lacks_journal);
        self.runners.len() > gone
    }

    fn carry_out(&mut self, event: Event) -> Result<(), String> {
        if let Some(runner) = self.runner_of(&event)
            && self.runners[runner].paused_until > self.now
        {
            let later = self.runners[runner].paused_until;
            self.at(later, event);
            return Ok(());
        }
        match event {
            Event::Wake { runner, life } => {
                let it = &mut self.runners[runner];
                if it.life != life {
                    return Ok(());
                }
                it.wake_at.take_if(|at| *at <= self.now);
                self.poll(runner)
            }
            Event::Arrive { call } => self.arrive(call),
            Event::Answer { call, reply } => self.handle_reply(call, reply, false),
            Event::Late { call } => self.late(call),
            Event::CloseEpoch { runner, market } => {
                let part = self.once_in(self.plan.partial_once_in);
                self.runners[runner].close_epoch(market, &self.journal, part);
                self.poll(runner)
            }
            Event::Start { runner: 0 } if self.plan.gone && !self.faults_active() => Ok(()),
            Event::Start { runner } => {
                if !self.runners[runner].runs() {
                    self.runners[runner].start(self.plan.patience);
                }
                self.poll(runner)
            }
            Event::Operator { runner, market } => {
                self.operate(runner, market)?;
                self.poll(runner)
            }
            Event::RandomFault => self.apply_random_fault(),
            Event::ForeignClient => self.act_as_foreign_client(),
            Event::SetBack => self.set_back(),
            Event::CorrectPosition => self.correct_position(),
            Event::Copy => self.copy(),
            Event::Restore => self.restore(),
            Event::Heal => self.heal(),
        }
    }

    fn runner_of(&self, event: &Event) -> Option<usize> {
        match event {
            Event::Wake { runner, .. }
            | Event::CloseEpoch { runner, .. }
            | Event::Start { runner }
            | Event::Operator { runner, .. } => Some(*runner),
            Event::Answer { call, .. } | Event::Late { call } => Some(self.calls[*call].runner),
            Event::Arrive { .. }
            | Event::RandomFault
            | Event::ForeignClient
            | Event::SetBack
            | Event::CorrectPosition
            | Event::Copy
            | Event::Restore
            | Event::Heal => None,
        }
    }

    /// Runs a runner's next steps until all its markets wait.
    pub(super) fn poll(&mut self, runner: usize) -> Result<(), String> {
        let mut market = 0;
        while market < self.journal.batches.len() {
            if self.runners[runner].paused_until > self.now {
                let (at, life) = (self.runners[runner].paused_until, self.runners[runner].life);
                self.at(at, Event::Wake { runner, life });
                return Ok(());
            }
            let clock = self.runners[runner].clock(self.now);
            match self.runners[runner].markets[market].poll(clock)? {
                None => return Ok(()),
                Some(PollResult::Wait(until)) => {
                    self.schedule_wake(runner, market, until);
                    market += 1;
                }
                Some(PollResult::Step(step)) => {
                    if self.once_in(self.plan.crash_once_in) {
                        self.crash(runner);
                        // The request that it sent last may still arrive.
                        if self.random.chance(50) {
                            self.ask(runner, market, step);
                        }
                        return Ok(());
                    }
                    self.ask(runner, market, step);
                }
            }
        }
        Ok(())
    }

    fn schedule_wake(&mut self, runner: usize, market: usize, until: Option<Duration>) {
        let state = &self.runners[runner].markets[market];
        let standing = state.settler.as_ref().map(|it| it.standing());
        if let Some(Standing::DeadLetter { .. } | Standing::Halted(_) | Standing::Held) = standing {
            let at = self.now + self.random.within(100, 3_000);
            self.at(at, Event::Operator { runner, market });
        }
        let Some(until) = until else { return };
        let clock = self.runners[runner].clock(self.now);
        let wait = until.saturating_sub(clock).as_millis() as u64 + 1;
        let (at, life) = (self.now + wait, self.runners[runner].life);
        let it = &mut self.runners[runner];
        if it.wake_at.is_none_or(|wake| wake <= self.now || at < wake) {
            it.wake_at = Some(at);
            self.at(at, Event::Wake { runner, life });
        }
    }

    fn crash(&mut self, runner: usize) {
        self.observer.tally.crashes += 1;
        self.runners[runner].crash();
        let at = self.now + self.random.pick([1, 100, 3_000]);
        self.at(at, Event::Start { runner });
    }

    /// The highest token, for a client that never claimed one.
    pub(super) fn token(&self, market: MarketId) -> Token {
        self.observer.token(market)
    }

    /// The position of a market in the ledger.
    pub(super) fn position_of(&mut self, market: MarketId) -> Option<Position> {
        self.model.position(market).ok().and_then(|(_, position)| position)
    }
}
