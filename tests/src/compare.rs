//! Differential tests of the engine: it and the model execute the same steps, and all their output and
//! state is compared after each.
//!
//! A [`Trial`] executes steps and reports the first difference. [`run`] lets a generator make the steps of
//! a seed. If there is a difference, it shrinks the steps to a few that still show it.

mod corrupt;
mod differ;
mod shrink;
mod subject;
#[cfg(test)]
mod tests;
mod validity;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pricetime_engine::{Command, EngineSnapshot, Group, MarketSnapshot, Side};
use pricetime_journal::image::Image;

use crate::Core;
use crate::generate::tally::Tally;
use crate::generate::{Generator, Step};
use crate::model::Model;

pub use subject::Subject;

use differ::{same, same_groups, same_state};

/// Books with more live orders than this are compared less often.
const SMALL_BOOK_MAX: usize = 256;

/// The interval, in steps, at which a large book is compared and a small one gets the expensive queries.
const FULL_CHECK_INTERVAL: u64 = 64;

/// A subject, the model, and the image built from the subject's events.
#[derive(Debug)]
pub struct Trial<S> {
    subject: S,
    model: Model,
    image: Image,
    markets_max: u32,
    steps: u64,
    /// A book up to this size gets the expensive queries after every step.
    thorough_max: usize,
    seen: EngineSnapshot,
}

impl<S: Subject> Trial<S> {
    /// Starts a trial.
    #[must_use]
    pub fn new(markets_max: u32) -> Self {
        let model = Model::new(markets_max);
        Self {
            subject: S::new(markets_max),
            seen: model.snapshot(),
            model,
            image: Image::default(),
            markets_max,
            steps: 0,
            thorough_max: 0,
        }
    }

    /// Starts a trial that runs all queries after every step while books are small.
    #[must_use]
    pub fn thorough(markets_max: u32) -> Self {
        Self { thorough_max: SMALL_BOOK_MAX / 4, ..Self::new(markets_max) }
    }

    /// The state at the last comparison.
    #[must_use]
    pub const fn seen(&self) -> &EngineSnapshot {
        &self.seen
    }

    /// Executes a step. Passes the group of every command to `watch`, with the market's previous state if
    /// that is known.
    ///
    /// # Errors
    /// Returns the difference between the subject and the model.
    pub fn step(
        &mut self,
        step: &Step,
        watch: &mut impl FnMut(&Command, Option<&MarketSnapshot>, &Group),
    ) -> Result<(), String> {
        self.steps += 1;
        match step {
            Step::Apply(command) => self.apply(std::slice::from_ref(command), watch)?,
            Step::Batch(commands) => self.apply(commands, watch)?,
            Step::Restore => self.restore()?,
        }
        let live: usize = self.seen.markets.iter().map(count).sum();
        let is_due = self.steps.is_multiple_of(FULL_CHECK_INTERVAL);
        if live <= SMALL_BOOK_MAX || is_due {
            self.compare_state(is_due || live < self.thorough_max)?;
        }
        Ok(())
    }

    fn apply(
        &mut self,
        commands: &[Command],
        watch: &mut impl FnMut(&Command, Option<&MarketSnapshot>, &Group),
    ) -> Result<(), String> {
        let groups = catch_panic("the core", || self.subject.apply_all(commands))?;
        same("the number of groups", &groups.len(), &commands.len())?;
        for (command, group) in commands.iter().zip(&groups) {
            let exact = self.image.last_sequence() == self.seen.last_sequence;
            let mut markets = self.seen.markets.iter().filter(|_| exact);
            let before = markets.find(|m| m.head.market == command.market);
            watch(command, before, group);
            let expected = catch_panic("the model", || self.model.apply(command))?;
            same_groups(group, &expected)?;
            catch_panic("the image", || {
                self.image.fold(&group.header, &group.events, group.outcome);
            })?;
        }
        Ok(())
    }

