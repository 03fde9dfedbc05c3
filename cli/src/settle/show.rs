//! `pricetime settle show`: a batch, with its transfers and its outcome.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;

use clap::Args;
use pricetime::engine::{EpochNumber, MarketId, MarketSpec};
use pricetime::persistence::settlement::RecountError;
use pricetime::persistence::settlement::{Batch, Closed};
use pricetime_gateway::amount;
use pricetime_gateway::json::Amount;
use pricetime_terminal::Paint;
use serde::Serialize;
use uuid::Uuid;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, note, table};
use super::ledger_reader::LedgerReader;
use super::replay::{JournalReplay, Specs, recount_failure};
use super::{LedgerArgs, Out, list};

/// The number of inbox or outbox entries per query.
const PAGE: usize = 100;

/// Shows the batch of an epoch: what each account receives and pays, and its outcome.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    market: u32,
    /// The epoch
    epoch: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Batch(Box<Head>),
    Transfer { account: Uuid, base: Option<Amount>, quote: Option<Amount> },
}

#[derive(Debug, Serialize)]
struct Head {
    market: u32,
    epoch: u64,
    batch: String,
    digest: String,
    /// `pending`, `posted` or `dropped`; `None` if no ledger could be read.
    outcome: Option<&'static str>,
    token: Option<u64>,
    trades: u64,
    volume: Option<Amount>,
    notional: Option<Amount>,
    fees: Option<Amount>,
    platform: Uuid,
}

impl Show {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let context = self.args.config()?;
        let replay = JournalReplay::of(&context)?;
        let (market, epoch) = (MarketId(self.market), EpochNumber(self.epoch));
        let mut ledger_reader = match context.read() {
            Ok(ledger_reader) => Some(ledger_reader),
            Err(stop) => {
                note(format_args!("the ledger is not read: {}", stop.text()));
                None
            }
        };
        let id = Batch::id_of(replay.reader().history(), market, epoch);
        let outcome = match &mut ledger_reader {
            Some(ledger_reader) => ledger_reader.ask(|ledger| ledger.outcome(market, id))?,
            None => None,
        };
        let (batch, specs) = match recomputed(&replay, market, epoch) {
            Err(RecountError::Gone) => (None, replay.specs()?),
            recomputed => recomputed.map_err(recount_failure)?,
        };
        let batch = match (batch, &mut ledger_reader) {
            (None, Some(ledger_reader)) => find_in_ledger(ledger_reader, &replay, market, epoch)?,
            (batch, _) => batch,
        };
        let (Some(batch), Some(spec)) = (batch, specs.get(&market)) else {
            let text =
                format!("epoch {epoch} of market {market} has not closed, or is no longer stored");
            return Err(Failure::failed(text).into());
        };
        let outcome_name = match (&outcome, &ledger_reader) {
            (Some(outcome), _) => Some(list::outcome_name(outcome.deed)),
            (None, Some(_)) => Some("pending"),
            (None, None) => None,
        };
        let token = outcome.as_ref().map(|it| it.token.0);
        self.print(out, &batch, spec, (outcome_name, token))?;
        match outcome {
            Some(outcome) if outcome.digest != batch.digest() => {
                let ledger_digest = outcome.digest;
                let text = format!(
                    "epoch {epoch} of market {market} was settled as another batch, with digest \
                     {ledger_digest}: find out which trades are correct"
                );
                Err(Failure::new(Code::Unsound, text).into())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn print(
        &self,
        out: &mut Out,
        batch: &Batch,
        spec: &MarketSpec,
        (outcome, token): (Option<&'static str>, Option<u64>),
    ) -> Result<(), Stop> {
        let head = Head {
            market: batch.market.0,
            epoch: batch.epoch.0,
            batch: batch.id().to_string(),
            digest: batch.digest().to_string(),
            outcome,
            token,
            trades: batch.trades,
            volume: i128::try_from(batch.volume).ok().and_then(|it| amount::base(spec, it)),
            notional: amount::quote(spec, batch.notional),
            fees: amount::quote(spec, batch.fees),
            platform: batch.platform.into(),
        };
        let transfers = batch.transfers.iter().map(|it| {
            (Uuid::from(it.account), amount::base(spec, it.base), amount::quote(spec, it.quote))
        });
        if self.args.json {
            json_line(out, &Output::Batch(Box::new(head)))?;
            for (account, base, quote) in transfers {
                json_line(out, &Output::Transfer { account, base, quote })?;
            }
            return Ok(());
        }
        let token_text = token.map_or(String::new(), |token| format!(", under token {token}"));
        let cell = |it: &Option<Amount>| amount::cell(it.as_ref());
        writeln!(out, "batch      {} of market {} ({})", head.epoch, head.market, spec.symbol)?;
        writeln!(out, "id         {}", head.batch)?;
        writeln!(out, "digest     {}", head.digest)?;
        let outcome = outcome.unwrap_or("unknown");
        let outcome = Paint::out().text(list::tone(outcome), outcome);
        writeln!(out, "outcome    {outcome}{token_text}")?;
        writeln!(
            out,
            "trades     {}, {} for {}",
            head.trades,
            cell(&head.volume),
            cell(&head.notional)
        )?;
        writeln!(out, "fees       {} to {}", cell(&head.fees), head.platform)?;
        let cells: Vec<_> = transfers
            .map(|(account, base, quote)| [account.to_string(), cell(&base), cell(&quote)])
            .collect();
        if !cells.is_empty() {
            writeln!(out)?;
            table(out, ["account", " base", " quote"], cells)?;
        }
        Ok(())
    }
}

/// Recomputes the batch from the journal.
fn recomputed(
    replay: &JournalReplay<'_>,
    market: MarketId,
    epoch: EpochNumber,
) -> Result<(Option<Batch>, Specs), RecountError> {
    let mut found = None;
    let specs =
        replay.run_from(
            &BTreeMap::from([(market, epoch)]),
            &mut |_, _, _, closed| match closed {
                Some(Closed::Whole(batch)) if (batch.market, batch.epoch) == (market, epoch) => {
                    found = Some(batch);
                    ControlFlow::Break(())
                }
                Some(Closed::Whole(_) | Closed::Part { .. }) | None => ControlFlow::Continue(()),
            },
        )?;
    Ok((found, specs))
}

/// Finds the batch in the ledger's inbox or outbox.
fn find_in_ledger(
    ledger_reader: &mut LedgerReader,
    replay: &JournalReplay<'_>,
    market: MarketId,
    epoch: EpochNumber,
) -> Result<Option<Batch>, Stop> {
    let history = replay.reader().history();
    let waiting = ledger_reader.ask(|ledger| ledger.pending(market, history, PAGE))?;
    if let Some(batch) = waiting.into_iter().find(|batch| batch.epoch == epoch) {
        return Ok(Some(batch));
    }
    let mut after = 0;
    loop {
        let page = ledger_reader.ask(|ledger| ledger.outbox(market, after, PAGE))?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        after = *last;
        let found = page.into_iter().map(|(_, notice)| notice.batch);
        let mut found = found.filter(|it| (it.history, it.epoch) == (history, epoch));
        if let Some(batch) = found.next() {
            return Ok(Some(batch));
        }
    }
}
