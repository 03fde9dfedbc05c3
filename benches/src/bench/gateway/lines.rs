//! Markets for a measurement, and commands as lines for them.

use std::collections::HashMap;

use pricetime_engine::{Action, Command, MarketId, MarketSpec, Phase, Reason, Symbol};
use pricetime_gateway::json::{Answer, Line, MarketsAsked, OutcomeLine};

use serde_json::Value;

use super::client::{Client, unexpected};
use super::load::{Expected, Lines, exchange};
use crate::failure::Failure;

/// The number of lines in flight while markets are filled and removed.
const WINDOW: usize = 256;
/// How many ids are tried for the first market. Ids of removed markets are not used again.
const IDS_TRIED: u32 = 24;

/// Markets that were added for a measurement.
pub(super) struct BenchMarkets {
    /// The distance from the ids of the commands to those of the market that runs.
    shift: u32,
    specs: HashMap<MarketId, MarketSpec>,
    /// The commands that add the markets.
    adds: Vec<Command>,
    /// The markets that exist because of them.
    added: Vec<MarketId>,
}

impl BenchMarkets {
    /// Adds the first market of these commands, under an id that is free.
    pub(super) fn begin<'a>(
        client: &mut Client,
        commands: impl Iterator<Item = &'a Command>,
    ) -> Result<Self, Failure> {
        let mut markets = Self {
            shift: highest_id(client)?,
            specs: HashMap::new(),
            adds: Vec::new(),
            added: Vec::new(),
        };
        for command in commands {
            if let Action::AddMarket(spec) = command.action {
                markets.specs.insert(command.market, spec);
                markets.adds.push(*command);
            }
        }
        let Some(first) = markets.adds.first().copied() else {
            return Err(Failure::Failed(String::from("there is no command that adds a market")));
        };
        for step in 0..IDS_TRIED {
            let answer = client.ask(&markets.line(&first)?)?;
            let outcome = if let Answer::Done(done) = &answer { Some(done.outcome) } else { None };
            if outcome == Some(OutcomeLine::Accepted) {
                markets.added.push(first.market);
                return Ok(markets);
            }
            if outcome != Some(OutcomeLine::Rejected(Reason::UsedMarketId)) {
                return Err(unexpected("add_market", &answer));
            }
            markets.shift = markets.shift.saturating_add(1 << step);
        }
        let text = format!(
            "no id up to {} is free for a market: measure one in a new data folder",
            markets.shift
        );
        Err(Failure::Failed(text))
    }

    /// Adds the other markets, and executes the rest of the opening.
    pub(super) fn open(&mut self, client: &mut Client, opening: &[Command]) -> Result<(), Failure> {
        let others = self.adds.get(1..).unwrap_or_default();
        let refused = exchange(client, &self.one(others.iter())?, WINDOW)?;
        let is_added = |at: &usize| refused.binary_search(at).is_err();
        let added = (0..others.len()).filter(is_added).map(|at| others[at].market);
        self.added.extend(added);
        if let Some(command) = refused.first().and_then(|at| others.get(*at)) {
            let (count, id) = (refused.len(), self.id(command.market)?);
            let text = format!("{count} markets could not be added, the first one as market {id}");
            return Err(Failure::Failed(text));
        }
        exchange(client, &self.one(opening.iter().filter(|it| !adds_market(it)))?, WINDOW)?;
        Ok(())
    }

    /// Removes the markets that were added, with everything in them.
    pub(super) fn remove(&self, client: &mut Client) -> Result<(), Failure> {
        let all = Action::CancelAll { account: None, side: None };
        let steps = [all, Action::SetPhase(Phase::Closed), Action::RemoveMarket];
        let steps = self.added.iter().flat_map(|id| steps.map(|action| command(*id, action)));
        let commands: Vec<_> = steps.collect();
        let refused = exchange(client, &self.one(commands.iter())?, WINDOW)?.len();
        if refused > 0 {
            let text = format!(
                "{refused} commands that remove the markets of this measurement were refused"
            );
            return Err(Failure::Failed(text));
        }
        Ok(())
    }

    /// The lines of each connection. Each account's commands go to one connection, in order.
    pub(super) fn lines(
        &self,
        commands: &[Command],
        connections: usize,
    ) -> Result<Vec<Lines>, Failure> {
        let mut lines = vec![Lines::default(); connections];
        for command in commands.iter().filter(|it| !adds_market(it)) {
            let to = command.account.0 % connections as u128;
            self.push(command, &mut lines[to as usize])?;
        }
        Ok(lines)
    }

    fn one<'a>(&self, commands: impl Iterator<Item = &'a Command>) -> Result<Lines, Failure> {
        let mut lines = Lines::default();
        for command in commands {
            self.push(command, &mut lines)?;
        }
        Ok(lines)
    }

    fn push(&self, command: &Command, lines: &mut Lines) -> Result<(), Failure> {
        let expected = Expected {
            market: self.id(command.market)?.0,
            account: command.account.into(),
            command: command.action.kind(),
        };
        lines.push(&self.line(command)?, expected).map_err(Failure::failed)
    }

    /// The id that a market has in the market that runs.
    fn id(&self, market: MarketId) -> Result<MarketId, Failure> {
        let id = market.0.checked_add(self.shift).map(MarketId);
        id.ok_or_else(|| {
            let text = format!("market {market} would get an id above {}: no id is free", u32::MAX);
            Failure::Failed(text)
        })
    }

    /// The line of a command, without the time that only a recording has.
    fn line(&self, command: &Command) -> Result<Value, Failure> {
        let spec = self.specs.get(&command.market);
        let market = self.id(command.market)?;
        let mut action = command.action;
        if let Action::AddMarket(spec) = &mut action {
            spec.symbol = Symbol::new(&format!("BENCH-{market}")).map_err(Failure::failed)?;
        }
        let line = Line::of(&Command { market, action, session: None, ..*command }, spec);
        let line = line.ok_or_else(|| {
            let (sequence, market) = (command.sequence.0, command.market.0);
            let text = format!("command {sequence} is for market {market}, which no command adds");
            Failure::Failed(text)
        })?;
        let mut value = serde_json::to_value(&line).map_err(Failure::failed)?;
        let bodies = value.as_object_mut().into_iter().flat_map(|line| line.values_mut());
        for body in bodies.filter_map(Value::as_object_mut) {
            body.remove("time");
        }
        Ok(value)
    }
}

fn adds_market(command: &Command) -> bool {
    matches!(command.action, Action::AddMarket(_))
}

fn command(market: MarketId, action: Action) -> Command {
    Command {
        sequence: Default::default(),
        timestamp: Default::default(),
        market,
        account: Default::default(),
        operator: true,
        request: None,
        action,
        session: None,
    }
}

/// The highest id of the markets that exist.
fn highest_id(client: &mut Client) -> Result<u32, Failure> {
    let mut highest = 0;
    loop {
        let answer = client.ask(&Line::Markets(MarketsAsked { after: highest }))?;
        let Answer::Markets(found) = answer else { return Err(unexpected("markets", &answer)) };
        let Some(last) = found.markets.last() else { return Ok(highest) };
        highest = last.market;
    }
}
