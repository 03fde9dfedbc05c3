//! Writes the answers to commands straight from the core's events, without the types in between.
//!
//! These answers are most of what a host writes. The bytes are those that [`Answer::Done`] gives with
//! [`Done::of_group`], which stays the definition of the format; a test compares the two on random groups.
//!
//! [`Answer::Done`]: super::Answer::Done
//! [`Done::of_group`]: super::Done::of_group

mod command;

use std::io::{self, Write as _};

use pricetime_engine::{Amount, Event, Header, MarketId, MarketSpec, OrderKind, Outcome, Party};
use serde::Serialize;

use super::convert::{order_type, time_in_force_line};
use super::event::{EventLine, OutcomeLine, is_hidden};
use super::market::Detail;
use super::value::Time;

pub use command::write_command;

/// Writes the answer to the command in `line`, and the end of the line.
///
/// # Errors
/// Returns an error only if a value has no JSON form, and every value here has one.
pub fn write_done(
    to: &mut Vec<u8>,
    line: Option<u64>,
    (header, events, outcome): (&Header, &[Event], Outcome),
    spec: &MarketSpec,
    durable: bool,
) -> io::Result<()> {
    let mut json = Writer { to, spec, market: header.market };
    json.text("{\"done\":{");
    if let Some(line) = line {
        json.member("\"line\":", &line)?;
        json.text(",");
    }
    json.member("\"sequence\":", &header.sequence.0)?;
    json.quoted(",\"time\":", Time(header.timestamp))?;
    json.member(",\"market\":", &header.market.0)?;
    json.uuid(",\"account\":", header.account.0);
    if let Some(request) = header.request {
        json.uuid(",\"request\":", request.id.0);
    }
    json.member(",\"command\":", &header.kind)?;
    json.member(",\"outcome\":", &OutcomeLine::from(outcome))?;
    if let Some(detail) = Detail::of(outcome, header.market, spec) {
        json.member(",\"detail\":", &detail)?;
    }
    json.text(",\"events\":[");
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            json.text(",");
        }
        json.event(event)?;
    }
    json.text(if durable { "]}}\n" } else { "],\"durable\":false}}\n" });
    Ok(())
}

/// Appends to a line about this market.
struct Writer<'a> {
    to: &'a mut Vec<u8>,
    spec: &'a MarketSpec,
    market: MarketId,
}

