//! Numbers in text and prices, without floats.

use crate::error::Fault;

const WHOLE: Fault = Fault::NotNumber("a whole number");
const RANGE: Fault = Fault::OutOfRange("a number that fits in 64 bits");

/// The number of digits that always fit in 64 bits.
const DIGITS: usize = 19;

/// Parses a whole number without a sign.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Result<u64, Fault> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(WHOLE);
    }
    let (short, rest) = text.split_at(text.len().min(DIGITS));
    let number = short.iter().fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
    rest.iter().try_fold(number, |number: u64, byte| {
        number.checked_mul(10).and_then(|it| it.checked_add((byte - b'0').into())).ok_or(RANGE)
    })
}

/// Parses the one to eight digits that the bytes begin with. Returns their number and how many there are, or
/// `None` if there is no digit, or if fewer than eight bytes are left.
#[inline]
pub(crate) fn leading_digits(bytes: &[u8]) -> Option<(u64, usize)> {
    // Eight digits at once. The first one is the lowest byte.
    let values = u64::from_le_bytes(*bytes.first_chunk()?) ^ 0x3030_3030_3030_3030;
    let above_9 = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let unused = 64_u32.checked_sub(above_9.trailing_zeros() & !7).filter(|it| *it < 64)?;
    let digits = values << unused;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let (low, high) = (pairs & 0xff_0000_00ff, (pairs >> 16) & 0xff_0000_00ff);
    let number = low
        .wrapping_mul(0x000f_4240_0000_0064)
        .wrapping_add(high.wrapping_mul(0x0000_2710_0000_0001));
    Some((number >> 32, (64 - unused as usize) / 8))
}

/// Parses a whole number that may be negative.
#[inline]
pub(crate) fn signed(text: &[u8]) -> Result<i64, Fault> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(unsigned(digits)?).ok_or(RANGE),
        None => i64::try_from(unsigned(text)?).map_err(|_| RANGE),
    }
}

/// Parses a decimal without a sign as a multiple of 10 to the power of minus `places`. If it has more places, it is
/// rounded to the nearest multiple.
pub(crate) fn rounded_decimal(text: &[u8], places: u8) -> Result<u64, Fault> {
    const DECIMAL: Fault = Fault::NotNumber("a decimal number");
    let dot = text.iter().position(|b| *b == b'.');
    let (whole, part) = dot.map_or((text, b"0".as_slice()), |at| (&text[..at], &text[at + 1..]));
    if part.is_empty() || !part.iter().all(u8::is_ascii_digit) {
        return Err(DECIMAL);
    }
    let not_decimal = |fault| if matches!(fault, Fault::NotNumber(_)) { DECIMAL } else { fault };
    let mut number = unsigned(whole).map_err(not_decimal)?;
    let digit = |at: usize| part.get(at).map_or(0, |byte| u64::from(byte - b'0'));
    for at in 0..places.into() {
        number = number.checked_mul(10).and_then(|it| it.checked_add(digit(at))).ok_or(RANGE)?;
    }
    number.checked_add(u64::from(digit(places.into()) >= 5)).ok_or(RANGE)
}

/// The two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut at) = ([[0; 2]; 100], 0);
    while at < 100 {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

/// Appends a whole number. It takes a third of the time of `write!`.
#[inline]
pub(crate) fn append(text: &mut Vec<u8>, mut number: u64) {
    let (mut digits, mut at) = ([0; 20], 20);
    while number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 || at == 20 {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    text.extend_from_slice(&digits[at..]);
}

/// Appends a whole number that may be negative.
#[inline]
pub(crate) fn append_signed(text: &mut Vec<u8>, number: i64) {
    if number < 0 {
        text.push(b'-');
    }
    append(text, number.unsigned_abs());
}

/// Appends a whole number with zeros before it, so that it has this many digits.
#[inline]
pub(crate) fn append_padded<const DIGITS: usize>(text: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text.extend_from_slice(&digits);
}

/// A price with these decimal places as text, for errors.
pub(crate) fn decimal(price: i64, places: u8) -> String {
    let (sign, digits) = (if price < 0 { "-" } else { "" }, price.unsigned_abs());
    let power = 10_u64.checked_pow(places.into()).unwrap_or(u64::MAX);
    let (whole, part) = (digits / power, digits % power);
    if places == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{part:0width$}", width = usize::from(places))
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
    fn numbers_are_appended_as_they_are_printed() {
        let mut number = 1_u64;
        for step in 0..10_000_u32 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(step));
            for number in [number >> (step % 64), u64::from(step), u64::MAX - u64::from(step)] {
                let mut text = Vec::new();
                append(&mut text, number);
                text.push(b' ');
                append_signed(&mut text, number.cast_signed());
                text.push(b' ');
                append_padded::<9>(&mut text, number % 1_000_000_000);
                let signed = number.cast_signed();
                let expected = format!("{number} {signed} {:09}", number % 1_000_000_000);
                assert_eq!(String::from_utf8(text).unwrap(), expected);
            }
        }
        let shown = [(-5, 4), (12_345, 2), (7, 0)].map(|(price, places)| decimal(price, places));
        assert_eq!(shown, ["-0.0005", "123.45", "7"]);
    }

    #[test]
    fn decimals_are_rounded_or_refused() {
        for (input, expected) in [
            ("34200", "34200000000000"),
            ("34200.5", "34200500000000"),
            ("34200.017459617", "34200017459617"),
            ("34200.0174596170", "34200017459617"),
            // A file that went through floats.
            ("43002.632812672004", "43002632812672"),
            ("0.9999999995", "1000000000"),
            ("34200.", "is not a decimal number"),
            (".5", "is not a decimal number"),
            ("1.2.3", "is not a decimal number"),
            ("1.00000000x", "is not a decimal number"),
            ("1.0000000000x", "is not a decimal number"),
            ("-1", "is not a decimal number"),
            ("3.42e4", "is not a decimal number"),
            ("18446744074", "is not a number that fits in 64 bits"),
        ] {
            assert_eq!(text(rounded_decimal(input.as_bytes(), 9)), expected, "{input}");
        }
    }

    #[test]
    fn leading_digits_are_those_of_the_slow_way() {
        let digits = b"0123456789";
        for length in 0..=10 {
            for start in 0..10 {
                let number: Vec<u8> =
                    digits.iter().cycle().skip(start).take(length).copied().collect();
                for after in 0..=u8::MAX {
                    let text = [&number[..], &[after], &[b'7'; 8]].concat();
                    let found = text.iter().take(8).take_while(|b| b.is_ascii_digit()).count();
                    let expected = unsigned(&text[..found]).ok().map(|it| (it, found));
                    assert_eq!(
                        leading_digits(&text),
                        expected,
                        "{:?}",
                        text.escape_ascii().to_string()
                    );
                }
            }
        }
        assert_eq!(leading_digits(b"1234567"), None);
    }
}
