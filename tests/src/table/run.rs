//! Runs the scenarios of a file against a core and reports differences.

use std::collections::BTreeMap;

use pricetime_engine::{Action, Command, MarketId, Outcome, Phase, Sequence, Terms, Timestamp};

use super::TableCore;
use super::command::{self, ParsedCommand, Prefix, Words, operator, parse_prefix};
use super::describe::describe;
use super::known_state::KnownState;
use super::phrase::Phrase;
use super::script::{Scenario, Step, scenarios};
use super::spec::MarketLine;
use super::state::{self, QUERIES, View};
use super::words::{Parsed, number, repeated};

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
pub fn run<C: TableCore>(file: &str, text: &str, core: impl Fn(u32) -> C) -> Verdict {
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
        let mut scenario_run = ScenarioRun::new(core(markets_max));
        for step in &scenario.steps {
            if let Err(problem) = scenario_run.step(step, &mut corrections) {
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
struct ScenarioRun<C> {
    core: C,
    known_state: KnownState,
    clock: Timestamp,
    market: MarketId,
    /// Whether the scenario has its markets.
    has_markets: bool,
}

impl<C: TableCore> ScenarioRun<C> {
    fn new(core: C) -> Self {
        Self {
            core,
            known_state: KnownState::default(),
            clock: Timestamp(0),
            market: MarketId(1),
            has_markets: false,
        }
    }

    fn step(&mut self, step: &Step, corrections: &mut Corrections) -> Parsed<()> {
        let mut words = Words::new(&step.left);
        match words.next().unwrap_or_default() {
            "engine" => return Ok(()),
            "market" => return self.open_market(&step.left),
            "no" if step.left == "no market" => {
                self.has_markets = true;
                return Ok(());
            }
            _ => {}
        }
        if !self.has_markets {
            self.open_market("market")?;
        }
        let (prefix, line) = parse_prefix(&step.left)?;
        let word = Words::new(line).next().unwrap_or_default();
        if word == "time" {
            let time = line.trim_start_matches("time").trim();
            self.clock = Timestamp(number(time)?);
            return Ok(());
        }
        let is_query = QUERIES.contains(&word) || (word == "blocked" && step.right.is_none());
        let (got, expected) = if is_query {
            let market = prefix.market.unwrap_or(self.market);
            let expected = line[word.len()..].trim();
            (state::query(&self.core, market, word)?, expected.to_owned())
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
        let arrow = if is_query { word.to_owned() } else { format!("{} ->", step.left) };
        let plain = text(&got, Phrase::plain, is_query);
        if !step.repeated {
            let head = if is_query {
                step.left[..step.left.len() - line.len() + word.len()].to_owned()
            } else {
                arrow.clone()
            };
            let correction = wrapped(&format!("{head} {plain}"));
            corrections.insert(step.line, (step.lines, correction));
        }
        let full = text(&got, Phrase::full, is_query);
        Err(format!("{arrow}\n  expected: {expected}\n  got:      {plain}\n  in full:  {full}"))
    }

    /// Adds a market and opens it. The table does not see these commands.
    fn open_market(&mut self, line: &str) -> Parsed<()> {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let market = MarketLine::read(self.market, &words)?;
        if !self.has_markets {
            self.market = market.market;
        }
        self.has_markets = true;
        let prefix = Prefix { market: Some(market.market), ..Prefix::default() };
        self.execute_unchecked(prefix, Action::AddMarket(market.spec))?;
        if market.phase != Phase::Closed {
            self.execute_unchecked(prefix, Action::SetPhase(market.phase))?;
        }
        Ok(())
    }

    fn execute_unchecked(&mut self, prefix: Prefix, action: Action) -> Parsed<()> {
        let account = operator();
        let (request, session, market) = (None, None, None);
        let parsed = ParsedCommand { account, operator: true, request, session, action, market };
        let command = self.stamped(prefix, parsed);
        let group = self.core.apply(&command);
        let phrases = describe(&mut self.known_state, &command, &group);
        if group.outcome == Outcome::Accepted {
            Ok(())
        } else {
            Err(format!("the market cannot be opened: {}", text(&[phrases], Phrase::full, false)))
        }
    }

    fn command(&mut self, prefix: Prefix, line: &str) -> Parsed<Vec<Phrase>> {
        let market = prefix.market.unwrap_or(self.market);
        let defaults = MarketLine::defaults(market).spec.terms;
        let terms: Terms = self.known_state.market(market).map_or(defaults, |m| m.terms);
        let parsed = command::read(line, market, terms)?;
        let command = self.stamped(prefix, parsed);
        let group = self.core.apply(&command);
        Ok(describe(&mut self.known_state, &command, &group))
    }

    fn stamped(&self, prefix: Prefix, parsed: ParsedCommand) -> Command {
        let next = Sequence(self.known_state.last_sequence.0.saturating_add(1));
        Command {
            sequence: prefix.sequence.unwrap_or(next),
            timestamp: prefix.time.unwrap_or(self.clock),
            market: parsed.market.or(prefix.market).unwrap_or(self.market),
            account: parsed.account,
            operator: parsed.operator,
            request: parsed.request,
            action: parsed.action,
            session: parsed.session,
        }
    }
}

/// Returns `true` if the lists match the line.
fn fits(got: &[Vec<Phrase>], expected: &str) -> Parsed<bool> {
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

fn text(got: &[Vec<Phrase>], words: impl Fn(&Phrase) -> String, query: bool) -> String {
    let list = |list: &Vec<Phrase>| match (list.as_slice(), query) {
        ([], true) => "-".to_owned(),
        ([], false) => "nothing".to_owned(),
        (phrases, _) => phrases.iter().map(&words).collect::<Vec<_>>().join(", "),
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
