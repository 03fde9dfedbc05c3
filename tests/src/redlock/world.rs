//! The simulated world of leases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pricetime_redis::redlock::{Answer, Lease, NodeRequest, Operation, Reply, Step};

use super::node::Node;
use super::plan::{BrokenRule, Fault, Plan};
use crate::generate::random::Random;

/// More events than ever occur in one schedule.
const EVENTS_MAX: u64 = 2_000_000;

/// A scheduled event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Fault(Fault),
    /// A node that hung resumes.
    Revive {
        node: usize,
    },
    /// A request arrives at its node; `is_answered` tells whether its answer arrives.
    Arrive {
        lease: usize,
        ask: NodeRequest,
        is_answered: bool,
    },
    Answer {
        lease: usize,
        ask: NodeRequest,
        answer: Answer,
    },
    /// A lease receives the time, unless it has asked for another wake-up since.
    Wake {
        lease: usize,
        at: u64,
    },
    Act {
        lease: usize,
        act: Act,
    },
    Begin {
        holder: usize,
    },
}

/// What a holder does with its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Extend,
    Keep,
    Release,
    /// It stops forever, without a release.
    Crash,
}

/// A process with its own clock.
#[derive(Debug)]
pub(super) struct Holder {
    fast_ppm: i64,
    offset: u64,
    sleeps_until: u64,
    /// The arrival time of the last request to each node.
    pub(super) last: Vec<u64>,
}

impl Holder {
    pub(super) fn local(&self, now: u64) -> Duration {
        let gained = i128::from(now) * i128::from(self.fast_ppm) / 1_000_000;
        let local = i128::from(now) + i128::from(self.offset) + gained;
        Duration::from_micros(u64::try_from(local).unwrap_or(0))
    }

    pub(super) fn true_time(&self, local: Duration) -> u64 {
        let local = local.as_micros().saturating_sub(u128::from(self.offset));
        let rate = u128::from(1_000_000_u64.saturating_add_signed(self.fast_ppm));
        u64::try_from(local * 1_000_000 / rate).unwrap_or(u64::MAX) + 1
    }
}

/// A lease and its holder.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) holder: usize,
    pub(super) lease: Lease,
    pub(super) attempt: u64,
    /// The end of the validity that it was notified of.
    pub(super) reported: Option<Duration>,
    pub(super) crashed: bool,
    wake_at: Option<u64>,
    answered: BTreeSet<u64>,
}

/// The simulated world.
#[derive(Debug)]
pub struct World {
    pub(super) now: u64,
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) nodes: Vec<Node>,
    pub(super) holders: Vec<Holder>,
    pub(super) leases: Vec<Running>,
    pub(super) active: Vec<usize>,
    queue: BTreeMap<(u64, u64), Event>,
    pub(super) event_count: u64,
    /// How often a lock was held.
    pub times_held: u64,
    /// How often two holders had the lock at once, explained by a node's data loss.
    pub excused: u64,
    /// Whether it prints the events.
    pub prints_events: bool,
}

