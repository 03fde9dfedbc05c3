//! `pricetime settle statement`: the trades of an account in an epoch, and their sum.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;

use clap::Args;
use pricetime::engine::{
    AccountId, EpochNumber, Event, Header, MarketId, MarketSpec, Notional, Price, Quantity, Side,
};
use pricetime::persistence::settlement::{Batch, Closed, fee};
use pricetime_gateway::amount;
use pricetime_gateway::json::{Amount, Time};
use serde::Serialize;
use uuid::Uuid;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, json_line, table, word};
use super::replay::{JournalReplay, recount_failure};
use super::{LedgerArgs, Out};

/// Shows the trades of an account in an epoch, their fees, and the sum that was posted.
#[derive(Debug, Args)]
pub(super) struct Statement {
    #[command(flatten)]
    args: LedgerArgs,
    /// The account
    #[arg(long, value_name = "UUID")]
    account: Uuid,
    /// The market
    #[arg(long, value_name = "N")]
    market: u32,
    /// The epoch
    #[arg(long, value_name = "N")]
    epoch: u64,
}

/// One side of a trade. Amounts are signed from the account's point of view: what it gives is negative.
struct Fill {
    at: Header,
    trade: u64,
    order: Uuid,
    side: Side,
    maker: bool,
    price: Price,
    quantity: Quantity,
    base: i128,
    quote: i128,
    fee: i128,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Fill(Box<FillLine>),
    Statement(Box<Net>),
}

#[derive(Debug, Serialize)]
struct FillLine {
    sequence: u64,
    time: Time,
    trade: u64,
    order: Uuid,
    side: Side,
    role: &'static str,
    price: Option<Amount>,
    quantity: Option<Amount>,
    notional: Option<Amount>,
    fee: Option<Amount>,
}

#[derive(Debug, Serialize)]
struct Net {
    account: Uuid,
    market: u32,
    epoch: u64,
    batch: String,
    fills: usize,
    fees: Option<Amount>,
    /// The fees that the account received, if it is the platform's account.
    received: Option<Amount>,
    base: Option<Amount>,
    quote: Option<Amount>,
}

