//! Images as lines of text, for export and import. Each line has the same text as Redis.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};

use pricetime_engine::{EngineSnapshot, MarketSnapshot};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::all_images::{AllImages, join};
use super::keys::KeyNames;
use super::layout::{self, BadRecord};
use super::read::{ReadError, ReadImage, verify_image};
use super::trades::{parse_trade, trade_text};
use pricetime_journal::echo::shorten;
use pricetime_journal::image::{Image, MarketState};
use pricetime_journal::lines::{NextLine, next_line, too_long};
use pricetime_journal::{BadHistory, History};

/// The version of the text.
const FORMAT: u32 = 1;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first line.
    PricetimeImages { format: u32, markets: usize },
    /// The first line of a market. The lines up to the next one belong to it.
    Market(BTreeMap<String, String>),
    /// An order in the book.
    Order { order: String, record: Value },
    /// A stop order, which is not in the book.
    Stop { order: String, record: Value },
    /// A request in the window.
    Request(Value),
    /// A blocked account.
    Blocked(String),
    /// A trade that is kept.
    Trade(Value),
    /// The last line. Without it the text is incomplete.
    End { markets: usize },
}

/// Images as lines.
#[derive(Debug)]
pub struct ImageText<'a>(pub &'a [ReadImage]);

/// Why lines are not images.
#[derive(Debug, thiserror::Error)]
pub enum BadText {
    /// The lines cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line does not have the expected form.
    #[error("line {line}: {}", shorten(.what))]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The lines end too early.
    #[error("the end is missing")]
    Truncated,
    /// The lines do not have the content that was exported.
    #[error("the lines do not have the exported content: {0}")]
    Image(#[from] ReadError),
    /// The name of the history is not valid.
    #[error(transparent)]
    History(#[from] BadHistory),
}

impl ImageText<'_> {
    /// Writes the images.
    ///
    /// # Errors
    /// Returns an error if the output fails.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let markets = self.0.len();
        write_line(out, &Line::PricetimeImages { format: FORMAT, markets })?;
        for image in self.0 {
            write_image(out, image)?;
        }
        write_line(out, &Line::End { markets })
    }
}

fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn write_image(out: &mut impl Write, image: &ReadImage) -> io::Result<()> {
    let Some(state) = image.to_state() else { return Ok(()) };
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for (field, text) in layout::metadata(&state, &image.history, image.digest) {
        metadata.insert(field.to_owned(), text);
    }
    for (field, text) in
        image.trades.iter().flat_map(|it| layout::trades_metadata(it, &image.history))
    {
        metadata.insert(field.to_owned(), text);
    }
    // The version of the rules that the image was written with, which may differ from ours.
    metadata.insert(String::from("rules"), image.rules.to_string());
    write_line(out, &Line::Market(metadata))?;
    let MarketSnapshot { resting, waiting, blocked, requests, .. } = &image.state;
    for order in resting.iter().chain(waiting) {
        let record = serde_json::from_str(&layout::order_text(order))?;
        let field = layout::order_field(order.party.order);
        let line = if order.kind.stop().is_none() {
            Line::Order { order: field, record }
        } else {
            Line::Stop { order: field, record }
        };
        write_line(out, &line)?;
    }
    for request in requests {
        write_line(out, &Line::Request(serde_json::from_str(&layout::request_text(request))?))?;
    }
    for account in blocked {
        write_line(out, &Line::Blocked(layout::account_text(*account)))?;
    }
    for trade in image.trades.iter().flat_map(|trades| trades.iter()) {
        write_line(out, &Line::Trade(serde_json::from_str(&trade_text(trade))?))?;
    }
    Ok(())
}

impl ReadImage {
    /// The image as a writer takes it, or `None` if the image does not contain its own market.
    #[must_use]
    pub fn to_state(&self) -> Option<MarketState> {
        let state = EngineSnapshot {
            rules_version: self.rules,
            last_sequence: self.sequence,
            last_timestamp: self.timestamp,
            last_market: self.last_market,
            markets: vec![self.state.clone()],
        };
        Image::from_snapshot(&state).take_state(self.state.head.market)
    }
}

/// A market that is being read.
struct PartialMarket {
    line: usize,
    metadata: HashMap<String, String>,
    rest: Vec<Line>,
}

