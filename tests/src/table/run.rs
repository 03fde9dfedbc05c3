//! Runs the scenarios of a file against a core and reports differences.

use std::collections::BTreeMap;

use pricetime_engine::{Action, Command, MarketId, Outcome, Phase, Sequence, Terms, Timestamp};

use super::Judged;
use super::command::{self, Prefix, Spoken, Words, operator, prefixed};
use super::ledger::Ledger;
use super::say::say;
use super::saying::Saying;
use super::script::{Scenario, Step, scenarios};
use super::spec::MarketLine;
use super::state::{self, LOOKS, View};
use super::words::{Read, number, repeated};

/// The result of a file.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The number of scenarios.
    pub scenarios: usize,
    /// The number of lines that were run, with repetitions.
    pub steps: usize,
    /// Every line with other expectations than the core's output, ready to print.
    pub failures: Vec<String>,
    /// The file, with those lines replaced by the core's output.
    pub rewritten: String,
}

/// Runs a file against new cores. `core` creates one for a number of markets.
pub fn run<C: Judged>(file: &str, text: &str, core: impl Fn(u32) -> C) -> Verdict {
    let mut verdict = Verdict { rewritten: text.to_owned(), ..Verdict::default() };
    let scenarios = match scenarios(text) {
        Ok(scenarios) => scenarios,
        Err((line, problem)) => {
            verdict.failures.push(format!("{file}:{line}: {problem}"));
            return verdict;
        }
    };
    let mut corrections = BTreeMap::new();
    verdict.scenarios = scenarios.len();
    for scenario in &scenarios {
        verdict.steps += scenario.steps.len();
        let markets_max = markets_max(scenario).unwrap_or(16);
        let mut play = Play::new(core(markets_max));
        for step in &scenario.steps {
            if let Err(problem) = play.step(step, &mut corrections) {
                let (line, name) = (step.line, &scenario.name);
                verdict.failures.push(format!("{file}:{line}: in `{name}`:\n  {problem}"));
            }
        }
        if scenario.steps.is_empty() {
            let (line, name) = (scenario.line, &scenario.name);
            verdict.failures.push(format!("{file}:{line}: `{name}` is empty"));
        }
    }
    verdict.rewritten = rewritten(text, &corrections);
    verdict
}

/// The limit of an `engine markets_max=2` line.
fn markets_max(scenario: &Scenario) -> Option<u32> {
    let left = &scenario.steps.first()?.left;
    number(left.strip_prefix("engine markets_max=")?).ok()
}

/// Replacements of lines, by the first line: how many lines, and the new text.
type Corrections = BTreeMap<usize, (usize, String)>;

fn rewritten(text: &str, corrections: &Corrections) -> String {
    let mut out = String::new();
    let mut skip = 0;
    for (at, line) in text.lines().enumerate() {
        if let Some((lines, correction)) = corrections.get(&(at + 1)) {
            out.push_str(correction);
            out.push('\n');
            skip = *lines;
        }
        if skip == 0 {
            out.push_str(line);
            out.push('\n');
        } else {
            skip -= 1;
        }
    }
    out
}

/// A running scenario.
struct Play<C> {
    core: C,
    ledger: Ledger,
    clock: Timestamp,
    market: MarketId,
    /// Whether the scenario has its markets.
    begun: bool,
}

impl<C: Judged> Play<C> {
    fn new(core: C) -> Self {
        Self {
            core,
            ledger: Ledger::default(),
            clock: Timestamp(0),
            market: MarketId(1),
            begun: false,
        }
    }

    fn step(&mut self, step: &Step, corrections: &mut Corrections) -> Read<()> {
        let mut words = Words::new(&step.left);
        match words.next().unwrap_or_default() {
            "engine" => return Ok(()),
            "market" => return self.open_market(&step.left),
            "no" if step.left == "no market" => {
                self.begun = true;
                return Ok(());
            }
            _ => {}
        }
        if !self.begun {
            self.open_market("market")?;
        }
        let (prefix, line) = prefixed(&step.left)?;
        let word = Words::new(line).next().unwrap_or_default();
        if word == "time" {
            let time = line.trim_start_matches("time").trim();
            self.clock = Timestamp(number(time)?);
            return Ok(());
        }
        let is_look = LOOKS.contains(&word) || (word == "blocked" && step.right.is_none());
        let (got, expected) = if is_look {
            let market = prefix.market.unwrap_or(self.market);
            let expected = line[word.len()..].trim();
            (state::look(&self.core, market, word)?, expected.to_owned())
        } else {
            let right = step.right.clone();
            let expected = right.ok_or("the line has no expectation: -> …")?;
            (vec![self.command(prefix, line)?], expected)
        };
        let fits = fits(&got, &expected)?;
        let audited = self.core.audit().map_err(|broken| format!("the audit failed: {broken}"));
        if fits {
            return audited;
        }
        let arrow = if is_look { word.to_owned() } else { format!("{} ->", step.left) };
        let plain = text(&got, Saying::plain, is_look);
        if !step.repeated {
            let head = if is_look {
                step.left[..step.left.len() - line.len() + word.len()].to_owned()
            } else {
                arrow.clone()
            };
            let correction = wrapped(&format!("{head} {plain}"));
            corrections.insert(step.line, (step.lines, correction));
        }
        let full = text(&got, Saying::full, is_look);
        Err(format!("{arrow}\n  expected: {expected}\n  got:      {plain}\n  in full:  {full}"))
    }

