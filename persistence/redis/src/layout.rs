//! The values of the keys and what they mean.

use std::collections::HashMap;

use pricetime_engine::{
    AccountId, EpochNumber, MarketHead, MarketId, MarketSpec, Notional, OrderId, OrderKind,
    OrderRecord, Outcome, Party, Price, Prices, Priority, Quantity, RequestId, RequestRecord,
    SelfTrade, Sequence, SessionId, Side, Timestamp, TradeNumber, Turnover, Until,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::count::check_counts;
use super::keys::Part;
use super::trades::Trades;
use pricetime_journal::echo::shorten;
use pricetime_journal::image::MarketState;

/// The version of the layout.
pub(super) const FORMAT: u32 = 1;

/// Why a stored value is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {}: {}", shorten(.field), shorten(.what))]
pub struct BadRecord {
    /// The key.
    pub key: String,
    /// The field or member.
    pub field: String,
    /// What is wrong.
    pub what: String,
}

/// The place of an order in its side's sorted set: the score, and the member that sorts equal scores by
/// time priority. Bids are read from the end, so their priority is complemented.
pub(super) fn sorted_set_entry(order: &OrderRecord) -> Option<(Part, String, [u8; 24])> {
    if order.kind.stop().is_some() {
        return None;
    }
    let Priority(priority) = order.priority;
    let (part, first, unpriced) = match order.side {
        Side::Buy => (Part::Bids, !priority, "+inf"),
        Side::Sell => (Part::Asks, priority, "-inf"),
    };
    let score = order.kind.price().map_or_else(|| unpriced.to_owned(), |price| price.to_string());
    let mut member = [0; 24];
    let (time, id) = member.split_at_mut(8);
    time.copy_from_slice(&first.to_be_bytes());
    id.copy_from_slice(&order.party.order.0.to_be_bytes());
    Some((part, score, member))
}

/// The record of an order, with prices in ticks and quantities in lots.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderText {
    account: Uuid,
    #[serde(default, skip_serializing_if = "is_zero")]
    reference: u64,
    side: Side,
    kind: OrderKind,
    open: Quantity,
    shown: Quantity,
    priority: Priority,
    until: Until,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    post_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minimum_quantity: Option<Quantity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_quantity: Option<Quantity>,
    self_trade: SelfTrade,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The field of an order.
pub(super) fn order_field(order: OrderId) -> String {
    Uuid::from_u128(order.0).hyphenated().to_string()
}

/// The record of an order.
pub(super) fn order_text(order: &OrderRecord) -> String {
    let text = OrderText {
        account: Uuid::from_u128(order.party.account.0),
        reference: order.party.reference,
        side: order.side,
        kind: order.kind,
        open: order.open,
        shown: order.shown,
        priority: order.priority,
        until: order.until,
        post_only: order.post_only,
        minimum_quantity: order.minimum_quantity,
        display_quantity: order.display_quantity,
        self_trade: order.self_trade,
        session: order.session,
    };
    json(&text)
}

fn json(value: &impl Serialize) -> String {
    // There are only numbers, names and strings, which JSON can always express.
    serde_json::to_string(value).unwrap_or_default()
}

/// Parses the field and the record of an order.
pub(super) fn parse_order(field: &str, text: &str) -> Result<OrderRecord, String> {
    let order = Uuid::try_parse(field).map_err(|error| error.to_string())?;
    let it: OrderText = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(OrderRecord {
        party: Party {
            order: OrderId(order.as_u128()),
            account: AccountId(it.account.as_u128()),
            reference: it.reference,
        },
        side: it.side,
        kind: it.kind,
        until: it.until,
        post_only: it.post_only,
        minimum_quantity: it.minimum_quantity,
        display_quantity: it.display_quantity,
        self_trade: it.self_trade,
        open: it.open,
        shown: it.shown,
        priority: it.priority,
        session: it.session,
    })
}

/// A request in the window. Its score is its sequence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestText {
    sequence: Sequence,
    account: Uuid,
    request: Uuid,
    outcome: Outcome,
    content: Uuid,
}

/// The member of a request.
pub(super) fn request_text(request: &RequestRecord) -> String {
    json(&RequestText {
        sequence: request.sequence,
        account: Uuid::from_u128(request.account.0),
        request: Uuid::from_u128(request.request.0),
        outcome: request.outcome,
        content: Uuid::from_u128(request.content),
    })
}

/// Parses the member of a request.
pub(super) fn parse_request(text: &str) -> Result<RequestRecord, String> {
    let it: RequestText = serde_json::from_str(text).map_err(|error| error.to_string())?;
    check_counts([it.sequence.0])?;
    Ok(RequestRecord {
        account: AccountId(it.account.as_u128()),
        request: RequestId(it.request.as_u128()),
        sequence: it.sequence,
        outcome: it.outcome,
        content: it.content.as_u128(),
    })
}

