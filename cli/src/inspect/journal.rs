//! `pricetime inspect journal`: the commands and their outcomes.

use std::io::Write as _;

use clap::Args;
use pricetime_engine::{Action, ActionKind, Command, Engine, Group, MarketId, Sequence};
use pricetime_gateway::json::{Line, OutcomeLine};
use pricetime_terminal::Paint;
use serde::Serialize;
use uuid::Uuid;

use super::super::reader::{FolderOptions, Moment, MomentReplay, Origin, Stop, json_line, outcome};
use super::{Out, time};

/// Lists commands and their outcomes.
///
/// `pricetime replay FOLDER --commands FILE` exports all of them as JSON lines to replay.
#[derive(Debug, Args)]
pub(super) struct Journal {
    /// The first command to show
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// The last command to show
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Only commands to this market
    #[arg(long, value_name = "N")]
    market: Option<u32>,
    /// Only commands of this account
    #[arg(long, value_name = "UUID")]
    account: Option<Uuid>,
    /// Only commands of this kind: place, amend, cancel, cancel_all, close_epoch, add_market, ...
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<ActionKind>,
    /// The maximum number of commands to show
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    folder_options: FolderOptions,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

fn kind(text: &str) -> Result<ActionKind, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

#[derive(Debug, Serialize)]
struct Output {
    sequence: u64,
    outcome: OutcomeLine,
    command: Line,
}

impl Journal {
    pub(super) fn show(&self, out: &mut Out) -> Result<(), Stop> {
        let replay = MomentReplay::to(
            &self.folder_options.folder,
            None,
            self.folder_options.markets.markets_max,
        )?;
        let to = self.to.map_or(Sequence(u64::MAX), Sequence);
        let before = Sequence(self.from.unwrap_or(1).saturating_sub(1));
        let origin = if before == Sequence(0) {
            Origin::Oldest
        } else {
            Origin::Before(Moment::Sequence(before))
        };
        let mut remaining = self.limit.unwrap_or(u64::MAX);
        let shown = replay.replay_from(origin, &mut |engine, command, group| {
            if command.sequence > to || remaining == 0 {
                // The limit or the last command is reached.
                return Err(Stop::EndedEarly);
            }
            if command.sequence > before && self.is_wanted(command) {
                remaining -= 1;
                self.print(out, engine, command, group)?;
            }
            Ok(())
        });
        match shown {
            Err(Stop::EndedEarly) | Ok(_) => Ok(()),
            Err(stop) => Err(stop),
        }
    }

    fn is_wanted(&self, command: &Command) -> bool {
        self.market.is_none_or(|market| command.market == MarketId(market))
            && self.account.is_none_or(|account| command.account == account.into())
            && self.kind.is_none_or(|kind| command.action.kind() == kind)
    }

    fn print(
        &self,
        out: &mut Out,
        engine: &Engine,
        command: &Command,
        group: &Group,
    ) -> Result<(), Stop> {
        let spec = engine.market(command.market).map(|book| book.spec());
        let line = Line::of(command, spec)
            .or_else(|| Line::of(&Command { action: Action::AdvanceTime, ..*command }, spec));
        let Some(line) = line else { return Ok(()) };
        if self.json {
            let (sequence, outcome) = (command.sequence.0, group.outcome.into());
            return Ok(json_line(out, &Output { sequence, outcome, command: line })?);
        }
        let (tone, outcome) = outcome(group.outcome);
        writeln!(
            out,
            "{:>10}  {}  {}  {}",
            command.sequence,
            time(group.header.timestamp),
            Paint::out().text(tone, format_args!("{outcome:<18}")),
            brief(&line)
        )?;
        Ok(())
    }
}

/// A command in one short line: its JSON line without punctuation and time.
fn brief(line: &Line) -> String {
    let text = serde_json::to_string(line).unwrap_or_default();
    let mut brief = String::with_capacity(text.len());
    // No string in a line holds any of these characters, so the values do not change.
    for part in text.split(',') {
        let part: String = part.chars().filter(|c| !matches!(c, '"' | '{' | '}')).collect();
        if part.starts_with("time:") {
            continue;
        }
        let (name, value) = part.split_once(':').unwrap_or((&part, ""));
        if !brief.is_empty() {
            brief.push(' ');
        }
        // The first part holds the command's name and its first field.
        match value.split_once(':') {
            Some((field, value)) => brief += &format!("{name} {field}={value}"),
            None => brief += &format!("{name}={value}"),
        }
    }
    brief
}