impl World {
    /// Creates the world of this seed.
    #[must_use]
    pub fn new(seed: u64, broken_rule: BrokenRule) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random, broken_rule);
        // Any two clocks drift apart by less than the hundredth that the rules allow.
        let fast_ppm = |random: &mut Random| random.around(0, 4_500);
        let count = plan.rules.nodes;
        let node = |random: &mut Random| Node::new(fast_ppm(random));
        let nodes = (0..count).map(|_| node(&mut random)).collect();
        let holder = |random: &mut Random| Holder {
            fast_ppm: fast_ppm(random),
            offset: random.below(1_000_000_000),
            sleeps_until: 0,
            last: vec![0; count],
        };
        let holders = (0..plan.holders).map(|_| holder(&mut random)).collect();
        let mut world = Self {
            now: 0,
            plan,
            random,
            nodes,
            holders,
            leases: Vec::new(),
            active: Vec::new(),
            queue: BTreeMap::new(),
            event_count: 0,
            times_held: 0,
            excused: 0,
            prints_events: false,
        };
        for (at, fault) in std::mem::take(&mut world.plan.faults) {
            world.schedule(at, Event::Fault(fault));
        }
        for holder in 0..world.holders.len() {
            let at = world.random.below(world.plan.ttl);
            world.schedule(at, Event::Begin { holder });
        }
        world
    }

    pub(super) fn schedule(&mut self, at: u64, event: Event) {
        self.event_count += 1;
        self.queue.insert((at, self.event_count), event);
    }

    /// The number of events so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.event_count
    }

    pub(super) fn until(&mut self, end: u64) -> Result<(), String> {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now = self.now.max(at);
            if self.prints_events {
                eprintln!("{at}: {event:?}");
            }
            self.handle(event);
            self.check_invariants()?;
            if self.event_count > EVENTS_MAX {
                return Err(String::from("it never becomes idle"));
            }
        }
        self.now = end;
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        let sleeper = match event {
            Event::Fault(_) | Event::Revive { .. } | Event::Arrive { .. } => None,
            Event::Answer { lease, .. } | Event::Wake { lease, .. } | Event::Act { lease, .. } => {
                Some(self.leases[lease].holder)
            }
            Event::Begin { holder } => Some(holder),
        };
        let sleeps = sleeper.map_or(0, |holder| self.holders[holder].sleeps_until);
        if sleeps > self.now {
            return self.schedule(sleeps, event);
        }
        match event {
            Event::Fault(fault) => self.apply_fault(fault),
            Event::Revive { node } => self.revive(node),
            Event::Arrive { lease, ask, is_answered } => self.arrive(lease, ask, is_answered),
            Event::Answer { lease, ask, answer } => {
                if self.leases[lease].answered.insert(ask.number) {
                    self.with(lease, |it, now| it.handle_answer(now, &ask, answer));
                }
            }
            Event::Wake { lease, at } => {
                if self.leases[lease].wake_at == Some(at) {
                    self.leases[lease].wake_at = None;
                    self.with(lease, Lease::tick);
                }
            }
            Event::Act { lease, act } => match act {
                Act::Extend => self.with(lease, Lease::extend),
                Act::Keep => self.with(lease, Lease::keep),
                Act::Release => self.with(lease, Lease::release),
                Act::Crash => self.crash(lease),
            },
            Event::Begin { holder } => {
                let most = self.random.below(self.plan.ttl * 2).min(2_000_000);
                let most = if self.random.chance(30) { 0 } else { most };
                if self.now < self.plan.end {
                    self.begin(holder, Duration::from_micros(most));
                }
            }
        }
    }

    fn apply_fault(&mut self, fault: Fault) {
        let now = self.now;
        let until = |lasts: u64| now + lasts;
        // A longer fault is not cut short; otherwise later messages would overtake those that wait for its
        // end.
        let longer = |end: &mut u64, other: u64| *end = (*end).max(other);
        match fault {
            Fault::Hang { node, lasts } => {
                longer(&mut self.nodes[node].hung_until, until(lasts));
                self.schedule(until(lasts), Event::Revive { node });
            }
            Fault::Die { node, lasts } => {
                longer(&mut self.nodes[node].dead_until, until(lasts));
                // The unread requests are lost with the node.
                for (lease, ask, _) in std::mem::take(&mut self.nodes[node].waiting) {
                    self.schedule(now, Event::Answer { lease, ask, answer: Answer::Unknown });
                }
            }
            Fault::Forget { node } => self.nodes[node].forget(),
            Fault::Delay { node, by } => self.nodes[node].delay(by),
            Fault::Sleep { holder, lasts } => {
                longer(&mut self.holders[holder].sleeps_until, until(lasts));
            }
        }
    }

    fn crash(&mut self, lease: usize) {
        let running = &mut self.leases[lease];
        if running.reported.take().is_none() {
            return;
        }
        running.crashed = true;
        self.active.retain(|it| *it != lease);
        let at = self.now + self.random.below(self.plan.ttl);
        let holder = running.holder;
        self.schedule(at, Event::Begin { holder });
    }

    pub(super) fn begin(&mut self, holder: usize, most: Duration) {
        let now = self.holders[holder].local(self.now);
        let lease = Lease::new(self.plan.rules, now, now + most, self.random.bits());
        let answered = BTreeSet::new();
        let (reported, crashed, wake_at) = (None, false, None);
        let running = Running { holder, lease, attempt: 0, reported, crashed, wake_at, answered };
        self.leases.push(running);
        let number = self.leases.len() - 1;
        self.active.push(number);
        self.with(number, |_, _| {});
    }

    /// Runs `work` on a lease, then handles the requests that the lease makes.
    pub(super) fn with(&mut self, number: usize, work: impl FnOnce(&mut Lease, Duration)) {
        let running = &mut self.leases[number];
        if running.crashed {
            return;
        }
        let (holder, local) = (running.holder, self.holders[running.holder].local(self.now));
        work(&mut running.lease, local);
        while let Some(step) = self.leases[number].lease.next_step() {
            match step {
                Step::Notify(reported) => self.handle_reply(number, local, reported),
                Step::NodeRequest(ask) => {
                    if ask.operation == Operation::Take {
                        self.leases[number].attempt = ask.attempt;
                    }
                    self.send(number, ask);
                }
            }
        }
        let running = &mut self.leases[number];
        let Some(wake_at) = running.lease.wakes_at() else {
            self.active.retain(|it| *it != number || !self.leases[number].lease.is_over());
            return;
        };
        let at = self.holders[holder].true_time(wake_at).max(self.now) + self.random.below(200);
        if running.wake_at.is_none_or(|wake_at| wake_at > at) {
            running.wake_at = Some(at);
            self.schedule(at, Event::Wake { lease: number, at });
        }
    }

    fn handle_reply(&mut self, number: usize, local: Duration, reported: Reply) {
        let (ttl, drift) = (self.plan.rules.ttl, self.plan.rules.drift);
        let with_rule_broken = |until| {
            if self.plan.broken_rule == BrokenRule::FromAnswer {
                local + ttl - drift
            } else {
                until
            }
        };
        let running = &mut self.leases[number];
        match reported {
            Reply::Held { until } => {
                running.reported = Some(with_rule_broken(until));
                self.times_held += 1;
                for _ in 0..=self.random.below(3) {
                    let at = self.now + self.random.below(self.plan.ttl * 3 / 2);
                    let acts =
                        [(3, Act::Extend), (2, Act::Keep), (3, Act::Release), (1, Act::Crash)];
                    let act = self.random.weighted(&acts);
                    self.schedule(at, Event::Act { lease: number, act });
                }
            }
            Reply::Extended { until } => running.reported = Some(with_rule_broken(until)),
            Reply::NotExtended => {}
            Reply::Refused { .. } | Reply::Lost | Reply::Released { .. } => {
                running.reported = None;
                let holder = running.holder;
                let at = self.now + self.random.below(self.plan.ttl / 2);
                self.schedule(at, Event::Begin { holder });
            }
        }
    }
}
