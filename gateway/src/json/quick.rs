//! Reads `place`, `amend` and `cancel` lines without serde, in the form in which programs write them. They
//! are most of the input.
//!
//! Everything unusual is left to serde, which also explains what is wrong: white space, an escape, `null`,
//! a member that is unknown, missing or repeated, a value that is not valid. So this reads fewer lines than
//! serde, and each as serde reads it. A test and the fuzz target `json` compare the two.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use uuid::Uuid;

use super::input::{Amend, Cancel, Line, Place, TimeInForce, cancel_taker};
use super::value::{Amount, Time};

/// Reads a line. Returns `None` if serde has to read it.
pub(super) fn read(text: &str) -> Option<Line> {
    if let Some(members) = text.strip_prefix("{\"place\":{") {
        place(members)
    } else if let Some(members) = text.strip_prefix("{\"cancel\":{") {
        cancel(members)
    } else {
        amend(text.strip_prefix("{\"amend\":{")?)
    }
}

fn place(members: &str) -> Option<Line> {
    let (mut head, mut account, mut order) = (Head::default(), None, None);
    let (mut side, mut r#type, mut quantity) = (None, None, None);
    let (mut price, mut stop, mut minimum_quantity, mut display_quantity) =
        (None, None, None, None);
    let (mut reference, mut time_in_force, mut post_only) = (None, None, None);
    let (mut self_trade, mut session) = (None, None);
    for_each(members, |name, value| match name {
        "account" => set(&mut account, value.uuid()),
        "order" => set(&mut order, value.uuid()),
        "reference" => set(&mut reference, value.number()),
        "side" => set(&mut side, value.word()),
        "type" => set(&mut r#type, value.word()),
        "price" => set(&mut price, value.amount()),
        "stop" => set(&mut stop, value.amount()),
        "quantity" => set(&mut quantity, value.amount()),
        "time_in_force" => set(&mut time_in_force, value.time_in_force()),
        "post_only" => set(&mut post_only, value.truth()),
        "minimum_quantity" => set(&mut minimum_quantity, value.amount()),
        "display_quantity" => set(&mut display_quantity, value.amount()),
        "self_trade" => set(&mut self_trade, value.word()),
        "session" => set(&mut session, value.number().and_then(NonZeroU32::new)),
        _ => head.take(name, value),
    })?;
    Some(Line::Place(Place {
        market: head.market?,
        account: account?,
        order: order?,
        reference: reference.unwrap_or_default(),
        side: side?,
        r#type: r#type?,
        price,
        stop,
        quantity: quantity?,
        time_in_force: time_in_force.unwrap_or_default(),
        post_only: post_only.unwrap_or_default(),
        minimum_quantity,
        display_quantity,
        self_trade: self_trade.unwrap_or_else(cancel_taker),
        session,
        request: head.request,
        operator: head.operator,
        time: head.time,
    }))
}

fn amend(members: &str) -> Option<Line> {
    let (mut head, mut account, mut order) = (Head::default(), None, None);
    let (mut price, mut quantity, mut stop) = (None, None, None);
    let (mut if_open, mut requeue) = (None, None);
    for_each(members, |name, value| match name {
        "account" => set(&mut account, value.uuid()),
        "order" => set(&mut order, value.uuid()),
        "price" => set(&mut price, value.amount()),
        "quantity" => set(&mut quantity, value.amount()),
        "stop" => set(&mut stop, value.amount()),
        "if_open" => set(&mut if_open, value.amount()),
        "requeue" => set(&mut requeue, value.truth()),
        _ => head.take(name, value),
    })?;
    Some(Line::Amend(Amend {
        market: head.market?,
        account: account?,
        order: order?,
        price,
        quantity,
        stop,
        if_open,
        requeue: requeue.unwrap_or_default(),
        request: head.request,
        operator: head.operator,
        time: head.time,
    }))
}

fn cancel(members: &str) -> Option<Line> {
    let (mut head, mut account, mut order) = (Head::default(), None, None);
    for_each(members, |name, value| match name {
        "account" => set(&mut account, value.uuid()),
        "order" => set(&mut order, value.uuid()),
        _ => head.take(name, value),
    })?;
    Some(Line::Cancel(Cancel {
        market: head.market?,
        account: account?,
        order: order?,
        request: head.request,
        operator: head.operator,
        time: head.time,
    }))
}

/// The members that every command has.
#[derive(Default)]
struct Head {
    market: Option<u32>,
    request: Option<Uuid>,
    operator: Option<bool>,
    time: Option<Time>,
}

impl Head {
    fn take(&mut self, name: &str, value: Value<'_>) -> Option<()> {
        match name {
            "market" => set(&mut self.market, value.number()),
            "request" => set(&mut self.request, value.uuid()),
            "operator" => set(&mut self.operator, value.truth()),
            "time" => set(&mut self.time, value.time()),
            _ => None,
        }
    }
}

/// Sets a member, unless it is not valid or set already.
fn set<T>(member: &mut Option<T>, value: Option<T>) -> Option<()> {
    if member.is_some() {
        return None;
    }
    *member = Some(value?);
    Some(())
}

/// The value of a member.
enum Value<'a> {
    /// A string without escapes.
    Text(&'a str),
    /// The digits of a whole number that is not negative.
    Digits(&'a str),
    Truth(bool),
    /// An object with one member: its name, and its value as it stands in the line.
    Variant(&'a str, &'a str),
}

impl<'a> Value<'a> {
    fn text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn truth(&self) -> Option<bool> {
        if let Self::Truth(truth) = self { Some(*truth) } else { None }
    }

    fn number<T: std::str::FromStr>(&self) -> Option<T> {
        if let Self::Digits(digits) = self { digits.parse().ok() } else { None }
    }

    fn time(&self) -> Option<Time> {
        self.text()?.parse().ok()
    }

    fn time_in_force(&self) -> Option<TimeInForce> {
        let Self::Variant(name, content) = self else { return self.word() };
        let (content, _) = split_plain(content)?;
        match *name {
            "good_till_date" => content.time().map(TimeInForce::GoodTillDate),
            "for_epochs" => content.number().map(TimeInForce::ForEpochs),
            _ => None,
        }
    }

    fn uuid(&self) -> Option<Uuid> {
        Uuid::try_parse(self.text()?).ok()
    }

    fn amount(&self) -> Option<Amount> {
        Amount::new(self.text()?)
    }

    /// A variant that has no content, by its name in a line.
    fn word<T: Deserialize<'a>>(&self) -> Option<T> {
        T::deserialize(StrDeserializer::<Error>::new(self.text()?)).ok()
    }
}

/// Passes on each member of an object that ends a line together with the object around it.
fn for_each<'a>(
    mut rest: &'a str,
    mut take: impl FnMut(&'a str, Value<'a>) -> Option<()>,
) -> Option<()> {
    loop {
        let (name, value);
        (name, rest) = split_text(rest)?;
        (value, rest) = split_value(rest.strip_prefix(':')?)?;
        take(name, value)?;
        if rest == "}}" {
            return Some(());
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// Splits a text that begins with a value.
fn split_value(from: &str) -> Option<(Value<'_>, &str)> {
    let Some(object) = from.strip_prefix('{') else { return split_plain(from) };
    let (name, behind) = split_text(object)?;
    let content = behind.strip_prefix(':')?;
    let (_, rest) = split_plain(content)?;
    let content = content.get(..content.len() - rest.len())?;
    Some((Value::Variant(name, content), rest.strip_prefix('}')?))
}

/// Splits a text that begins with a value that is not an object.
fn split_plain(from: &str) -> Option<(Value<'_>, &str)> {
    match from.as_bytes().first()? {
        b'"' => split_text(from).map(|(text, rest)| (Value::Text(text), rest)),
        b't' => Some((Value::Truth(true), from.strip_prefix("true")?)),
        b'f' => Some((Value::Truth(false), from.strip_prefix("false")?)),
        _ => {
            let end = from.bytes().position(|byte| !byte.is_ascii_digit());
            let (digits, rest) = from.split_at(end.unwrap_or(from.len()));
            let is_number = digits == "0" || !(digits.is_empty() || digits.starts_with('0'));
            is_number.then_some((Value::Digits(digits), rest))
        }
    }
}

/// Splits a text that begins with a string. Returns `None` if the string has an escape.
fn split_text(from: &str) -> Option<(&str, &str)> {
    let behind = from.strip_prefix('"')?;
    let end = end_of_text(behind.as_bytes())?;
    let (text, rest) = behind.split_at_checked(end)?;
    Some((text, rest.strip_prefix('"')?))
}

/// Finds the first quote, backslash or control character.
fn end_of_text(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // Marks the high bit of each byte of `it` below `limit`. Marks after the first may be wrong.
    let below = |it: u64, limit: u64| it.wrapping_sub(ONES * limit) & !it & HIGH;
    let is = |it: u64, byte: u8| below(it ^ (ONES * u64::from(byte)), 1);
    let (eights, rest) = bytes.as_chunks();
    for (at, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let found = is(eight, b'"') | is(eight, b'\\') | below(eight, u64::from(b' '));
        if found != 0 {
            return Some(8 * at + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
    found.map(|at| 8 * eights.len() + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_its_first_special_byte() {
        for length in 0..40 {
            let plain: Vec<u8> =
                (0..length).map(|at| [b'a', 0x7f, 0x80, b' ', 0xff][at % 5]).collect();
            assert_eq!(end_of_text(&plain), None);
            for special in [b'"', b'\\', 0, 0x1f] {
                for at in 0..length {
                    let mut text = plain.clone();
                    text[at] = special;
                    assert_eq!(end_of_text(&text), Some(at), "{text:?}");
                    text[length - 1] = b'"';
                    assert_eq!(end_of_text(&text), Some(at), "{text:?}");
                }
            }
        }
    }

    const ID: &str = "00000000-0000-0000-0000-00000000000a";

    /// Compares with serde. Returns whether the line was read here.
    fn is_read(text: &str) -> bool {
        let quick = read(text);
        if let Some(line) = &quick {
            let known: Result<Line, _> = serde_json::from_str(text);
            assert_eq!(known.ok().as_ref(), Some(line), "{text}");
        }
        quick.is_some()
    }

    #[test]
    fn usual_lines_are_read_as_serde_reads_them() {
        let ids = format!(r#""market":1,"account":"{ID}","order":"{ID}""#);
        let rest = r#""side":"sell","type":"limit","price":"-0.5","quantity":"12.50""#;
        let more = format!(
            r#""time_in_force":"immediate_or_cancel","post_only":true,"minimum_quantity":"1","display_quantity":"2","self_trade":"decrement","session":7,"request":"{ID}","operator":false,"reference":18446744073709551615,"time":"2026-06-01T00:00:00.001559318Z""#
        );
        for text in [
            format!(r#"{{"place":{{{ids},{rest}}}}}"#),
            format!(r#"{{"place":{{{rest},{more},{ids}}}}}"#),
            format!(
                r#"{{"place":{{{ids},"time_in_force":{{"good_till_date":"2026-06-01T00:00:00Z"}},{rest}}}}}"#
            ),
            format!(r#"{{"place":{{{ids},{rest},"time_in_force":{{"for_epochs":12}}}}}}"#),
            format!(r#"{{"amend":{{{ids}}}}}"#),
            format!(
                r#"{{"amend":{{{ids},"price":"1","quantity":"2","stop":"3","if_open":"4","requeue":true,"time":"2026-06-01"}}}}"#
            ),
            format!(r#"{{"cancel":{{{ids}}}}}"#),
            format!(r#"{{"cancel":{{{ids},"operator":true,"request":"{ID}"}}}}"#),
        ] {
            assert!(is_read(&text), "{text}");
            // One byte is removed or replaced. Whatever is still read is read as serde reads it.
            for at in 0..text.len() {
                let (before, after) = text.split_at(at);
                let mut after = after.chars();
                let _ = after.next();
                for byte in
                    ["", "0", "9", "\"", "\\", "}", "{", ",", ":", "-", ".", "e", " ", "\u{1}"]
                {
                    is_read(&format!("{before}{byte}{}", after.as_str()));
                }
            }
        }
    }

    #[test]
    fn unusual_lines_are_left_to_serde() {
        let ids = format!(r#""market":1,"account":"{ID}","order":"{ID}""#);
        for members in [
            format!(r#"{ids},"operator":null"#),
            format!(r#"{ids},"extra":1"#),
            format!("{ids},{ids}"),
            format!(r#"{ids},"request":"{ID}","request":"{ID}""#),
            format!(r#"{ids} "#),
            r#""market":1"#.to_owned(),
            ids.replace(":1", ":01"),
            ids.replace(":1", ":1.0"),
            ids.replace(":1", ":4294967296"),
            ids.replace("market", "m\\u0061rket"),
        ] {
            let text = format!(r#"{{"cancel":{{{members}}}}}"#);
            assert!(!is_read(&text), "{text}");
        }
        let order = format!(r#"{ids},"side":"buy","type":"limit","price":"1","quantity":"1""#);
        for member in [
            r#""time_in_force":{}"#,
            r#""time_in_force":null"#,
            r#""time_in_force":{"for_epochs":1,"for_epochs":2}"#,
            r#""time_in_force":{"for_epochs":1,"x":1}"#,
            r#""time_in_force":{"for_epochs":{"x":1}}"#,
            r#""time_in_force":{"for_epochs":01}"#,
            r#""time_in_force":{"for_epochs":18446744073709551616}"#,
            r#""time_in_force":{"good_till_cancel":null}"#,
            r#""time_in_force":{"good_till_date":"tomorrow"}"#,
            r#""post_only":{"for_epochs":1}"#,
        ] {
            let text = format!(r#"{{"place":{{{order},{member}}}}}"#);
            assert!(!is_read(&text), "{text}");
        }
        for text in ["", "{}", r#"{"view":{"market":1}}"#, r#"{"cancel":{}}"#, r#"{"cancel":{"#] {
            assert!(!is_read(text), "{text}");
        }
    }
}