    /// Adds a market and opens it. The table does not see these commands.
    fn open_market(&mut self, line: &str) -> Read<()> {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let market = MarketLine::read(self.market, &words)?;
        if !self.begun {
            self.market = market.market;
        }
        self.begun = true;
        let prefix = Prefix { market: Some(market.market), ..Prefix::default() };
        self.unseen(prefix, Action::AddMarket(market.spec))?;
        if market.phase != Phase::Closed {
            self.unseen(prefix, Action::SetPhase(market.phase))?;
        }
        Ok(())
    }

    fn unseen(&mut self, prefix: Prefix, action: Action) -> Read<()> {
        let account = operator();
        let (request, session, market) = (None, None, None);
        let spoken = Spoken { account, operator: true, request, session, action, market };
        let command = self.stamped(prefix, spoken);
        let group = self.core.apply(&command);
        let said = say(&mut self.ledger, &command, &group);
        if group.outcome == Outcome::Accepted {
            Ok(())
        } else {
            Err(format!("the market cannot be opened: {}", text(&[said], Saying::full, false)))
        }
    }

    fn command(&mut self, prefix: Prefix, line: &str) -> Read<Vec<Saying>> {
        let market = prefix.market.unwrap_or(self.market);
        let usual = MarketLine::usual(market).spec.terms;
        let terms: Terms = self.ledger.market(market).map_or(usual, |m| m.terms);
        let spoken = command::read(line, market, terms)?;
        let command = self.stamped(prefix, spoken);
        let group = self.core.apply(&command);
        Ok(say(&mut self.ledger, &command, &group))
    }

    fn stamped(&self, prefix: Prefix, spoken: Spoken) -> Command {
        let next = Sequence(self.ledger.last_sequence.0.saturating_add(1));
        Command {
            sequence: prefix.sequence.unwrap_or(next),
            timestamp: prefix.time.unwrap_or(self.clock),
            market: spoken.market.or(prefix.market).unwrap_or(self.market),
            account: spoken.account,
            operator: spoken.operator,
            request: spoken.request,
            action: spoken.action,
            session: spoken.session,
        }
    }
}

/// Returns `true` if the lists match the line.
fn fits(got: &[Vec<Saying>], expected: &str) -> Read<bool> {
    let lists: Vec<&str> = expected.split(" | ").collect();
    if lists.len() != got.len() {
        return Ok(false);
    }
    for (got, list) in got.iter().zip(lists) {
        let mut items = Vec::new();
        let written = list.split(',').map(str::trim);
        for item in written.filter(|item| !matches!(*item, "nothing" | "none" | "-")) {
            items.extend(repeated(item, "each")?);
        }
        if items.len() != got.len() || !got.iter().zip(&items).all(|(g, i)| g.fits(i)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn text(got: &[Vec<Saying>], words: impl Fn(&Saying) -> String, look: bool) -> String {
    let list = |list: &Vec<Saying>| match (list.as_slice(), look) {
        ([], true) => "-".to_owned(),
        ([], false) => "nothing".to_owned(),
        (said, _) => said.iter().map(&words).collect::<Vec<_>>().join(", "),
    };
    let lists: View = got.to_vec();
    lists.iter().map(list).collect::<Vec<_>>().join(" | ")
}

/// Wraps a line at its commas, to at most 100 characters.
fn wrapped(line: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for part in line.split_inclusive(", ") {
        if length > 0 && length + part.trim_end().len() > 100 {
            out.truncate(out.trim_end().len());
            out.push_str("\n    ");
            length = 4;
        }
        out.push_str(part);
        length += part.len();
    }
    out.trim_end().to_owned()
}