/// Reads images back. They are complete, checked one by one and together, and all belong to the returned
/// history. Returns `None` if there are none.
///
/// # Errors
/// Returns [`BadText`] if the lines cannot be read or are not what was exported.
pub fn read_text(mut input: impl BufRead) -> Result<Option<(History, Vec<ReadImage>)>, BadText> {
    let mut images = Vec::new();
    let mut partial: Option<PartialMarket> = None;
    let mut stated = None;
    let mut text = Vec::new();
    for line in 1.. {
        let bad = |what: String| BadText::Line { line, what };
        match next_line(&mut input, &mut text)? {
            NextLine::Line => {}
            NextLine::Long => return Err(bad(too_long())),
            NextLine::End => break,
        }
        let parsed: Line = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        match parsed {
            Line::PricetimeImages { format: FORMAT, markets } if line == 1 => {
                stated = Some(markets);
            }
            _ if stated.is_none() => {
                let what = format!("is not the head of an export of format {FORMAT}");
                return Err(bad(what));
            }
            Line::PricetimeImages { .. } => {
                return Err(bad(String::from("a second head")));
            }
            Line::Market(metadata) => {
                images.extend(partial.take().map(PartialMarket::finish).transpose()?);
                let metadata = metadata.into_iter().collect();
                partial = Some(PartialMarket { line, metadata, rest: Vec::new() });
            }
            Line::End { markets } => {
                images.extend(partial.take().map(PartialMarket::finish).transpose()?);
                if images.len() != markets || stated != Some(markets) {
                    return Err(BadText::Truncated);
                }
                return check_together(images);
            }
            other @ (Line::Order { .. }
            | Line::Stop { .. }
            | Line::Request(_)
            | Line::Blocked(_)
            | Line::Trade(_)) => match &mut partial {
                Some(partial) => partial.rest.push(other),
                None => return Err(bad(String::from("no market precedes it"))),
            },
        }
    }
    Err(BadText::Truncated)
}

/// Returns the images if they belong to one history and together are a state that an engine can have.
fn check_together(images: Vec<ReadImage>) -> Result<Option<(History, Vec<ReadImage>)>, BadText> {
    let Some(AllImages { history, state, .. }) = join(images.clone())? else { return Ok(None) };
    super::check_all_images(&state).map_err(ReadError::Broken)?;
    Ok(Some((history.parse()?, images)))
}

impl PartialMarket {
    fn finish(self) -> Result<ReadImage, BadText> {
        let Self { line, metadata, rest } = self;
        let place = format!("the market of line {line}");
        let bad = |field: &str, what| {
            ReadError::from(BadRecord { key: place.clone(), field: field.to_owned(), what })
        };
        let stated = layout::parse_metadata(&place, &metadata).map_err(ReadError::from)?;
        let (mut resting, mut waiting) = (Vec::new(), Vec::new());
        let (mut blocked, mut requests, mut trades) = (Vec::new(), Vec::new(), Vec::new());
        for parsed in rest {
            match parsed {
                Line::Order { order, record } => {
                    let read = layout::parse_order(&order, &record.to_string());
                    resting.push(read.map_err(|what| bad(&order, what))?);
                }
                Line::Stop { order, record } => {
                    let read = layout::parse_order(&order, &record.to_string());
                    waiting.push(read.map_err(|what| bad(&order, what))?);
                }
                Line::Request(record) => {
                    let text = record.to_string();
                    let read = layout::parse_request(&text);
                    requests.push(read.map_err(|what| bad(&text, what))?);
                }
                Line::Blocked(account) => {
                    let read = layout::parse_account(&account);
                    blocked.push(read.map_err(|what| bad(&account, what))?);
                }
                Line::Trade(record) => {
                    let text = record.to_string();
                    trades.push(parse_trade(&text).map_err(|what| bad(&text, what))?);
                }
                Line::PricetimeImages { .. } | Line::Market(_) | Line::End { .. } => {}
            }
        }
        let keys = KeyNames::default().of(stated.head.market);
        let state = MarketSnapshot { head: stated.head, resting, waiting, blocked, requests };
        let trades = stated.trades.map(|_| trades.into_iter().collect());
        let digest = state.digest();
        Ok(verify_image(&keys, &stated, state, digest, trades)?)
    }
}
