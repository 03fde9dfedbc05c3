//! `pricetime inspect`: shows the content of a data folder, now or at any moment of its history.

mod account;
mod book;
mod journal;
mod market;
mod order;
mod order_events;
mod snapshot;
mod why;

use std::io::{self, BufWriter, StdoutLock, Write as _};

use clap::{Args, Subcommand};
use pricetime_engine::{MarketId, Sequence, Side, Timestamp};
use pricetime_terminal::{SuspendingWriter, Tone};

use super::failure::{Code, Failure};
use super::reader::{self, FolderOptions, Moment, MomentReplay, Stop};

/// Shows the commands, books, orders and accounts of a data folder, at any moment.
///
/// The state of a moment is replayed from the nearest snapshot before it. Nothing in the folder is changed,
/// and a process that has it open is not disturbed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime inspect market                             the current state of every market
  pricetime inspect book 1 --at epoch:7@1              the book of market 1 when its epoch 7 closed
  pricetime inspect journal --account UUID --kind place --limit 20
  pricetime inspect order 1 UUID --why                 the whole history of an order, with reasons
  pricetime inspect account UUID                       live orders, trades and totals of an account
  pricetime inspect snapshot --folder /srv/data        the content of the newest snapshot

--at takes a command's number (1200), the close of an epoch (epoch:7), or its close in one market
(epoch:7@MARKET). Without it, the state after the last command is shown, or, while a process has the
folder open, the state after the last command that is marked as durable.")]
pub(super) struct Inspect {
    #[command(subcommand)]
    command: InspectCommand,
}

#[derive(Debug, Subcommand)]
enum InspectCommand {
    Journal(journal::Journal),
    Snapshot(snapshot::Snapshot),
    Book(book::BookCommand),
    Order(order::OrderCommand),
    Account(account::AccountCommand),
    Market(market::MarketCommand),
}

/// The folder, the moment and the output format.
#[derive(Debug, Args)]
struct MomentArgs {
    #[command(flatten)]
    folder_options: FolderOptions,
    /// The moment: 1200, epoch:7, epoch:7@MARKET or 2026-11-21T10:15:00Z; without it, now
    #[arg(long, value_name = "MOMENT")]
    at: Option<Moment>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Runs the subcommand and prints the result.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut out = BufWriter::new(SuspendingWriter(io::stdout().lock()));
        let done = match &self.command {
            InspectCommand::Journal(it) => it.show(&mut out),
            InspectCommand::Snapshot(it) => it.show(&mut out),
            InspectCommand::Book(it) => it.show(&mut out),
            InspectCommand::Order(it) => it.show(&mut out),
            InspectCommand::Account(it) => it.show(&mut out),
            InspectCommand::Market(it) => it.show(&mut out),
        };
        reader::finish(done.and_then(|()| Ok(out.flush()?)))
    }
}

/// The output.
type Out = BufWriter<SuspendingWriter<StdoutLock<'static>>>;

impl MomentArgs {
    fn replay(&self) -> Result<MomentReplay, Stop> {
        MomentReplay::to(
            &self.folder_options.folder,
            self.at,
            self.folder_options.markets.markets_max,
        )
    }
}

fn no_such_market(market: MarketId, at: Sequence) -> Stop {
    let text = format!(
        "there is no market {market} at command {at}; `pricetime inspect market` lists the markets"
    );
    Failure::new(Code::Failed, text).into()
}

/// The color of a side.
const fn tone(side: Side) -> Tone {
    match side {
        Side::Buy => Tone::Buy,
        Side::Sell => Tone::Sell,
    }
}

fn time(at: Timestamp) -> String {
    pricetime_gateway::json::Time(at).to_string()
}