/// The member of a blocked account.
pub(super) fn account_text(account: AccountId) -> String {
    Uuid::from_u128(account.0).hyphenated().to_string()
}

/// Parses the member of a blocked account.
pub(super) fn parse_account(text: &str) -> Result<AccountId, String> {
    let account = Uuid::try_parse(text).map_err(|error| error.to_string())?;
    Ok(AccountId(account.as_u128()))
}

/// The metadata of a market, without the fields that name the writer.
pub(super) fn metadata(
    state: &MarketState,
    history: &str,
    digest: u128,
) -> Vec<(&'static str, String)> {
    let MarketHead { market, spec, phase, turnover, .. } = state.head;
    let MarketState { bids, asks, .. } = state;
    let text = |value: Option<i128>| value.map_or_else(String::new, |value| value.to_string());
    let price = |price: Option<Price>| text(price.map(|price| i128::from(price.0)));
    let prices = turnover.prices;
    let both = bids.best.zip(asks.best).map(|(bid, ask)| (i128::from(bid.0), i128::from(ask.0)));
    let step = |step: pricetime_engine::Step| format!("{}e{}", step.mantissa, step.exponent);
    vec![
        ("format", FORMAT.to_string()),
        ("rules", pricetime_engine::rules::VERSION.to_string()),
        ("history", history.to_owned()),
        ("market", market.to_string()),
        ("symbol", spec.symbol.to_string()),
        ("tick", step(spec.tick)),
        ("lot", step(spec.lot)),
        ("spec", json(&spec)),
        ("phase", json(&phase).trim_matches('"').to_owned()),
        ("epoch", state.head.epoch.to_string()),
        ("label", label(state.timestamp)),
        ("sequence", state.sequence.to_string()),
        ("timestamp", state.timestamp.to_string()),
        ("last_market", state.last_market.to_string()),
        ("market_sequence", state.head.last_sequence.to_string()),
        ("last_price", price(state.head.last_price)),
        ("last_trade", state.head.last_trade.to_string()),
        ("next_priority", state.head.next_priority.to_string()),
        ("epoch_first_sequence", state.head.epoch_first_sequence.to_string()),
        ("open", price(prices.map(|prices| prices.open))),
        ("high", price(prices.map(|prices| prices.high))),
        ("low", price(prices.map(|prices| prices.low))),
        ("close", price(prices.map(|prices| prices.close))),
        ("volume", turnover.volume.to_string()),
        ("notional", turnover.notional.to_string()),
        ("trades", turnover.trades.to_string()),
        ("accepted", state.head.accepted.to_string()),
        ("cancelled", state.head.cancelled.to_string()),
        ("best_bid", price(bids.best)),
        ("best_ask", price(asks.best)),
        ("spread", text(both.map(|(bid, ask)| ask - bid))),
        ("mid", both.map_or_else(String::new, |(bid, ask)| half(bid + ask))),
        ("bids", bids.resting.to_string()),
        ("asks", asks.resting.to_string()),
        ("bid_quantity", bids.resting_quantity.to_string()),
        ("ask_quantity", asks.resting_quantity.to_string()),
        ("stops", (u64::from(bids.waiting) + u64::from(asks.waiting)).to_string()),
        ("requests", state.requests.len().to_string()),
        ("blocked", state.blocked.len().to_string()),
        ("digest", format!("{digest:032x}")),
    ]
}

/// The metadata of the kept trades.
pub(super) fn trades_metadata(trades: &Trades, history: &str) -> [(&'static str, String); 3] {
    [
        ("trades_kept", trades.len().to_string()),
        ("trades_digest", format!("{:032x}", trades.digest())),
        ("trades_history", history.to_owned()),
    ]
}

/// Half of a number, exactly.
fn half(sum: i128) -> String {
    let sign = if sum < 0 { "-" } else { "" };
    let sum = sum.unsigned_abs();
    format!("{sign}{}{}", sum / 2, if sum.is_multiple_of(2) { "" } else { ".5" })
}

/// A time as YYYYMMDDHHMM in UTC.
fn label(time: Timestamp) -> String {
    let minutes = time.0 / 60_000_000_000;
    let (days, minute) = (minutes / 1_440 + 719_468, minutes % 1_440);
    // Counted from 1 March of year 0, so that a leap day ends its year.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let late = u64::from(month >= 10);
    let year = 400 * era + year + late;
    let (month, day) =
        (if month >= 10 { month - 9 } else { month + 3 }, day - (153 * month + 2) / 5 + 1);
    format!("{year:04}{month:02}{day:02}{:02}{:02}", minute / 60, minute % 60)
}

/// The metadata of a market, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) history: String,
    pub(super) rules: u32,
    pub(super) sequence: Sequence,
    pub(super) timestamp: Timestamp,
    pub(super) last_market: MarketId,
    pub(super) head: MarketHead,
    pub(super) bids: u64,
    pub(super) asks: u64,
    pub(super) stops: u64,
    pub(super) requests: u64,
    pub(super) blocked: u64,
    pub(super) digest: u128,
    /// The number and the digest of the kept trades, if there are any of this history.
    pub(super) trades: Option<(u64, u128)>,
}

