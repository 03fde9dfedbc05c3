//! `pricetime redis export` and `import`: images in a file of JSON lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pricetime::engine::MarketId;
use pricetime::persistence::redis::{
    BadText, ImageText, ImageWriter, Link, ReadImage, RedisError, find_image, read_image,
    read_markets, read_text, remove_image, written_if_any,
};
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::look::{Stop, json_line, lines_to, note};
use super::{Out, There, nothing, undone, unread};

/// Verifies the images and writes them to a file as JSON lines.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    there: There,
    /// The file; - is standard output
    file: PathBuf,
}

/// Verifies images from a file and writes them to Redis.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    there: There,
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

    fn say(&self, out: &mut Out, json: bool) -> Result<(), Stop> {
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
        let (mut link, options) = self.there.link()?;
        let markets = read_markets(&mut link, &options.names).map_err(|error| undone(&error))?;
        let mut images = Vec::new();
        for market in markets {
            let image = read_image(&mut link, &options.names.of(market));
            match image.map_err(|error| unread(&error))? {
                Some(image) => images.push(image),
                None => {
                    written_if_any(&mut link, &options.names.of(market))
                        .map_err(|error| unread(&error))?;
                    note(format_args!("market {market}: it was claimed but never written"));
                }
            }
        }
        if images.is_empty() {
            return Err(nothing(&options));
        }
        let mut to = lines_to(&self.file)?;
        ImageText(&images).write(&mut to)?;
        to.flush()?;
        if self.file == Path::new("-") {
            return Ok(());
        }
        let make = |file, markets, orders| Output::Exported { file, markets, orders };
        Output::of(&self.file, &images, make).say(out, self.there.json)
    }
}

impl Import {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, options) = self.there.link()?;
        let name = self.file.display();
        let file = File::open(&self.file)
            .map_err(|error| Failure::failed(format!("cannot open {name}: {error}")))?;
        let read = read_text(BufReader::new(file)).map_err(|error| {
            let code = match &error {
                BadText::Io(_) => Code::Failed,
                BadText::Line { .. } | BadText::Cut | BadText::Image(_) | BadText::History(_) => {
                    Code::Unsound
                }
            };
            Failure::new(code, format!("{name}: {error}"))
        })?;
        let Some((history, images)) = read else {
            return Err(Failure::failed(format!("{name}: it contains no image")).into());
        };
        if !self.replace
            && let Some(found) =
                find_image(&mut link, &options.names).map_err(|error| undone(&error))?
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
        clear(&mut link, &images).map_err(|error| undone(&error))?;
        let mut writer = ImageWriter::new(link, history, 0);
        if images.iter().any(|image| image.trades.is_some()) {
            writer = writer.with_trades();
        }
        for image in &images {
            let Some(state) = image.to_state() else { continue };
            let (changed, trades) = (BTreeMap::new(), image.trades.clone().unwrap_or_default());
            let wrote = writer.write_with(&state, &changed, &trades);
            wrote.map_err(|error| undone(&error))?;
        }
        let make = |file, markets, orders| Output::Imported { file, markets, orders };
        Output::of(&self.file, &images, make).say(out, self.there.json)
    }
}

/// Deletes the markets that are not among these images.
fn clear(link: &mut Link, images: &[ReadImage]) -> Result<(), RedisError> {
    let kept: BTreeSet<MarketId> = images.iter().map(|image| image.state.head.market).collect();
    let names = link.options().names.clone();
    for market in read_markets(link, &names)? {
        if !kept.contains(&market) {
            remove_image(link, &names, market)?;
        }
    }
    Ok(())
}
