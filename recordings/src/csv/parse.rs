//! Turns a row into a command.

use pricetime_engine::{
    AccountId, ActionKind, Command, MarketId, RequestId, Sequence, Symbol, Timestamp,
};

use super::action::{Subject, action};
use super::amount::Units;
use super::column::{Column, ColumnSet, used_by};
use super::fault::CsvFault;
use super::markets::Markets;
use super::row::{BadRow, Row};
use super::words::{parse as word, word as name_of};
use super::{id, time};
use crate::error::Fault;
use crate::number::unsigned;

/// What a row means depends on this.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) markets: &'a Markets,
    /// The units of a market that no row added, if such markets are added.
    pub(super) new_units: Option<&'a Units>,
    pub(super) columns: ColumnSet,
    /// Those of the command before.
    pub(super) sequence: Sequence,
    pub(super) time: Timestamp,
}

/// Parses a row: the command, and the symbol of the market that has to be added before it.
#[inline]
pub(super) fn command<'a>(
    mut row: Row<'a>,
    context: &Context<'_>,
) -> Result<(Command, Option<Symbol>), BadRow<'a>> {
    row.action = "every action";
    let kind = row.needed(Column::Action, word::<ActionKind>)?;
    row.action = name_of(kind);
    row.uses_only(used_by(kind))?;
    let operator = row.optional(Column::Operator, word)?.unwrap_or_else(|| is_for_operators(kind));
    // Operators need no account, and neither does a file without accounts.
    let many_accounts = context.columns.contains(Column::Account);
    let account = AccountId(if operator || !many_accounts {
        row.optional(Column::Account, id::parse)?.unwrap_or(0)
    } else {
        row.needed(Column::Account, id::parse)?
    });
    let subject = row.needed(Column::Market, |text| match kind {
        ActionKind::AddMarket => new_market(text, context),
        ActionKind::SetMarket
        | ActionKind::RemoveMarket
        | ActionKind::Place
        | ActionKind::Amend
        | ActionKind::Cancel
        | ActionKind::CancelAll
        | ActionKind::CancelSession
        | ActionKind::SetPhase
        | ActionKind::CloseEpoch
        | ActionKind::AdvanceTime
        | ActionKind::BlockAccount
        | ActionKind::UnblockAccount => market(text, context),
    })?;
    let subject = Subject { account, many_accounts, ..subject };
    let sequence = row.optional(Column::Sequence, unsigned)?;
    let command = Command {
        sequence: Sequence(sequence.unwrap_or_else(|| context.sequence.0.saturating_add(1))),
        timestamp: row.optional(Column::Time, time::parse)?.unwrap_or(context.time),
        market: subject.market,
        account,
        operator,
        request: row.optional(Column::Request, id::parse)?.map(RequestId),
        session: row.optional(Column::Session, id::session)?,
        action: action(&row, kind, &subject)?,
    };
    let new = subject.symbol.filter(|_| kind != ActionKind::AddMarket);
    Ok((command, new))
}

/// Returns `true` if a command of this kind is an operator's unless it says otherwise.
pub(super) const fn is_for_operators(kind: ActionKind) -> bool {
    !matches!(
        kind,
        ActionKind::Place | ActionKind::Amend | ActionKind::Cancel | ActionKind::CancelAll
    )
}

/// The market of a command. It has a symbol if it is new.
#[inline]
fn market<'a>(text: &[u8], context: &Context<'a>) -> Result<Subject<'a>, Fault> {
    if let Some((id, units)) = context.markets.find(text, context.new_units.is_none()) {
        return Ok(Subject::of(id, units, None));
    }
    let units = context.new_units.ok_or(CsvFault::UnknownMarket)?;
    Ok(Subject::of(context.markets.next_id(), units, Some(id::symbol(text)?)))
}

/// The market that a row adds. Its id can be left to the reader, if the row names its symbol instead.
fn new_market<'a>(text: &[u8], context: &Context<'a>) -> Result<Subject<'a>, Fault> {
    let (id, symbol) = if text.iter().all(u8::is_ascii_digit) {
        let id = u32::try_from(unsigned(text)?);
        (MarketId(id.map_err(|_| Fault::OutOfRange("a number up to 4294967295"))?), None)
    } else {
        (context.markets.next_id(), Some(id::symbol(text)?))
    };
    Ok(Subject::of(id, context.markets.units(id), symbol))
}