impl Writer<'_> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Accepted { account, place, priority } => {
                self.uuid("{\"accepted\":{\"order\":", place.order.0);
                self.uuid(",\"account\":", account.0);
                self.reference(place.reference)?;
                self.member(",\"side\":", &place.side)?;
                self.kind(place.kind)?;
                self.amount(",\"quantity\":", place.quantity);
                let time_in_force = time_in_force_line(place.time_in_force);
                self.member(",\"time_in_force\":", &time_in_force)?;
                self.some(",\"display_quantity\":", place.display_quantity);
                self.member(",\"priority\":", &priority.0)?;
            }
            Event::Traded { .. } => self.trade(event)?,
            Event::Reduced { party, by, remaining, shown } => {
                self.party("{\"reduced\":{\"order\":", party)?;
                self.amount(",\"by\":", *by);
                self.amount(",\"remaining\":", *remaining);
                self.amount(",\"shown\":", *shown);
            }
            Event::Amended { party, kind, remaining, shown, priority } => {
                self.party("{\"amended\":{\"order\":", party)?;
                self.kind(*kind)?;
                self.amount(",\"remaining\":", *remaining);
                self.amount(",\"shown\":", *shown);
                self.member(",\"priority\":", &priority.0)?;
            }
            Event::Cancelled { party, side, price, remaining, reason } => {
                self.party("{\"cancelled\":{\"order\":", party)?;
                self.member(",\"side\":", side)?;
                self.some(",\"price\":", *price);
                self.amount(",\"remaining\":", *remaining);
                self.member(",\"reason\":", reason)?;
            }
            Event::Replenished { party, remaining, shown, priority } => {
                self.party("{\"replenished\":{\"order\":", party)?;
                self.amount(",\"remaining\":", *remaining);
                self.amount(",\"shown\":", *shown);
                self.member(",\"priority\":", &priority.0)?;
            }
            Event::Rejected { .. }
            | Event::Triggered { .. }
            | Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {
                return self.member("", &EventLine::of(event, self.market, self.spec));
            }
        }
        self.text("}}");
        Ok(())
    }

    fn trade(&mut self, event: &Event) -> io::Result<()> {
        let Event::Traded {
            number,
            maker,
            taker,
            taker_side,
            price,
            quantity,
            maker_remaining,
            taker_remaining,
        } = event
        else {
            return Ok(());
        };
        self.member("{\"traded\":{\"number\":", &number.0)?;
        self.uuid(",\"trade\":", number.uuid(self.market).as_u128());
        self.amount(",\"price\":", *price);
        self.amount(",\"quantity\":", *quantity);
        self.amount(",\"notional\":", price.times(*quantity));
        self.member(",\"taker_side\":", taker_side)?;
        let parties = [
            (",\"maker\":", ",\"maker_remaining\":", maker, maker_remaining),
            (",\"taker\":", ",\"taker_remaining\":", taker, taker_remaining),
        ];
        let visible = parties.iter().filter(|(_, _, party, _)| !is_hidden(party));
        for (name, _, party, _) in visible.clone() {
            self.party(name, party)?;
        }
        for (_, name, _, remaining) in visible {
            self.amount(name, **remaining);
        }
        Ok(())
    }

    fn kind(&mut self, kind: OrderKind) -> io::Result<()> {
        self.member(",\"type\":", &order_type(kind))?;
        self.some(",\"price\":", kind.price());
        self.some(",\"stop\":", kind.stop());
        Ok(())
    }

    fn party(&mut self, name: &str, party: &Party) -> io::Result<()> {
        self.text(name);
        self.uuid("{\"order\":", party.order.0);
        self.uuid(",\"account\":", party.account.0);
        self.reference(party.reference)?;
        self.text("}");
        Ok(())
    }

    fn reference(&mut self, reference: u64) -> io::Result<()> {
        if reference == 0 { Ok(()) } else { self.member(",\"reference\":", &reference) }
    }

    fn some(&mut self, name: &str, amount: Option<impl Amount>) {
        if let Some(amount) = amount {
            self.amount(name, amount);
        }
    }

    fn amount(&mut self, name: &str, amount: impl Amount) {
        self.text(name);
        self.text("\"");
        self.spec.show(amount).append_to(self.to);
        self.text("\"");
    }

    /// A value in quotes that has no character to escape.
    fn quoted(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        self.text(name);
        write!(self.to, "\"{value}\"")
    }

    fn uuid(&mut self, name: &str, id: u128) {
        self.text(name);
        self.to.extend_from_slice(&quoted_uuid(id));
    }

    /// A value that is written as its type says.
    fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.text(name);
        Ok(serde_json::to_writer(&mut *self.to, value)?)
    }

    fn text(&mut self, text: &str) {
        self.to.extend_from_slice(text.as_bytes());
    }
}

/// A UUID in quotes.
fn quoted_uuid(id: u128) -> [u8; 38] {
    let mut text = *b"\"........-....-....-....-............\"";
    let [first, second, third, fourth] = [96, 64, 32, 0].map(|shift| digits((id >> shift) as u32));
    text[1..9].copy_from_slice(&first);
    text[10..14].copy_from_slice(&second[..4]);
    text[15..19].copy_from_slice(&second[4..]);
    text[20..24].copy_from_slice(&third[..4]);
    text[25..29].copy_from_slice(&third[4..]);
    text[29..37].copy_from_slice(&fourth);
    text
}

/// The eight hexadecimal digits of a number, all computed at once, which takes less time than one by one.
fn digits(number: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut values = u64::from(number);
    values = (values | values << 16) & 0x0000_ffff_0000_ffff;
    values = (values | values << 8) & 0x00ff_00ff_00ff_00ff;
    values = (values | values << 4) & (ONES * 0x0f);
    let letters = ((values + ONES * 6) >> 4) & ONES;
    (values + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::quoted_uuid;

    #[test]
    fn uuids_have_the_text_of_the_library() {
        for shift in 0..128 {
            let id = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.rotate_left(shift);
            for id in [id, !id, 1 << shift] {
                assert_eq!(quoted_uuid(id), *format!("\"{}\"", Uuid::from_u128(id)).as_bytes());
            }
        }
    }
}
