//! `pricetime settle hold`, `resume`, `retry` and `drop`: stores an operator's request in the folder.

use std::io::Write as _;

use clap::Args;
use pricetime::engine::{EpochNumber, MarketId};
use pricetime::{OperatorRequest, OperatorRequests};
use serde::Serialize;

use super::super::failure::Failure;
use super::super::reader::{Stop, json_line};
use super::{Context, LedgerArgs, Out, is_in_use, request_name, status};

/// Holds a market's settlement until it is resumed, even across restarts.
#[derive(Debug, Args)]
pub(super) struct Hold {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    market: u32,
}

/// Resumes a market's settlement after a hold or a halt.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    market: u32,
}

/// Retries at once what is waiting, a dead letter too.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    market: u32,
    /// Retry the delivery, not the posting
    #[arg(long)]
    delivery: bool,
}

/// Drops an epoch that the ledger refuses: it counts as done, and nothing of it is ever posted.
///
/// The drop is stored in the data folder, so a restored ledger drops the epoch again. Only a dead letter
/// can be dropped; the process refuses anything else and logs that.
#[derive(Debug, Args)]
pub(super) struct Drop {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    market: u32,
    /// The epoch
    epoch: u64,
    /// Skip a delivery that was refused; the epoch stays posted in the ledger
    #[arg(long)]
    delivery: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Ordered {
        market: u32,
        order: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        running: Option<bool>,
    },
}

impl Hold {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        add(out, &self.args, self.market, OperatorRequest::Hold)
    }
}

impl Resume {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        add(out, &self.args, self.market, OperatorRequest::Resume)
    }
}

impl Retry {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let request =
            if self.delivery { OperatorRequest::DeliverRetry } else { OperatorRequest::Retry };
        add(out, &self.args, self.market, request)
    }
}

impl Drop {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let epoch = EpochNumber(self.epoch);
        let request = if self.delivery {
            OperatorRequest::DeliverSkip(epoch)
        } else {
            OperatorRequest::Drop(epoch)
        };
        add(out, &self.args, self.market, request)
    }
}

fn add(
    out: &mut Out,
    args: &LedgerArgs,
    market: u32,
    request: OperatorRequest,
) -> Result<(), Stop> {
    let context = args.config()?;
    // A mistyped path must not create a folder.
    context.reader()?;
    let running = is_in_use(&context.folder);
    check(&context, market, request, running)?;
    OperatorRequests::of(&context.folder).add(MarketId(market), request)?;
    let (name, epoch) = request_name(request);
    if args.json {
        return Ok(json_line(out, &Output::Ordered { market, order: name, epoch, running })?);
    }
    let when = match running {
        Some(true) => {
            "the process that has the folder open carries it out within a second, if it settles"
        }
        Some(false) => "no process has the folder open: the request waits for the next start",
        None => "whether a process has the folder open is unknown: the request waits there",
    };
    let epoch = epoch.map_or(String::new(), |epoch| format!(" epoch {epoch}"));
    writeln!(out, "market {market}: {name}{epoch}; {when}")?;
    match request {
        OperatorRequest::Drop(epoch) => writeln!(
            out,
            "once `pricetime settle show {market} {epoch}` shows it as dropped, nothing of it is \
             ever posted: correct by hand what is shown there"
        )?,
        OperatorRequest::DeliverSkip(epoch) => writeln!(
            out,
            "it stays posted and is never delivered: `pricetime settle show {market} {epoch}` \
             shows its amounts"
        )?,
        OperatorRequest::Hold
        | OperatorRequest::Resume
        | OperatorRequest::Retry
        | OperatorRequest::DeliverRetry => {}
    }
    Ok(())
}

/// Returns an error if the request could not be carried out.
fn check(
    context: &Context,
    market: u32,
    request: OperatorRequest,
    running: Option<bool>,
) -> Result<(), Stop> {
    let reported = status::reported(&context.folder)?;
    match request {
        OperatorRequest::Drop(_) | OperatorRequest::DeliverSkip(_) if reported.is_empty() => {
            // The running process may have got its ledger from its own command line.
            context.location()?;
        }
        OperatorRequest::Retry if running != Some(false) => {
            let Some(reported) = reported.get(&MarketId(market)) else { return Ok(()) };
            if !["halted", "held"].contains(&reported.standing.as_str()) {
                return Ok(());
            }
            let why = reported.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
            let text = format!(
                "market {market} is {}{why}: a retry changes nothing; to continue, run `pricetime \
                 settle resume {market}`",
                reported.standing
            );
            return Err(Failure::failed(text).into());
        }
        OperatorRequest::Hold
        | OperatorRequest::Resume
        | OperatorRequest::Retry
        | OperatorRequest::Drop(_)
        | OperatorRequest::DeliverRetry
        | OperatorRequest::DeliverSkip(_) => {}
    }
    Ok(())
}
