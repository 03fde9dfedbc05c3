//! `pricetime redis drop`: deletes images.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use pricetime::engine::{MarketId, Timestamp};
use pricetime::persistence::redis::{
    Holder, KeyNames, Link, RedisError, find_image, read_holder, read_markets, remove_image,
};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line};
use super::{Out, ServerArgs, redis_failure};

/// How long the images are watched for a process that still writes them.
const WATCH_TIME: Duration = Duration::from_millis(700);

/// Deletes the keys of markets from Redis. A process that still runs them writes them again.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["market", "all"])))]
pub(super) struct Remove {
    #[command(flatten)]
    target: ServerArgs,
    /// The markets
    market: Vec<u32>,
    /// Every market in Redis
    #[arg(long)]
    all: bool,
    /// Delete; without this nothing is deleted
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Dropped { market: u32, keys: u64 },
}

impl Remove {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, options) = self.target.link()?;
        let names = &options.names;
        let existing = read_markets(&mut link, names).map_err(|error| redis_failure(&error))?;
        let named = self.market.iter().copied().map(MarketId).collect();
        let markets: Vec<MarketId> = if self.all { existing } else { named };
        if !self.yes {
            let text = confirmation_text(&mut link, names, &markets)
                .map_err(|error| redis_failure(&error))?;
            return Err(Failure::new(Code::Usage, text).into());
        }
        for market in markets {
            let keys =
                remove_image(&mut link, names, market).map_err(|error| redis_failure(&error))?;
            if self.target.json {
                json_line(out, &Output::Dropped { market: market.0, keys })?;
            } else {
                writeln!(out, "market {market}: {keys} keys deleted")?;
            }
        }
        Ok(())
    }
}

/// The text of what `--yes` would delete, and whether a process is still writing it.
fn confirmation_text(
    link: &mut Link,
    names: &KeyNames,
    markets: &[MarketId],
) -> Result<String, RedisError> {
    let list: Vec<String> = markets.iter().map(ToString::to_string).collect();
    let found = find_image(link, names)?;
    let of = found.map_or(String::new(), |it| {
        format!("; the images are of history {} up to command {}", it.history, it.sequence)
    });
    let mut text = format!("--yes deletes these markets: {}{of}", list.join(", "));
    let mut holders = |markets: &[MarketId]| -> Result<Vec<Option<Holder>>, RedisError> {
        markets.iter().map(|market| read_holder(link, &names.of(*market))).collect()
    };
    let before = holders(markets)?;
    // A process that is writing changes its record within this time.
    std::thread::sleep(WATCH_TIME);
    for ((market, before), after) in markets.iter().zip(&before).zip(holders(markets)?) {
        let Some(after) = after else { continue };
        let Holder { term, writer, timestamp, .. } = &after;
        let age = timestamp.map_or_else(
            || String::from("nothing has been written yet"),
            |time| format!("its last command was {} ago", ago(time)),
        );
        let live = if before.as_ref() == Some(&after) {
            "a process that still runs it writes it again with its next epoch"
        } else {
            "IT IS BEING WRITTEN: stop that process first"
        };
        text += &format!("\nmarket {market}: writer {writer} of term {term}, {age}; {live}");
    }
    Ok(text)
}

/// The rough time since a timestamp.
fn ago(time: Timestamp) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ago = since.saturating_sub(Duration::from_nanos(time.0));
    humantime::format_duration(Duration::from_secs(ago.as_secs())).to_string()
}
