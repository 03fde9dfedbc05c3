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
}

impl BenchMarkets {
    /// Adds the markets of an opening, and executes it.
    pub(super) fn add(client: &mut Client, opening: &[Command]) -> Result<Self, Failure> {
        let mut specs = HashMap::new();
        for command in opening {
            if let Action::AddMarket(spec) = command.action {
                specs.insert(command.market, spec);
            }
        }
        let Some((first, rest)) = opening.split_first() else {
            return Err(Failure::Failed(String::from("there is no command that adds a market")));
        };
        let mut markets = Self { shift: highest_id(client)?, specs };
        for step in 0..IDS_TRIED {
            let answer = client.ask(&markets.line(first)?)?;
            let outcome = if let Answer::Done(done) = &answer { Some(done.outcome) } else { None };
            if outcome == Some(OutcomeLine::Accepted) {
                break;
            }
            let is_used = outcome == Some(OutcomeLine::Rejected(Reason::UsedMarketId));
            if !is_used || step + 1 == IDS_TRIED {
                return Err(unexpected("add_market", &answer));
            }
            markets.shift += 1 << step;
        }
        let lines = markets.one(rest)?;
        exchange(client, &lines, WINDOW)?;
        Ok(markets)
    }

    /// Removes the markets with everything in them.
    pub(super) fn remove(&self, client: &mut Client) -> Result<(), Failure> {
        let mut ids: Vec<_> = self.specs.keys().copied().collect();
        ids.sort_unstable();
        let all = Action::CancelAll { account: None, side: None };
        let steps = [all, Action::SetPhase(Phase::Closed), Action::RemoveMarket];
        let commands: Vec<_> =
            ids.iter().flat_map(|market| steps.map(|action| command(*market, action))).collect();
        let rejected = exchange(client, &self.one(&commands)?, WINDOW)?;
        if rejected > 0 {
            let text = format!(
                "{rejected} commands that remove the markets of this measurement were refused"
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
        for command in commands {
            let to = command.account.0 % connections as u128;
            self.push(command, &mut lines[to as usize])?;
        }
        Ok(lines)
    }

    fn one(&self, commands: &[Command]) -> Result<Lines, Failure> {
        let mut lines = Lines::default();
        commands.iter().try_for_each(|command| self.push(command, &mut lines))?;
        Ok(lines)
    }

    fn push(&self, command: &Command, lines: &mut Lines) -> Result<(), Failure> {
        let expected = Expected {
            market: command.market.0 + self.shift,
            account: command.account.into(),
            command: command.action.kind(),
        };
        lines.push(&self.line(command)?, expected).map_err(Failure::failed)
    }

    /// The line of a command, without the time that only a recording has.
    fn line(&self, command: &Command) -> Result<Value, Failure> {
        let spec = self.specs.get(&command.market);
        let market = MarketId(command.market.0 + self.shift);
        let mut action = command.action;
        if let Action::AddMarket(spec) = &mut action {
            spec.symbol = Symbol::new(&format!("BENCH-{market}")).map_err(Failure::failed)?;
        }
        let line = Line::of(&Command { market, action, session: None, ..*command }, spec);
        let line = line.ok_or_else(|| {
            let (sequence, market) = (command.sequence.0, command.market.0);
            let text = format!(
                "command {sequence} is for market {market}, which no command before it adds"
            );
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
