//! The formats that can be written.

use std::path::Path;

use clap::ValueEnum;

use super::super::failure::{Code, Failure};

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TargetFormat {
    /// JSON lines of commands
    Json,
    /// CSV of commands
    Csv,
    /// A data folder with a journal
    Journal,
    /// A LOBSTER message file and its order-book file
    Lobster,
    /// NASDAQ TotalView-ITCH 5.0
    Itch,
    /// A Parquet file of trades, levels or events
    Parquet,
}

impl TargetFormat {
    /// The format that a name stands for.
    pub(super) fn of(to: &Path) -> Result<Self, Failure> {
        let unknown = |why: &str| {
            let to = to.display();
            let text = format!("{to}: {why}; name a format with --to");
            Failure::new(Code::Usage, text)
        };
        if to == Path::new("-") {
            return Err(unknown("standard output has no name that tells the format"));
        }
        let name = to.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let plain = ["gz", "zst"].iter().find_map(|it| name.strip_suffix(it)?.strip_suffix('.'));
        let plain = plain.unwrap_or(&name);
        match plain.rsplit_once('.').map(|(_, extension)| extension) {
            Some("jsonl" | "ndjson" | "json") => Ok(Self::Json),
            // The name of a file of LOBSTER: AAPL_2012-06-21_34200000_57600000_message_10.csv.
            Some("csv") if plain.contains("_message") => Ok(Self::Lobster),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some(it) if it == "itch" || it.ends_with("itch50") => Ok(Self::Itch),
            None if plain == name => Ok(Self::Journal),
            _ => Err(unknown("the name does not tell the format")),
        }
    }

    /// What is written, as the object of a sentence.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON lines",
            Self::Csv => "CSV of commands",
            Self::Journal => "a Pricetime journal",
            Self::Lobster => "LOBSTER",
            Self::Itch => "NASDAQ TotalView-ITCH 5.0",
            Self::Parquet => "Parquet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_tells_the_format() {
        for (name, expected) in [
            ("day.jsonl", Some(TargetFormat::Json)),
            ("a/day.jsonl.zst", Some(TargetFormat::Json)),
            ("day.CSV.gz", Some(TargetFormat::Csv)),
            ("AAPL_2012-06-21_34200000_57600000_message_10.csv", Some(TargetFormat::Lobster)),
            ("01302020.NASDAQ_ITCH50.gz", Some(TargetFormat::Itch)),
            ("day.itch", Some(TargetFormat::Itch)),
            ("trades.parquet", Some(TargetFormat::Parquet)),
            ("a.b/data", Some(TargetFormat::Journal)),
            ("./data/", Some(TargetFormat::Journal)),
            ("day.gz", None),
            ("day.txt", None),
            ("-", None),
        ] {
            assert_eq!(TargetFormat::of(Path::new(name)).ok(), expected, "{name}");
        }
    }
}
