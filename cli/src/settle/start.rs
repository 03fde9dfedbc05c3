//! `pricetime settle start`: sets the epoch at which a ledger begins.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use pricetime::engine::{AccountId, EpochNumber, MarketId};
use pricetime::persistence::journal::{History, private};
use pricetime::persistence::settlement::Batch;
use pricetime::persistence::settlement::ledger::{Balance, Position, Seed, Token};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line};
use super::replay::JournalReplay;
use super::{Context, LedgerArgs, Out, balances, ledger_failure, ledger_reader};

/// Prepares the ledger to post a market's epochs, starting with a given one.
///
/// A market that is settled from its first epoch on does not need this. It is for a ledger that replaces
/// another one, for a market that was not settled before, and for a folder that began a new history.
#[derive(Debug, Args)]
pub(super) struct StartCommand {
    #[command(flatten)]
    args: LedgerArgs,
    /// The market
    #[arg(long, value_name = "N")]
    market: u32,
    /// The first epoch to post; earlier ones are never posted in this ledger
    #[arg(long, value_name = "EPOCH")]
    from: u64,
    /// Balances to add to those of the accounts: the lines of `settle balances --json` of another ledger
    #[arg(long, value_name = "FILE")]
    balances: Option<PathBuf>,
    /// Replace the existing position of the ledger
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Started { market: u32, from: u64, history: String, token: u64, brought_in: usize },
}

/// The balances of a ledger at its beginning, kept in the folder for `verify`.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    history: String,
    from: u64,
    balances: Vec<(Uuid, String, String)>,
}

/// The beginning of a ledger, with its balances at that time.
pub(super) struct LedgerStart {
    pub(super) history: History,
    pub(super) from: EpochNumber,
    pub(super) balances: Vec<Balance>,
}

impl StartCommand {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let context = self.args.config()?;
        let replay = JournalReplay::of(&context)?;
        let history = replay.reader().history();
        let (market, from) = (MarketId(self.market), EpochNumber(self.from));
        let Some(last) = self.from.checked_sub(1).map(EpochNumber) else {
            return Err(Failure::new(Code::Usage, "--from: the first epoch is 1").into());
        };
        let specs = replay.specs()?;
        let spec = specs.get(&market).ok_or_else(|| balances::unknown(market))?;
        let given = self.balances.as_deref().map(|file| balances::read(file, spec)).transpose()?;
        let given = given.unwrap_or_default();
        let mut ledger = context.write()?;
        let fail = |error| ledger_failure(&error);
        let (_, current_position) = ledger.position(market).map_err(fail)?;
        let position = Position { history, last };
        if current_position == Some(position) {
            let text = format!("market {market}: the ledger already begins with epoch {from}");
            return Err(Failure::failed(text).into());
        }
        let id = Batch::id_of(history, market, from);
        if ledger.outcome(market, id).map_err(fail)?.is_some() {
            let text = format!(
                "market {market}: epoch {from} has an outcome in this ledger; nothing is posted twice"
            );
            return Err(Failure::failed(text).into());
        }
        if let (Some(current_position), false) = (current_position, self.yes) {
            let text = format!(
                "market {market}: the ledger ends with epoch {} of history {}: --yes replaces that",
                current_position.last, current_position.history
            );
            return Err(Failure::new(Code::Usage, text).into());
        }
        let claimed = ledger.claim(market, Token(0)).map_err(fail)?;
        if claimed.position != current_position {
            let text = format!("market {market}: another process is settling it: hold it there");
            return Err(Failure::failed(text).into());
        }
        let mut all = BTreeMap::new();
        let before = ledger_reader::balances(ledger.as_mut(), market).map_err(fail)?;
        for Balance { account, base, quote } in before.iter().chain(&given) {
            let sum: &mut (i128, i128) = all.entry(*account).or_default();
            *sum = (sum.0.saturating_add(*base), sum.1.saturating_add(*quote));
        }
        let unfinished_note = UnfinishedNote::write(&context, market, (history, from), &all)?;
        let seed = Seed { market, position, replaces: current_position, balances: given.clone() };
        ledger.seed(&seed, claimed.token).map_err(fail)?;
        unfinished_note.commit()?;
        let (token, brought_in) = (claimed.token.0, all.len());
        if self.args.json {
            let (market, from, history) = (self.market, self.from, history.to_string());
            let output = Output::Started { market, from, history, token, brought_in };
            return Ok(json_line(out, &output)?);
        }
        Ok(writeln!(
            out,
            "market {market}: the ledger begins with epoch {from}, and {brought_in} accounts \
             already have a balance; a process that had halted continues after `settle resume \
             {market}`"
        )?)
    }
}

fn file(folder: &Path, market: MarketId) -> PathBuf {
    folder.join("settlement").join(format!("start-{market}.json"))
}

/// The note under a temporary name; it does not count until it is renamed.
struct UnfinishedNote {
    unfinished: PathBuf,
    file: PathBuf,
}

impl UnfinishedNote {
    fn write(
        context: &Context,
        market: MarketId,
        (history, from): (History, EpochNumber),
        balances: &BTreeMap<AccountId, (i128, i128)>,
    ) -> Result<Self, Stop> {
        let file = file(&context.folder, market);
        let unfinished = file.with_extension("tmp");
        let line = |(account, sum): (&AccountId, &(i128, i128))| {
            (Uuid::from(*account), sum.0.to_string(), sum.1.to_string())
        };
        let balances = balances.iter().map(line).collect();
        let note = Note { history: history.to_string(), from: from.0, balances };
        let text = serde_json::to_vec(&note).map_err(Failure::failed)?;
        private::create_folder(&context.folder.join("settlement"))?;
        private::write(&unfinished, &text)?;
        Ok(Self { unfinished, file })
    }

    fn commit(self) -> Result<(), Stop> {
        Ok(fs::rename(self.unfinished, self.file)?)
    }
}

/// The beginning of a market's ledger, if it was started from this folder.
pub(super) fn ledger_start(folder: &Path, market: MarketId) -> Result<Option<LedgerStart>, Stop> {
    let path = file(folder, market);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let bad = || Failure::new(Code::Unsound, format!("{} cannot be read", path.display()));
    let note: Note = serde_json::from_slice(&text).map_err(|_| bad())?;
    let mut balances = Vec::new();
    for (account, base, quote) in note.balances {
        let (Ok(base), Ok(quote)) = (base.parse(), quote.parse()) else { return Err(bad().into()) };
        balances.push(Balance { account: account.into(), base, quote });
    }
    let history = note.history.parse().map_err(|_| bad())?;
    Ok(Some(LedgerStart { history, from: EpochNumber(note.from), balances }))
}
