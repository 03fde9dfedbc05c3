//! How the output is written.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pricetime_engine::MarketId;
use pricetime_gateway::json::Time;
use pricetime_recordings::Compression;

use super::super::failure::{Code, Failure};
use super::format::TargetFormat;

/// What a Parquet file has rows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TableName {
    /// A row for each trade
    Trades,
    /// A row for each change of a level of a book
    Levels,
    /// A row for each event
    Events,
}

/// How the output is written.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetOptions {
    /// The format to write, if the name does not tell
    #[arg(long = "to", value_name = "FORMAT")]
    target: Option<TargetFormat>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(super) force: bool,
    /// The market of a LOBSTER output, by number or symbol; without it, the only one
    #[arg(long, value_name = "MARKET")]
    pub(super) market: Option<String>,
    /// The order-book file of a LOBSTER output; without it, the name of the output with `orderbook` in place
    /// of `message`, if it has that
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    /// The levels of an order-book file, or of a Parquet file of levels; without it, 10
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    levels: Option<u16>,
    /// The midnight from which the times of a LOBSTER or ITCH output count; without it, --midnight, or else
    /// the midnight (UTC) before the first command
    #[arg(long, value_name = "TIME")]
    pub(super) to_midnight: Option<Time>,
    /// What a Parquet file has rows of; without it, trades
    #[arg(long, value_name = "TABLE")]
    pub(super) table: Option<TableName>,
    /// The decimal places of prices and quantities in a Parquet file; without it, 9
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=28))]
    pub(super) decimals: Option<u8>,
}

impl TargetOptions {
    /// The format to write. Refuses options that it does not have.
    pub(super) fn format(&self, to: &Path) -> Result<TargetFormat, Failure> {
        let format = self.target.map_or_else(|| TargetFormat::of(to), Ok)?;
        let refused = |option: &str, what: &str| {
            let text = format!("{option} is only for {what}, and this is {}", format.name());
            Err(Failure::new(Code::Usage, text))
        };
        if self.market.is_some() && format != TargetFormat::Lobster {
            return refused("--market", "LOBSTER outputs");
        }
        if self.book.is_some() && format != TargetFormat::Lobster {
            return refused("--book", "LOBSTER outputs");
        }
        if self.to_midnight.is_some()
            && !matches!(format, TargetFormat::Lobster | TargetFormat::Itch)
        {
            return refused("--to-midnight", "LOBSTER and ITCH outputs");
        }
        if self.table.is_some() && format != TargetFormat::Parquet {
            return refused("--table", "Parquet outputs");
        }
        if self.decimals.is_some() && format != TargetFormat::Parquet {
            return refused("--decimals", "Parquet outputs");
        }
        let has_levels = format == TargetFormat::Lobster || self.table == Some(TableName::Levels);
        if self.levels.is_some() && !has_levels {
            return refused("--levels", "LOBSTER outputs and --table levels");
        }
        if format == TargetFormat::Parquet {
            check_parquet(to)?;
        }
        if to == Path::new("-") && format == TargetFormat::Journal {
            let text = "a journal is a folder and cannot go to standard output: name a folder";
            return Err(Failure::new(Code::Usage, text));
        }
        Ok(format)
    }

    /// The number of levels.
    pub(super) fn levels(&self) -> u16 {
        self.levels.unwrap_or(10)
    }

    /// The name of the order-book file.
    pub(super) fn book(&self, to: &Path) -> Option<PathBuf> {
        if self.book.is_some() {
            return self.book.clone();
        }
        let name = to.file_name()?.to_str()?;
        name.contains("message")
            .then(|| to.with_file_name(name.replacen("message", "orderbook", 1)))
    }

    /// Returns `true` if this market is wanted, and `None` if it was not said which one is.
    pub(super) fn is_wanted(&self, id: MarketId, symbol: &[u8]) -> Option<bool> {
        let wanted = self.market.as_ref()?;
        Some(wanted.as_bytes() == symbol || wanted.parse() == Ok(id.0))
    }
}

/// Refuses a Parquet file that cannot be written.
fn check_parquet(to: &Path) -> Result<(), Failure> {
    if cfg!(not(feature = "parquet")) {
        let text = "this program was built without Parquet: build it with `--features parquet`";
        return Err(Failure::new(Code::Usage, text));
    }
    if let Some(compression) = Compression::of_name(to) {
        let text = format!(
            "{}: a Parquet file is compressed inside, so it cannot be in a {compression} stream; leave the \
             last extension out",
            to.display()
        );
        return Err(Failure::new(Code::Usage, text));
    }
    Ok(())
}
