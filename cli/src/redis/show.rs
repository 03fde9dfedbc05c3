//! `pricetime redis show`: lists the images.

use clap::Args;
use pricetime::engine::{MarketId, OrderRecord, Phase, Price, Side};
use pricetime::persistence::redis::{
    Holder, ReadError, ReadImage, Trades, check_no_orphan_keys, read_holder, read_image,
    read_markets,
};
use pricetime_gateway::json::Amount;
use serde::Serialize;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, note, table, word};
use super::{Out, ServerArgs, read_failure, redis_failure};

/// Lists the markets in Redis; reads and verifies each.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    args: ServerArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    /// A complete image.
    Image(Box<Row>),
    /// An image that does not verify.
    Damaged { market: u32, error: String },
    /// A market that was claimed but never written.
    Unwritten { market: u32 },
}

#[derive(Debug, Serialize)]
struct Row {
    market: u32,
    symbol: String,
    history: String,
    epoch: u64,
    sequence: u64,
    phase: Phase,
    best_bid: Option<Amount>,
    best_ask: Option<Amount>,
    bids: usize,
    asks: usize,
    stops: usize,
    requests: usize,
    blocked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    trades_kept: Option<usize>,
    digest: String,
    term: Option<String>,
    writer: Option<String>,
}

fn row(image: &ReadImage, holder: Option<Holder>) -> Row {
    let (head, spec) = (image.state.head, image.state.head.spec);
    let of = |side: Side| image.state.resting.iter().filter(move |order| order.side == side);
    let prices = |side: Side| of(side).filter_map(|order: &OrderRecord| order.kind.price());
    let price = |price: Option<Price>| price.and_then(|it| Amount::new(spec.show_price(it)));
    let (term, writer) = holder.map(|it| (it.term, it.writer)).unzip();
    Row {
        market: head.market.0,
        symbol: spec.symbol.to_string(),
        history: image.history.clone(),
        epoch: head.epoch.0,
        sequence: image.sequence.0,
        phase: head.phase,
        best_bid: price(prices(Side::Buy).max()),
        best_ask: price(prices(Side::Sell).min()),
        bids: of(Side::Buy).count(),
        asks: of(Side::Sell).count(),
        stops: image.state.waiting.len(),
        requests: image.state.requests.len(),
        blocked: image.state.blocked.len(),
        trades_kept: image.trades.as_ref().map(Trades::len),
        digest: format!("{:032x}", image.digest),
        term,
        writer,
    }
}

impl Show {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let (mut link, options) = self.args.link()?;
        let markets =
            read_markets(&mut link, &options.names).map_err(|error| redis_failure(&error))?;
        let (mut rows, mut damaged) = (Vec::new(), 0);
        for MarketId(market) in markets {
            let keys = options.names.of(MarketId(market));
            let read = match read_image(&mut link, &keys) {
                Ok(None) => check_no_orphan_keys(&mut link, &keys).map(|()| None),
                read => read,
            };
            let output = match read {
                Ok(Some(image)) => {
                    let holder =
                        read_holder(&mut link, &keys).map_err(|error| redis_failure(&error))?;
                    Output::Image(Box::new(row(&image, holder)))
                }
                Ok(None) => Output::Unwritten { market },
                Err(error @ (ReadError::Redis(_) | ReadError::KeepsChanging)) => {
                    return Err(read_failure(&error).into());
                }
                Err(error) => Output::Damaged { market, error: error.to_string() },
            };
            damaged += usize::from(matches!(output, Output::Damaged { .. }));
            if self.args.json {
                json_line(out, &output)?;
            } else {
                rows.push(output);
            }
        }
        if !self.args.json {
            print(out, &rows)?;
        }
        match damaged {
            0 => Ok(()),
            damaged => {
                let text = format!("the images of {damaged} markets are damaged");
                Err(Failure::new(Code::Unsound, text).into())
            }
        }
    }
}

fn print(out: &mut Out, output: &[Output]) -> Result<(), Stop> {
    let or_dash = |price: &Option<Amount>| price.as_ref().map_or("-".into(), Amount::to_string);
    let mut cells = Vec::new();
    for output in output {
        match output {
            Output::Image(row) => cells.push([
                row.market.to_string(),
                row.symbol.clone(),
                word(&row.phase),
                row.epoch.to_string(),
                row.sequence.to_string(),
                or_dash(&row.best_bid),
                or_dash(&row.best_ask),
                row.bids.to_string(),
                row.asks.to_string(),
                row.stops.to_string(),
                row.trades_kept.map_or("-".into(), |trades| trades.to_string()),
                row.term.clone().unwrap_or_default(),
                row.writer.clone().unwrap_or_default(),
                row.digest.clone(),
            ]),
            Output::Damaged { market, error } => note(format_args!("market {market}: {error}")),
            Output::Unwritten { market } => {
                note(format_args!("market {market}: it was claimed but never written"));
            }
        }
    }
    if output.is_empty() {
        note("there is no image");
    }
    let heading = [
        " market",
        "symbol",
        "phase",
        " epoch",
        " sequence",
        " bid",
        " ask",
        " bids",
        " asks",
        " stops",
        " trades",
        " term",
        "writer",
        "digest",
    ];
    if !cells.is_empty() {
        table(out, heading, cells)?;
    }
    Ok(())
}
