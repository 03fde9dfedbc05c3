//! Writes commands as the lines of a recording.
//!
//! Most commands place, amend or cancel an order. Their bytes are those of [`Line::of`], which stays the definition; a
//! test compares the two on random commands.

use std::io;

use pricetime_engine::{Action, Amend, Command, MarketSpec, Place, SelfTrade, TimeInForce};

use super::Writer;
use crate::json::Line;
use crate::json::convert::{is_for_operators, time_in_force_line};
use crate::json::value::Time;

/// Writes the line of a command, with its time and its end. `spec` describes its market. If the market does not exist,
/// a command with prices has no line: then nothing is written, and the result is `false`.
///
/// # Errors
/// Returns an error only if a value has no JSON form, and every value here has one.
pub fn write_command(
    to: &mut Vec<u8>,
    command: &Command,
    spec: Option<&MarketSpec>,
) -> io::Result<bool> {
    if let Some(spec) = spec {
        let mut json = Writer { to, spec, market: command.market };
        if let Action::Place(place) = &command.action {
            return json.place(command, place).map(|()| true);
        } else if let Action::Amend(amend) = &command.action {
            return json.amend(command, amend).map(|()| true);
        } else if let Action::Cancel { order } = command.action {
            json.begin("{\"cancel\":{\"market\":", command)?;
            json.uuid(",\"order\":", order.0);
            return json.end(command).map(|()| true);
        }
    }
    let Some(line) = Line::of(command, spec) else { return Ok(false) };
    serde_json::to_writer(&mut *to, &line)?;
    to.push(b'\n');
    Ok(true)
}

impl Writer<'_> {
    fn begin(&mut self, name: &str, command: &Command) -> io::Result<()> {
        self.member(name, &command.market.0)?;
        self.uuid(",\"account\":", command.account.0);
        Ok(())
    }

    fn place(&mut self, command: &Command, place: &Place) -> io::Result<()> {
        self.begin("{\"place\":{\"market\":", command)?;
        self.uuid(",\"order\":", place.order.0);
        self.reference(place.reference)?;
        self.member(",\"side\":", &place.side)?;
        self.kind(place.kind)?;
        self.amount(",\"quantity\":", place.quantity);
        if place.time_in_force != TimeInForce::GoodTillCancel {
            self.member(",\"time_in_force\":", &time_in_force_line(place.time_in_force))?;
        }
        if place.post_only {
            self.text(",\"post_only\":true");
        }
        self.some(",\"minimum_quantity\":", place.minimum_quantity);
        self.some(",\"display_quantity\":", place.display_quantity);
        if place.self_trade != SelfTrade::CancelTaker {
            self.member(",\"self_trade\":", &place.self_trade)?;
        }
        if let Some(session) = command.session {
            self.member(",\"session\":", &session.0)?;
        }
        self.end(command)
    }

    fn amend(&mut self, command: &Command, amend: &Amend) -> io::Result<()> {
        self.begin("{\"amend\":{\"market\":", command)?;
        self.uuid(",\"order\":", amend.order.0);
        self.some(",\"price\":", amend.price);
        self.some(",\"quantity\":", amend.quantity);
        self.some(",\"stop\":", amend.stop_price);
        self.some(",\"if_open\":", amend.if_open);
        if amend.requeue {
            self.text(",\"requeue\":true");
        }
        self.end(command)
    }

    /// What all commands end with.
    fn end(&mut self, command: &Command) -> io::Result<()> {
        if let Some(request) = command.request {
            self.uuid(",\"request\":", request.0);
        }
        if command.operator != is_for_operators(&command.action) {
            self.member(",\"operator\":", &command.operator)?;
        }
        self.quoted(",\"time\":", Time(command.timestamp))?;
        self.text("}}\n");
        Ok(())
    }
}
