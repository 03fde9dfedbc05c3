//! `pricetime settle`: shows what was posted and what is pending, verifies it, and takes operator requests.

mod balances;
mod ledger_reader;
mod list;
mod replay;
mod requests;
mod show;
mod start;
mod statement;
mod status;
mod verify;

use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use pricetime::persistence::journal::{FolderReader, RealDisk};
use pricetime::persistence::settlement::ledger::{Ledger, LedgerError};
use pricetime::{OperatorRequest, Secret};

use super::config::{Config, Layers, LedgerLocation};
use super::failure::{Code, Failure};
use super::reader::{self, Stop};
use ledger_reader::LedgerReader;

/// Shows settlement, verifies it, and takes requests for it.
///
/// The trades of an epoch are one batch, which is posted exactly once. Commands that only read change
/// nothing, and work while a process has the folder open.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime settle status                                progress of each market, what is pending
  pricetime settle list --market 1                       pending batches, and the last outcomes
  pricetime settle show 1 7                              the batch of epoch 7 of market 1
  pricetime settle statement --account UUID --market 1 --epoch 7
  pricetime settle verify                                compare the ledger with the journal
  pricetime settle hold 1                                stop settling market 1
  pricetime settle resume 1                              continue settling market 1
  pricetime settle drop 1 7                              drop epoch 7, which the ledger refuses
  pricetime settle start --market 1 --from 8             start the ledger with epoch 8

The ledger is given by --settle and --settle-url or by the configuration; otherwise it is the one
in the folder, if there is one. Exit codes: 0 done; 1 failed; 2 the command line or the
configuration is invalid; 3 the ledger and the journal differ, or one of them is damaged.
docs/settlement.md says what to do in each case.")]
pub(super) struct Settle {
    #[command(subcommand)]
    command: SettleCommand,
}

#[derive(Debug, Subcommand)]
enum SettleCommand {
    Status(status::Status),
    List(list::List),
    Show(show::Show),
    Balances(balances::Balances),
    Statement(statement::Statement),
    Verify(verify::Verify),
    Hold(requests::Hold),
    Resume(requests::Resume),
    Retry(requests::Retry),
    Drop(requests::Drop),
    Start(start::StartCommand),
}

/// The folder, the ledger and the output format.
#[derive(Debug, Args)]
struct LedgerArgs {
    /// The data folder [default: that of the configuration, ./data]
    #[arg(long, value_name = "DIR", env = "PRICETIME_FOLDER")]
    folder: Option<PathBuf>,
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "PRICETIME_CONFIG")]
    config: Option<PathBuf>,
    /// The ledger: embedded, redis, postgres
    #[arg(long, value_name = "LEDGER", env = "PRICETIME_SETTLE")]
    settle: Option<String>,
    /// The URL of the ledger, if it is on a server
    #[arg(long, value_name = "URL", env = "PRICETIME_SETTLE_URL", hide_env_values = true)]
    settle_url: Option<Secret>,
    /// The Redis of the image; also holds the ledger if no other URL is given
    #[arg(long, value_name = "URL", env = "PRICETIME_REDIS", hide_env_values = true)]
    redis: Option<Secret>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// The output.
type Out = BufWriter<StdoutLock<'static>>;

impl Settle {
    /// Runs the subcommand.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let done = match &self.command {
            SettleCommand::Status(it) => it.run(&mut out),
            SettleCommand::List(it) => it.run(&mut out),
            SettleCommand::Show(it) => it.run(&mut out),
            SettleCommand::Balances(it) => it.run(&mut out),
            SettleCommand::Statement(it) => it.run(&mut out),
            SettleCommand::Verify(it) => it.run(&mut out),
            SettleCommand::Hold(it) => it.run(&mut out),
            SettleCommand::Resume(it) => it.run(&mut out),
            SettleCommand::Retry(it) => it.run(&mut out),
            SettleCommand::Drop(it) => it.run(&mut out),
            SettleCommand::Start(it) => it.run(&mut out),
        };
        // The output is flushed even if the command failed.
        let flushed = out.flush();
        reader::finish(done.and_then(|()| Ok(flushed?)))
    }
}

impl LedgerArgs {
    fn config(&self) -> Result<Context, Failure> {
        let (config, folder) = (self.config.clone(), self.folder.clone());
        let (settle, settle_url) = (self.settle.clone(), self.settle_url.clone());
        let redis = self.redis.clone();
        let config = Config::new(&Layers {
            config,
            folder,
            settle,
            settle_url,
            redis,
            ..Layers::default()
        })?;
        match config.folder.clone() {
            Some(folder) => Ok(Context { folder, config }),
            None => Err(Failure::new(
                Code::Usage,
                "with redis.only nothing is settled: batches are made from a journal",
            )),
        }
    }
}

/// A folder and its configuration.
#[derive(Debug)]
struct Context {
    folder: PathBuf,
    config: Config,
}

impl Context {
    fn reader(&self) -> Result<FolderReader, Stop> {
        let reader = FolderReader::open(Arc::new(RealDisk), &self.folder)?;
        if reader.is_new() {
            let text = format!("{} is new: nothing has been stored in it", self.folder.display());
            return Err(Failure::failed(text).into());
        }
        Ok(reader)
    }

    /// The location of the ledger.
    fn location(&self) -> Result<LedgerLocation, Failure> {
        if let Some(settlement_config) = &self.config.settlement_config {
            return Ok(settlement_config.location.clone());
        }
        let own = LedgerLocation::embedded(&self.folder);
        match &own {
            LedgerLocation::Embedded(folder) if ledger_reader::file(folder).exists() => Ok(own),
            LedgerLocation::Embedded(_)
            | LedgerLocation::Redis(_)
            | LedgerLocation::Postgres(_) => Err(Failure::new(
                Code::Usage,
                format!(
                    "the ledger is not given, and there is none in {}; set --settle, \
                     $PRICETIME_SETTLE or settlement.ledger in --config",
                    self.folder.display()
                ),
            )),
        }
    }

    /// The ledger, for reading.
    fn read(&self) -> Result<LedgerReader, Stop> {
        LedgerReader::of(&self.location()?)
    }

    /// The ledger, for writing.
    fn write(&self) -> Result<Box<dyn Ledger>, Stop> {
        self.location()?.open().map_err(|error| ledger_failure(&error))
    }
}

/// Returns `true` if a process has the folder open, or `None` if that cannot be determined.
fn is_in_use(folder: &Path) -> Option<bool> {
    FolderReader::open(Arc::new(RealDisk), folder).ok()?.in_use().ok()
}

/// The name of a request, and its epoch if it has one.
const fn request_name(request: OperatorRequest) -> (&'static str, Option<u64>) {
    match request {
        OperatorRequest::Hold => ("hold", None),
        OperatorRequest::Resume => ("resume", None),
        OperatorRequest::Retry => ("retry", None),
        OperatorRequest::Drop(epoch) => ("drop", Some(epoch.0)),
        OperatorRequest::DeliverRetry => ("retry of the delivery", None),
        OperatorRequest::DeliverSkip(epoch) => ("drop from the delivery", Some(epoch.0)),
    }
}

/// The error for a ledger that fails.
fn ledger_failure(error: &LedgerError) -> Stop {
    let code = match error {
        LedgerError::Unreachable { .. } | LedgerError::Refused { .. } => Code::Failed,
        LedgerError::Damaged { .. } => Code::Unsound,
    };
    Failure::new(code, error.to_string()).into()
}
