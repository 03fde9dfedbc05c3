//! Parses names, numbers and repetitions.

use std::str::FromStr;

/// The parsed value, or the reason that it cannot be parsed.
pub(super) type Parsed<T> = Result<T, String>;

/// A number type with names for its limits.
pub(super) trait NumberLimits: FromStr {
    const LOWEST: Self;
    const HIGHEST: Self;
}

macro_rules! number_limits {
    ($($number:ty),*) => {$(
        impl NumberLimits for $number {
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;
        }
    )*};
}

number_limits!(i8, i32, i64, u32, u64, u128);

/// Parses a number; `min` and `max` are the limits of its type.
pub(super) fn number<N: NumberLimits>(word: &str) -> Parsed<N> {
    match word {
        "min" => Ok(N::LOWEST),
        "max" => Ok(N::HIGHEST),
        digits => digits
            .replace('_', "")
            .parse()
            .map_err(|_| format!("`{word}` is not a number in range")),
    }
}

/// The id of a name: its letters, or the digits after `0x`.
pub(super) fn id(word: &str) -> Parsed<u128> {
    if let Some(digits) = word.strip_prefix("0x") {
        return u128::from_str_radix(digits, 16).map_err(|_| format!("`{word}` is not an id"));
    }
    if word.is_empty() || word.len() > 16 || !word.bytes().all(in_name) {
        return Err(format!("`{word}` is not a name: use up to 16 of A-Z a-z 0-9 . _ -"));
    }
    Ok(word.bytes().fold(0, |id, letter| id << 8 | u128::from(letter)))
}

/// The name of an id.
pub(super) fn name(id: u128) -> String {
    let letters: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    match String::from_utf8(letters) {
        Ok(name) if !name.is_empty() && name.bytes().all(in_name) && !name.starts_with("0x") => {
            name
        }
        Ok(_) | Err(_) => format!("{id:#x}"),
    }
}

fn in_name(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || b"._-".contains(&letter)
}

/// The text once for each number of `i 1..9: text`, or the text alone if it is not a repetition.
pub(super) fn repeated(text: &str, keyword: &str) -> Parsed<Vec<String>> {
    let Some(rest) = text.strip_prefix(keyword).and_then(|t| t.strip_prefix(' ')) else {
        return Ok(vec![text.to_owned()]);
    };
    let broken = || format!("a repetition is written `{keyword} i 1..9: …`, not `{text}`");
    let (head, body) = rest.split_once(": ").ok_or_else(broken)?;
    let (variable, range) = head.split_once(' ').ok_or_else(broken)?;
    let (first, last) = range.split_once("..").ok_or_else(broken)?;
    let (first, last): (i64, i64) = (number(first)?, number(last)?);
    let numbers: Vec<i64> =
        if first <= last { (first..=last).collect() } else { (last..=first).rev().collect() };
    Ok(numbers.into_iter().map(|n| substituted(body, variable, n)).collect())
}

/// The text with every `{…}` about this variable evaluated.
fn substituted(text: &str, variable: &str, value: i64) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, (inside, after))) =
        rest.split_once('{').and_then(|(b, r)| Some((b, r.split_once('}')?)))
    {
        filled.push_str(before);
        match sum(inside, variable, value) {
            Some(n) => filled.push_str(&n.to_string()),
            None => filled.push_str(&format!("{{{inside}}}")),
        }
        rest = after;
    }
    filled + rest
}

/// The value of an expression like `2*i-1`.
fn sum(text: &str, variable: &str, value: i64) -> Option<i64> {
    let spaced = text.replace('-', "+-");
    let mut total = 0;
    for term in spaced.split('+').map(str::trim).filter(|t| !t.is_empty()) {
        let (sign, term) = term.strip_prefix('-').map_or((1, term), |t| (-1, t.trim()));
        let mut product = sign;
        for factor in term.split('*').map(str::trim) {
            product *= if factor == variable { value } else { factor.parse().ok()? };
        }
        total += product;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_conversion_to_ids_and_back() {
        for word in ["A1", "bob", "a-b_c.d", "0x0", "0x80"] {
            assert_eq!(name(id(word).unwrap()), word);
        }
        assert_eq!(name(u128::MAX), format!("{:#x}", u128::MAX));
        assert!(id("a name").is_err() && id("").is_err() && id("seventeen_letters").is_err());
    }

    #[test]
    fn repetitions_are_expanded() {
        let lines = repeated("repeat i 1..3: S{i} {100-i} {2*i+1} {j}", "repeat").unwrap();
        assert_eq!(lines, ["S1 99 3 {j}", "S2 98 5 {j}", "S3 97 7 {j}"]);
        assert_eq!(repeated("repeat i 2..1: {i}", "repeat").unwrap(), ["2", "1"]);
        assert_eq!(repeated("plain", "repeat").unwrap(), ["plain"]);
        assert!(repeated("repeat i: x", "repeat").is_err());
    }
}