/// Parses metadata.
pub(super) fn parse_metadata(
    key: &str,
    fields: &HashMap<String, String>,
) -> Result<Metadata, BadRecord> {
    let stored = Fields { key, fields };
    let format: u32 = stored.number("format")?;
    if format != FORMAT {
        return Err(stored.bad("format", format!("this program reads format {FORMAT}")));
    }
    let spec: MarketSpec = stored.json("spec", stored.text("spec")?)?;
    let prices = match stored.price("open")? {
        None => None,
        Some(open) => Some(Prices {
            open,
            high: stored.price("high")?.unwrap_or(open),
            low: stored.price("low")?.unwrap_or(open),
            close: stored.price("close")?.unwrap_or(open),
        }),
    };
    let head = MarketHead {
        market: MarketId(stored.number("market")?),
        spec,
        phase: stored.json("phase", &format!("\"{}\"", stored.text("phase")?))?,
        last_sequence: Sequence(stored.count("market_sequence")?),
        last_price: stored.price("last_price")?,
        last_trade: TradeNumber(stored.count("last_trade")?),
        next_priority: Priority(stored.count("next_priority")?),
        epoch: EpochNumber(stored.count("epoch")?),
        epoch_first_sequence: Sequence(stored.count("epoch_first_sequence")?),
        turnover: Turnover {
            prices,
            volume: stored.number("volume")?,
            notional: Notional(stored.number("notional")?),
            trades: stored.number("trades")?,
        },
        accepted: stored.number("accepted")?,
        cancelled: stored.number("cancelled")?,
    };
    let history = stored.text("history")?.to_owned();
    // A host with a journal leaves the trades of an earlier host without one. They belong to another
    // history.
    let trades = match fields.get("trades_history") {
        Some(own) if *own == history => {
            Some((stored.number("trades_kept")?, stored.hash("trades_digest")?))
        }
        Some(_) | None => None,
    };
    Ok(Metadata {
        history,
        rules: stored.number("rules")?,
        sequence: Sequence(stored.count("sequence")?),
        timestamp: Timestamp(stored.count("timestamp")?),
        last_market: MarketId(stored.number("last_market")?),
        head,
        bids: stored.number("bids")?,
        asks: stored.number("asks")?,
        stops: stored.number("stops")?,
        requests: stored.number("requests")?,
        blocked: stored.number("blocked")?,
        digest: stored.hash("digest")?,
        trades,
    })
}

/// The fields of a hash.
struct Fields<'a> {
    key: &'a str,
    fields: &'a HashMap<String, String>,
}

impl Fields<'_> {
    fn bad(&self, field: &str, what: String) -> BadRecord {
        BadRecord { key: self.key.to_owned(), field: field.to_owned(), what }
    }

    fn text(&self, field: &str) -> Result<&str, BadRecord> {
        let text = self.fields.get(field).map(String::as_str);
        text.ok_or_else(|| self.bad(field, String::from("is missing")))
    }

    fn number<T: std::str::FromStr>(&self, field: &str) -> Result<T, BadRecord> {
        let text = self.text(field)?;
        text.parse().map_err(|_| self.bad(field, format!("{text:?} is not a valid number")))
    }

    /// A number that a market only counts up.
    fn count(&self, field: &str) -> Result<u64, BadRecord> {
        let count = self.number(field)?;
        check_counts([count]).map_err(|what| self.bad(field, what))?;
        Ok(count)
    }

    fn hash(&self, field: &str) -> Result<u128, BadRecord> {
        let hash = u128::from_str_radix(self.text(field)?, 16);
        hash.map_err(|error| self.bad(field, error.to_string()))
    }

    fn price(&self, field: &str) -> Result<Option<Price>, BadRecord> {
        if self.text(field)?.is_empty() {
            Ok(None)
        } else {
            self.number(field).map(Price).map(Some)
        }
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, field: &str, text: &str) -> Result<T, BadRecord> {
        serde_json::from_str(text).map_err(|error| self.bad(field, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_label_is_the_calendar_minute() {
        let label_of = |seconds: u64| label(Timestamp(seconds * 1_000_000_000));
        assert_eq!(label_of(0), "197001010000");
        assert_eq!(label_of(951_782_400 + 61), "200002290001");
        assert_eq!(label_of(4_107_542_399), "210002282359");
    }

    #[test]
    fn middle_price_is_exact() {
        assert_eq!([half(0), half(5), half(-5), half(-4)], ["0", "2.5", "-2.5", "-2"]);
    }
}