    /// Replaces the subject with one that is restored from its snapshot.
    fn restore(&mut self) -> Result<(), String> {
        let snapshot = catch_panic("the core", || self.subject.snapshot())?;
        let digest = catch_panic("the core", || self.subject.digest())?;
        same("the digest and the snapshot's", &digest, &snapshot.digest())?;
        let restored =
            catch_panic("restore", || self.subject.restored(self.markets_max, &snapshot))?;
        let restored = restored.map_err(|error| format!("restore refused: {error}"))?;
        let again = catch_panic("the restored core", || restored.snapshot())?;
        same_state("restored", &again, &snapshot)?;
        same("the digest after a restore", &restored.digest(), &digest)?;
        catch_panic("restore of a corrupted snapshot", || {
            self.subject.check_corrupt_restore(self.markets_max, &snapshot)
        })??;
        self.subject = restored;
        Ok(())
    }

    /// Compares the results of all queries.
    fn compare_state(&mut self, thorough: bool) -> Result<(), String> {
        let state = self.model.snapshot();
        catch_panic("the core, queried,", || self.compare_queries(&state, thorough))??;
        catch_panic("the image, queried,", || {
            same_state("the image", &self.image.snapshot(), &state)?;
            same("the image's fault", &self.image.fault(), &None)
        })??;
        self.seen = state;
        Ok(())
    }

    fn compare_queries(&self, state: &EngineSnapshot, thorough: bool) -> Result<(), String> {
        let subject = &self.subject;
        subject.audit().map_err(|broken| format!("audit: {broken}"))?;
        same_state("the core", &subject.snapshot(), state)?;
        for market in state.markets.iter().map(|m| m.head.market) {
            for side in [Side::Buy, Side::Sell] {
                let what = format_args!("levels of {side:?} in market {market}");
                let levels = subject.levels(market, side);
                same(what, &levels, &self.model.levels(market, side))?;
            }
            let what = format_args!("indicative price of market {market}");
            let clearing = subject.indicative(market);
            same(what, &clearing, &self.model.indicative(market))?;
        }
        if thorough {
            same("digest", &subject.digest(), &state.digest())?;
            subject.check_queries(state)?;
        }
        Ok(())
    }
}

fn count(market: &MarketSnapshot) -> usize {
    market.resting.len() + market.waiting.len()
}

/// Turns a panic into a difference, because no valid input may cause one.
fn catch_panic<T>(component: &str, work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("{component} panicked: {}", text.unwrap_or("without a message"))
    })
}

/// A seed whose run found a difference.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The number of its commands up to and including the one that shows the difference.
    pub commands: usize,
    /// The difference.
    pub difference: String,
    /// The steps after shrinking.
    pub steps: Vec<Step>,
    /// The difference that these steps show.
    pub shrunk: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, commands) = (self.seed, self.commands);
        writeln!(
            f,
            "cargo run --profile ci -p pricetime-tests --bin walk -- --seed {seed} --commands {commands}"
        )?;
        writeln!(f, "found: {}", self.difference)?;
        writeln!(f, "{} steps are enough:", self.steps.len())?;
        for step in &self.steps {
            writeln!(f, "    {step:?}")?;
        }
        write!(f, "then: {}", self.shrunk)
    }
}

/// Runs a seed, or its first commands, and counts what happens.
///
/// # Errors
/// Returns the first difference between the subject and the model, with the fewest steps that show it.
pub fn run<S: Subject>(
    seed: u64,
    commands_max: usize,
    tally: &mut Tally,
) -> Result<(), Box<Failure>> {
    let mut generator = Generator::new(seed);
    let markets_max = generator.profile().markets_max;
    let mut trial = Trial::<S>::new(markets_max);
    let mut steps = Vec::new();
    let mut commands = 0;
    while commands < commands_max {
        let Some(step) = generator.step(trial.seen()) else {
            break;
        };
        commands += match &step {
            Step::Apply(_) => 1,
            Step::Batch(batch) => batch.len(),
            Step::Restore => {
                tally.restores += 1;
                0
            }
        };
        steps.push(step);
        let last = &steps[steps.len() - 1];
        let outcome = trial.step(last, &mut |command, before, group| {
            tally.count(command, before, group);
        });
        if let Err(difference) = outcome {
            let (steps, shrunk) = shrink::shrink::<S>(markets_max, steps, &difference);
            return Err(Box::new(Failure { seed, commands, difference, steps, shrunk }));
        }
    }
    tally.end();
    Ok(())
}
