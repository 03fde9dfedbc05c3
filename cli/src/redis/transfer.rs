//! `pricetime redis export` and `import`: images in a file of JSON lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pricetime::engine::MarketId;
use pricetime::persistence::redis::{
    BadText, ImageText, ImageWriter, Link, ReadImage, RedisError, check_no_orphan_keys, find_image,
    read_image, read_markets, read_text, remove_image,
};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, lines_to, note};
use super::{Out, ServerArgs, no_image, read_failure, redis_failure};

/// Verifies the images and writes them to a file as JSON lines.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    args: ServerArgs,
    /// The file; - is standard output
    file: PathBuf,
}

/// Verifies images from a file and writes them to Redis.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    args: ServerArgs,
    /// A file that `export` wrote
    file: PathBuf,
    /// Replace existing images
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Exported { file: String, markets: usize, orders: usize },
    Imported { file: String, markets: usize, orders: usize },
}

impl Output {
    fn of(file: &Path, images: &[ReadImage], make: fn(String, usize, usize) -> Self) -> Self {
        let orders = |image: &ReadImage| image.state.resting.len() + image.state.waiting.len();
        make(file.display().to_string(), images.len(), images.iter().map(orders).sum())
    }

    fn print(&self, out: &mut Out, json: bool) -> Result<(), Stop> {
        if json {
            return Ok(json_line(out, self)?);
        }
        let (Self::Exported { file, markets, orders } | Self::Imported { file, markets, orders }) =
            self;
        Ok(writeln!(out, "{file}: {markets} markets, {orders} orders")?)
    }
}

impl Export {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, options) = self.args.link()?;
        let markets =
            read_markets(&mut link, &options.names).map_err(|error| redis_failure(&error))?;
        let mut images = Vec::new();
        for market in markets {
            let image = read_image(&mut link, &options.names.of(market));
            match image.map_err(|error| read_failure(&error))? {
                Some(image) => images.push(image),
                None => {
                    check_no_orphan_keys(&mut link, &options.names.of(market))
                        .map_err(|error| read_failure(&error))?;
                    note(format_args!("market {market}: it was claimed but never written"));
                }
            }
        }
        if images.is_empty() {
            return Err(no_image(&options));
        }
        let mut to = lines_to(&self.file)?;
        ImageText(&images).write(&mut to)?;
        to.flush()?;
        if self.file == Path::new("-") {
            return Ok(());
        }
        let make = |file, markets, orders| Output::Exported { file, markets, orders };
        Output::of(&self.file, &images, make).print(out, self.args.json)
    }
}

impl Import {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, options) = self.args.link()?;
        let name = self.file.display();
        let file = File::open(&self.file)
            .map_err(|error| Failure::failed(format!("cannot open {name}: {error}")))?;
        let read = read_text(BufReader::new(file)).map_err(|error| {
            let code = match &error {
                BadText::Io(_) => Code::Failed,
                BadText::Line { .. }
                | BadText::Truncated
                | BadText::Image(_)
                | BadText::History(_) => Code::Unsound,
            };
            Failure::new(code, format!("{name}: {error}"))
        })?;
        let Some((history, images)) = read else {
            return Err(Failure::failed(format!("{name}: it contains no image")).into());
        };
        if !self.replace
            && let Some(found) =
                find_image(&mut link, &options.names).map_err(|error| redis_failure(&error))?
        {
            let text = format!(
                "Redis holds an image of history {} up to command {}: --replace replaces it",
                found.history, found.sequence
            );
            return Err(Failure::failed(text).into());
        }
        options
            .names
            .check(images.len())
            .map_err(|why| Failure::new(Code::Usage, why.to_string()))?;
        clear(&mut link, &images).map_err(|error| redis_failure(&error))?;
        let mut writer = ImageWriter::new(link, history, 0);
        if images.iter().any(|image| image.trades.is_some()) {
            writer = writer.with_trades();
        }
        for image in &images {
            let Some(state) = image.to_state() else { continue };
            let (changed, trades) = (BTreeMap::new(), image.trades.clone().unwrap_or_default());
            let written = writer.write_with(&state, &changed, &trades);
            written.map_err(|error| redis_failure(&error))?;
        }
        let make = |file, markets, orders| Output::Imported { file, markets, orders };
        Output::of(&self.file, &images, make).print(out, self.args.json)
    }
}

/// Deletes the markets that are not among these images.
fn clear(link: &mut Link, images: &[ReadImage]) -> Result<(), RedisError> {
    let imported: BTreeSet<MarketId> = images.iter().map(|image| image.state.head.market).collect();
    let names = link.options().names.clone();
    for market in read_markets(link, &names)? {
        if !imported.contains(&market) {
            remove_image(link, &names, market)?;
        }
    }
    Ok(())
}
