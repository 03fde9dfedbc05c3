//! Lines in words: `view market 1 depth 2`, `buy 12.50 at 0.1425 market 1 account 777`.

use std::str::SplitWhitespace;

use serde_json::Value;
use uuid::Uuid;

use super::grammar::{Shape, line};

/// The words that are not kinds of lines: an order on that side.
pub(super) const SIDES: [&str; 2] = ["buy", "sell"];

/// The members of a line, in order, as JSON.
type Members = Vec<(String, String)>;

/// Returns `true` if this text is meant to be words, not JSON.
pub(super) fn is_words(text: &str) -> bool {
    text.trim_start().starts_with(|character: char| character.is_ascii_alphabetic())
}

/// Makes a JSON line of words. A new order gets a random id and a random request, so that the line can be
/// sent again.
///
/// # Errors
/// Returns what is wrong with the words. Their values are not checked, because the market does that.
pub(super) fn json(text: &str) -> Result<String, String> {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let is_order = SIDES.contains(&first);
    let kind = if is_order { "place" } else { first };
    let Some(member) = line().member(kind) else {
        let known = line().members.iter().map(|member| member.name.as_str()).chain(SIDES);
        let suggestion = suggestion(first, known);
        return Err(format!(
            "{first:?} is no kind of line{suggestion}; a line begins with one of them, or with {{ for JSON"
        ));
    };
    let shape = &member.shape;
    let mut members = Members::new();
    if is_order {
        members.push((String::from("side"), quoted(first)));
        let quantity = words.next().ok_or_else(|| format!("{first}: the quantity is missing"))?;
        members.push((String::from("quantity"), quoted(quantity)));
    }
    while let Some(word) = words.next() {
        let name = if is_order && word == "at" { "price" } else { word };
        let Some(member) = shape.member(name) else {
            let suggestion =
                suggestion(name, shape.members.iter().map(|member| member.name.as_str()));
            return Err(format!("{kind} has no member {name:?}{suggestion}"));
        };
        let value = value(&member.shape, &mut words)
            .ok_or_else(|| format!("{kind}: the value of {name} is missing"))?;
        members.push((name.to_owned(), value));
    }
    if kind == "place" {
        complete_order(&mut members);
    }
    let members = members.into_iter().map(|(name, value)| format!("{}:{value}", quoted(&name)));
    Ok(format!("{{{}:{{{}}}}}", quoted(kind), members.collect::<Vec<_>>().join(",")))
}

/// Adds the type of an order, which follows from its prices, an id, and a request.
fn complete_order(members: &mut Members) {
    if !has(members, "type") {
        let kind = match (has(members, "price"), has(members, "stop")) {
            (true, false) => "limit",
            (false, false) => "market",
            (false, true) => "stop",
            (true, true) => "stop_limit",
        };
        members.push((String::from("type"), quoted(kind)));
    }
    for name in ["order", "request"] {
        if !has(members, name) {
            members.push((name.to_owned(), quoted(&Uuid::new_v4().to_string())));
        }
    }
}

fn has(members: &Members, name: &str) -> bool {
    members.iter().any(|(of, _)| of == name)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The JSON of the next word, or of the next two if the first is the name of a member. Returns `None` if
/// there is none.
fn value(shape: &Shape, words: &mut SplitWhitespace<'_>) -> Option<String> {
    let word = words.next()?;
    if let Some(member) = shape.member(word) {
        let value = value(&member.shape, words)?;
        return Some(format!("{{{}:{value}}}", quoted(word)));
    }
    let is_number = shape.is_number && serde_json::from_str::<serde_json::Number>(word).is_ok();
    let is_boolean = shape.is_boolean && ["true", "false"].contains(&word);
    Some(if is_number || is_boolean {
        word.to_owned()
    } else if shape.is_uuid {
        quoted(&full_uuid(word))
    } else {
        quoted(word)
    })
}

/// The UUID that up to 12 hexadecimal digits stand for, or the word itself.
fn full_uuid(word: &str) -> String {
    match u64::from_str_radix(word, 16) {
        Ok(id) if word.len() <= 12 && !word.starts_with('+') => {
            Uuid::from_u128(u128::from(id)).to_string()
        }
        Ok(_) | Err(_) => word.to_owned(),
    }
}

/// A hint at a word that is spelled nearly the same.
fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|known| (strsim::damerau_levenshtein(word, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 2 => format!("; did you mean {known:?}?"),
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use pricetime_gateway::json::{Line, OrderType};

    use super::{is_words, json};

    #[test]
    fn words_become_json() {
        for (words, line) in [
            ("view market 1 depth 2", r#"{"view":{"market":1,"depth":2}}"#),
            ("status", r#"{"status":{}}"#),
            (
                "outcome market 1 account f4242 request 7",
                r#"{"outcome":{"market":1,"account":"00000000-0000-0000-0000-0000000f4242","request":"00000000-0000-0000-0000-000000000007"}}"#,
            ),
            ("view market one", r#"{"view":{"market":"one"}}"#),
        ] {
            assert_eq!(json(words).as_deref(), Ok(line));
        }
        assert!(is_words(" buy 3") && !is_words(" {\"status\":{}}") && !is_words("[1]"));
    }

    #[test]
    fn orders_get_an_id_a_type_and_a_request() {
        let order = |words: &str| {
            let line = json(words).expect(words);
            let Ok(Line::Place(place)) = Line::read(line.as_bytes()) else { panic!("{line}") };
            place
        };
        let buy = order("buy 12.50 at 0.1425 market 1 account 777 time_in_force for_epochs 4");
        assert_eq!(buy.r#type, OrderType::Limit);
        assert_eq!(buy.account.to_string(), "00000000-0000-0000-0000-000000000777");
        assert_eq!(buy.price.expect("a price").as_str(), "0.1425");
        assert!(buy.request.is_some() && !buy.order.is_nil());
        let stop = order("sell 1 market 1 account 7 stop 2 order 9 post_only true");
        assert_eq!(stop.r#type, OrderType::Stop);
        assert_eq!(stop.order.as_u128(), 9);
    }

    #[test]
    fn wrong_words_get_an_error() {
        for (words, error) in [
            ("viev market 1", "did you mean \"view\"?"),
            ("view markt 1", "did you mean \"market\"?"),
            ("view market", "the value of market is missing"),
            ("buy", "the quantity is missing"),
        ] {
            assert!(json(words).expect_err(words).contains(error), "{words}");
        }
    }
}