impl Statement {
    pub(super) fn run(&self, out: &mut Out) -> Result<(), Stop> {
        let context = self.args.config()?;
        let replay = JournalReplay::of(&context)?;
        let (market, epoch) = (MarketId(self.market), EpochNumber(self.epoch));
        let account = AccountId::from(self.account);
        let mut fills: Vec<Fill> = Vec::new();
        let mut batch = None;
        let wanted = BTreeMap::from([(market, epoch)]);
        let specs = replay.run_from(&wanted, &mut |specs, header, events, closed| {
            if header.market != market {
                return ControlFlow::Continue(());
            }
            if let Some(spec) = specs.get(&market) {
                events.iter().for_each(|it| fills.extend(of(header, it, spec, account)));
            }
            match closed {
                Some(Closed::Whole(it)) if it.epoch == epoch => {
                    batch = Some(it);
                    ControlFlow::Break(())
                }
                Some(Closed::Whole(_) | Closed::Part { .. }) => {
                    fills.clear();
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Continue(()),
            }
        });
        let specs = specs.map_err(recount_failure)?;
        let (Some(batch), Some(spec)) = (batch, specs.get(&market)) else {
            let text = format!("epoch {epoch} of market {market} has not closed");
            return Err(Failure::failed(text).into());
        };
        self.report(out, &fills, &batch, spec)
    }

    fn report(
        &self,
        out: &mut Out,
        fills: &[Fill],
        batch: &Batch,
        spec: &MarketSpec,
    ) -> Result<(), Stop> {
        let account = AccountId::from(self.account);
        let fees: i128 = fills.iter().map(|it| it.fee).sum();
        let received = if batch.platform == account { batch.fees } else { 0 };
        let base: i128 = fills.iter().map(|it| it.base).sum();
        let quote = fills.iter().map(|it| it.quote).sum::<i128>() - fees + received;
        let net = Net {
            account: self.account,
            market: self.market,
            epoch: self.epoch,
            batch: batch.id().to_string(),
            fills: fills.len(),
            fees: amount::quote(spec, fees),
            received: (received != 0).then(|| amount::quote(spec, received)).flatten(),
            base: amount::base(spec, base),
            quote: amount::quote(spec, quote),
        };
        let lines: Vec<FillLine> = fills.iter().map(|it| it.line(spec)).collect();
        if self.args.json {
            for line in lines {
                json_line(out, &Output::Fill(Box::new(line)))?;
            }
            json_line(out, &Output::Statement(Box::new(net)))?;
        } else {
            print(out, &lines, &net, spec)?;
        }
        let transfer = batch.transfers.iter().find(|it| it.account == account);
        if transfer.map_or((0, 0), |it| (it.base, it.quote)) == (base, quote) {
            return Ok(());
        }
        let text = "the fills do not add up to the transfers of the batch: this is a bug";
        Err(Failure::new(Code::Unsound, text).into())
    }
}

/// The account's sides of a trade: none, one, or both.
fn of(header: &Header, event: &Event, spec: &MarketSpec, account: AccountId) -> Vec<Fill> {
    let Event::Traded { number, maker, taker, taker_side, price, quantity, .. } = event else {
        return Vec::new();
    };
    let notional = price.times(*quantity);
    let fees = spec.terms.fees;
    let mut fills = Vec::new();
    for (party, side, is_maker) in
        [(maker, taker_side.opposite(), true), (taker, *taker_side, false)]
    {
        if party.account != account {
            continue;
        }
        let lots = i128::from(quantity.0);
        let (base, quote) = match side {
            Side::Buy => (lots, -notional.0),
            Side::Sell => (-lots, notional.0),
        };
        fills.push(Fill {
            at: *header,
            trade: number.0,
            order: party.order.into(),
            side,
            maker: is_maker,
            price: *price,
            quantity: *quantity,
            base,
            quote,
            fee: fee(notional, if is_maker { fees.maker_ppm } else { fees.taker_ppm }),
        });
    }
    fills
}

impl Fill {
    fn line(&self, spec: &MarketSpec) -> FillLine {
        FillLine {
            sequence: self.at.sequence.0,
            time: Time(self.at.timestamp),
            trade: self.trade,
            order: self.order,
            side: self.side,
            role: if self.maker { "maker" } else { "taker" },
            price: Amount::new(spec.show_price(self.price)),
            quantity: Amount::new(spec.show_quantity(self.quantity)),
            notional: Amount::new(spec.show_notional(Notional(self.quote))),
            fee: amount::quote(spec, self.fee),
        }
    }
}

fn print(out: &mut Out, lines: &[FillLine], net: &Net, spec: &MarketSpec) -> Result<(), Stop> {
    let cell = |it: &Option<Amount>| amount::cell(it.as_ref());
    writeln!(out, "account    {}", net.account)?;
    writeln!(out, "epoch      {} of market {} ({})", net.epoch, net.market, spec.symbol)?;
    writeln!(out, "batch      {}\n", net.batch)?;
    let cells: Vec<_> = lines
        .iter()
        .map(|it| {
            [
                it.trade.to_string(),
                it.time.to_string(),
                word(&it.side),
                it.role.to_owned(),
                cell(&it.price),
                cell(&it.quantity),
                cell(&it.notional),
                cell(&it.fee),
                it.order.to_string(),
            ]
        })
        .collect();
    if !cells.is_empty() {
        let heading =
            [" trade", "time", "side", "role", " price", " quantity", " notional", " fee", "order"];
        table(out, heading, cells)?;
        writeln!(out)?;
    }
    if let Some(received) = &net.received {
        writeln!(out, "received   {received} in fees, as the platform")?;
    }
    writeln!(out, "fees       {}", cell(&net.fees))?;
    writeln!(out, "net base   {}", cell(&net.base))?;
    Ok(writeln!(out, "net quote  {}", cell(&net.quote))?)
}
