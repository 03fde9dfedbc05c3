//! Numbers in text and prices, without floats.

use crate::error::Fault;

const WHOLE: Fault = Fault::NotNumber("a whole number");
const RANGE: Fault = Fault::OutOfRange("a number that fits in 64 bits");

/// Parses a whole number without a sign.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Result<u64, Fault> {
    if text.is_empty() {
        return Err(WHOLE);
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(WHOLE);
        }
        number = number.checked_mul(10).and_then(|it| it.checked_add(digit.into())).ok_or(RANGE)?;
    }
    Ok(number)
}

/// Parses a whole number that may be negative.
#[inline]
pub(crate) fn signed(text: &[u8]) -> Result<i64, Fault> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(unsigned(digits)?).ok_or(RANGE),
        None => i64::try_from(unsigned(text)?).map_err(|_| RANGE),
    }
}

/// Parses a decimal without a sign as a multiple of 10 to the power of minus `places`. More places are allowed if
/// they are zeros.
#[inline]
pub(crate) fn decimal(text: &[u8], places: u8) -> Result<u64, Fault> {
    const DECIMAL: Fault = Fault::NotNumber("a decimal number");
    let dot = text.iter().position(|b| *b == b'.');
    let (whole, part) = dot.map_or((text, [].as_slice()), |at| (&text[..at], &text[at + 1..]));
    if dot.is_some() && part.is_empty() {
        return Err(DECIMAL);
    }
    let places_usize = usize::from(places);
    let (used, zeros) = part.split_at(part.len().min(places_usize));
    let not_decimal = |fault| if matches!(fault, Fault::NotNumber(_)) { DECIMAL } else { fault };
    let mut number = unsigned(whole).map_err(not_decimal)?;
    for at in 0..places_usize {
        let digit = used.get(at).map_or(0, |byte| byte.wrapping_sub(b'0'));
        if digit > 9 {
            return Err(DECIMAL);
        }
        number = number.checked_mul(10).and_then(|it| it.checked_add(digit.into())).ok_or(RANGE)?;
    }
    if !zeros.iter().all(u8::is_ascii_digit) {
        return Err(DECIMAL);
    }
    if zeros.iter().any(|b| *b != b'0') {
        return Err(Fault::TooPrecise(places));
    }
    Ok(number)
}

/// A price with other decimal places, or `None` if it has more than these, or does not fit.
pub(crate) fn rescaled(price: i64, from: u8, to: u8) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to).into())?;
    if from <= to {
        return price.checked_mul(factor);
    }
    (price % factor == 0).then_some(price / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: std::fmt::Display>(result: Result<T, Fault>) -> String {
        result.map_or_else(|fault| fault.to_string(), |it| it.to_string())
    }

    #[test]
    fn numbers_are_parsed_exactly_or_refused() {
        for (input, as_unsigned, as_signed) in [
            ("0", "0", "0"),
            ("007", "7", "7"),
            ("-1", "is not a whole number", "-1"),
            (
                "18446744073709551615",
                "18446744073709551615",
                "is not a number that fits in 64 bits",
            ),
            (
                "18446744073709551616",
                "is not a number that fits in 64 bits",
                "is not a number that fits in 64 bits",
            ),
            ("-9223372036854775808", "is not a whole number", "-9223372036854775808"),
            (
                "-9223372036854775809",
                "is not a whole number",
                "is not a number that fits in 64 bits",
            ),
            ("", "is not a whole number", "is not a whole number"),
            ("-", "is not a whole number", "is not a whole number"),
            ("+1", "is not a whole number", "is not a whole number"),
            ("1e3", "is not a whole number", "is not a whole number"),
            (" 1", "is not a whole number", "is not a whole number"),
        ] {
            assert_eq!(text(unsigned(input.as_bytes())), as_unsigned, "{input}");
            assert_eq!(text(signed(input.as_bytes())), as_signed, "{input}");
        }
    }

    #[test]
    fn decimals_are_parsed_exactly_or_refused() {
        for (input, expected) in [
            ("34200", "34200000000000"),
            ("34200.5", "34200500000000"),
            ("34200.017459617", "34200017459617"),
            ("34200.0174596170", "34200017459617"),
            ("34200.0174596171", "has more than 9 decimal places"),
            ("34200.", "is not a decimal number"),
            (".5", "is not a decimal number"),
            ("1.2.3", "is not a decimal number"),
            ("1.00000000x", "is not a decimal number"),
            ("1.0000000000x", "is not a decimal number"),
            ("-1", "is not a decimal number"),
            ("3.42e4", "is not a decimal number"),
            ("18446744074", "is not a number that fits in 64 bits"),
        ] {
            assert_eq!(text(decimal(input.as_bytes(), 9)), expected, "{input}");
        }
    }
}
